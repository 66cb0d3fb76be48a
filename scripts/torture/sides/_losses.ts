// What every stack's client counts, whatever it is made of.
import { obey } from "./_obey.ts";

/** One client, reduced to what is counted. */
export interface Subject {
  /** Calls a procedure that counts how often it was run with a number. */
  call(number: number): Promise<unknown>;
}

/** What came of the publications, which are numbered from 1. */
export class Heard {
  distinct = 0;
  twice = 0;
  disorder = 0;
  last = 0;
  readonly #seen = new Set<number>();

  take(value: unknown): void {
    if (typeof value !== "number") throw new TypeError(`heard ${value}`);
    if (this.#seen.has(value)) {
      this.twice++;
      return;
    }
    this.#seen.add(value);
    this.distinct++;
    if (value < this.last) this.disorder++;
    this.last = Math.max(this.last, value);
  }
}

/**
 * Obeys as every stack's client does.
 *
 * @param subject The client.
 * @param heard What it hears.
 */
export function obeyAsClient(subject: Subject, heard: Heard): void {
  const ends = { made: 0, answered: 0, rejected: 0 };
  let working = true;
  async function work(pause: number): Promise<void> {
    while (working) {
      const number = ends.made++;
      try {
        if (await subject.call(number) === number) ends.answered++;
        else ends.rejected++;
      } catch {
        ends.rejected++;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  obey({}, {
    // One that hangs must not keep the others from being made.
    start: (atOnce: number, pause: number) => {
      for (let i = 0; i < atOnce; i++) work(pause);
    },
    stop: () => {
      working = false;
    },
    status: () => ({
      ...ends,
      distinct: heard.distinct,
      twice: heard.twice,
      disorder: heard.disorder,
    }),
  });
}
