// Holds a subscriber of a history to every one of its offsets: it comes once, or is in a gap that
// was told.
import type { Gap } from "@hawser/hawser/client";

/** One subscriber of a topic whose publications are their own offsets: 1, 2, 3 and so on. */
export class Reading {
  /** How many values came. */
  came = 0;
  /** Values that had come before. */
  twice = 0;
  /** Values that came behind a later one, and weren't those that come twice. */
  disorder = 0;
  /** How many are missing without a word. */
  silent = 0;
  /** Gaps within one run of the server, and how many values they say are missing. */
  gaps = 0;
  told = 0;
  /** Gaps that say that the server is another one. */
  restarts = 0;
  /** Gaps whose offsets aren't those between which something is missing. */
  wrong = 0;
  /** What came last, in this run of the server; `undefined` before anything has. */
  last: number | undefined;
  readonly #seen = new Set<number>();
  #epoch: string | undefined;
  /** What has to come next, behind a gap. */
  #next: number | undefined;

  /** A value has come. */
  take(value: unknown): void {
    if (typeof value !== "number") throw new TypeError(`heard ${value}`);
    this.came++;
    if (this.#seen.has(value)) {
      this.twice++;
      return;
    }
    this.#seen.add(value);
    const { last } = this;
    if (last !== undefined && value < last) this.disorder++;
    else {
      const next = this.#next ?? (last === undefined ? value : last + 1);
      if (value > next) this.silent += value - next;
      if (value < next) this.wrong++;
      this.last = value;
    }
    this.#next = undefined;
  }

  /** It was told of a gap. */
  miss({ from, to }: Gap): void {
    // One gap right behind another one is a gap from where that one ended.
    const place = this.#next === undefined ? this.last : this.#next - 1;
    if (place !== undefined && from.offset !== place) this.wrong++;
    if (this.#epoch !== undefined && from.epoch !== this.#epoch) this.wrong++;
    this.#epoch = to.epoch;
    this.#next = to.offset + 1;
    if (from.epoch === to.epoch) {
      this.gaps++;
      this.told += to.offset - from.offset;
      if (to.offset <= from.offset) this.wrong++;
      return;
    }
    this.restarts++;
    this.last = undefined;
    this.#seen.clear();
  }
}

/** What came of several subscribers together. */
export function sumOf(all: readonly Reading[]): Record<string, number> {
  const sum = (of: (reading: Reading) => number) =>
    all.reduce((total, reading) => total + of(reading), 0);
  return {
    came: sum(({ came }) => came),
    twice: sum(({ twice }) => twice),
    disorder: sum(({ disorder }) => disorder),
    silent: sum(({ silent }) => silent),
    gaps: sum(({ gaps }) => gaps),
    told: sum(({ told }) => told),
    wrong: sum(({ wrong }) => wrong),
    last: Math.min(...all.map(({ last = 0 }) => last)),
    leastRestarts: Math.min(...all.map(({ restarts }) => restarts)),
    mostRestarts: Math.max(...all.map(({ restarts }) => restarts)),
  };
}
