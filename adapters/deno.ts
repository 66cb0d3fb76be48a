/**
 * Deno's HTTP server and WebSockets: maps them to a server's sessions.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { serveDir } from "@std/http/file-server";
import { defer } from "../protocol/deferred.ts";
import type { Server, Upgrade } from "../server/server.ts";

/** Where and how {@linkcode serve} listens. */
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

/** Answers a request with Deno's WebSocket. */
export const upgrade: Upgrade = (request, server) => {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
    return new Response("A WebSocket is expected here", {
      status: 426,
      headers: { connection: "upgrade", upgrade: "websocket" },
    });
  }
  // The upgrade takes the request's own headers away.
  const { url, headers } = request;
  const hello = new Request(url, { headers: [...headers] });
  let upgraded: Deno.WebSocketUpgrade;
  try {
    upgraded = Deno.upgradeWebSocket(request, {
      // Deno pings when half of it has passed without a word, and closes at its end.
      idleTimeout: Math.ceil(server.heartbeat * 2 / 1000),
    });
  } catch (error) {
    // A handshake without its headers is the client's mistake; the runtime's words say which.
    if (!(error instanceof TypeError)) throw error;
    return new Response("The WebSocket handshake is incomplete", { status: 400 });
  }
  const { socket, response } = upgraded;
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    const session = server.accept(socket, hello);
    socket.onmessage = ({ data }) => session.receive(data);
    // Deno says 0 where the standard says 1006: the socket broke without a closing handshake.
    socket.onclose = ({ code, reason }) => session.ended({ code: code || 1006, reason });
    // A failing socket closes as well: what there is to know comes with onclose.
    socket.onerror = (event) => event.preventDefault();
  };
  return response;
};

/**
 * Listens for clients, with `Deno.serve`.
 *
 * @param server The server.
 * @param options Where and how.
 * @returns The listening server.
 * @throws {TypeError} If only one of `cert` and `key` is given, or the path doesn't start with `/`.
 *
 * @example
 * ```ts
 * import { createServer, serve } from "@hawser/hawser/server";
 * import { connect } from "@hawser/hawser/client";
 * import { assertEquals } from "@std/assert";
 *
 * const server = createServer({
 *   procedures: { "math.add": (a: number, b: number) => a + b },
 * });
 * await using listening = await serve(server, { port: 0 });
 * await using session = await connect<typeof server>(listening.webSocketUrl);
 * assertEquals(await session.call("math.add", [1, 2]), 3);
 * ```
 */
export async function serve(server: Server, options: ServeOptions = {}): Promise<Listening> {
  const { port = 8080, hostname = "127.0.0.1", path = "/ws", content, cert, key, signal } = options;
  if (!path.startsWith("/")) throw new TypeError(`path must start with "/": received "${path}"`);
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError("cert and key must be given together");
  }
  signal?.throwIfAborted();
  // Requests come percent-encoded.
  const { pathname } = new URL(path, "http://localhost");
  const fsRoot = content instanceof URL ? fileURLToPath(content) : content;
  const ready = defer<Deno.NetAddr>();
  const http = Deno.serve({
    port,
    hostname,
    ...(cert !== undefined && key !== undefined ? { cert, key } : {}),
    onListen: (address) => ready.resolve(address),
    handler: (request) => {
      if (new URL(request.url).pathname === pathname) return server.upgrade(request);
      if (fsRoot === undefined) return new Response("Not found", { status: 404 });
      return serveDir(request, { fsRoot, quiet: true });
    },
  });
  const address = await ready.promise;
  const host = `${
    address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname
  }:${address.port}`;
  const scheme = cert === undefined ? "" : "s";
  async function close(): Promise<void> {
    await server.close();
    await http.finished;
  }
  signal?.addEventListener("abort", close, { once: true });
  // application.exit closes the server as well.
  server.closed.then(() => {
    signal?.removeEventListener("abort", close);
    return http.shutdown();
  });
  return {
    url: `http${scheme}://${host}/`,
    webSocketUrl: `ws${scheme}://${host}${pathname}`,
    hostname: address.hostname,
    port: address.port,
    finished: http.finished,
    close,
    [Symbol.asyncDispose]: close,
  };
}
