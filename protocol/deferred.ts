/**
 * A promise that is settled from outside, as by `Promise.withResolvers()`,
 * which Node 20 lacks.
 *
 * @module
 */

/** A promise and what settles it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T | PromiseLike<T>) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Makes a promise to be settled later.
 *
 * @returns The promise and what settles it.
 */
export function defer<T>(): Deferred<T> {
  let resolve!: Deferred<T>["resolve"];
  let reject!: Deferred<T>["reject"];
  const promise = new Promise<T>((...settle) => [resolve, reject] = settle);
  return { promise, resolve, reject };
}
