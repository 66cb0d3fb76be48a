// The limit on Node: a bare WebSocket of the package ws. Bundled; stays until standard input ends.
import process from "node:process";
// @ts-types="@types/ws"
import { WebSocketServer } from "ws";
import { answer, sockets } from "./_raw.ts";

const server = new WebSocketServer({
  port: 0,
  host: "127.0.0.1",
  perMessageDeflate: false,
  maxPayload: 2 ** 28,
});
server.on("connection", (socket) => {
  socket.binaryType = "arraybuffer";
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket));
  socket.on("error", () => {});
  socket.on("message", (data, isBinary) => {
    answer(socket, isBinary && data instanceof ArrayBuffer ? new Uint8Array(data) : `${data}`);
  });
});
server.on("listening", () => {
  const address = server.address();
  if (typeof address === "object") console.log(JSON.stringify({ port: address?.port }));
});
process.stdin.resume().on("end", () => process.exit());
