/**
 * Stands in for `@std/assert` where JSR can't be reached: the same names and signatures over
 * `node:assert/strict`.
 *
 * Where the two differ this one is the stricter: `0` and `-0`, and an object with and one without
 * a prototype, are equal there but not here. So a test that passes here passes there too.
 *
 * @module
 */

// The long names: in Deno 2.9 even the strict module's `notDeepEqual` takes 1 for 1n.
import { AssertionError, deepStrictEqual, doesNotMatch, match } from "node:assert/strict";
import { notDeepStrictEqual, notStrictEqual, strictEqual } from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";

export { AssertionError };

// A tuple of `never` takes every constructor, whatever its parameters.
type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;

function check(holds: boolean, problem: string, message: string | undefined): asserts holds {
  if (holds) return;
  const suffix = message === undefined ? "." : `: ${message}`;
  throw new AssertionError({ message: `${problem}${suffix}` });
}

function show(value: unknown): string {
  return Deno.inspect(value, { depth: 3 });
}

/** Asserts that a value is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError({ message: msg });
}

/** Asserts that a value is falsy. */
export function assertFalse<T>(expr: T, msg?: string): asserts expr is T & (false | 0 | "" | null) {
  check(!expr, `Expected ${show(expr)} to be falsy`, msg);
}

/** Asserts that two values are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (msg === undefined) deepStrictEqual(actual, expected);
  else deepStrictEqual(actual, expected, msg);
}

/** Asserts that two values are not deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (msg === undefined) notDeepStrictEqual(actual, expected);
  else notDeepStrictEqual(actual, expected, msg);
}

/** Asserts that two values are the same, as `Object.is` sees it. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (msg === undefined) strictEqual(actual, expected);
  else strictEqual(actual, expected, msg);
}

/** Asserts that two values are not the same, as `Object.is` sees it. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (msg === undefined) notStrictEqual(actual, expected);
  else notStrictEqual(actual, expected, msg);
}

/** Asserts that two numbers differ by no more than the tolerance. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const bound = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  const holds = Math.abs(expected - actual) <= bound;
  check(holds, `Expected ${actual} to be within ${bound} of ${expected}`, msg);
}

/** Asserts that a value is neither `null` nor `undefined`. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  const holds = actual !== undefined && actual !== null;
  check(holds, `Expected ${show(actual)} to be neither null nor undefined`, msg);
}

/** Asserts that a value is an instance of a class. */
export function assertInstanceOf<T>(
  actual: unknown,
  expectedType: abstract new (...args: never[]) => T,
  msg?: string,
): asserts actual is T {
  const holds = actual instanceof expectedType;
  check(holds, `Expected ${show(actual)} to be an instance of ${expectedType.name}`, msg);
}

/** Asserts that a value is no instance of a class. */
export function assertNotInstanceOf<A, T>(
  actual: A,
  unexpectedType: abstract new (...args: never[]) => T,
  msg?: string,
): asserts actual is Exclude<A, T> {
  const holds = !(actual instanceof unexpectedType);
  check(holds, `Expected ${show(actual)} to be no instance of ${unexpectedType.name}`, msg);
}

/** Asserts that a text contains another. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  check(actual.includes(expected), `Expected ${show(actual)} to contain ${show(expected)}`, msg);
}

/** Asserts that a list contains every one of some values, compared deeply. */
export function assertArrayIncludes<T>(
  actual: ArrayLike<T>,
  expected: ArrayLike<T>,
  msg?: string,
): void {
  const all = Array.from(actual);
  const missing = Array.from(expected).filter((e) => !all.some((a) => isDeepStrictEqual(a, e)));
  check(missing.length === 0, `Expected ${show(actual)} to include ${show(missing)}`, msg);
}

/** Asserts that a text matches a pattern. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (msg === undefined) match(actual, expected);
  else match(actual, expected, msg);
}

/** Asserts that a text does not match a pattern. */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void {
  if (msg === undefined) doesNotMatch(actual, expected);
  else doesNotMatch(actual, expected, msg);
}

/** Asserts that one value is greater than another. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  check(actual > expected, `Expected ${show(actual)} > ${show(expected)}`, msg);
}

/** Asserts that one value is greater than another or equal to it. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  check(actual >= expected, `Expected ${show(actual)} >= ${show(expected)}`, msg);
}

/** Asserts that one value is less than another. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  check(actual < expected, `Expected ${show(actual)} < ${show(expected)}`, msg);
}

/** Asserts that one value is less than another or equal to it. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  check(actual <= expected, `Expected ${show(actual)} <= ${show(expected)}`, msg);
}

/** Asserts that a value is an error, of a class and with a message if they are given. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: ErrorClass<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  check(error instanceof Error, `Expected an Error, received ${show(error)}`, msg);
  if (ErrorClass !== undefined) {
    const holds = error instanceof ErrorClass;
    check(holds, `Expected ${ErrorClass.name}, received ${show(error)}`, msg);
  }
  if (msgMatches === undefined) return;
  const holds = typeof msgMatches === "string"
    ? error.message.includes(msgMatches)
    : msgMatches.test(error.message);
  check(holds, `Expected a message with ${show(msgMatches)}, received ${show(error.message)}`, msg);
}

/** Asserts that a function throws. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Asserts that a function throws an error of a class, with a message that contains a text. */
export function assertThrows<E extends Error>(
  fn: () => unknown,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  classOrMsg?: ErrorClass<Error> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const message = typeof classOrMsg === "string" ? classOrMsg : msg;
  let error: unknown;
  try {
    fn();
  } catch (thrown) {
    error = thrown;
    if (typeof classOrMsg === "function") assertIsError(error, classOrMsg, msgIncludes, message);
    return error;
  }
  fail(message ?? "Expected function to throw");
}

/** Asserts that a function's promise rejects. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Asserts that a function's promise rejects with an error of a class and with a message. */
export function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: ErrorClass<Error> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const message = typeof classOrMsg === "string" ? classOrMsg : msg;
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (error) {
    throw new AssertionError({ message: `Function throws when expected to reject: ${error}` });
  }
  try {
    await promise;
  } catch (error) {
    if (typeof classOrMsg === "function") assertIsError(error, classOrMsg, msgIncludes, message);
    return error;
  }
  fail(message ?? "Expected function to reject");
}

/** Fails. */
export function fail(msg?: string): never {
  throw new AssertionError({ message: msg === undefined ? "Failed assertion" : msg });
}

/** Fails because this place must never be reached. */
export function unreachable(msg?: string): never {
  throw new AssertionError({ message: msg ?? "Unreachable" });
}
