/**
 * Stands in for `@std/http/file-server` where JSR can't be reached: `serveDir` without directory
 * listings, over `@remix-run/response`.
 *
 * That package was chosen because it is the only well-kept one that takes a `Request` and gives a
 * `Response` with all of HTTP's file semantics: ranges (206, 416), entity tags and dates (304, 412)
 * and `HEAD`. Hono's and srvx's servers know no ranges on Deno, and `send` and `sirv` want Node's
 * request and response. Which file a path means is decided here, as std decides it.
 *
 * @module
 */

import { createFileResponse } from "@remix-run/response/file";
import { detectMimeType } from "@remix-run/mime";
import { join, normalize } from "node:path/posix";

/** Options for {@linkcode serveDir}: those of std that the project uses. */
export interface ServeDirOptions {
  /**
   * The directory.
   *
   * @default {"."}
   */
  fsRoot?: string;
  /** The start of the URL's path that stands for the directory, without slashes around it. */
  urlRoot?: string;
  /**
   * Serves files and directories whose name starts with a dot.
   *
   * @default {false}
   */
  showDotfiles?: boolean;
  /**
   * Serves a directory's `index.html`.
   *
   * @default {true}
   */
  showIndex?: boolean;
  /**
   * Logs nothing.
   *
   * @default {false}
   */
  quiet?: boolean;
  /** Headers to add, each as `name: value`. */
  headers?: string[];
}

/**
 * Serves the files of a directory.
 *
 * @param request The request.
 * @param options Which directory, and how.
 * @returns The response, whatever goes wrong.
 */
export async function serveDir(
  request: Request,
  options: ServeDirOptions = {},
): Promise<Response> {
  const { quiet = false, headers = [] } = options;
  const response = await respond(request, options).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return plain(404, "Not Found");
    if (!quiet) console.error(error);
    return plain(500, "Internal Server Error");
  });
  if (!quiet) console.log(`${request.method} ${new URL(request.url).pathname} ${response.status}`);
  if (response.status === 301) return response;
  for (const header of headers) {
    const [name = "", ...value] = header.split(":");
    response.headers.append(name, value.join(":"));
  }
  return response;
}

async function respond(
  request: Request,
  { fsRoot = ".", urlRoot = "", showDotfiles = false, showIndex = true }: ServeDirOptions,
): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return plain(405, "Method Not Allowed");
  }
  const url = new URL(request.url);
  const decoded = decode(url.pathname);
  if (decoded === undefined) return plain(400, "Bad Request");

  // An absolute path's `..` can't lead above `/`, so what is normal stays below fsRoot.
  const path = normalize(decoded);
  const prefix = urlRoot === "" ? "" : `/${urlRoot}`;
  if (path !== prefix && !path.startsWith(`${prefix}/`)) return plain(404, "Not Found");
  if (!showDotfiles && path.includes("/.")) return plain(404, "Not Found");
  if (path !== decoded) return redirect(url, path);

  const file = join(fsRoot, path.slice(prefix.length), ".");
  const info = await Deno.stat(file);
  if (info.isDirectory) {
    if (!path.endsWith("/")) return redirect(url, `${path}/`);
    if (!showIndex) return plain(404, "Not Found");
    const index = join(file, "index.html");
    return await createFileResponse(fileLike(index, await Deno.stat(index)), request, options);
  }
  if (path.endsWith("/")) return redirect(url, path.slice(0, -1));
  return await createFileResponse(fileLike(file, info), request, options);
}

/** std offers ranges for every type, the package only for those that don't compress. */
const options = { acceptRanges: true };

/** The path that a URL's path means, or `undefined` if no file can have it. */
function decode(pathname: string): string | undefined {
  try {
    const path = decodeURIComponent(pathname);
    // On Windows a backslash would be a second separator, which normalize() doesn't see.
    return /[\0\\]/.test(path) ? undefined : path;
  } catch {
    return undefined;
  }
}

function redirect(url: URL, pathname: string): Response {
  url.pathname = pathname;
  return Response.redirect(url, 301);
}

function plain(status: number, statusText: string): Response {
  return new Response(statusText, { status, statusText });
}

/** What the package takes for a file. */
type FileLike = Parameters<typeof createFileResponse>[0];

/** A file that is opened when it is read, so that a `HEAD` or a 304 opens nothing. */
function fileLike(path: string, { size, mtime }: Deno.FileInfo): FileLike {
  function slice(start = 0, end = size) {
    return { stream: () => read(path, start, end) };
  }
  return {
    name: path,
    size,
    type: detectMimeType(path) ?? "application/octet-stream",
    lastModified: mtime?.getTime() ?? 0,
    stream: () => read(path, 0, size),
    arrayBuffer: async () => (await Deno.readFile(path)).buffer,
    slice,
  };
}

/** The bytes from `start` to before `end`. The file is closed after them and on cancelling. */
function read(path: string, start: number, end: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  const file = Deno.openSync(path);
  file.seekSync(start, Deno.SeekMode.Start);
  let left = end - start;
  return file.readable.pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        controller.enqueue(chunk.subarray(0, left));
        left -= chunk.length;
        if (left <= 0) controller.terminate();
      },
    }),
  );
}
