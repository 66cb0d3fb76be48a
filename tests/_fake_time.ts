/** The real ones, also after a test that never came to its end. */
const { setTimeout, clearTimeout } = globalThis;
const { now } = Date;

/** Takes the place of the global timers and of Date.now() while it lives: time passes when a test says so. */
export class FakeTime implements Disposable {
  readonly #timers = new Map<unknown, { readonly due: number; readonly callback: () => void }>();
  #now = 0;
  /** Negative, so that no real timer is ever taken for one of these. */
  #last = 0;

  constructor() {
    const start = now();
    Reflect.set(Date, "now", () => start + this.#now);
    Reflect.set(globalThis, "setTimeout", (callback: () => void, ms = 0) => {
      // What every runtime does with a delay that is no 32-bit number.
      const delay = ms >= 0 && ms < 2 ** 31 ? ms : 1;
      this.#timers.set(--this.#last, { due: this.#now + delay, callback });
      return this.#last;
    });
    Reflect.set(globalThis, "clearTimeout", (id?: ReturnType<typeof setTimeout>) => {
      if (!this.#timers.delete(id)) clearTimeout(id);
    });
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /** When the next timer is due, in ms from now; `undefined` if none is set. */
  get next(): number | undefined {
    const first = this.#first();
    return first && first[1].due - this.#now;
  }

  /** Lets promises settle, without time passing. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  /** Lets time pass: timers fire in their order, and promises settle after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.settle();
    for (let first = this.#first(); first && first[1].due <= end; first = this.#first()) {
      const [id, { due, callback }] = first;
      this.#timers.delete(id);
      this.#now = due;
      callback();
      await this.settle();
    }
    this.#now = end;
  }

  /** Gives the real timers back. */
  [Symbol.dispose](): void {
    Object.assign(globalThis, { setTimeout, clearTimeout });
    Reflect.set(Date, "now", now);
  }

  #first() {
    return [...this.#timers].sort(([, a], [, b]) => a.due - b.due)[0];
  }
}
