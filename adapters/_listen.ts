/**
 * What `serve()` has in common wherever it runs: its options, where a request goes, and what it
 * returns.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { ConnectionOrigin, Server } from "../server/server.ts";
import { decodePath } from "./_path.ts";

/** Where and how `serve()` listens. */
export interface ServeOptions {
  /**
   * The port; 0 takes a free one.
   *
   * @default {8080}
   */
  readonly port?: number;
  /**
   * The interface: `0.0.0.0` for all.
   *
   * @default {"127.0.0.1"}
   */
  readonly hostname?: string;
  /**
   * The path of the WebSocket.
   *
   * @default {"/ws"}
   */
  readonly path?: string;
  /** A directory whose files are served beside it, as a path or a `file:` URL. */
  readonly content?: string | URL;
  /**
   * What else is answered, by path, as in `{ "/healthz": () => new Response("ok") }`.
   *
   * @default {{}}
   */
  readonly routes?: Readonly<Record<string, (request: Request) => Response | Promise<Response>>>;
  /** The TLS certificate chain in PEM; needs `key`. */
  readonly cert?: string;
  /** The TLS private key in PEM; needs `cert`. */
  readonly key?: string;
  /** Closes the server when aborted. */
  readonly signal?: AbortSignal;
}

/** A listening server. */
export interface Listening {
  /** The address of its content, as in `http://127.0.0.1:8080/`. */
  readonly url: string;
  /** The address to connect to, as in `ws://127.0.0.1:8080/ws`. */
  readonly webSocketUrl: string;
  /** The interface. */
  readonly hostname: string;
  /** The port, also when 0 was asked for. */
  readonly port: number;
  /** Resolves when it listens no more. */
  readonly finished: Promise<void>;
  /** Closes the server and stops listening. */
  close(): Promise<void>;
  /** Closes it as well. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The options, checked, with their defaults. */
export interface Place {
  readonly port: number;
  readonly hostname: string;
  /** The WebSocket's path as requests have it. */
  readonly pathname: string;
  /** The directory of the content. */
  readonly root: string | undefined;
  readonly routes: ReadonlyMap<string, (request: Request) => Response | Promise<Response>>;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Serves the files of a directory, as that of `@std/http/file-server` does. */
export type ServeDir = (
  request: Request,
  options: { readonly fsRoot: string; readonly quiet: true },
) => Promise<Response>;

/** Answers a request: the WebSocket's, or one for content. */
export type Answer = (
  request: Request,
  origin: ConnectionOrigin,
) => Response | Promise<Response>;

/** A runtime's HTTP server that has begun to listen. */
export interface HttpListener {
  readonly hostname: string;
  readonly port: number;
  /** Resolves when it listens no more. */
  readonly finished: Promise<void>;
  /** Takes no more connections; those that wait for nothing are closed. */
  stop(): void;
}

/**
 * Checks the path of a WebSocket.
 *
 * @param path The path.
 * @returns The path as requests have it, which come percent-encoded.
 * @throws {TypeError} If it doesn't start with `/`.
 */
export function toPathname(path: string): string {
  if (!path.startsWith("/")) throw new TypeError(`path must start with "/": received "${path}"`);
  return new URL(path, "http://localhost").pathname;
}

function toPlace(options: ServeOptions): Place {
  const { port = 8080, hostname = "127.0.0.1", path = "/ws", content, cert, key, signal } = options;
  const routes = new Map(Object.entries(options.routes ?? {}));
  const pathname = toPathname(path);
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError("cert and key must be given together");
  }
  signal?.throwIfAborted();
  const root = content instanceof URL ? fileURLToPath(content) : content;
  const tls = cert !== undefined && key !== undefined ? { cert, key } : undefined;
  return { port, hostname, pathname, root, routes, tls, signal };
}

/**
 * Listens for clients: the part of `serve()` that is no runtime's own.
 *
 * @param server The server.
 * @param options Where and how.
 * @param serveDir What serves files in this runtime.
 * @param start Starts the runtime's HTTP server, which answers requests with what it is given.
 * @returns The listening server.
 * @throws {TypeError} If only one of `cert` and `key` is given, or the path doesn't start with `/`.
 */
export async function listen(
  server: Server,
  options: ServeOptions,
  serveDir: ServeDir,
  start: (place: Place, answer: Answer) => HttpListener | Promise<HttpListener>,
): Promise<Listening> {
  const place = toPlace(options);
  const { pathname, root, routes, tls, signal } = place;
  const { hostname, port, finished, stop } = await start(place, (request, origin) => {
    const asked = new URL(request.url).pathname;
    if (asked === pathname) return server.upgrade(request, origin);
    const route = routes.get(asked);
    if (route) return route(request);
    if (root === undefined) return new Response("Not found", { status: 404 });
    // std's serveDir() would say 500, as if the server had failed.
    if (decodePath(asked) === undefined) return new Response("Bad Request", { status: 400 });
    return serveDir(request, { fsRoot: root, quiet: true });
  });
  async function close(): Promise<void> {
    await server.close();
    await finished;
  }
  signal?.addEventListener("abort", close, { once: true });
  // application.exit closes the server as well.
  server.closed.then(() => {
    signal?.removeEventListener("abort", close);
    stop();
  });
  const host = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  const scheme = tls === undefined ? "" : "s";
  return {
    url: `http${scheme}://${host}/`,
    webSocketUrl: `ws${scheme}://${host}${pathname}`,
    hostname,
    port,
    finished,
    close,
    [Symbol.asyncDispose]: close,
  };
}
