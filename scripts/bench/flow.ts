/**
 * Measures flow control: how old the picture on screen is behind a slow link,
 * and how long a small call takes while a bulk download goes on, for Hawser
 * and for wslink's own server, both behind the same throttled proxy.
 *
 * ```sh
 * deno task bench:flow --seconds 10
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { connect, type Session } from "@hawser/hawser/client";
import { Child } from "./_process.ts";
import { Proxy } from "./_proxy.ts";
import { pythonWithWslink } from "./_sides.ts";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "10" } } });
const SECONDS = Number(values.seconds);
/** 20 Mbit/s, in bytes per ms. */
const RATE = 2500;
const MESH = 100_000_000;

const here = (name: string) => new URL(`sides/${name}`, import.meta.url).pathname;

interface Case {
  readonly name: string;
  readonly extensions: boolean;
  start(): Promise<Child>;
}

const hawser = () => Child.start("Hawser's server", ["deno", here("flow_hawser_server.ts")]);
const cases: Case[] = [
  { name: "Hawser", extensions: true, start: hawser },
  { name: "Hawser to a wslink client", extensions: false, start: hawser },
  {
    name: "wslink (Python)",
    extensions: false,
    start: async () =>
      await Child.start("wslink's server", [
        await pythonWithWslink(),
        here("flow_wslink_server.py"),
      ]),
  },
];

/** The ages of the pictures as they come, in ms, second by second. */
async function ages(url: string, extensions: boolean): Promise<number[][]> {
  await using proxy = new Proxy(url, { rate: RATE });
  await using session = await connect(proxy.url, { extensions });
  const seconds: number[][] = Array.from({ length: SECONDS }, () => []);
  const begun = performance.now();
  session.subscribe<{ time: number }>("flow.image", ({ time }) => {
    seconds[Math.floor((performance.now() - begun) / 1000)]?.push(Date.now() - time);
  });
  await session.call("flow.start", []);
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
  return seconds;
}

async function smallCalls(session: Session, until: () => boolean): Promise<number[]> {
  const times: number[] = [];
  while (!until()) {
    const begun = performance.now();
    await session.call("flow.small", [1]);
    times.push(performance.now() - begun);
  }
  return times;
}

/** The round trip of a small call alone and beside a download, in ms, and what the download makes, in MB/s. */
async function beside(url: string, extensions: boolean) {
  await using session = await connect(url, { extensions });
  let calls = 0;
  await smallCalls(session, () => ++calls > 300);
  calls = 0;
  const idle = await smallCalls(session, () => ++calls > 300);
  const download = async () => {
    const begun = performance.now();
    await session.call("flow.mesh", [MESH]);
    return MESH / 1000 / (performance.now() - begun);
  };
  await download();
  const alone = await download();
  let there = false;
  const bulk = download().finally(() => there = true);
  const busy = await smallCalls(session, () => there);
  return { idle: median(idle), busy: median(busy), answered: busy.length, alone, bulk: await bulk };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

const table: Record<string, Record<string, string | number>> = {};
for (const { name, extensions, start } of cases) {
  const first = await start();
  const seen = await ages(`ws://127.0.0.1:${first.port}/ws`, extensions);
  await first.stop();
  const second = await start();
  const calls = await beside(`ws://127.0.0.1:${second.port}/ws`, extensions);
  await second.stop();
  const all = seen.slice(1).flat();
  table[name] = {
    "pictures": seen.flat().length,
    "age, median ms": Math.round(median(all)),
    "age, last second ms": Math.round(Math.max(...seen.at(-1) ?? [])),
    "small call, idle ms": calls.idle.toFixed(2),
    "beside a download ms": calls.busy.toFixed(2),
    "calls beside it": calls.answered,
    "download alone MB/s": Math.round(calls.alone),
    "with the calls MB/s": Math.round(calls.bulk),
  };
}
console.table(table);
