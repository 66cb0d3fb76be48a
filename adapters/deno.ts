/**
 * Deno's HTTP server and WebSockets: maps them to a server's sessions.
 *
 * @module
 */
import { serveDir } from "@std/http/file-server";
import type { Server, Upgrade } from "../server/server.ts";
import { listen, type Listening, type ServeOptions } from "./_listen.ts";
import { refuse } from "./_refuse.ts";

export type { Listening, ServeOptions } from "./_listen.ts";

/** Answers a request with Deno's WebSocket. */
export const upgrade: Upgrade = (request, server, origin) => {
  const refusal = refuse(request);
  if (refusal) return refusal;
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
    // Deno's send() has taken a copy when it returns, as the standard has it.
    const session = server.accept(Object.assign(socket, { copies: true }), hello, origin);
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
export function serve(server: Server, options: ServeOptions = {}): Promise<Listening> {
  return listen(server, options, serveDir, ({ port, hostname, tls }, handler) => {
    const http = Deno.serve({
      port,
      hostname,
      ...tls,
      onListen() {},
      handler: (request, { remoteAddr }) => handler(request, { address: remoteAddr.hostname }),
    });
    const { addr, finished } = http;
    return {
      hostname: addr.hostname,
      port: addr.port,
      finished,
      stop: () => void http.shutdown(),
    };
  });
}
