import type { Random } from "./_random.ts";

/** One thing that was promised, and what came of it. */
export interface Figure {
  /** What was promised, with its bound. */
  readonly promise: string;
  /** What was measured. */
  readonly measured: string;
  /** Whether the promise was kept; absent where a figure is only printed. */
  readonly kept?: boolean;
}

/** What a promise's trial is given. */
export interface Trial {
  /** Whether it must end within seconds. */
  readonly quick: boolean;
  /** How long the soak takes, in minutes, if somebody said so. */
  readonly minutes: number | undefined;
  /** Its own numbers: the same ones for the same seed, whatever else runs. */
  readonly random: Random;
  /** Says how far it has come. */
  log(text: string): void;
}

/** Tries one promise, or several that need the same preparations. */
export type Try = (trial: Trial) => Promise<Figure[]>;

/**
 * The table of all figures, as Markdown.
 *
 * @param rows The figures, with the name of their trial.
 * @returns Its lines.
 */
export function table(rows: readonly (Figure & { readonly trial: string })[]): string {
  const cells = rows.map(({ trial, promise, measured, kept }) => [
    trial,
    promise,
    measured,
    kept === undefined ? "" : kept ? "kept" : "MISSED",
  ]);
  const all = [["trial", "promise", "measured", ""], ...cells];
  const widths = [0, 1, 2, 3].map((i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  const lines = all.map((row) =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`
  );
  lines.splice(1, 0, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`);
  return lines.join("\n");
}

/** A number of bytes for people. */
export function size(bytes: number): string {
  if (Math.abs(bytes) >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return Math.abs(bytes) >= 1e3 ? `${(bytes / 1e3).toFixed(1)} kB` : `${bytes} B`;
}

/** A number for people. */
export function count(number: number): string {
  return number.toLocaleString("en");
}
