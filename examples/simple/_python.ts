/**
 * Three things Python does in its own way, for the procedures that must answer
 * as their Python original does: integers are exact at any size, `True` counts
 * as 1, and most values have a length.
 *
 * @module
 */

/** A number as it comes off the wire: integers past 2^53 are bigints. */
export type Numeric = number | bigint;

/** Adds up numbers as Python's `+=` does, starting from 0. */
export function sum(values: readonly unknown[]): Numeric {
  return calculate(values, 0n, (a, b) => a + b, (a, b) => a + b);
}

/** Multiplies numbers as Python's `*=` does, starting from 1. */
export function product(values: readonly unknown[]): Numeric {
  return calculate(values, 1n, (a, b) => a * b, (a, b) => a * b);
}

/** The length of a value, as Python's `len()` counts it. */
export function length(value: unknown): number {
  if (value instanceof Uint8Array || Array.isArray(value)) return value.length;
  if (typeof value === "string") return [...value].length; // characters, not UTF-16 units
  if (typeof value === "object" && value !== null) return Object.keys(value).length;
  throw new TypeError(`Expected something with a length: received ${describe(value)}`);
}

/** Goes on in integers for as long as it meets nothing else, and in floats from there. */
function calculate(
  values: readonly unknown[],
  start: bigint,
  integers: (a: bigint, b: bigint) => bigint,
  floats: (a: number, b: number) => number,
): Numeric {
  let total: Numeric = start;
  for (const value of values) {
    const next = numeric(value);
    total = typeof total === "bigint" && typeof next === "bigint"
      ? integers(total, next)
      : floats(Number(total), Number(next));
  }
  return typeof total === "bigint" && isSafe(total) ? Number(total) : total;
}

/** Integers as bigints, everything else that counts as a number as it is. */
function numeric(value: unknown): Numeric {
  if (typeof value === "bigint") return value;
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (typeof value !== "number") {
    throw new TypeError(`Expected a number: received ${describe(value)}`);
  }
  return Number.isSafeInteger(value) ? BigInt(value) : value;
}

function isSafe(integer: bigint): boolean {
  return Number.isSafeInteger(Number(integer));
}

function describe(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "a list" : typeof value;
}
