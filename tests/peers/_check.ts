/**
 * Assertions for the cases that run in Deno, in Node and in a browser alike, where no one
 * assertion library is at hand without a build.
 */

/** Named things to prove about a peer; each throws if it does not hold. */
export type Cases = Record<string, () => Promise<void>>;

/** How one case went. */
export interface Outcome {
  readonly name: string;
  /** Why it failed; absent if it passed. */
  readonly error?: string;
}

/**
 * Fails unless two values are the same, compared by their contents; numbers as `Object.is` does.
 *
 * @param actual What came.
 * @param expected What should have come.
 * @throws {Error} If they differ.
 */
export function equal(actual: unknown, expected: unknown): void {
  if (!same(actual, expected)) {
    throw new Error(`expected ${show(expected)}, received ${show(actual)}`);
  }
}

/**
 * Waits for a promise to reject.
 *
 * @param promise The promise.
 * @param check What the reason must look like.
 * @throws {Error} If it fulfils, or `check` throws.
 */
export async function fails(
  promise: Promise<unknown>,
  check: (reason: unknown) => void,
): Promise<void> {
  let reason: unknown;
  try {
    await promise;
  } catch (caught) {
    reason = caught;
    check(reason);
    return;
  }
  throw new Error("expected a rejection");
}

/**
 * Bytes that count up from 0 to 255 and start over, so that a shifted copy shows.
 *
 * @param size How many.
 * @returns The bytes.
 */
export function pattern(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let index = 0; index < size; index++) bytes[index] = index;
  return bytes;
}

/**
 * Runs cases one after the other and keeps going past those that fail.
 *
 * @param cases The cases.
 * @returns How each went.
 */
export async function runAll(cases: Cases): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [name, run] of Object.entries(cases)) {
    try {
      await run();
      outcomes.push({ name });
    } catch (error) {
      outcomes.push({ name, error: describe(error) });
    }
  }
  return outcomes;
}

function describe(error: unknown): string {
  if (error instanceof Error) return error.stack ?? String(error);
  return show(error);
}

function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Object.prototype.toString.call(a) !== Object.prototype.toString.call(b)) return false;
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return a.length === b.length && a.every((byte, index) => byte === b[index]);
  }
  const entries = Object.entries(a);
  const others = new Map(Object.entries(b));
  return entries.length === others.size &&
    entries.every(([key, value]) => others.has(key) && same(value, others.get(key)));
}

function show(value: unknown): string {
  if (value instanceof Error) return String(value);
  if (value instanceof Uint8Array) return `${value.length} bytes [${value.subarray(0, 8)} …]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).slice(0, 8);
    return `{ ${entries.map(([key, item]) => `${key}: ${show(item)}`).join(", ")} }`;
  }
  return typeof value === "string" ? `"${value.slice(0, 200)}"` : String(value);
}
