/**
 * Measures streams at size: 2 GB down and 2 GB up in real processes, beside bare frames of the same
 * sockets in the same run, with the memory that both ends take meanwhile; small items beside small
 * frames; and what one publication costs that 50 clients want 5 parts of.
 *
 * ```sh
 * deno task bench:streams          # 2 GB each way
 * deno task bench:streams 0.25     # of another size, in GB
 * ```
 *
 * @module
 */
import { Child } from "./_process.ts";
import { pathOf } from "../_deno.ts";

const MB = 1e6;
/** Of an item of the 2 GB: well below a stream's window of 4 MiB, and one frame each. */
const ITEM = 256 * 1024;
/** Times that each is measured, in turns, so that a machine's moods meet both. */
const ROUNDS = 3;
/** How long one transfer may take before it counts as stuck, in ms. */
const STUCK = 600_000;

const gigabytes = Number(Deno.args[0] ?? 2);
if (!(gigabytes > 0)) throw new RangeError(`A size in GB is expected: received ${Deno.args[0]}`);

const server = await Child.start("the server", [
  "deno",
  pathOf("scripts/bench/sides/streams_server.ts"),
]);
const client = await Child.start("the client", [
  "deno",
  pathOf("scripts/bench/sides/streams_client.ts"),
  server.port,
]);

/** What is moved, and how. */
interface Work {
  readonly kind: "stream" | "raw";
  readonly way: "down" | "up";
  readonly size: number;
  readonly count: number;
}

async function run(work: Work): Promise<number> {
  return Number((await client.ask(work, STUCK)).seconds);
}

/** How much more memory each end occupies while something runs, at most. */
async function growth(work: Work): Promise<{ seconds: number; client: number; server: number }> {
  const before = [client.residentBytes(), server.residentBytes()] as const;
  const most = [0, 0];
  const timer = setInterval(() => {
    for (const [i, child] of [client, server].entries()) {
      most[i] = Math.max(most[i] ?? 0, child.residentBytes() - (before[i] ?? 0));
    }
  }, 50);
  try {
    const seconds = await run(work);
    return { seconds, client: most[0] ?? 0, server: most[1] ?? 0 };
  } finally {
    clearInterval(timer);
  }
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
}

try {
  for (const way of ["down", "up"] as const) {
    // Code is compiled and buffers are there before memory is looked at.
    const warm = { way, size: ITEM, count: Math.ceil(100 * MB / ITEM) };
    await run({ kind: "raw", ...warm });
    await run({ kind: "stream", ...warm });
    const count = Math.ceil(gigabytes * 1000 * MB / ITEM);
    const long = await growth({ kind: "stream", way, size: ITEM, count });
    console.log(
      `${gigabytes} GB ${way}: ${(count * ITEM / MB / long.seconds).toFixed(0)} MB/s; ` +
        `RSS grows by ${(long.client / MB).toFixed(0)} MB in the client, ` +
        `${(long.server / MB).toFixed(0)} MB in the server`,
    );
    for (
      const [what, size, count] of [
        ["256 KiB", ITEM, Math.ceil(250 * MB / ITEM)],
        ["100 B", 100, 50_000],
      ] as const
    ) {
      const times: Record<"raw" | "stream", number[]> = { raw: [], stream: [] };
      for (let round = 0; round < ROUNDS; round++) {
        for (const kind of ["raw", "stream"] as const) {
          times[kind].push(await run({ kind, way, size, count }));
        }
      }
      const [raw, stream] = [median(times.raw), median(times.stream)];
      console.log(
        `items of ${what} ${way}: ${(count / stream).toFixed(0)}/s, as frames ` +
          `${(count / raw).toFixed(0)}/s: ${(raw / stream).toFixed(2)} of them`,
      );
    }
  }
  const { fanout } = await client.ask({ kind: "fanout", way: "down", size: 5, count: 50 }, STUCK);
  console.log(`50 clients, 5 filters, one publication: ${JSON.stringify(fanout)}`);
} finally {
  await client.stop();
  await server.stop();
}
