import { LINES } from "./_lines.ts";
import { ratio, type Results } from "./_results.ts";
import { digits } from "./_stats.ts";

/** One thing that was to be reached. */
export interface Goal {
  /** What `_reasons.ts` calls it. */
  key: string;
  title: string;
  goal: string;
  measured: string;
  isMet: boolean;
}

/** The libraries that Hawser is compared with, as the tables call them. */
export const OTHERS: readonly (readonly [side: string, title: string])[] = [
  ["wslink", "wslink"],
  ["socket.io", "socket.io"],
  ["capnweb", "Cap'n Web"],
  ["trpc", "tRPC"],
  ["nats", "NATS"],
];

/**
 * Holds what was measured to what was to be reached.
 *
 * @param results What was measured.
 * @returns The goals whose lines were measured.
 */
export function goals(results: Results): Goal[] {
  const { lines, bundles } = results;
  const found: Goal[] = [];
  function add(
    key: string,
    title: string,
    value: number,
    sense: "≥" | "≤",
    limit: number,
    unit: string,
  ): void {
    if (!Number.isFinite(value)) return;
    found.push({
      key,
      title,
      goal: `${sense} ${digits(limit)} ${unit}`,
      measured: digits(value),
      isMet: sense === "≥" ? value >= limit : value <= limit,
    });
  }
  const rate = (line: string, side: string, other: string) =>
    ratio(lines[line]?.[side]?.rounds, lines[line]?.[other]?.rounds);
  const cpu = (line: string, side: string, other: string) =>
    ratio(lines[line]?.[side]?.cpuMicroseconds, lines[line]?.[other]?.cpuMicroseconds);
  const server = (key: string, line: string, title: string, limit: number) =>
    add(key, `server, ${title}`, rate(line, "hawser-raw", "raw"), "≥", limit, "× raw");

  const together = "64 calls in flight";
  add("peers-64", `both ends, ${together}`, rate("call-64", "hawser", "raw"), "≥", 2, "× raw");
  const batched = rate("call-64", "hawser-batch", "raw");
  add("batch-64", `server, ${together}, in batches`, batched, "≥", 2, "× raw");
  server("server-64", "call-64", `${together}, no batches`, 0.75);
  server("server-1", "call-1", "one call at a time", 0.85);
  server("connect", "connect", "connections with hello", 0.8);
  for (const size of ["1 MB", "16 MB"]) {
    for (const way of ["down", "up"]) {
      server(`server-${way}`, `${way}-${size.replace(" ", "")}`, `${size} ${way}`, 0.95);
    }
  }
  const published = rate("publish-64B", "hawser", "wslink");
  add("publish", "both ends, publish 64 B", published, "≥", 5, "× wslink");
  const small = "fan-out of 64 B";
  add("fanout", `both ends, ${small}`, rate("fanout-64B", "hawser", "wslink"), "≥", 5, "× wslink");
  const spent = cpu("fanout-64B", "hawser", "wslink");
  add("fanout-cpu", `server's CPU of ${small}`, spent, "≤", 1 / 5, "× wslink");
  const large = "server's CPU of fan-out of 200 kB";
  add("fanout-200", large, cpu("fanout", "hawser-raw", "raw"), "≤", 1.2, "× raw");
  add("fanout-200", large, cpu("fanout", "hawser-raw", "wslink-raw"), "≤", 1 / 3, "× wslink");
  add("idle", "memory of an idle connection", rate("idle", "hawser-raw", "raw"), "≤", 1.3, "× raw");
  add("client", "client, min+gz", (bundles.hawser?.gzipped ?? NaN) / 1000, "≤", 9, "kB");
  return found;
}

/** Where Hawser is ahead of another library, and where it isn't. */
export interface Standing {
  title: string;
  /** Lines measured, and those on which Hawser is at least as fast. */
  measured: number;
  ahead: number;
  /** The others, with Hawser's share of what the other one does. */
  behind: readonly (readonly [line: string, title: string, share: number])[];
}

/**
 * Compares Hawser on Deno with the others, line by line.
 *
 * @param results What was measured.
 * @returns What came of it, by library.
 */
export function standings({ lines, bundles }: Results): Standing[] {
  return OTHERS.map(([side, title]) => {
    const shares: [line: string, title: string, share: number][] = LINES.map((
      { name, title },
    ) => [name, title, ratio(lines[name]?.hawser?.rounds, lines[name]?.[side]?.rounds)]);
    const memory = ratio(
      lines.idle?.[side === "wslink" ? "wslink-raw" : side]?.rounds,
      lines.idle?.["hawser-raw"]?.rounds,
    );
    shares.push(["idle", "memory of an idle connection", memory]);
    const size = (bundles[side]?.gzipped ?? NaN) / (bundles.hawser?.gzipped ?? NaN);
    shares.push(["client", "size of the client", size]);
    const measured = shares.filter(([, , share]) => Number.isFinite(share));
    const behind = measured.filter(([, , share]) => share < 1);
    return { title, measured: measured.length, ahead: measured.length - behind.length, behind };
  }).filter(({ measured }) => measured > 0);
}
