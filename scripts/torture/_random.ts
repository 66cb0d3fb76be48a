/** Numbers that look random and are the same in every run with one seed (mulberry32). */
export class Random {
  #state: number;

  /** @param seed An integer of 32 bits. */
  constructor(seed: number) {
    this.#state = seed;
  }

  /** An integer of 32 bits. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** An integer from 0 up to, not including, `end`. */
  below(end: number): number {
    return this.next() % end;
  }

  /** An integer from `first` up to and including `last`. */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1);
  }

  /** One element of a list that has one. */
  pick<T>(list: readonly T[]): T {
    const item = list[this.below(list.length)];
    if (item === undefined) throw new RangeError("There is nothing to pick from");
    return item;
  }

  /** The list in another order. */
  shuffled<T>(list: readonly T[]): T[] {
    const shuffled = [...list];
    for (let i = shuffled.length - 1; i > 0; i--) {
      shuffled.push(...shuffled.splice(this.below(i + 1), 1));
    }
    return shuffled;
  }

  /** So many bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}
