/**
 * Compares msgpack libraries over the messages that a session sends, asks each what the wire needs
 * it to do with hostile or awkward input, and writes the tables into docs/msgpack.md.
 *
 *     deno run -A --v8-flags=--expose-gc scripts/bench/msgpack/main.ts [--write] [--quick]
 *
 * @module
 */
import { bundle, installPackages, ROOT, run } from "../_packages.ts";
import { digits, median, table } from "../_stats.ts";
import { LIBRARIES, type Library, type Msgpack } from "./_libraries.ts";
import { SAMPLES } from "./_messages.ts";
import { ASIDES, type Finding, PROBES } from "./_probe.ts";

const ESBUILD = "0.28.2";
const FRAME_SIZE = 4 * 1024 * 1024;

interface Candidate {
  library: Library;
  bundlePath: string;
  minified: number;
  gzipped: number;
  /** The edition that browsers load, and ours. */
  msgpack: Msgpack;
  /** The edition for Node, which Deno resolves too. */
  nodeEdition?: Msgpack;
}

async function prepare(folder: string, library: Library): Promise<Candidate> {
  const base = `${folder}/${library.name.replaceAll(/[^\w]/g, "_")}`;
  await Deno.writeTextFile(`${base}.js`, library.entry);
  const bundlePath = `${base}.bundle.mjs`;
  const size = await bundle(folder, `${base}.js`, bundlePath);
  const msgpack: Msgpack = await import(bundlePath);
  const candidate: Candidate = { library, bundlePath, ...size, msgpack };
  if (library.hasNodeEdition) {
    await bundle(folder, `${base}.js`, `${base}.node.cjs`, "node");
    const nodeEdition: Msgpack = await import(`${base}.node.cjs`);
    candidate.nodeEdition = nodeEdition;
  }
  return candidate;
}

/** Keeps results reachable, so that no call is optimised away. */
const sink: { last?: unknown } = {};

function timeOne(action: () => unknown, milliseconds: number): number {
  let runs = 0;
  const start = performance.now();
  let elapsed = 0;
  do {
    sink.last = action();
    runs++;
    elapsed = performance.now() - start;
  } while (elapsed < milliseconds);
  return elapsed * 1000 / runs;
}

/** Set by `--v8-flags=--expose-gc`: with it no library pays for the garbage of the one before. */
const gc: unknown = Reflect.get(globalThis, "gc");

/** What takes longer than this once is not worth asking again, in microseconds. */
const HOPELESS = 300_000;

/** Microseconds per run of each action, the median of rounds in which they take turns. */
function alternate(
  actions: ReadonlyMap<string, () => unknown>,
  rounds: number,
  milliseconds: number,
): Map<string, number> {
  const times = new Map<string, number[]>();
  const medians = new Map<string, number>();
  for (let round = -1; round < rounds; round++) {
    for (const [name, action] of actions) {
      if (medians.has(name)) continue;
      if (typeof gc === "function") gc();
      const time = timeOne(action, milliseconds);
      if (round >= 0) times.get(name)?.push(time);
      else if (time > HOPELESS) medians.set(name, time);
      else times.set(name, []); // the first round only warms up
    }
  }
  for (const [name, values] of times) medians.set(name, median(values));
  return medians;
}

function toFrames(bytes: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const content = FRAME_SIZE - 12;
  for (let offset = 0; offset < bytes.length; offset += content) {
    const part = bytes.subarray(offset, offset + content);
    const frame = new Uint8Array(12 + part.length);
    frame.set(part, 12);
    frames.push(frame);
  }
  return frames;
}

interface Contestant {
  name: string;
  msgpack: Msgpack;
}

function speedTable(
  contestants: Contestant[],
  rounds: number,
  milliseconds: number,
): string {
  const rows: string[][] = [];
  const addRow = (title: string, actions: Map<string, () => unknown>) => {
    const times = alternate(actions, rounds, milliseconds);
    rows.push([
      title,
      ...contestants.map(({ name }) => digits(times.get(name) ?? NaN)),
    ]);
    console.log(rows.at(-1)?.join("  "));
  };
  for (const { name, value } of SAMPLES) {
    const encoders = new Map<string, () => unknown>();
    const decoders = new Map<string, () => unknown>();
    for (const contestant of contestants) {
      const { encode, decode } = contestant.msgpack;
      try {
        // Every library reads what our own codec wrote: the same bytes for all.
        const bytes = new Uint8Array(
          contestants[0]?.msgpack.encode(value) ?? [],
        );
        decode(bytes);
        decoders.set(contestant.name, () => decode(bytes));
        encode(value);
        encoders.set(contestant.name, () => encode(value));
      } catch (error) {
        console.log(`${contestant.name} cannot do "${name}": ${error}`);
      }
    }
    addRow(`${name}, encode`, encoders);
    addRow(`${name}, decode`, decoders);
  }
  const picture = {
    result: { width: 2048, height: 2048, data: new Uint8Array(16_000_000) },
  };
  addRow(
    "16 MB binary to frames",
    new Map(contestants.map(({ name, msgpack }) => [
      name,
      () =>
        msgpack.frames?.(picture, FRAME_SIZE) ??
          toFrames(msgpack.encode(picture)),
    ])),
  );
  return table(["µs", ...contestants.map(({ name }) => name)], rows);
}

async function ask(candidate: Candidate, probe: string): Promise<Finding> {
  const result = await run(Deno.execPath(), [
    "run",
    "--quiet",
    "--no-check",
    "--allow-read",
    "--unstable-unsafe-proto", // Deno alone has no Object.prototype.__proto__; browsers and Node do
    "--v8-flags=--disallow-code-generation-from-strings,--max-old-space-size=512",
    new URL("./_probe.ts", import.meta.url).pathname,
    candidate.bundlePath,
    probe,
  ], { timeout: 20_000 });
  if (result.code === 0) {
    const finding: Finding = JSON.parse(
      result.stdout.trim().split("\n").at(-1) ?? "",
    );
    return finding;
  }
  if (result.code === -1) return { outcome: "no answer in 20 s", fits: false };
  if (/out of memory|heap limit/i.test(result.stderr)) {
    return { outcome: "process dies: out of memory", fits: false };
  }
  return {
    outcome: `process dies: ${result.stderr.trim().split("\n")[0]}`,
    fits: false,
  };
}

async function worksInNode(candidate: Candidate): Promise<string> {
  const script = `import { decode, encode } from ${JSON.stringify(candidate.bundlePath)};
    const back = decode(encode({ a: [1, "x", null], b: Uint8Array.of(1, 2) }));
    if (back.a[1] !== "x" || back.b[1] !== 2) throw new Error("wrong value");`;
  const result = await run("node", ["--input-type=module", "--eval", script]);
  if (result.code !== 0) {
    console.log(`${candidate.library.name} in Node: ${result.stderr.trim()}`);
  }
  return result.code === 0 ? "yes" : "no";
}

async function lastRelease(library: Library): Promise<string> {
  if (library.package === undefined) return "this repository";
  const { name, version } = library.package;
  const result = await run("npm", ["view", name, "time", "--json"], {
    timeout: 30_000,
  });
  if (result.code !== 0) return `${version}, date unknown`;
  const times: Record<string, string> = JSON.parse(result.stdout);
  return `${version}, ${times[version]?.slice(0, 10) ?? "date unknown"}`;
}

async function main(): Promise<void> {
  const quick = Deno.args.includes("--quick");
  const packages = LIBRARIES.flatMap((library) => library.package ?? []);
  const folder = await installPackages(
    "bench-msgpack",
    Object.fromEntries([
      ...packages.map(({ name, version }) => [name, version]),
      ["esbuild", ESBUILD],
    ]),
  );
  const candidates = [];
  for (const library of LIBRARIES) {
    candidates.push(await prepare(folder, library));
  }
  const names = candidates.map(({ library }) => library.name);

  const findings: string[][] = [];
  for (const probe of Object.keys(PROBES)) {
    const row = [probe];
    for (const candidate of candidates) {
      const { outcome, fits } = await ask(candidate, probe);
      row.push(`${fits ? "✓" : "✗"} ${outcome.replaceAll("|", "/")}`);
    }
    findings.push(row);
    console.log(row.join("  "));
  }
  const asides: string[][] = [];
  for (const probe of Object.keys(ASIDES)) {
    const answers = await Promise.all(
      candidates.map((candidate) => ask(candidate, probe)),
    );
    asides.push([`(${probe})`, ...answers.map(({ outcome }) => outcome)]);
  }
  const fitting = candidates.map((_, index) =>
    `${findings.filter((row) => row[index + 1]?.startsWith("✓")).length} of ${findings.length}`
  );
  const safety = table(["", ...names], [
    ...findings,
    ["**fits**", ...fitting],
    ...asides,
  ], "left");

  const facts = table([
    "",
    "min",
    "min+gz",
    "Node",
    "Deno",
    "browser bundle",
    "last release",
  ], [
    ...await Promise.all(candidates.map(async (candidate) => [
      candidate.library.name,
      `${digits(candidate.minified / 1000)} kB`,
      `${digits(candidate.gzipped / 1000)} kB`,
      await worksInNode(candidate),
      "yes", // it was measured here
      "yes", // so was its browser bundle, without Node's globals
      await lastRelease(candidate.library),
    ])),
  ], "left");

  const contestants = candidates.flatMap((
    { library, msgpack, nodeEdition },
  ): Contestant[] => [
    { name: library.name, msgpack },
    ...nodeEdition ? [{ name: `${library.name} (Node's)`, msgpack: nodeEdition }] : [],
  ]);
  const speed = speedTable(contestants, quick ? 3 : 9, quick ? 20 : 100);

  for (const section of [safety, facts, speed]) console.log(`\n${section}`);
  if (Deno.args.includes("--write")) {
    await replaceSections({ safety, facts, speed });
    console.log("\ndocs/msgpack.md is written");
  }
}

/** Puts each table between its two marks in docs/msgpack.md and leaves the text around them alone. */
async function replaceSections(
  sections: Record<string, string>,
): Promise<void> {
  const path = `${ROOT}/docs/msgpack.md`;
  let page = await Deno.readTextFile(path);
  for (const [name, content] of Object.entries(sections)) {
    const start = `<!-- ${name} -->`;
    const end = `<!-- /${name} -->`;
    const from = page.indexOf(start);
    const to = page.indexOf(end);
    if (from < 0 || to < from) {
      throw new Error(`docs/msgpack.md has no marks ${start} … ${end}`);
    }
    page = `${page.slice(0, from + start.length)}\n\n${content}\n\n${page.slice(to)}`;
  }
  await Deno.writeTextFile(path, page);
}

await main();
