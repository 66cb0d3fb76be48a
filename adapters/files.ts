/**
 * Static files where there is no `@std/http`: on Node and Bun, and on Deno where JSR can't be
 * reached. Over `node:fs`, which all three have, and `@remix-run/response`.
 *
 * That package was chosen because it is the only well-kept one that takes a `Request` and gives a
 * `Response` with all of HTTP's file semantics: ranges (206, 416), entity tags and dates (304, 412)
 * and `HEAD`. Hono's and srvx's servers know no ranges everywhere, `sirv` gets a range like
 * `bytes=-2` wrong, and `send` wants Node's request and response. Which file a path means is decided
 * here, as std decides it.
 *
 * @module
 */
import { createFileResponse } from "@remix-run/response/file";
import { detectMimeType } from "@remix-run/mime";
import type { Stats } from "node:fs";
import { type FileHandle, open, readFile, stat } from "node:fs/promises";
import { join, normalize } from "node:path/posix";
import { decodePath } from "./_path.ts";

/** Options for {@linkcode serveDir}: those of std that the project uses. */
export interface ServeDirOptions {
  /**
   * The directory.
   *
   * @default {"."}
   */
  readonly fsRoot?: string;
  /**
   * Logs nothing.
   *
   * @default {false}
   */
  readonly quiet?: boolean;
}

/** How much of a file is read at once. */
const PIECE = 256 * 1024;

/** The ways to say that there is no such file: missing, below a file, too long for one. */
const NO_SUCH_FILE = ["ENOENT", "ENOTDIR", "ENAMETOOLONG"];

/** std offers ranges for every type, the package only for those that don't compress. */
const RANGES = { acceptRanges: true };

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
  const { fsRoot = ".", quiet = false } = options;
  const response = await respond(request, fsRoot).catch((error) => {
    if (NO_SUCH_FILE.includes(error?.code)) return plain(404, "Not Found");
    if (!quiet) console.error(error);
    return plain(500, "Internal Server Error");
  });
  if (!quiet) console.log(`${request.method} ${new URL(request.url).pathname} ${response.status}`);
  return response;
}

async function respond(request: Request, root: string): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return plain(405, "Method Not Allowed");
  }
  const url = new URL(request.url);
  const decoded = decodePath(url.pathname);
  if (decoded === undefined) return plain(400, "Bad Request");

  // An absolute path's `..` can't lead above `/`, so what is normal stays below the root.
  const path = normalize(decoded);
  if (path.includes("/.")) return plain(404, "Not Found");
  if (path !== decoded) return redirect(url, path);

  const file = join(root, path, ".");
  const stats = await stat(file);
  if (stats.isDirectory()) {
    if (!path.endsWith("/")) return redirect(url, `${path}/`);
    const index = join(file, "index.html");
    return await createFileResponse(fileLike(index, await stat(index)), request, RANGES);
  }
  if (path.endsWith("/")) return redirect(url, path.slice(0, -1));
  return await createFileResponse(fileLike(file, stats), request, RANGES);
}

function redirect(url: URL, pathname: string): Response {
  url.pathname = pathname;
  return Response.redirect(url.href, 301);
}

function plain(status: number, statusText: string): Response {
  return new Response(statusText, { status, statusText });
}

/** What the package takes for a file. */
type FileLike = Parameters<typeof createFileResponse>[0];

/** A file that is opened when it is read, so that a `HEAD` or a 304 opens nothing. */
function fileLike(path: string, { size, mtime }: Stats): FileLike {
  return {
    name: path,
    size,
    type: detectMimeType(path) ?? "application/octet-stream",
    lastModified: mtime.getTime(),
    stream: () => read(path, 0, size),
    arrayBuffer: async () => new Uint8Array(await readFile(path)).buffer,
    slice: (start = 0, end = size) => ({ stream: () => read(path, start, end) }),
  };
}

/** The bytes from `start` to before `end`. The file is closed after them and on cancelling. */
function read(path: string, start: number, end: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  let file: FileHandle | undefined;
  let at = start;
  return new ReadableStream({
    async pull(controller) {
      file ??= await open(path);
      const piece = new Uint8Array(Math.min(PIECE, end - at));
      const { bytesRead } = await file.read(piece, 0, piece.length, at);
      at += bytesRead;
      if (bytesRead > 0) controller.enqueue(piece.subarray(0, bytesRead));
      if (at < end && bytesRead > 0) return;
      await file.close();
      // The length was promised: a file that has become shorter in the meantime breaks the response.
      if (at < end) controller.error(new Error(`${path} ended before its length`));
      else controller.close();
    },
    cancel: () => file?.close(),
  }, { highWaterMark: 0 });
}
