/**
 * Measures when compression pays: what becomes of each kind of data, how long both ends work at it,
 * and how long such a message takes altogether. Over loopback that is measured, call by call, with
 * and without in turns; over slower links it is the size over the rate and the work of both ends.
 *
 * ```sh
 * deno task bench:compression
 * ```
 *
 * @module
 */
import { connect } from "@hawser/hawser/client";
import { createServer, procedure, serve } from "@hawser/hawser/server";
import { COMPRESSED_METHOD } from "../../protocol/compress.ts";
import { Compressor, StreamCompressor, zlib } from "../../protocol/compression.ts";
import { DEFAULT_LIMITS, MsgpackDecoder, MsgpackEncoder } from "../../protocol/mod.ts";

/** Times that each is measured; the median counts. */
const ROUNDS = 9;

/** Bits in a second. */
const RATES = { "10 Mbit/s": 10e6, "100 Mbit/s": 100e6, "1 Gbit/s": 1e9 };

if (zlib === undefined) throw new Error("This runtime has no zlib");
const native = zlib;

/** Temperatures of 1000 x 1000 points: smooth, and with digits that nobody needs. */
function field(): Float32Array {
  return Float32Array.from({ length: 1_000_000 }, (_, i) => {
    const [x, y] = [i % 1000, Math.floor(i / 1000)];
    return 300 + 20 * Math.sin(x / 40) * Math.cos(y / 25) + 2 * Math.sin((x + y) / 7);
  });
}

/** The same field with whole tenths of degrees: what a colour map shows. */
function rounded(): Float32Array {
  return field().map((value) => Math.round(value * 10) / 10);
}

/** A grid of triangles over hills. */
function mesh(side = 290): { readonly indices: Uint32Array; readonly points: Float32Array } {
  const indices = new Uint32Array(side * side * 6);
  const points = new Float32Array((side + 1) ** 2 * 3);
  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++, at += 6) {
      const corner = y * (side + 1) + x;
      const below = corner + side + 1;
      indices.set([corner, corner + 1, below, corner + 1, below + 1, below], at);
    }
  }
  for (let i = 0; i < points.length / 3; i++) {
    const [x, y] = [i % (side + 1) / side, Math.floor(i / (side + 1)) / side];
    points.set([x, y, 0.1 * Math.sin(9 * x) * Math.cos(7 * y)], i * 3);
  }
  return { indices, points };
}

/** The objects of a scene. */
function objects(count: number): unknown {
  return Array.from({ length: count }, (_, i) => ({
    id: `object-${i}`,
    name: `part ${i % 97} of assembly ${i % 13}`,
    visible: i % 3 > 0,
    opacity: i % 10 / 10,
    color: [i % 256, 128, 255 - i % 256],
    position: [i / 7, Math.sin(i), 0],
  }));
}

/** A picture as JPEG or WebP leave it: noise, as far as DEFLATE can tell. */
function picture(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes;
}

const kinds: Readonly<Record<string, unknown>> = {
  "float field, 32 bit": field(),
  "the same, rounded to 0.1": rounded(),
  "mesh, indices and points": mesh(),
  "maps, 30,000 objects": objects(30_000),
  "maps, 30 objects": objects(30),
  "picture, compressed already": picture(1_000_000),
};

function median(times: number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? NaN;
}

/** The median of several runs, in ms. */
async function timed(run: () => unknown): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const since = performance.now();
    await run();
    times.push(performance.now() - since);
  }
  return median(times);
}

function inflated(bytes: Uint8Array): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new Blob([new Uint8Array(bytes)]).stream().pipeThrough(
    new DecompressionStream("deflate-raw"),
  );
}

interface Measured {
  readonly plain: number;
  readonly compressed: number;
  readonly deflate: number;
  readonly inflate: number;
}

/** What one side does to a message, and the other one. */
async function measure(
  value: unknown,
  compressor: Compressor | StreamCompressor,
): Promise<Measured> {
  const encoder = new MsgpackEncoder();
  const message = { type: "result", id: "rpc:c1:0", result: value } as const;
  const frames = encoder.encode(message);
  const shrink = () => compressor.shrink(message, frames, encoder, 0);
  const shrunk = await shrink();
  const sizeOf = (list: typeof frames | typeof shrunk) =>
    list.reduce((sum, { length }) => sum + length, 0);
  let inflate = 0;
  if (shrunk !== frames) {
    const decoder = new MsgpackDecoder({ ...DEFAULT_LIMITS, messageSize: 2 ** 30 });
    const read = (list: typeof shrunk) => list.map((frame) => decoder.decode(frame)).at(-1);
    const opened = read(shrunk);
    if (opened?.type !== "request" || opened.method !== COMPRESSED_METHOD) throw new Error("lost");
    const [size, bytes] = opened.args;
    if (typeof size !== "number" || !(bytes instanceof Uint8Array)) throw new Error("lost");
    // Reading the message is no part of inflating it: without compression it is read as well.
    inflate = await timed(
      compressor instanceof Compressor
        ? () => native.inflateRawSync(bytes, { maxOutputLength: size, chunkSize: size })
        : () => new Response(inflated(bytes)).arrayBuffer(),
    );
  }
  return {
    plain: sizeOf(frames),
    compressed: sizeOf(shrunk),
    deflate: await timed(shrink),
    inflate,
  };
}

/** How long a call takes over loopback, without and with, in ms. */
async function loopback(value: unknown): Promise<{ plain: number; compressed: number }> {
  const server = createServer({
    procedures: {
      "data.plain": () => value,
      "data.compressed": procedure({ compress: { minSize: 0 } }, () => value),
    },
  });
  await using listening = await serve(server, { port: 0 });
  await using session = await connect(listening.webSocketUrl);
  const times: Record<"plain" | "compressed", number[]> = { plain: [], compressed: [] };
  for (let i = 0; i < ROUNDS; i++) {
    for (const name of ["plain", "compressed"] as const) {
      const since = performance.now();
      await session.call(`data.${name}`);
      times[name].push(performance.now() - since);
    }
  }
  return { plain: median(times.plain), compressed: median(times.compressed) };
}

function ms(time: number): string {
  return time < 10 ? time.toPrecision(2) : String(Math.round(time));
}

function kB(size: number): string {
  return (size / 1000).toLocaleString("en", { maximumFractionDigits: size < 1e5 ? 1 : 0 });
}

const rates = Object.entries(RATES);
const rows: string[] = [];
for (const [name, value] of Object.entries(kinds)) {
  const { plain, compressed, deflate, inflate } = await measure(
    value,
    new Compressor("c1", 256, native),
  );
  const links = rates.map(([, rate]) => {
    const without = plain * 8000 / rate;
    const withIt = compressed * 8000 / rate + deflate + inflate;
    return `${ms(without)} → ${ms(withIt)}`;
  });
  const local = await loopback(value);
  rows.push(
    `| ${name} | ${kB(plain)} → ${kB(compressed)} | ${ms(deflate)} + ${ms(inflate)} | ` +
      `${links.join(" | ")} | ${ms(local.plain)} → ${ms(local.compressed)} |`,
  );
}
console.log(`| data | kB | work, ms | ${rates.map(([name]) => name).join(" | ")} | loopback |`);
console.log(`|-|-|-|${"-|".repeat(rates.length + 1)}`);
console.log(rows.join("\n"));

console.log("\n16 MB of mesh, how long both ends stand still (zlib) or work (streams):");
const large = { a: mesh(290), b: mesh(291), c: mesh(292), d: mesh(293), e: mesh(294) };
for (
  const [name, compressor] of [
    ["zlib", new Compressor("c1", 256, native)],
    ["streams", new StreamCompressor("c1", 256)],
  ] as const
) {
  const { plain, compressed, deflate, inflate } = await measure(large, compressor);
  console.log(
    `${name}: ${kB(plain)} → ${kB(compressed)} kB, ${ms(deflate)} ms to deflate, ${
      ms(inflate)
    } ms to inflate`,
  );
}
