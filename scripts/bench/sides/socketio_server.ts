// Runs on Node, bundled. Arguments: the folder whose node_modules has socket.io.
import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import process from "node:process";

type Reply = (value?: unknown) => void;

/** The part of socket.io that is used here. */
interface Emitter {
  emit(event: string, ...args: unknown[]): void;
}
interface ServerSocket extends Emitter {
  on(event: "bench.echo", listener: (value: unknown, reply: Reply) => void): void;
  on(event: "bench.up", listener: (data: Uint8Array, reply: Reply) => void): void;
  on(event: "bench.down", listener: (size: number, reply: Reply) => void): void;
  on(
    event: "bench.publish" | "bench.fanout",
    listener: (size: number, count: number, reply: Reply) => void,
  ): void;
}
interface SocketIo {
  Server: new (port: number, options: Record<string, unknown>) => Emitter & {
    on(event: "connection", listener: (socket: ServerSocket) => void): void;
    httpServer: {
      address(): { port: number };
      once(event: "listening", listener: () => void): void;
    };
  };
}

const [, , folder = ""] = process.argv;
const { Server }: SocketIo = createRequire(`${folder}/package.json`)("socket.io");

const TOPIC = "bench.topic";
const buffers = new Map<number, Uint8Array>();

function bytes(size: number): Uint8Array {
  const known = buffers.get(size) ?? Buffer.alloc(size, 7);
  buffers.set(size, known);
  return known;
}

const io = new Server(0, {
  transports: ["websocket"],
  serveClient: false,
  maxHttpBufferSize: 1e8, // a megabyte is more than its default allows
});
io.on("connection", (socket) => {
  socket.on("bench.echo", (value, reply) => reply(value));
  socket.on("bench.down", (size, reply) => reply({ data: bytes(size) }));
  socket.on("bench.up", (data, reply) => reply(data.length));
  socket.on("bench.publish", (size, count, reply) => {
    for (let i = 0; i < count; i++) socket.emit(TOPIC, bytes(size));
    reply();
  });
  socket.on("bench.fanout", (size, count, reply) => {
    for (let i = 0; i < count; i++) io.emit(TOPIC, bytes(size));
    reply();
  });
});
io.httpServer.once("listening", () => {
  console.log(JSON.stringify({ port: io.httpServer.address().port }));
});
