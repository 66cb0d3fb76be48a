// The limit: a bare WebSocket of Deno.serve that moves the same bytes and understands nothing.
import { answer, sockets } from "./_raw.ts";

const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 30 });
  socket.binaryType = "arraybuffer";
  socket.onopen = () => sockets.add(socket);
  socket.onclose = () => sockets.delete(socket);
  socket.onmessage = ({ data }) => {
    answer(socket, typeof data === "string" ? data : new Uint8Array(data));
  };
  return response;
});
console.log(JSON.stringify({ port: server.addr.port }));
Deno.addSignalListener("SIGTERM", () => Deno.exit());
