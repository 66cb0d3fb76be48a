import { LINES } from "./_lines.ts";
import type { BundleSize } from "./_sides.ts";
import { digits, median, table } from "./_stats.ts";

/** One side's numbers on one line. */
export interface SideResults {
  /** One number a round: units of the line a second; for `idle` bytes a connection. */
  rounds: number[];
  /** The server's processor time for each call or message, in microseconds, one number a round. */
  cpuMicroseconds: number[];
}

/** Everything one run found. */
export interface Results {
  /** What it ran on. */
  machine: Record<string, string>;
  /** The versions of what was compared. */
  versions: Record<string, string>;
  /** How long and how often it was measured. */
  effort: Record<string, number>;
  /** The sides, with what they are called. */
  sides: { name: string; title: string }[];
  /** By line, then by side. */
  lines: Record<string, Record<string, SideResults>>;
  /** The sizes of the clients, in bytes. */
  bundles: Record<string, BundleSize>;
}

/**
 * @returns What the machine is.
 */
export function machine(): Record<string, string> {
  const model = /^model name\s*: (.*)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1];
  return {
    processor: model ?? Deno.build.arch,
    cores: String(navigator.hardwareConcurrency),
    memory: `${Math.round(Deno.systemMemoryInfo().total / 1e9)} GB`,
    system: `${Deno.build.os} ${Deno.osRelease()}`,
    "load before": Deno.loadavg()[0]?.toFixed(2) ?? "",
  };
}

/** The median of one side's rounds. */
function middle(values: readonly number[] | undefined): number {
  return values === undefined || values.length === 0 ? NaN : median(values);
}

/** The median of the ratios of rounds that were measured one right after the other. */
function ratio(over: readonly number[] = [], under: readonly number[] = []): number {
  return middle(over.map((value, round) => value / (under[round] ?? NaN)).filter(Number.isFinite));
}

/** One thing that was to be reached. */
interface Goal {
  title: string;
  goal: string;
  measured: string;
  isMet: boolean;
}

function goals(results: Results): Goal[] {
  const { lines, bundles } = results;
  const found: Goal[] = [];
  const add = (title: string, value: number, limit: number, sense: "≥" | "≤", unit: string) => {
    if (!Number.isFinite(value)) return;
    found.push({
      title,
      goal: `${sense} ${digits(limit)} ${unit}`,
      measured: digits(value),
      isMet: sense === "≥" ? value >= limit : value <= limit,
    });
  };
  const rates = (line: string, side: string) => lines[line]?.[side]?.rounds;
  const cpu = (line: string, side: string) => lines[line]?.[side]?.cpuMicroseconds;
  const server = (line: string, title: string, limit: number) =>
    add(title, ratio(rates(line, "hawser-raw"), rates(line, "raw")), limit, "≥", "× raw");
  server("call-1", "server, one call at a time", 0.8);
  server("call-64", "server, 64 calls in flight", 0.6);
  server("down-1MB", "server, 1 MB down", 0.9);
  server("up-1MB", "server, 1 MB up", 0.9);
  const fanout = cpu("fanout", "hawser-raw");
  add("fan-out, CPU of a delivery", ratio(fanout, cpu("fanout", "raw")), 1.2, "≤", "× raw");
  add(
    "fan-out, CPU of a delivery",
    ratio(fanout, cpu("fanout", "wslink-raw")),
    1 / 3,
    "≤",
    "× wslink",
  );
  const idle = ratio(rates("idle", "hawser-raw"), rates("idle", "raw"));
  add("memory of an idle connection", idle, 1.5, "≤", "× raw");
  add("client, min+gz", (bundles.hawser?.gzipped ?? NaN) / 1000, 9, "≤", "kB");
  for (const { name, title } of LINES) {
    for (const other of ["wslink", "socket.io"]) {
      add(title, ratio(rates(name, "hawser"), rates(name, other)), 1, "≥", `× ${other}`);
    }
  }
  for (const [side, other] of [["wslink-raw", "wslink"], ["socket.io", "socket.io"]] as const) {
    const memory = ratio(rates("idle", "hawser-raw"), rates("idle", side));
    add("memory of an idle connection", memory, 1, "≤", `× ${other}`);
  }
  for (const other of ["wslink", "socket.io"]) {
    const size = (bundles.hawser?.gzipped ?? NaN) / (bundles[other]?.gzipped ?? NaN);
    add("client, min+gz", size, 1, "≤", `× ${other}`);
  }
  return found;
}

/**
 * @param results What was measured.
 * @returns The page with all tables.
 */
export function markdown(results: Results): string {
  const { lines, bundles } = results;
  const times = (value: number) => Number.isFinite(value) ? `${digits(value)} ×` : "–";
  const rates = (line: string, side: string) => lines[line]?.[side]?.rounds;
  const measured = LINES.filter(({ name }) => name in lines);
  const rows = measured.map(({ name, title, unit }) => [
    title,
    unit,
    ...["hawser", "wslink", "socket.io"].map((side) => digits(middle(rates(name, side)))),
    ...["wslink", "socket.io"].map((side) =>
      times(ratio(rates(name, "hawser"), rates(name, side)))
    ),
  ]);
  const serverRows = measured.map(({ name, title, unit }) => [
    title,
    unit,
    ...["raw", "hawser-raw", "wslink-raw"].map((side) => digits(middle(rates(name, side)))),
    ...["hawser-raw", "wslink-raw"].map((side) =>
      times(ratio(rates(name, side), rates(name, "raw")))
    ),
  ]);
  const runtimeRows = measured.map(({ name, title, unit }) => [
    title,
    unit,
    ...["raw", "hawser-raw", "node-raw", "node-hawser-raw", "bun-raw", "bun-hawser-raw"]
      .map((side) => digits(middle(rates(name, side)))),
    ...["", "node-", "bun-"].map((runtime) =>
      times(ratio(rates(name, `${runtime}hawser-raw`), rates(name, `${runtime}raw`)))
    ),
  ]);
  const cpuRows = measured.map(({ name, title }) => [
    title,
    ...["raw", "hawser-raw", "wslink-raw", "socket.io"].map((side) =>
      digits(middle(lines[name]?.[side]?.cpuMicroseconds))
    ),
  ]);
  const idleRow = ["raw", "hawser-raw", "wslink-raw", "socket.io"].map((side) =>
    digits(middle(rates("idle", side)) / 1000)
  );
  const describe = (entries: Record<string, string>) =>
    Object.entries(entries).map(([name, value]) => `${name} ${value}`).join(", ");
  const { rounds = 0, milliseconds = 0, idleRounds = 0, idleConnections = 0 } = results.effort;

  const sections = [
    "# Benchmark",
    "Written by `deno task bench`, which measures all sides in one run: they take turns round by round, " +
    `each with a server and a client process of its own, and the numbers are medians of ${rounds} ` +
    `rounds of ${milliseconds} ms after a warm-up. A ratio is the median of the rounds' ratios. Absolute ` +
    "numbers are those of this machine; ratios travel better.",
    `Machine: ${describe(results.machine)}. Versions: ${describe(results.versions)}.`,
  ];
  if (rows.length > 0) {
    sections.push(
      "## Library to library",
      "Hawser's server and client on Deno; wslink's Python server with its JavaScript client on Deno; " +
        "socket.io on Node over WebSocket alone. More is better.",
      table(["", "", "Hawser", "wslink", "socket.io", "to wslink", "to socket.io"], rows),
      "## The server alone",
      "The same load client for all three: it sends frames that were encoded beforehand and only counts " +
        "what comes back. Raw is a bare `Deno.serve` WebSocket that moves the same frames and understands " +
        "nothing: the limit. More is better.",
      table(["", "", "raw", "Hawser", "wslink", "Hawser to raw", "wslink to raw"], serverRows),
      "## The server on each runtime",
      "The same load client again, and Hawser's server on Deno, Node and Bun, each beside what its runtime " +
        "does when it understands nothing: `Deno.serve`, the package `ws`, `Bun.serve`. More is better.",
      table(
        [
          ...["", "", "raw Deno", "Hawser", "raw ws", "Hawser", "raw Bun", "Hawser"],
          ...["on Deno", "on Node", "on Bun"],
        ],
        runtimeRows,
      ),
      "## Processor time",
      "Processor time of the server process (user and system, all threads) for each call or message, " +
        "in microseconds. Less is better.",
      table(["µs", "raw", "Hawser", "wslink", "socket.io"], cpuRows),
    );
  }
  if ("idle" in lines) {
    sections.push(
      "## An idle connection",
      `Growth of the server's resident memory by ${idleConnections} connections that said hello and do ` +
        `nothing, for each; medians of ${idleRounds} fresh servers.`,
      table(["", "raw", "Hawser", "wslink", "socket.io"], [["kB", ...idleRow]]),
    );
  }
  if (Object.keys(bundles).length > 0) {
    sections.push(
      "## The client in a browser",
      "What an application loads to connect, bundled by esbuild with its dependencies.",
      table(
        ["", "min", "min+gz"],
        Object.entries(bundles).map(([name, { minified, gzipped }]) => [
          name === "hawser" ? "Hawser" : name,
          `${digits(minified / 1000)} kB`,
          `${digits(gzipped / 1000)} kB`,
        ]),
      ),
    );
  }
  const goalRows = goals(results).map(({ title, goal, measured, isMet }) => [
    title,
    goal,
    measured,
    isMet ? "met" : "**missed**",
  ]);
  if (goalRows.length > 0) {
    sections.push("## Goals", table(["", "goal", "measured", ""], goalRows));
  }
  return `${sections.join("\n\n")}\n`;
}

/** A bar's position on the logarithmic scale from 1/1000 of the limit to twice the limit. */
const SCALE = { from: 0.002, to: 2, left: 190, right: 640 };

function x(share: number): number {
  const { from, to, left, right } = SCALE;
  const clamped = Math.min(Math.max(share, from), to);
  return left + (right - left) * Math.log(clamped / from) / Math.log(to / from);
}

/**
 * Draws how much of the raw limit each library reaches on each line.
 *
 * @param results What was measured.
 * @returns The picture, as SVG that reads well on light and on dark pages.
 */
export function chart(results: Results): string {
  const { lines } = results;
  const series = [
    { side: "hawser", name: "Hawser", class: "hawser" },
    { side: "wslink", name: "wslink", class: "wslink" },
    { side: "socket.io", name: "socket.io", class: "socketio" },
  ];
  interface Bar {
    share: number;
    class: string;
  }
  const groups: { title: string; bars: Bar[] }[] = LINES.filter(({ name }) => name in lines)
    .map(({ name, title }) => ({
      title,
      bars: series.map(({ side, class: name_ }) => ({
        share: ratio(lines[name]?.[side]?.rounds, lines[name]?.raw?.rounds),
        class: name_,
      })),
    }));
  const fanout = lines.fanout;
  const idle = lines.idle;
  const inverse = (title: string, values: (side: string) => number[] | undefined) => {
    groups.push({
      title,
      bars: [["hawser-raw", "hawser"], ["wslink-raw", "wslink"], ["socket.io", "socketio"]]
        .map(([side = "", name = ""]) => ({
          share: ratio(values("raw"), values(side)),
          class: name,
        })),
    });
  };
  if (fanout) inverse("fan-out, CPU *", (side) => fanout[side]?.cpuMicroseconds);
  if (idle) inverse("idle memory *", (side) => idle[side]?.rounds);

  const top = 58;
  const barHeight = 9;
  const step = 3 * (barHeight + 2) + 12;
  const height = top + groups.length * step + 34;
  const body: string[] = [];
  series.forEach(({ name, class: className }, index) => {
    const left = SCALE.left + index * 95;
    body.push(
      `<rect class="${className}" x="${left}" y="14" width="12" height="12" rx="2"/>`,
      `<text x="${left + 18}" y="24">${name}</text>`,
    );
  });
  for (const tick of [0.002, 0.01, 0.05, 0.1, 0.5, 1, 2]) {
    const at = x(tick).toFixed(1);
    const className = tick === 1 ? "limit" : "grid";
    body.push(
      `<line class="${className}" x1="${at}" y1="${top - 8}" x2="${at}" y2="${height - 30}"/>`,
      `<text class="tick" x="${at}" y="${top - 13}">${tick === 1 ? "raw" : tick}</text>`,
    );
  }
  groups.forEach(({ title, bars }, group) => {
    const y = top + group * step;
    body.push(`<text class="line" x="${SCALE.left - 10}" y="${y + 21}">${title}</text>`);
    bars.forEach(({ share, class: className }, index) => {
      if (!Number.isFinite(share)) return;
      const barTop = y + index * (barHeight + 2);
      const end = x(share);
      const width = (end - SCALE.left).toFixed(1);
      body.push(
        `<rect class="${className}" x="${SCALE.left}" y="${barTop}" width="${width}" height="${barHeight}" rx="2"/>`,
        `<text class="value" x="${(end + 5).toFixed(1)}" y="${barTop + 8}">${
          share.toPrecision(2)
        }</text>`,
      );
    });
  });
  body.push(
    `<text class="note" x="${SCALE.left}" y="${height - 10}">` +
      "Share of what a bare WebSocket does, logarithmic; longer is better. * as raw’s cost / its cost</text>",
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 ${height}" role="img" aria-label="Speed of Hawser, wslink and socket.io as a share of a bare WebSocket">
<style>
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.line { text-anchor: end; }
.tick, .note, .value { font-size: 10px; fill: #57606a; }
.tick { text-anchor: middle; }
.grid { stroke: #d0d7de; stroke-width: 1; }
.limit { stroke: #57606a; stroke-width: 1.5; stroke-dasharray: 4 3; }
.hawser { fill: #0a7ea4; }
.wslink { fill: #d9822b; }
.socketio { fill: #8c959f; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .tick, .note, .value { fill: #9198a1; }
  .grid { stroke: #3d444d; }
  .limit { stroke: #9198a1; }
  .hawser { fill: #3bb3d9; }
  .wslink { fill: #e59a4e; }
  .socketio { fill: #768390; }
}
</style>
${body.join("\n")}
</svg>
`;
}
