/**
 * Measures Hawser beside the bare WebSocket it stands on, wslink, socket.io, Cap'n Web, tRPC and
 * NATS, in one run in which the sides take turns. Prints tables, and writes
 * docs/benchmark.{md,json,svg} and the table of README.md.
 *
 *     deno task bench [--quick] [--only NAME[,NAME…]] [--growth] [--report]
 *
 * `--quick` ends in about a minute and writes nothing; `--only` measures the named lines alone
 * (`call-1`, `call-64`, `connect`, `down-1MB`, `down-16MB`, `up-1MB`, `up-16MB`, `publish-64B`,
 * `publish-1MB`, `fanout-64B`, `fanout`, `idle`, `bundle`) and writes nothing either. A side that
 * fails is named, the others go on, and the exit status is 1. `--growth` measures instead how cost grows
 * with clients and with messages, and writes docs/growth*.{json,svg} and its part of
 * docs/performance.md. `--report` measures nothing but the client's size, and writes the pages anew
 * from docs/benchmark.json.
 *
 * @module
 */
import { stop } from "esbuild";
import { clientSize } from "../check_size.ts";
import { chooseRegistry, deno } from "../_deno.ts";
import { writePart } from "../_parts.ts";
import { type Effort, emptyResults, Field, measure, type SideRecord } from "./_field.ts";
import { growth } from "./_growth.ts";
import { LINES } from "./_lines.ts";
import { ROOT } from "./_packages.ts";
import { chart } from "./_chart.ts";
import { markdown, speedTable } from "./_report.ts";
import { type Failure, machine, type Results } from "./_results.ts";
import { prepare, type Side } from "./_sides.ts";

const FULL: Effort = { rounds: 7, milliseconds: 400, idleRounds: 3, idleConnections: 2000 };
const QUICK: Effort = { rounds: 2, milliseconds: 150, idleRounds: 1, idleConnections: 200 };

/** The sides whose servers are measured with idle connections: each server once. */
const IDLE_SIDES = ["raw", "hawser-raw", "wslink-raw", "socket.io"];

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Bytes of the server's memory for each connection that is open, said hello, and does nothing. */
async function measureIdle(
  sides: readonly Side[],
  failures: Failure[],
  effort: Effort,
): Promise<SideRecord> {
  let measured = sides.filter(({ name }) => IDLE_SIDES.includes(name));
  const results = emptyResults(measured);
  for (let round = 0; round < effort.idleRounds; round++) {
    const field = new Field(failures); // fresh processes each time
    measured = await field.each("idle connections", measured, async ({ side, server, client }) => {
      // The first connections load code and caches that are no connection's cost.
      await client.ask({ do: "resize", connections: 100 });
      await client.ask({ do: "resize", connections: 1 });
      await pause(300);
      const before = server.residentBytes();
      await client.ask({ do: "resize", connections: 1 + effort.idleConnections });
      await pause(1000); // for the server to settle: there is no event to wait for
      const grown = server.residentBytes() - before;
      results[side.name]?.rounds.push(grown / effort.idleConnections);
    });
    await field.stop();
  }
  return results;
}

function option(name: string): string | undefined {
  const index = Deno.args.indexOf(name);
  return index < 0 ? undefined : Deno.args[index + 1];
}

async function main(): Promise<void> {
  if (Deno.args.includes("--report")) {
    const results: Results = JSON.parse(await Deno.readTextFile(`${ROOT}/docs/benchmark.json`));
    results.bundles.hawser = (await clientSize()).initial;
    await stop();
    return await write(results, markdown(results));
  }
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
  const failures: Failure[] = [];
  if (Deno.args.includes("--growth")) {
    await growth(sides, failures, isQuick);
    return tell(failures);
  }
  const results: Results = {
    machine: machine(),
    versions,
    effort: { ...effort },
    sides: sides.map(({ name, title, skips }) => ({ name, title, ...(skips ? { skips } : {}) })),
    lines: {},
    bundles: isWanted("bundle") ? bundles : {},
    failures,
  };
  const started = performance.now();
  const field = new Field(failures);
  for (const line of LINES.filter(({ name }) => isWanted(name))) {
    console.error(`measuring ${line.title} …`);
    const able = sides.filter(({ skips = {} }) => !(line.name in skips));
    results.lines[line.name] = await measure(line, able, field, effort);
  }
  await field.stop();
  if (isWanted("idle")) {
    console.error("measuring idle connections …");
    results.lines.idle = await measureIdle(sides, failures, effort);
  }
  const page = markdown(results);
  console.log(page);
  console.error(`measured in ${Math.round((performance.now() - started) / 1000)} s`);
  if (!isQuick && only === undefined) await write(results, page);
  tell(failures);
}

/** Says what failed, and ends so that others notice. */
function tell(failures: readonly Failure[]): void {
  for (const { side, line, reason } of failures) {
    console.error(`FAILED: ${side}, ${line}: ${reason}`);
  }
  if (failures.length > 0) Deno.exit(1);
}

/** Writes the pages, and the table of the README. */
async function write(results: Results, page: string): Promise<void> {
  const readme = `${ROOT}/README.md`;
  const files = {
    "docs/benchmark.json": `${JSON.stringify(results, null, 2)}\n`,
    "docs/benchmark.md": page,
    "docs/benchmark.svg": chart(results),
    "README.md": writePart(await Deno.readTextFile(readme), "speed", speedTable(results)),
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${ROOT}/${name}`, text);
  }
  await deno(["fmt", "--quiet", ...Object.keys(files)], { cwd: ROOT }).output();
  console.error(`written: ${Object.keys(files).join(", ")}`);
}

await main();
