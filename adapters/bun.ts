/**
 * A Hawser server on Bun, with its own WebSockets: `serve()` listens by itself, `upgrade()` and
 * `websocket()` are for a `Bun.serve()` of your own.
 *
 * @example
 * ```ts ignore
 * import { createServer, serve } from "@hawser/hawser/bun";
 *
 * const server = createServer({
 *   secret: "wslink-secret",
 *   procedures: { "math.add": (a: number, b: number) => a + b },
 * });
 * const listening = await serve(server, { port: 8080, path: "/ws", content: "./www" });
 * server.publish("image", { blob: new Uint8Array(16) });
 * ```
 *
 * @module
 */
import { defer } from "../protocol/deferred.ts";
import type { CloseInfo } from "../protocol/mod.ts";
import { type CreateServer, createServerWith } from "../server/create.ts";
import type { ConnectionOrigin, Server, Upgrade } from "../server/server.ts";
import type { BunServer, BunSocket, WebSocketHandlers } from "./_bun_types.ts";
import { startHeartbeat } from "./_heartbeat.ts";
import { listen, type Listening, type ServeOptions } from "./_listen.ts";
import { refuse } from "./_refuse.ts";
import { serveDir } from "./files.ts";

export type { BunServer, BunSocket, ConnectionData, WebSocketHandlers } from "./_bun_types.ts";
export type { Listening, ServeOptions } from "./_listen.ts";
export * from "../server/mod.ts";

/** The part of Bun that is used here. */
declare const Bun: {
  serve(options: {
    readonly port: number;
    readonly hostname: string;
    readonly tls?: { readonly cert: string; readonly key: string };
    readonly websocket: WebSocketHandlers;
    fetch(request: Request, bun: BunServer): Promise<Response | undefined>;
  }): { readonly hostname: string; readonly port: number; stop(): Promise<void> };
};

/** Bun upgrades a request by the server that it came to, which only `fetch` knows. */
const servers = new WeakMap<Request, BunServer>();

/** Stands for the 101 that Bun writes by itself. */
const SWITCHED = new Response(null);

const upgradeRequest: Upgrade = (request, _server, origin) => {
  const refusal = refuse(request);
  if (refusal) return refusal;
  const bun = servers.get(request);
  if (bun === undefined) {
    throw new TypeError("Bun can't upgrade a Request alone: use upgrade(server, request, bun)");
  }
  // The upgrade takes the request's own headers away.
  const data = { request: new Request(request.url, { headers: [...request.headers] }), origin };
  if (bun.upgrade(request, { data })) return SWITCHED;
  return new Response("The WebSocket handshake is incomplete", { status: 400 });
};

/**
 * Makes a server. It listens once it is given to {@linkcode serve}, or to {@linkcode upgrade} and
 * {@linkcode websocket} in a `Bun.serve()` of your own.
 */
export const createServer: CreateServer = createServerWith(upgradeRequest);

/**
 * Answers a WebSocket request, inside a `fetch` of your own.
 *
 * @param server The server.
 * @param request The request.
 * @param bun What Bun handed to `fetch` beside it.
 * @returns What `fetch` returns: nothing if it was upgraded, or 426, 400 or 503.
 *
 * @example
 * ```ts ignore
 * import { createServer, upgrade, websocket } from "@hawser/hawser/bun";
 *
 * const server = createServer({ procedures: { "math.add": (a: number, b: number) => a + b } });
 * Bun.serve({
 *   fetch: (request, bun) => upgrade(server, request, bun),
 *   websocket: websocket(server),
 * });
 * ```
 */
export function upgrade(server: Server, request: Request, bun: BunServer): Response | undefined {
  servers.set(request, bun);
  const response = server.upgrade(request, originOf(request, bun));
  return response === SWITCHED ? undefined : response;
}

function originOf(request: Request, bun: BunServer): ConnectionOrigin {
  return { address: bun.requestIP(request)?.address };
}

/**
 * The handlers of a server's sockets, for `Bun.serve()`.
 *
 * @param server The server.
 * @returns The handlers.
 */
export function websocket(server: Server): WebSocketHandlers {
  const sessions = new Map<BunSocket, ReturnType<Server["accept"]>>();
  function end(socket: BunSocket, close: CloseInfo): void {
    sessions.get(socket)?.ended(close);
    sessions.delete(socket);
  }
  const { heard, stop } = startHeartbeat(server.heartbeat, {
    [Symbol.iterator]: () => sessions.keys(),
  }, (socket) => {
    const close = { code: 1001, reason: "No answer to a ping" };
    end(socket, close);
    socket.close(close.code, close.reason);
    socket.terminate();
  });
  server.closed.then(() => {
    stop();
    for (const socket of sessions.keys()) socket.terminate();
  });
  return {
    // On the 1.x wire an attachment is one frame, whatever its size.
    maxPayloadLength: server.limits.messageSize + 12,
    backpressureLimit: 0,
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: false,
    open(socket) {
      socket.binaryType = "arraybuffer";
      const session = server.accept(
        {
          get readyState() {
            return socket.readyState;
          },
          get bufferedAmount() {
            return socket.getBufferedAmount();
          },
          send: (frame) => void socket.send(frame),
          // What the network doesn't take at once goes into a buffer of Bun's.
          copies: true,
          close: (code, reason) => socket.close(code, reason),
        },
        socket.data.request,
        socket.data.origin,
      );
      sessions.set(socket, session);
    },
    message(socket, data) {
      heard(socket);
      sessions.get(socket)?.receive(data instanceof Uint8Array ? data.slice().buffer : data);
    },
    pong: heard,
    close: (socket, code, reason) => end(socket, { code, reason }),
  };
}

/**
 * Listens for clients, with `Bun.serve`.
 *
 * @param server The server.
 * @param options Where and how.
 * @returns The listening server.
 * @throws {TypeError} If only one of `cert` and `key` is given, or the path doesn't start with `/`.
 */
export function serve(server: Server, options: ServeOptions = {}): Promise<Listening> {
  return listen(server, options, serveDir, ({ port, hostname, tls }, answer) => {
    const finished = defer<void>();
    const bun = Bun.serve({
      port,
      hostname,
      ...(tls ? { tls } : {}),
      websocket: websocket(server),
      async fetch(request, bun) {
        servers.set(request, bun);
        const response = await answer(request, originOf(request, bun));
        return response === SWITCHED ? undefined : response;
      },
    });
    return {
      hostname: bun.hostname,
      port: bun.port,
      finished: finished.promise,
      stop: () => void bun.stop().then(finished.resolve),
    };
  });
}
