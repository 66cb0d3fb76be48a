// Streams of Hawser's at /ws, and at /raw the same bytes as bare frames of the same socket.
import { createServer, procedure, topic } from "@hawser/hawser/server";
import { MsgpackEncoder } from "../../../protocol/mod.ts";

/** What may wait in a bare socket before its sender pauses, in bytes: a stream's window. */
const WINDOW = 4 * 1024 * 1024;

let encodings = 0;
const { encode } = MsgpackEncoder.prototype;
MsgpackEncoder.prototype.encode = function (message) {
  if (message.type === "publication") encodings++;
  return encode.call(this, message);
};

const server = createServer({
  procedures: {
    "bench.down": async function* (size: number, count: number) {
      const item = new Uint8Array(size);
      for (let i = 0; i < count; i++) yield await item;
    },
    "bench.up": async (items: AsyncIterable<Uint8Array>) => {
      let bytes = 0;
      for await (const { length } of items) bytes += length;
      return bytes;
    },
    "bench.publish": procedure(({ server }) => {
      const before = encodings;
      const receivers = server.publish("scene", [1, 2, 3, 4, 5].map((i) => new Uint8Array(i)));
      return { receivers, encodings: encodings - before };
    }),
  },
  topics: {
    scene: topic({
      select: (views: Uint8Array[], { view }: { view: number }) => views[view],
    }),
  },
});

/** `down SIZE COUNT` and `up BYTES`. */
function bare(request: Request): Response {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.binaryType = "arraybuffer";
  let missing = 0;
  socket.onmessage = async ({ data }) => {
    if (typeof data !== "string") {
      missing -= data.byteLength;
      if (missing <= 0) socket.send("done");
      return;
    }
    const [kind, size, count] = data.split(" ");
    if (kind === "up") {
      missing = Number(size);
      return;
    }
    const frame = new Uint8Array(Number(size));
    for (let i = 0; i < Number(count); i++) {
      while (socket.bufferedAmount > WINDOW) await new Promise((go) => setTimeout(go, 0));
      socket.send(frame);
    }
  };
  return response;
}

const http = Deno.serve(
  { port: 0, hostname: "127.0.0.1", onListen() {} },
  (request) => new URL(request.url).pathname === "/raw" ? bare(request) : server.upgrade(request),
);
console.log(JSON.stringify({ port: http.addr.port }));
