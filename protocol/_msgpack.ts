/**
 * The part of msgpack that wslink's peers speak. docs/msgpack.md says why this
 * is no library: keys such as `__proto__` are data, an integer keeps all its
 * digits, a large binary is copied once, straight into its frames, and the
 * declared length of a container never allocates more than the bytes that came.
 */
import { ProtocolError } from "./errors.ts";
import {
  asBytes,
  fitsInt64,
  isPlainObject,
  tooManyKeys,
  tooManyValues,
  Unsendable,
} from "./_values.ts";

/** Binary from this size on is not copied into the scratch buffer but kept aside for the frames. */
const ASIDE = 2048;

/** How much memory one slab has: small messages are cut from it, since a buffer of its own would cost a small one more than all the rest. */
const SLAB_SIZE = 32 * 1024;

/** A scratch buffer that grew past this is not kept. */
const MAX_SCRATCH = 1024 * 1024;

/** A text shorter than this, as names and ids are, is faster to copy here than to hand to the runtime. */
const SHORT = 96;

const NOTHING = new Uint8Array(0);

const encodeUtf8 = new TextEncoder();
const decodeUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A large binary, and the place in the scratch bytes where it belongs. */
interface Aside {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Writes one value at a time. */
export class MsgpackWriter {
  readonly #maxDepth: number;
  readonly #room: number;
  /** Where small values are written, one behind the other. */
  #slab = NOTHING;
  /** Where a value goes on that outgrew the slab's rest. */
  #scratch = NOTHING;
  /** The one of them in use. */
  #bytes = NOTHING;
  #view = new DataView(NOTHING.buffer);
  #start = 0;
  #end = 0;
  #asides: Aside[] = [];
  #asideLength = 0;

  /**
   * @param maxDepth How deep values may be nested.
   * @param room How many bytes to leave free before each value.
   */
  constructor(maxDepth: number, room = 0) {
    this.#maxDepth = maxDepth;
    this.#room = room;
  }

  /** Writes a value in place of the one before. */
  write(value: unknown): void {
    this.clear();
    this.#value(value, this.#maxDepth);
  }

  /** Lets go of what was written: large binaries belong to the caller. */
  clear(): void {
    if (this.#start + ASIDE > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_SIZE);
      this.#start = this.#room;
    }
    if (this.#bytes !== this.#slab) this.#use(this.#slab);
    if (this.#scratch.length > MAX_SCRATCH) this.#scratch = NOTHING;
    this.#end = this.#start;
    this.#asideLength = 0;
    if (this.#asides.length > 0) this.#asides = [];
  }

  /** The size of what was written. */
  get size(): number {
    return this.#end - this.#start + this.#asideLength;
  }

  /**
   * Gives a small value away that was written, with the room before it: the
   * bytes are not written again.
   *
   * @returns A view of memory that others are cut from, or nothing if it is not small.
   */
  take(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#bytes !== this.#slab || this.#asideLength > 0) return undefined;
    const start = this.#start - this.#room;
    const taken = new Uint8Array(this.#bytes.buffer, start, this.#end - start);
    this.#start = this.#end + this.#room;
    return taken;
  }

  /** What was written, in pieces: views that hold until the next write. */
  pieces(): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let start = this.#start;
    for (const { at, bytes } of this.#asides) {
      pieces.push(this.#bytes.subarray(start, at), bytes);
      start = at;
    }
    pieces.push(this.#bytes.subarray(start, this.#end));
    return pieces;
  }

  #use(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  #reserve(size: number): number {
    const start = this.#end;
    const end = start + size;
    if (end > this.#bytes.length) this.#grow(end);
    this.#end = end;
    return start;
  }

  #grow(end: number): void {
    const { length } = this.#bytes;
    let larger = this.#scratch;
    if (end > larger.length) larger = new Uint8Array(Math.max(end, length * 2));
    larger.set(this.#bytes.subarray(this.#start, this.#end), this.#start);
    this.#scratch = larger;
    this.#use(larger);
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

  /** A length in its shortest form: within the type's byte, or behind one; there is none for 1 byte where `type8` is 0. */
  #sized(length: number, fix: number, fixEnd: number, type8: number, type16: number): void {
    if (length < fixEnd) this.#byte(fix | length);
    else if (type8 > 0 && length < 0x100) this.#head(type8, 1, length);
    else if (length < 0x10000) this.#head(type16, 2, length);
    else this.#head(type16 + 1, 4, length);
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
    this.#sized(length, 0x90, 16, 0, 0xdc);
    for (let i = 0; i < length; i++) this.#value(list[i], depth - 1);
  }

  #map(map: Record<string, unknown>, depth: number): void {
    if (depth === 0) throw new Unsendable();
    const keys = Object.keys(map);
    let length = keys.length;
    const head = this.#end;
    this.#sized(length, 0x80, 16, 0, 0xde);
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
    const start = at + guess;
    const written = length < SHORT && this.#writeAscii(text, start)
      ? length
      : encodeUtf8.encodeInto(text, this.#bytes.subarray(start)).written;
    const width = headWidth(written);
    if (width !== guess) this.#bytes.copyWithin(at + width, start, start + written);
    this.#end = at;
    this.#sized(written, 0xa0, 32, 0xd9, 0xda);
    this.#end += written;
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

  #int64(type: number, value: bigint): void {
    const at = this.#reserve(9);
    this.#bytes[at] = type;
    // Unsigned ones have the same bits.
    this.#view.setBigInt64(at + 1, value);
  }

  #binary(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#sized(length, 0, 0, 0xc4, 0xc5);
    if (length < ASIDE) {
      const at = this.#reserve(length);
      this.#bytes.set(bytes, at);
    } else {
      this.#asides.push({ at: this.#end, bytes });
      this.#asideLength += length;
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
        this.#head(0xff, 4, nanoseconds * 4 + Math.floor(seconds / 0x100000000));
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
  /** How many keys a map may have. */
  readonly keys: number;
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
  return reader.read(bytes, start, end, limits);
}

class Reader {
  #bytes: Uint8Array<ArrayBuffer> = NOTHING;
  #at = 0;
  #end = 0;
  /** How many more values there may be. */
  #values = 0;
  #maxKeys = 0;
  #lazyView: DataView | undefined;
  /** Names that were keys before; most messages have the same ones. */
  readonly #keys: string[] = [];

  read(bytes: Uint8Array<ArrayBuffer>, start: number, end: number, limits: ReadLimits): unknown {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#values = limits.values;
    this.#maxKeys = limits.keys;
    try {
      const value = this.#value(limits.depth);
      const rest = end - this.#at;
      if (rest > 0) throw malformed(`${rest} bytes after the value`);
      return value;
    } catch (error) {
      throw this.#values < 0 ? tooManyValues(limits.values) : error;
    } finally {
      this.#bytes = NOTHING;
      this.#lazyView = undefined;
    }
  }

  #value(depth: number): unknown {
    const type = this.#uint8();
    if (type < 0x80) return type;
    if (type < 0x90) return this.#map(type & 0x0f, depth);
    if (type < 0xa0) return this.#list(type & 0x0f, depth);
    if (type < 0xc0) return this.#string(type & 0x1f);
    if (type >= 0xe0) return type - 0x100;
    if (type === 0xcb) return this.#view().getFloat64(this.#skip(8));
    // From here on, neighbours differ in the width of the number that follows.
    if (type >= 0xde) return this.#map(this.#uint(type - 0xdd), depth);
    if (type >= 0xdc) return this.#list(this.#uint(type - 0xdb), depth);
    if (type >= 0xd9) return this.#string(this.#uint(type - 0xd9));
    if (type >= 0xd4) return this.#extension(1 << (type - 0xd4));
    if (type === 0xd3 || type === 0xcf) return this.#int64(type);
    if (type >= 0xd0) {
      const unused = 32 - (8 << (type - 0xd0));
      return this.#uint(type - 0xd0) << unused >> unused;
    }
    if (type >= 0xcc) return this.#uint(type - 0xcc);
    if (type === 0xca) return this.#view().getFloat32(this.#skip(4));
    if (type >= 0xc7) return this.#extension(this.#uint(type - 0xc7));
    if (type >= 0xc4) return this.#take(this.#uint(type - 0xc4));
    if (type === 0xc1) throw malformed("0xc1 starts no value");
    return type === 0xc0 ? null : type === 0xc3;
  }

  #list(length: number, depth: number): unknown[] {
    this.#open(length, depth);
    const list: unknown[] = [];
    for (let i = 0; i < length; i++) list.push(this.#value(depth - 1));
    return list;
  }

  #map(length: number, depth: number): Record<string, unknown> {
    this.#open(length * 2, depth);
    if (length > this.#maxKeys) throw tooManyKeys(length, this.#maxKeys);
    const map: Record<string, unknown> = {};
    for (let i = 0; i < length; i++) {
      // A large one is most likely a dictionary, whose keys are seen once.
      const key = this.#key(depth, length < 64);
      const value = this.#value(depth - 1);
      // `__proto__` from a peer is data, and changes nothing.
      if (key === "__proto__") {
        Object.defineProperty(map, key, {
          value,
          configurable: true,
          enumerable: true,
          writable: true,
        });
      } else map[key] = value;
    }
    return map;
  }

  /**
   * Each element takes a byte at least, so a declared length is checked before
   * anything is made for it. And what is made takes far more than a byte:
   * therefore the limit on all of them.
   */
  #open(elements: number, depth: number): void {
    if (depth === 0) throw malformed("nested too deep", { limit: "depth" });
    const rest = this.#end - this.#at;
    if (elements > rest) {
      throw malformed(`${elements} values declared, ${rest} bytes left`);
    }
    this.#values -= elements;
    // read() says so, who knows the limit.
    if (this.#values < 0) throw undefined;
  }

  /** Python may use numbers as keys; in JavaScript they are strings. */
  #key(depth: number, isRecord: boolean): string {
    const type = this.#bytes[this.#at] ?? 0;
    if (isRecord && type > 0xa0 && type < 0xc0) {
      this.#at++;
      return this.#name(type & 0x1f);
    }
    const key = this.#value(depth - 1);
    if (typeof key === "string") return key;
    if (typeof key === "number" || typeof key === "bigint") return String(key);
    throw malformed("a map's key is no string and no number");
  }

  /** A short text of which the same was most likely read before: finding it costs less than making it. */
  #name(length: number): string {
    const bytes = this.#bytes;
    const start = this.#skip(length);
    const first = bytes[start] ?? 0, last = bytes[start + length - 1] ?? 0;
    const place = (length * 37 + first * 7 + last) & 0xff;
    const known = this.#keys[place];
    if (known?.length === length) {
      let i = 0;
      while (i < length && known.charCodeAt(i) === bytes[start + i]) i++;
      if (i === length) return known;
    }
    this.#at = start;
    const text = this.#string(length);
    // ASCII alone: other characters may have the numbers of other texts' bytes.
    if (text.length === length) this.#keys[place] = text;
    return text;
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
      throw malformed("a string that is no UTF-8", { cause });
    }
  }

  #extension(length: number): Date {
    const type = this.#uint8();
    if (type !== 0xff) throw malformed(`extension type ${type << 24 >> 24} is unknown`);
    const [seconds, nanoseconds] = this.#timestamp(length);
    const date = new Date(seconds * 1000 + Math.floor(nanoseconds / 1e6));
    // Who is told a date expects one: `toISOString()` of an invalid one throws.
    if (Number.isNaN(date.getTime())) throw malformed("a timestamp out of range");
    return date;
  }

  #timestamp(length: number): [seconds: number, nanoseconds: number] {
    switch (length) {
      case 4:
        return [this.#uint(2), 0];
      case 8: {
        const high = this.#uint(2);
        return [(high & 3) * 0x100000000 + this.#uint(2), high >>> 2];
      }
      case 12: {
        const nanoseconds = this.#uint(2);
        return [Number(this.#int64(0xd3)), nanoseconds];
      }
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

  #view(): DataView {
    return this.#lazyView ??= new DataView(
      this.#bytes.buffer,
      this.#bytes.byteOffset,
      this.#bytes.byteLength,
    );
  }

  #uint8(): number {
    if (this.#at >= this.#end) throw malformed("the message ends within a value");
    return this.#bytes[this.#at++] ?? 0;
  }

  /** A big-endian number of 1, 2 or 4 bytes, by its logarithm: 0, 1 or 2. */
  #uint(log: number): number {
    if (log === 0) return this.#uint8();
    const bytes = this.#bytes;
    const at = this.#skip(1 << log);
    const high = (bytes[at] ?? 0) << 8 | (bytes[at + 1] ?? 0);
    return log === 1 ? high : high * 0x10000 + ((bytes[at + 2] ?? 0) << 8 | (bytes[at + 3] ?? 0));
  }

  /** A number where it holds every digit, a bigint where it would lose some. */
  #int64(type: number): number | bigint {
    const at = this.#skip(8);
    const value = type === 0xcf ? this.#view().getBigUint64(at) : this.#view().getBigInt64(at);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
}

/** One for all, since it runs from a message's begin to its end. */
const reader = new Reader();

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

function malformed(
  what: string,
  options?: ConstructorParameters<typeof ProtocolError>[2],
): ProtocolError {
  return new ProtocolError("malformed", `Malformed msgpack: ${what}`, options);
}
