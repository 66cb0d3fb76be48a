// The limit on Bun: a bare WebSocket of Bun.serve. Bundled; stays until standard input ends.
import process from "node:process";
import { answer, type RawSocket, sockets } from "./_raw.ts";

/** The part of Bun that is used here. */
declare const Bun: {
  serve(options: {
    readonly port: number;
    readonly hostname: string;
    fetch(request: Request, server: { upgrade(request: Request): boolean }): undefined;
    readonly websocket: {
      readonly maxPayloadLength: number;
      readonly backpressureLimit: number;
      open(socket: RawSocket): void;
      close(socket: RawSocket): void;
      message(socket: RawSocket, data: string | Uint8Array<ArrayBuffer>): void;
    };
  }): { readonly port: number };
};

const { port } = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: (request, server) => void server.upgrade(request),
  websocket: {
    maxPayloadLength: 2 ** 28,
    backpressureLimit: 0,
    open: (socket) => void sockets.add(socket),
    close: (socket) => void sockets.delete(socket),
    message: answer,
  },
});
console.log(JSON.stringify({ port }));
process.stdin.resume().on("end", () => process.exit());
