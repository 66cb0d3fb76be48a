/**
 * Measures Hawser beside the bare WebSocket it stands on, wslink and socket.io, in one run in which
 * the sides take turns. Prints tables and writes docs/benchmark.{md,json,svg}.
 *
 *     deno task bench [--quick] [--only NAME[,NAME…]]
 *
 * `--quick` ends in about a minute and writes nothing; `--only` measures the named lines alone
 * (`call-1`, `call-64`, `down-1MB`, `down-16MB`, `up-1MB`, `publish-64B`, `publish-1MB`, `fanout`,
 * `idle`, `bundle`) and writes nothing either.
 *
 * @module
 */
import { chooseRegistry } from "../_deno.ts";
import { type Line, LINES } from "./_lines.ts";
import { ROOT } from "./_packages.ts";
import type { Child } from "./_process.ts";
import { chart, machine, markdown, type Results, type SideResults } from "./_report.ts";
import { prepare, type Side } from "./_sides.ts";

/** How long and how often. */
interface Effort {
  rounds: number;
  milliseconds: number;
  idleRounds: number;
  idleConnections: number;
}

const FULL: Effort = { rounds: 7, milliseconds: 650, idleRounds: 5, idleConnections: 2000 };
const QUICK: Effort = { rounds: 2, milliseconds: 150, idleRounds: 1, idleConnections: 200 };

/** The sides whose servers are measured with idle connections: each server once. */
const IDLE_SIDES = ["raw", "hawser-raw", "wslink-raw", "socket.io"];

interface Pair {
  side: Side;
  server: Child;
  client: Child;
}

async function start(side: Side): Promise<Pair> {
  const server = await side.server();
  return { side, server, client: await side.client(server.port) };
}

async function stop({ server, client }: Pair): Promise<void> {
  await client.stop();
  await server.stop();
}

function emptyResults(pairs: readonly { side: Side }[]): Record<string, SideResults> {
  return Object.fromEntries(
    pairs.map(({ side }) => [side.name, { rounds: [], cpuMicroseconds: [] }]),
  );
}

async function measure(line: Line, pairs: readonly Pair[], effort: Effort): Promise<SideRecord> {
  const { work } = line;
  const results = emptyResults(pairs);
  const connections = work.kind === "fanout" ? work.receivers : 1;
  for (const { client } of pairs) await client.ask({ do: "resize", connections });
  for (let round = -1; round < effort.rounds; round++) {
    const milliseconds = effort.milliseconds * (round < 0 ? 0.5 : 1); // the first only warms up
    // Every other round goes the other way, so that no side always follows the same one.
    for (const { side, server, client } of round % 2 === 0 ? pairs : pairs.toReversed()) {
      const before = server.cpuSeconds();
      const { count, seconds } = await client.ask({ do: "run", work, milliseconds });
      const cpu = server.cpuSeconds() - before;
      if (round < 0) continue;
      results[side.name]?.rounds.push(Number(count) * (line.scale ?? 1) / Number(seconds));
      results[side.name]?.cpuMicroseconds.push(cpu * 1e6 / Number(count));
    }
  }
  for (const { client } of pairs) await client.ask({ do: "resize", connections: 1 });
  return results;
}

type SideRecord = Record<string, SideResults>;

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Bytes of the server's memory for each connection that is open, said hello, and does nothing. */
async function measureIdle(sides: readonly Side[], effort: Effort): Promise<SideRecord> {
  const measured = sides.filter(({ name }) => IDLE_SIDES.includes(name));
  const results = emptyResults(measured.map((side) => ({ side })));
  for (let round = 0; round < effort.idleRounds; round++) {
    for (const side of measured) {
      const pair = await start(side);
      // The first connections load code and caches that are no connection's cost.
      await pair.client.ask({ do: "resize", connections: 100 });
      await pair.client.ask({ do: "resize", connections: 1 });
      await pause(300);
      const before = pair.server.residentBytes();
      await pair.client.ask({ do: "resize", connections: 1 + effort.idleConnections });
      await pause(1000); // for the server to settle: there is no event to wait for
      const grown = pair.server.residentBytes() - before;
      results[side.name]?.rounds.push(grown / effort.idleConnections);
      await stop(pair);
    }
  }
  return results;
}

function option(name: string): string | undefined {
  const index = Deno.args.indexOf(name);
  return index < 0 ? undefined : Deno.args[index + 1];
}

async function main(): Promise<void> {
  if (Deno.env.get("HAWSER_REGISTRY") === undefined) await chooseRegistry();
  const isQuick = Deno.args.includes("--quick");
  const effort = isQuick ? QUICK : FULL;
  const only = option("--only")?.split(",");
  const names = [...LINES.map(({ name }) => name), "idle", "bundle"];
  for (const name of only ?? []) {
    if (!names.includes(name)) {
      console.error(`No line is called ${JSON.stringify(name)}; there are ${names.join(", ")}`);
      Deno.exit(2);
    }
  }
  const isWanted = (name: string) => only?.includes(name) ?? true;

  const { sides, bundles, versions } = await prepare();
  const results: Results = {
    machine: machine(),
    versions,
    effort: { ...effort },
    sides: sides.map(({ name, title }) => ({ name, title })),
    lines: {},
    bundles: isWanted("bundle") ? bundles : {},
  };
  const started = performance.now();
  const lines = LINES.filter(({ name }) => isWanted(name));
  if (lines.length > 0) {
    const pairs: Pair[] = [];
    for (const side of sides) pairs.push(await start(side));
    for (const line of lines) {
      console.error(`measuring ${line.title} …`);
      results.lines[line.name] = await measure(line, pairs, effort);
    }
    for (const pair of pairs) await stop(pair);
  }
  if (isWanted("idle")) {
    console.error("measuring idle connections …");
    results.lines.idle = await measureIdle(sides, effort);
  }
  const page = markdown(results);
  console.log(page);
  console.error(`measured in ${Math.round((performance.now() - started) / 1000)} s`);
  if (isQuick || only !== undefined) return;
  await Deno.writeTextFile(`${ROOT}/docs/benchmark.json`, `${JSON.stringify(results, null, 2)}\n`);
  await Deno.writeTextFile(`${ROOT}/docs/benchmark.md`, page);
  await Deno.writeTextFile(`${ROOT}/docs/benchmark.svg`, chart(results));
  console.error("written: docs/benchmark.json, docs/benchmark.md, docs/benchmark.svg");
}

await main();
