import type { BundleSize } from "./_sides.ts";
import { median } from "./_stats.ts";

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
  sides: { name: string; title: string; skips?: Readonly<Record<string, string>> }[];
  /** By line, then by side. */
  lines: Record<string, Record<string, SideResults>>;
  /** The sizes of the clients, in bytes. */
  bundles: Record<string, BundleSize>;
  /** What did not run to its end. */
  failures: Failure[];
}

/** A side that failed on a line. */
export interface Failure {
  side: string;
  line: string;
  reason: string;
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
export function middle(values: readonly number[] | undefined): number {
  return values === undefined || values.length === 0 ? NaN : median(values);
}

/** The median of the ratios of rounds that were measured one right after the other. */
export function ratio(over: readonly number[] = [], under: readonly number[] = []): number {
  return middle(over.map((value, round) => value / (under[round] ?? NaN)).filter(Number.isFinite));
}
