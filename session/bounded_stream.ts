import { defer, type Deferred } from "../protocol/deferred.ts";

/** Values for one reader with `for await`, of whom no more than a number wait. */
export class BoundedStream<T> implements AsyncIterableIterator<T, void, void> {
  #bound: number;
  readonly #onEnd: () => void;
  #values: T[] = [];
  #readers: Deferred<IteratorResult<T, void>>[] = [];
  #end: { readonly error?: unknown } | undefined;
  /** How many values were dropped, oldest first, because the reader was behind. */
  dropped = 0;

  /**
   * @param bound How many values may wait.
   * @param onEnd Called once, when the stream ends from either side.
   */
  constructor(bound: number, onEnd: () => void = () => {}) {
    this.#bound = bound;
    this.#onEnd = onEnd;
  }

  /** Hands a value on, or has it wait; returns the one that was dropped for it. */
  push(value: T): T | undefined {
    if (this.#end) return undefined;
    const reader = this.#readers.shift();
    if (reader) {
      reader.resolve({ done: false, value });
      return undefined;
    }
    this.#values.push(value);
    if (this.#values.length <= this.#bound) return undefined;
    this.dropped++;
    return this.#values.shift();
  }

  /** Lets more values wait, from now on. */
  widen(bound: number): void {
    this.#bound = Math.max(this.#bound, bound);
  }

  /** Ends the stream once what waits is read; with an error if there is one. */
  end(end: { readonly error?: unknown } = {}): void {
    if (this.#end) return;
    this.#end = end;
    const readers = this.#readers;
    this.#readers = [];
    for (const reader of readers) this.#finish(reader);
    this.#onEnd();
  }

  next(): Promise<IteratorResult<T, void>> {
    const [value] = this.#values;
    if (this.#values.length > 0 && value !== undefined) {
      this.#values.shift();
      return Promise.resolve({ done: false, value });
    }
    const reader = defer<IteratorResult<T, void>>();
    if (this.#end) this.#finish(reader);
    else this.#readers.push(reader);
    return reader.promise;
  }

  /** What `break` calls: what waits is forgotten. */
  return(): Promise<IteratorResult<T, void>> {
    this.#values = [];
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The first reader to see the end gets the error, later ones get the end. */
  #finish(reader: Deferred<IteratorResult<T, void>>): void {
    const end = this.#end;
    if (end && "error" in end) {
      this.#end = {};
      reader.reject(end.error);
    } else reader.resolve({ done: true, value: undefined });
  }
}
