// The limit: a bare WebSocket of Deno.serve that moves the same bytes and understands nothing.
// Small binary frames come back as they are, a large one is acknowledged. A text frame asks for
// frames that were encoded beforehand: "down SIZE", "publish SIZE COUNT", "fanout SIZE COUNT".
import { TOPIC } from "../_lines.ts";
import { publicationFrames, resultFrames } from "./_frames.ts";

type Frames = Uint8Array<ArrayBuffer>[];

const sockets = new Set<WebSocket>();
const prepared = new Map<string, Frames>();
const acknowledgement = resultFrames(null);
const received = resultFrames(1_000_000);

function prepare(kind: string, size: number): Frames {
  const data = new Uint8Array(size).fill(7);
  return kind === "down" ? resultFrames({ data }) : publicationFrames(TOPIC, data);
}

function send(socket: WebSocket, frames: Frames): void {
  for (const frame of frames) socket.send(frame);
}

function obey(socket: WebSocket, text: string): void {
  const [kind = "", size = "0", count = "1"] = text.split(" ");
  const key = `${kind} ${size}`;
  const frames = prepared.get(key) ?? prepare(kind, Number(size));
  prepared.set(key, frames);
  const receivers = kind === "fanout" ? sockets : [socket];
  for (let i = 0; i < Number(count); i++) {
    for (const receiver of receivers) send(receiver, frames);
  }
  if (kind !== "down") send(socket, acknowledgement);
}

const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 30 });
  socket.binaryType = "arraybuffer";
  socket.onopen = () => sockets.add(socket);
  socket.onclose = () => sockets.delete(socket);
  socket.onmessage = ({ data }) => {
    if (typeof data === "string") obey(socket, data);
    else if (data.byteLength > 65_536) send(socket, received);
    else socket.send(data);
  };
  return response;
});
console.log(JSON.stringify({ port: server.addr.port }));
