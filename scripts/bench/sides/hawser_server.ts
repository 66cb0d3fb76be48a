import { createServer, procedure, serve } from "../../../server.ts";
import { TOPIC } from "../_lines.ts";

const buffers = new Map<number, Uint8Array>();

function bytes(size: number): Uint8Array {
  const known = buffers.get(size) ?? new Uint8Array(size).fill(7);
  buffers.set(size, known);
  return known;
}

const server = createServer({
  procedures: {
    "bench.echo": (value: unknown) => value,
    "bench.down": (size: number) => ({ data: bytes(size) }),
    "bench.up": (data: Uint8Array) => data.length,
    "bench.publish": procedure((call, size: number, count: number) => {
      for (let i = 0; i < count; i++) server.publish(TOPIC, bytes(size), { to: call.client });
    }),
    "bench.fanout": (size: number, count: number) => {
      for (let i = 0; i < count; i++) server.publish(TOPIC, bytes(size));
    },
  },
});
const listening = await serve(server, { port: 0 });
console.log(JSON.stringify({ port: listening.port }));
