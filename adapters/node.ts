/**
 * A Hawser server on Node, with the package `ws`: `serve()` listens by itself, `attach()` works
 * beside Express, Fastify, Hono, Vite and whatever else has a `node:http` server.
 *
 * @example
 * ```ts
 * import { createServer, serve } from "@hawser/hawser/node";
 *
 * const server = createServer({
 *   secret: "wslink-secret",
 *   procedures: { "math.add": (a: number, b: number) => a + b },
 * });
 * const listening = await serve(server, { port: 0, path: "/ws" });
 * server.publish("image", { blob: new Uint8Array(16) });
 * await listening.close();
 * ```
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Duplex } from "node:stream";
// @ts-types="@types/ws"
import { type WebSocket, WebSocketServer } from "ws";
import { type CreateServer, createServerWith } from "../server/create.ts";
import type { CloseInfo } from "../protocol/mod.ts";
import type { ConnectionOrigin, Server, Upgrade } from "../server/server.ts";
import { startHeartbeat } from "./_heartbeat.ts";
import { listen, type Listening, type ServeOptions, toPathname } from "./_listen.ts";
import { respond, toRequest, write } from "./_node_http.ts";
import { refuse } from "./_refuse.ts";
import { serveDir } from "./files.ts";

export type { Listening, ServeOptions } from "./_listen.ts";
export * from "../server/mod.ts";

/** What {@linkcode attach} needs of an HTTP server: one of `node:http`, `node:https` or `node:http2`. */
export interface HttpServer {
  /** Tells of requests to upgrade. */
  on(
    event: "upgrade",
    listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
  ): unknown;
  /** How many want to know of them. */
  listenerCount(event: "upgrade"): number;
}

/** Where {@linkcode attach} takes connections. */
export interface AttachOptions {
  /**
   * The path of the WebSocket.
   *
   * @default {"/ws"}
   */
  readonly path?: string;
}

/** What is under way for requests that `attach()` was told of: Node upgrades a socket, not a request. */
const handshakes = new WeakMap<Request, () => void>();

/** Stands for the 101 that `ws` writes by itself; a `Response` can't have that status. */
const SWITCHED = new Response(null);

const upgrade: Upgrade = (request) => {
  const refusal = refuse(request);
  if (refusal) return refusal;
  const shakeHands = handshakes.get(request);
  if (shakeHands === undefined && !request.headers.get("connection")?.match(/\bupgrade\b/i)) {
    return new Response("The WebSocket handshake is incomplete", { status: 400 });
  }
  if (shakeHands === undefined) {
    throw new TypeError(
      "Node can't upgrade a Request: attach(server, httpServer) takes connections",
    );
  }
  shakeHands();
  return SWITCHED;
};

/**
 * Makes a server. It listens once it is given to {@linkcode serve} or {@linkcode attach}.
 *
 * @example
 * ```ts
 * import { createServer } from "@hawser/hawser/node";
 *
 * const server = createServer({ procedures: { "echo": (value: string) => value } });
 * await server.close();
 * ```
 */
export const createServer: CreateServer = createServerWith(upgrade);

/**
 * Listens for clients, with `node:http` or `node:https`.
 *
 * @param server The server.
 * @param options Where and how.
 * @returns The listening server.
 * @throws {TypeError} If only one of `cert` and `key` is given, or the path doesn't start with `/`.
 *
 * @example
 * ```ts
 * import { connect } from "@hawser/hawser/client";
 * import { createServer, serve } from "@hawser/hawser/node";
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
export function serve(server: Server, options: ServeOptions = {}): Promise<Listening> {
  return listen(server, options, serveDir, async ({ port, hostname, pathname, tls }, answer) => {
    const http = tls ? createHttpsServer(tls) : createHttpServer();
    const running = new Set<Promise<unknown>>();
    http.on("request", (incoming, outgoing) => {
      const response = respond(answer, incoming, outgoing)
        // Whoever asked may leave before all of it is sent, and a file may end before its length.
        .catch(() => outgoing.destroy())
        .finally(() => running.delete(response));
      running.add(response);
    });
    attach(server, http, { path: pathname });
    http.listen(port, hostname);
    // Rejects if it can't.
    await once(http, "listening");
    const finished = once(http, "close").then(() => {});
    const address = http.address();
    if (address === null || typeof address === "string") throw new TypeError("No TCP address");
    function stop(): void {
      http.close();
      // Node would wait for connections that were opened in advance and never used.
      Promise.all(running).then(() => http.closeAllConnections());
    }
    return { hostname: address.address, port: address.port, finished, stop };
  });
}

/**
 * Takes the connections of an HTTP server that listens for other things as well. What comes to
 * another path is left to the server's other listeners; if there are none, it is answered with 404.
 *
 * @param server The server. Closing it closes its connections, not the HTTP server.
 * @param httpServer The HTTP server.
 * @param options Where.
 * @throws {TypeError} If the path doesn't start with `/`.
 *
 * @example Beside Express
 * ```ts ignore
 * import express from "express";
 * import { attach, createServer } from "@hawser/hawser/node";
 *
 * const app = express();
 * const server = createServer({ procedures: { "math.add": (a: number, b: number) => a + b } });
 * attach(server, app.listen(8080), { path: "/ws" });
 * ```
 */
export function attach(server: Server, httpServer: HttpServer, options: AttachOptions = {}): void {
  const pathname = toPathname(options.path ?? "/ws");
  const { heartbeat, limits } = server;
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    // On the 1.x wire an attachment is one frame, whatever its size.
    maxPayload: limits.messageSize + 12,
    // `ws` would write a pong for each ping into a buffer without bound.
    autoPong: false,
  });
  const ends = new WeakMap<WebSocket, (close: CloseInfo) => void>();
  const { heard, stop } = startHeartbeat(heartbeat, sockets.clients, (socket) => {
    const close = { code: 1001, reason: "No answer to a ping" };
    ends.get(socket)?.(close);
    socket.close(close.code, close.reason);
    socket.terminate();
  });

  function accept(
    socket: WebSocket,
    request: Request,
    tcp: Duplex,
    origin: ConnectionOrigin,
  ): void {
    socket.binaryType = "arraybuffer";
    // `ws` keeps the frames themselves until the network takes them, so it is no socket that copies.
    const session = server.accept(socket, request, origin);
    ends.set(socket, (close) => session.ended(close));
    socket.on("message", (data, isBinary) => {
      heard(socket);
      // Binary comes as an ArrayBuffer, text as the bytes of its UTF-8.
      session.receive(isBinary && data instanceof ArrayBuffer ? data : data.toString());
    });
    socket.on("pong", () => heard(socket));
    socket.on("ping", (data) => {
      heard(socket);
      // RFC 6455 section 5.5.3: the newest of several pings is enough.
      if (socket.bufferedAmount < MAX_UNREAD_PONGS) socket.pong(data);
    });
    socket.on("close", (code, reason) => session.ended({ code, reason: reason.toString() }));
    // A failing socket closes as well: what there is to know comes with close.
    socket.on("error", () => {});
    // `ws` gathers a frame as large as any client may send, and a stranger may not make it do so.
    let received = 0;
    tcp.on("data", function guard(chunk: Uint8Array) {
      received += chunk.length;
      if (session.known) tcp.off("data", guard);
      else if (received > strangersBytes(limits)) {
        socket.close(1009, "Too much before the hello");
        socket.terminate();
      }
    });
  }

  httpServer.on("upgrade", (incoming, tcp, head) => {
    const request = toRequest(incoming);
    if (request === undefined) {
      write(tcp, new Response("Bad request", { status: 400 }));
      return;
    }
    if (new URL(request.url).pathname !== pathname) {
      const isAlone = httpServer.listenerCount("upgrade") === 1;
      if (isAlone) write(tcp, new Response("Not found", { status: 404 }));
      return;
    }
    const origin = { address: incoming.socket.remoteAddress };
    handshakes.set(request, () => {
      sockets.handleUpgrade(incoming, tcp, head, (socket) => accept(socket, request, tcp, origin));
    });
    const response = server.upgrade(request, origin);
    if (response !== SWITCHED) write(tcp, response);
  });
  server.closed.then(() => {
    stop();
    for (const socket of sockets.clients) socket.terminate();
  });
}

/** What may wait for a client that doesn't read, in bytes, before its pings go unanswered. */
const MAX_UNREAD_PONGS = 65_536;

/** What a client may send before its good hello: all its hellos, and what one read may bring besides. */
function strangersBytes({ helloSize, helloAttempts }: Server["limits"]): number {
  return helloSize * helloAttempts + 65_536;
}
