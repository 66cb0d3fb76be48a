/**
 * A Hawser server on Cloudflare's workers, with `WebSocketPair`. Clients share publications if they
 * meet in one Durable Object: a worker can't write to the socket of another request.
 *
 * @example A Durable Object
 * ```ts
 * import { createServer } from "@hawser/hawser/workers";
 *
 * export class Room {
 *   readonly #server = createServer({
 *     secret: "wslink-secret",
 *     procedures: { "math.add": (a: number, b: number) => a + b },
 *   });
 *
 *   fetch(request: Request): Response {
 *     return this.#server.upgrade(request);
 *   }
 * }
 * ```
 *
 * @module
 */
import { type CreateServer, createServerWith } from "../server/create.ts";
import type { Upgrade } from "../server/server.ts";
import { refuse } from "./_refuse.ts";

export * from "../server/mod.ts";

/** The part of workerd's `WebSocket` that is used here. */
interface WorkerSocket {
  readonly readyState: number;
  binaryType: string;
  accept(): void;
  send(frame: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(
    type: "message",
    listener: (event: { readonly data: string | ArrayBuffer }) => void,
  ): void;
  addEventListener(
    type: "close",
    listener: (event: { readonly code: number; readonly reason: string }) => void,
  ): void;
  addEventListener(type: "error", listener: () => void): void;
}

declare const WebSocketPair: new () => { readonly 0: WorkerSocket; readonly 1: WorkerSocket };

const upgrade: Upgrade = (request, server, origin) => {
  const refusal = refuse(request);
  if (refusal) return refusal;
  const { 0: client, 1: socket } = new WebSocketPair();
  socket.binaryType = "arraybuffer";
  socket.accept();
  const session = server.accept(
    {
      get readyState() {
        return socket.readyState;
      },
      // workerd doesn't say what the network has not taken: nothing is held back or dropped.
      bufferedAmount: 0,
      send: (frame) => socket.send(frame),
      close: (code, reason) => socket.close(code, reason),
    },
    request,
    { address: origin.address ?? addressOf(request) },
  );
  socket.addEventListener("message", ({ data }) => session.receive(data));
  socket.addEventListener("close", ({ code, reason }) => {
    session.ended({ code, reason });
    // workerd leaves the answer to the closing handshake to its user; a broken socket takes none.
    if (socket.readyState === 2 && code !== 1006) socket.close(code === 1005 ? 1000 : code, reason);
  });
  socket.addEventListener("error", () => session.ended({ code: 1006, reason: "" }));
  const upgraded = { status: 101, webSocket: client };
  return new Response(null, upgraded);
};

/** Cloudflare writes the header itself, whatever the client sent. */
function addressOf(request: Request): string | undefined {
  return request.headers.get("cf-connecting-ip") ?? undefined;
}

/**
 * Makes a server, whose `upgrade()` answers what comes to a worker's or a Durable Object's `fetch`.
 */
export const createServer: CreateServer = createServerWith(upgrade);
