/**
 * Which values can be sent: one rule for both wires.
 *
 * | value | on the wire |
 * | --- | --- |
 * | null, boolean, number, string, list, plain object | itself |
 * | `undefined` | left out of a map, `null` in a list |
 * | `bigint` within 64 bits | an integer |
 * | `ArrayBuffer`, typed array, `DataView` | binary: its bytes as they lie in memory |
 * | `Date` | as wslink's own clients send it: a timestamp (2.x), an ISO string (1.x) |
 * | anything else | refused with a {@linkcode SerializeError} |
 */
import { ProtocolError, SerializeError } from "./errors.ts";

const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n - 1n;

/** Whether an integer fits msgpack's 64 bits. Both wires have the same bound, so that one value fits both. */
export function fitsInt64(value: bigint): boolean {
  return value >= MIN_INT64 && value <= MAX_UINT64;
}

/** A view of a binary value's bytes, or `undefined` if the object isn't binary. */
export function asBytes(value: object): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  return value instanceof ArrayBuffer ? new Uint8Array(value) : undefined;
}

/** Whether an object is sent as a map of its own enumerable properties. */
export function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype ||
    // A plain object of another realm (an iframe, node:vm) has a root prototype of its own.
    (Object.getPrototypeOf(prototype) === null &&
      Object.hasOwn(prototype, "isPrototypeOf"));
}

/** The same limit on both wires. */
export function tooManyValues(limit: number): ProtocolError {
  return new ProtocolError("too-large", `A message has more than ${limit} values`, {
    limit: "values",
  });
}

/** The same limit on both wires. */
export function tooManyKeys(count: number, limit: number): ProtocolError {
  return new ProtocolError("too-large", `A map has ${count} keys, at most ${limit} are allowed`, {
    limit: "keys",
  });
}

/** What an encoder throws where it stands; the path is looked up afterwards, so that the fast path keeps none. */
export class Unsendable extends Error {}

/**
 * Runs an encoder, and turns its {@linkcode Unsendable} into an error that
 * names the value's path.
 */
export function withPath<T>(
  root: Record<string, unknown>,
  depth: number,
  encode: () => T,
): T {
  try {
    return encode();
  } catch (error) {
    // A getter or a proxy of the caller's may throw as well: its error is the cause.
    const found = find(root, "", depth, new Set());
    const { path, reason } = found ?? { path: "the message", reason: `writing it threw ${error}` };
    throw new SerializeError(path, reason, { cause: error });
  }
}

interface Found {
  readonly path: string;
  readonly reason: string;
}

function find(
  value: unknown,
  path: string,
  depth: number,
  above: Set<object>,
): Found | undefined {
  switch (typeof value) {
    case "bigint":
      return fitsInt64(value) ? undefined : { path, reason: "an integer of more than 64 bits" };
    case "function":
    case "symbol":
      return { path, reason: `a ${typeof value} can't be sent` };
    case "object":
      break;
    default:
      return undefined;
  }
  if (value === null || value instanceof Date || asBytes(value)) {
    return value instanceof Date && Number.isNaN(value.getTime())
      ? { path, reason: "an invalid Date" }
      : undefined;
  }
  if (above.has(value)) return { path, reason: "the value contains itself" };
  if (depth === 0) return { path, reason: "nested too deep" };
  const isList = Array.isArray(value);
  if (!isList && !isPlainObject(value)) {
    const name = value.constructor?.name || "a class without name";
    return { path, reason: `an instance of ${name} can't be sent, plain objects and lists can` };
  }
  above.add(value);
  let found: Found | undefined;
  for (const key of isList ? value.keys() : Object.keys(value)) {
    const below = typeof key === "number" ? `${path}[${key}]` : step(path, key);
    try {
      found = find(Reflect.get(value, key), below, depth - 1, above);
    } catch (error) {
      found = { path: below, reason: `reading it threw ${error}` };
    }
    if (found) break;
  }
  above.delete(value);
  return found;
}

function step(path: string, key: string): string {
  if (!/^[\w$]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}
