import type { Random } from "./_random.ts";

/** One thing that was promised, and what came of it. */
export interface Figure {
  /** What was promised, with its bound. */
  readonly promise: string;
  /** What was measured. */
  readonly measured: string;
  /** Whether the promise was kept; absent where a figure is only printed. */
  readonly kept?: boolean;
  /** Whose figure it is, and of what, where several are compared. */
  readonly of?: readonly [who: string, what: string];
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
  const lines = rows.map(({ trial, promise, measured, kept }) => [
    trial,
    promise,
    measured,
    kept === undefined ? "" : kept ? "kept" : "MISSED",
  ]);
  return format([["trial", "promise", "measured", ""], ...lines]);
}

/**
 * The table of what is compared: a line for each, and a column for each thing.
 *
 * @param rows The figures that say whose they are.
 * @returns Its lines.
 */
export function comparison(rows: readonly Figure[]): string {
  const found = rows.flatMap(({ of, measured }) => of ? [{ of, measured }] : []);
  const whats = [...new Set(found.map(({ of: [, what] }) => what))];
  const lines = [...new Set(found.map(({ of: [who] }) => who))].map((who) => [
    who,
    ...whats.map((what) => found.find(({ of }) => of[0] === who && of[1] === what)?.measured ?? ""),
  ]);
  return format([["who", ...whats], ...lines]);
}

/** A table whose first row is its head. */
function format(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    `| ${widths.map((width, i) => (row[i] ?? "").padEnd(width)).join(" | ")} |`
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
