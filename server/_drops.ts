/**
 * What a client is told of the publications that were dropped for it.
 */

/** So long drops are counted before the client is told, in ms. */
const COUNTED = 250;

/** How many topics a client is told of at a time; the rest of them is counted together. */
const MAX_TOPICS = 64;

/** What was dropped: topics, `*` for the rest of them, and how many publications of each. */
export type Drops = readonly (readonly [topic: string, count: number])[];

/** Counts what is dropped for one connection, and tells the client now and then. */
export class DropNotes {
  readonly #tell: (drops: Drops) => void;
  readonly #sent: () => number;
  #counts = new Map<string, number>();
  #sentBefore = -1;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Begins to count.
   *
   * @param tell Tells the client.
   * @param sent How many messages have gone to it. What it is told waits with the
   * others where it doesn't read, so it is told no more until something has gone.
   */
  constructor(tell: (drops: Drops) => void, sent: () => number) {
    this.#tell = tell;
    this.#sent = sent;
  }

  /**
   * A publication was dropped.
   *
   * @param topic Its topic.
   */
  add(topic: string): void {
    const name = this.#counts.size < MAX_TOPICS || this.#counts.has(topic) ? topic : "*";
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    this.#later();
  }

  /** Tells what was counted. */
  flush(): void {
    this.stop();
    if (this.#counts.size === 0) return;
    const drops = [...this.#counts];
    this.#counts = new Map();
    this.#sentBefore = this.#sent();
    this.#tell(drops);
  }

  /** Tells nothing any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #later(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#sent() !== this.#sentBefore) this.flush();
      else this.#later();
    }, COUNTED);
  }
}
