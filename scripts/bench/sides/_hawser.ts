// Hawser's server, whatever runs it.
import { getHeapStatistics } from "node:v8";
import { type CreateServer, procedure, type Server } from "../../../server/mod.ts";
import { TOPIC } from "../_lines.ts";

const buffers = new Map<number, Uint8Array>();

function bytes(size: number): Uint8Array {
  const known = buffers.get(size) ?? new Uint8Array(size).fill(7);
  buffers.set(size, known);
  return known;
}

/**
 * Makes the server that the lines measure.
 *
 * @param createServer The runtime's.
 * @returns The server.
 */
export function createBenchServer(createServer: CreateServer): Server {
  const server: Server = createServer({
    // All clients are on this machine: thousands of connections of one address, each with its hello.
    limits: { connections: Infinity, connectionsPerAddress: Infinity },
    procedures: {
      "bench.echo": (value: unknown) => value,
      "bench.down": (size: number) => ({ data: bytes(size) }),
      "bench.allocated": () => getHeapStatistics().total_allocated_bytes,
      "bench.up": (data: Uint8Array) => data.length,
      "bench.publish": procedure((call, size: number, count: number) => {
        for (let i = 0; i < count; i++) server.publish(TOPIC, bytes(size), { to: call.client });
      }),
      "bench.fanout": (size: number, count: number) => {
        for (let i = 0; i < count; i++) server.publish(TOPIC, bytes(size));
      },
    },
  });
  return server;
}
