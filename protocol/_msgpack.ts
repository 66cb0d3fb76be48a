/**
 * The part of msgpack that wslink's peers speak. docs/msgpack.md says why this
 * is no library: keys such as `__proto__` are data, an integer keeps all its
 * digits, a large binary is copied once, straight into its frames, and the
 * declared length of a container never allocates more than the bytes that came.
 */
import { ProtocolError } from "./errors.ts";
import { asBytes, fitsInt64, isPlainObject, tooManyValues, Unsendable } from "./_values.ts";

/** Binary from this size on is not copied into the scratch buffer but kept aside for the frames. */
const ASIDE = 2048;

/** A scratch buffer that grew past this is not kept. */
const MAX_SCRATCH = 1024 * 1024;

/** A text shorter than this, as names and ids are, is faster to copy here than to hand to the runtime. */
const SHORT = 96;

const encodeUtf8 = new TextEncoder();
const decodeUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A large binary, and the place in the scratch bytes where it belongs. */
interface Aside {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Writes one value at a time into a scratch buffer that it keeps. */
export class MsgpackWriter {
  readonly #maxDepth: number;
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #asides: Aside[] = [];
  #asideLength = 0;

  constructor(maxDepth: number) {
    this.#maxDepth = maxDepth;
  }

  /** Writes a value in place of the one before. */
  write(value: unknown): void {
    this.clear();
    this.#value(value, this.#maxDepth);
  }

  /** Lets go of what was written: large binaries belong to the caller. */
  clear(): void {
    this.#length = 0;
    this.#asideLength = 0;
    if (this.#asides.length > 0) this.#asides = [];
    if (this.#bytes.length > MAX_SCRATCH) {
      this.#bytes = new Uint8Array(1024);
      this.#view = new DataView(this.#bytes.buffer);
    }
  }

  /** The size of what was written. */
  get size(): number {
    return this.#length + this.#asideLength;
  }

  /** What was written, in pieces: views that hold until the next write. */
  pieces(): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let start = 0;
    for (const { at, bytes } of this.#asides) {
      pieces.push(this.#bytes.subarray(start, at), bytes);
      start = at;
    }
    pieces.push(this.#bytes.subarray(start, this.#length));
    return pieces;
  }

  #reserve(size: number): number {
    const start = this.#length;
    const end = start + size;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, start));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = end;
    return start;
  }

  #byte(byte: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = byte;
  }

  /** A type byte with a big-endian number of 1, 2 or 4 bytes behind it. */
  #head(type: number, width: 1 | 2 | 4, value: number): void {
    const at = this.#reserve(1 + width);
    this.#bytes[at] = type;
    if (width === 1) this.#bytes[at + 1] = value;
    else if (width === 2) this.#view.setUint16(at + 1, value);
    else this.#view.setUint32(at + 1, value);
  }

  #value(value: unknown, depth: number): void {
    switch (typeof value) {
      case "string":
        return this.#string(value);
      case "number":
        return this.#number(value);
      case "boolean":
        return this.#byte(value ? 0xc3 : 0xc2);
      case "undefined":
        return this.#byte(0xc0);
      case "bigint":
        return this.#bigint(value);
      case "object":
        return value === null ? this.#byte(0xc0) : this.#object(value, depth);
      default:
        throw new Unsendable();
    }
  }

  #object(value: object, depth: number): void {
    if (Array.isArray(value)) return this.#list(value, depth);
    const bytes = asBytes(value);
    if (bytes) return this.#binary(bytes);
    if (isPlainObject(value)) return this.#map(value, depth);
    if (value instanceof Date) return this.#date(value);
    throw new Unsendable();
  }

  #list(list: readonly unknown[], depth: number): void {
    if (depth === 0) throw new Unsendable();
    const { length } = list;
    if (length < 16) this.#byte(0x90 | length);
    else if (length < 0x10000) this.#head(0xdc, 2, length);
    else this.#head(0xdd, 4, length);
    for (let i = 0; i < length; i++) this.#value(list[i], depth - 1);
  }

  #map(map: Record<string, unknown>, depth: number): void {
    if (depth === 0) throw new Unsendable();
    const keys = Object.keys(map);
    let length = keys.length;
    const head = this.#length;
    if (length < 16) this.#byte(0x80 | length);
    else if (length < 0x10000) this.#head(0xde, 2, length);
    else this.#head(0xdf, 4, length);
    for (const key of keys) {
      const value = map[key];
      if (value === undefined) {
        length--;
        continue;
      }
      this.#string(key);
      this.#value(value, depth - 1);
    }
    // Properties that are undefined were left out: put the number right, in the same width.
    if (length < keys.length) {
      if (keys.length < 16) this.#bytes[head] = 0x80 | length;
      else if (keys.length < 0x10000) this.#view.setUint16(head + 1, length);
      else this.#view.setUint32(head + 1, length);
    }
  }

  #string(text: string): void {
    const { length } = text;
    // Assume ASCII for the width of the header, and move the text where that was wrong.
    const guess = headWidth(length);
    const at = this.#reserve(5 + length * 3);
    const written = length < SHORT && this.#writeAscii(text, at + guess)
      ? length
      : encodeUtf8.encodeInto(text, this.#bytes.subarray(at + guess)).written;
    const width = headWidth(written);
    if (width !== guess) {
      this.#bytes.copyWithin(at + width, at + guess, at + guess + written);
    }
    this.#length = at;
    if (width === 1) this.#byte(0xa0 | written);
    else if (width === 2) this.#head(0xd9, 1, written);
    else if (width === 3) this.#head(0xda, 2, written);
    else this.#head(0xdb, 4, written);
    this.#length += written;
  }

  /** Writes a text of ASCII alone; `false` if there is another character. */
  #writeAscii(text: string, at: number): boolean {
    const bytes = this.#bytes;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      bytes[at + i] = code;
    }
    return true;
  }

  #number(value: number): void {
    // -0 is no integer of msgpack's; past 2^53 an integer would claim digits that the number doesn't have.
    if (!Number.isSafeInteger(value) || (value === 0 && 1 / value < 0)) {
      const at = this.#reserve(9);
      this.#bytes[at] = 0xcb;
      this.#view.setFloat64(at + 1, value);
    } else if (value >= 0) {
      if (value < 0x80) this.#byte(value);
      else if (value < 0x100) this.#head(0xcc, 1, value);
      else if (value < 0x10000) this.#head(0xcd, 2, value);
      else if (value < 0x100000000) this.#head(0xce, 4, value);
      else this.#int64(0xcf, BigInt(value));
    } else if (value >= -0x20) this.#byte(value & 0xff);
    else if (value >= -0x80) this.#head(0xd0, 1, value);
    else if (value >= -0x8000) this.#head(0xd1, 2, value);
    else if (value >= -0x80000000) this.#head(0xd2, 4, value);
    else this.#int64(0xd3, BigInt(value));
  }

  #bigint(value: bigint): void {
    const number = Number(value);
    if (Number.isSafeInteger(number)) this.#number(number);
    else if (!fitsInt64(value)) throw new Unsendable();
    else this.#int64(value < 0n ? 0xd3 : 0xcf, value);
  }

  #int64(type: 0xcf | 0xd3, value: bigint): void {
    const at = this.#reserve(9);
    this.#bytes[at] = type;
    if (type === 0xcf) this.#view.setBigUint64(at + 1, value);
    else this.#view.setBigInt64(at + 1, value);
  }

  #binary(bytes: Uint8Array): void {
    const { length } = bytes;
    if (length < 0x100) this.#head(0xc4, 1, length);
    else if (length < 0x10000) this.#head(0xc5, 2, length);
    else this.#head(0xc6, 4, length);
    if (length >= ASIDE) {
      this.#asides.push({ at: this.#length, bytes });
      this.#asideLength += length;
    } else {
      const at = this.#reserve(length);
      this.#bytes.set(bytes, at);
    }
  }

  /** Extension type -1 of the msgpack specification, in its three widths, as wslink's clients write it. */
  #date(date: Date): void {
    const time = date.getTime();
    if (Number.isNaN(time)) throw new Unsendable();
    const seconds = Math.floor(time / 1000);
    const nanoseconds = (time - seconds * 1000) * 1e6;
    if (seconds >= 0 && seconds < 0x400000000) {
      if (nanoseconds === 0 && seconds < 0x100000000) {
        this.#byte(0xd6);
        this.#head(0xff, 4, seconds);
      } else {
        this.#byte(0xd7);
        this.#head(
          0xff,
          4,
          nanoseconds * 4 + Math.floor(seconds / 0x100000000),
        );
        const at = this.#reserve(4);
        this.#view.setUint32(at, seconds % 0x100000000);
      }
    } else {
      this.#head(0xc7, 1, 12);
      this.#head(0xff, 4, nanoseconds);
      const at = this.#reserve(8);
      this.#view.setBigInt64(at, BigInt(seconds));
    }
  }
}

function headWidth(length: number): 1 | 2 | 3 | 5 {
  return length < 32 ? 1 : length < 0x100 ? 2 : length < 0x10000 ? 3 : 5;
}

/** What one message may cost its reader. */
export interface ReadLimits {
  /** How deep values may be nested. */
  readonly depth: number;
  /** How many values there may be: elements of lists, keys and values of maps. */
  readonly values: number;
}

/**
 * Reads the one value that a part of the bytes holds. Binary values are views of them.
 *
 * @throws {ProtocolError} `malformed` if they hold no value, more than one, or
 * one nested too deep; `too-large` if it is made of too many.
 */
export function readMsgpack(
  bytes: Uint8Array<ArrayBuffer>,
  start: number,
  end: number,
  limits: ReadLimits,
): unknown {
  return new Reader(bytes, start, end, limits).whole();
}

class Reader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #end: number;
  readonly #limits: ReadLimits;
  #at: number;
  /** How many more values there may be. */
  #values: number;
  #lazyView: DataView | undefined;

  constructor(bytes: Uint8Array<ArrayBuffer>, start: number, end: number, limits: ReadLimits) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#limits = limits;
    this.#values = limits.values;
  }

  whole(): unknown {
    const value = this.value(this.#limits.depth);
    const rest = this.#end - this.#at;
    if (rest > 0) throw malformed(`${rest} bytes after the value`);
    return value;
  }

  value(depth: number): unknown {
    const type = this.#uint8();
    if (type < 0x80) return type;
    if (type < 0x90) return this.#map(type & 0x0f, depth);
    if (type < 0xa0) return this.#list(type & 0x0f, depth);
    if (type < 0xc0) return this.#string(type & 0x1f);
    if (type >= 0xe0) return type - 0x100;
    switch (type) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#take(this.#uint8());
      case 0xc5:
        return this.#take(this.#uint16());
      case 0xc6:
        return this.#take(this.#uint32());
      case 0xc7:
        return this.#extension(this.#uint8());
      case 0xc8:
        return this.#extension(this.#uint16());
      case 0xc9:
        return this.#extension(this.#uint32());
      case 0xca:
        return this.#view().getFloat32(this.#skip(4));
      case 0xcb:
        return this.#view().getFloat64(this.#skip(8));
      case 0xcc:
        return this.#uint8();
      case 0xcd:
        return this.#uint16();
      case 0xce:
        return this.#uint32();
      case 0xcf:
        return exact(this.#view().getBigUint64(this.#skip(8)));
      case 0xd0:
        return this.#view().getInt8(this.#skip(1));
      case 0xd1:
        return this.#view().getInt16(this.#skip(2));
      case 0xd2:
        return this.#view().getInt32(this.#skip(4));
      case 0xd3:
        return exact(this.#view().getBigInt64(this.#skip(8)));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#extension(1 << (type - 0xd4));
      case 0xd9:
        return this.#string(this.#uint8());
      case 0xda:
        return this.#string(this.#uint16());
      case 0xdb:
        return this.#string(this.#uint32());
      case 0xdc:
        return this.#list(this.#uint16(), depth);
      case 0xdd:
        return this.#list(this.#uint32(), depth);
      case 0xde:
        return this.#map(this.#uint16(), depth);
      case 0xdf:
        return this.#map(this.#uint32(), depth);
      default:
        throw malformed(`0x${type.toString(16)} starts no value`);
    }
  }

  #list(length: number, depth: number): unknown[] {
    this.#open(length, depth);
    const list: unknown[] = [];
    for (let i = 0; i < length; i++) list.push(this.value(depth - 1));
    return list;
  }

  #map(length: number, depth: number): Record<string, unknown> {
    this.#open(length * 2, depth);
    const map: Record<string, unknown> = {};
    for (let i = 0; i < length; i++) {
      const key = this.#key(depth);
      setOwn(map, key, this.value(depth - 1));
    }
    return map;
  }

  /**
   * Each element takes a byte at least, so a declared length is checked before
   * anything is made for it. And what is made takes far more than a byte:
   * therefore the limit on all of them.
   */
  #open(elements: number, depth: number): void {
    if (depth === 0) throw malformed("nested too deep");
    const rest = this.#end - this.#at;
    if (elements > rest) {
      throw malformed(`${elements} values declared, ${rest} bytes left`);
    }
    this.#values -= elements;
    if (this.#values < 0) throw tooManyValues(this.#limits.values);
  }

  /** Python may use numbers as keys; in JavaScript they are strings. */
  #key(depth: number): string {
    const key = this.value(depth - 1);
    if (typeof key === "string") return key;
    if (typeof key === "number" || typeof key === "bigint") return String(key);
    throw malformed("a map's key is no string and no number");
  }

  #string(length: number): string {
    const start = this.#skip(length);
    if (length < SHORT) {
      const text = readAscii(this.#bytes, start, start + length);
      if (text !== undefined) return text;
    }
    try {
      return decodeUtf8.decode(this.#bytes.subarray(start, start + length));
    } catch (cause) {
      throw malformed("a string that is no UTF-8", cause);
    }
  }

  #extension(length: number): Date {
    const type = this.#view().getInt8(this.#skip(1));
    const at = this.#skip(length);
    if (type !== -1) throw malformed(`extension type ${type} is unknown`);
    const [seconds, nanoseconds] = this.#timestamp(at, length);
    const date = new Date(seconds * 1000 + Math.floor(nanoseconds / 1e6));
    // Who is told a date expects one: `toISOString()` of an invalid one throws.
    if (Number.isNaN(date.getTime())) throw malformed("a timestamp out of range");
    return date;
  }

  #timestamp(at: number, length: number): [seconds: number, nanoseconds: number] {
    const view = this.#view();
    switch (length) {
      case 4:
        return [view.getUint32(at), 0];
      case 8: {
        const high = view.getUint32(at);
        return [(high & 3) * 0x100000000 + view.getUint32(at + 4), high >>> 2];
      }
      case 12:
        return [Number(view.getBigInt64(at + 4)), view.getUint32(at)];
      default:
        throw malformed(`a timestamp of ${length} bytes`);
    }
  }

  #take(length: number): Uint8Array<ArrayBuffer> {
    const start = this.#skip(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** Steps over `length` bytes, and returns where they start. */
  #skip(length: number): number {
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) {
      throw malformed(`${length} bytes expected, ${this.#end - start} left`);
    }
    this.#at = end;
    return start;
  }

  #uint8(): number {
    if (this.#at >= this.#end) throw malformed("the message ends within a value");
    return this.#bytes[this.#at++] ?? 0;
  }

  #uint16(): number {
    return this.#uint8() << 8 | this.#uint8();
  }

  #uint32(): number {
    return this.#uint16() * 0x10000 + this.#uint16();
  }

  #view(): DataView {
    return this.#lazyView ??= new DataView(
      this.#bytes.buffer,
      this.#bytes.byteOffset,
      this.#bytes.byteLength,
    );
  }
}

/**
 * Reads a text of ASCII alone, eight characters at a time; `undefined` if there
 * is another.
 */
function readAscii(bytes: Uint8Array, start: number, end: number): string | undefined {
  let text = "";
  let i = start;
  for (; i + 8 <= end; i += 8) {
    const a = bytes[i] ?? 0, b = bytes[i + 1] ?? 0, c = bytes[i + 2] ?? 0, d = bytes[i + 3] ?? 0;
    const e = bytes[i + 4] ?? 0,
      f = bytes[i + 5] ?? 0,
      g = bytes[i + 6] ?? 0,
      h = bytes[i + 7] ?? 0;
    if ((a | b | c | d | e | f | g | h) > 0x7f) return undefined;
    text += String.fromCharCode(a, b, c, d, e, f, g, h);
  }
  for (; i < end; i++) {
    const a = bytes[i] ?? 0;
    if (a > 0x7f) return undefined;
    text += String.fromCharCode(a);
  }
  return text;
}

/** Sets a property as data, whatever its name: `__proto__` from a peer changes nothing. */
function setOwn(
  map: Record<string, unknown>,
  key: string,
  value: unknown,
): void {
  if (key === "__proto__") {
    Object.defineProperty(map, key, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  } else map[key] = value;
}

/** A number where it holds every digit, a bigint where it would lose some. */
function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function malformed(what: string, cause?: unknown): ProtocolError {
  return new ProtocolError("malformed", `Malformed msgpack: ${what}`, {
    cause,
  });
}
