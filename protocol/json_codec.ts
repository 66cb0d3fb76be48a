/**
 * The wire of wslink 1.x: JSON text, and each binary value as an attachment – a
 * text header that names its key, then its bytes as a binary frame, both before
 * the message that holds the key in its place. docs/protocol.md describes it to
 * the byte.
 *
 * @module
 */
import type { Decoder, Encoder, Frame } from "./codec.ts";
import { DEFAULT_LIMITS, type Limits } from "./codec.ts";
import { ProtocolError } from "./errors.ts";
import { isMap, type Message, type OutgoingMessage, parseMessage, toWire } from "./messages.ts";
import { parsePythonJson } from "./_python_json.ts";
import { asBytes, fitsInt64, isPlainObject, tooManyKeys, Unsendable, withPath } from "./_values.ts";

/** The system method of an attachment's header (wslink `protocol.py`). */
const ATTACHMENT_METHOD = "wslink.binary.attachment";

/** The text that stands for an attachment. More digits are no counter of any process, only a waste of memory. */
const KEY = /^wslink_bin\d{1,16}$/;

/** How a {@linkcode JsonEncoder} works. */
export interface JsonEncoderOptions {
  /**
   * How deep values may be nested.
   *
   * @default {256}
   */
  readonly depth?: number;
}

/**
 * Encodes messages for the wire of wslink 1.x.
 *
 * @example
 * ```ts
 * import { JsonEncoder } from "@hawser/hawser/protocol";
 * import { assertEquals } from "@std/assert";
 *
 * const frames = new JsonEncoder().encode({
 *   type: "result",
 *   id: "rpc:c1:0",
 *   result: { blob: new Uint8Array([1, 2]) },
 * });
 * assertEquals(frames, [
 *   '{"wslink":"1.0","method":"wslink.binary.attachment","args":["wslink_bin0"]}',
 *   new Uint8Array([1, 2]),
 *   '{"wslink":"1.0","id":"rpc:c1:0","result":{"blob":"wslink_bin0"}}',
 * ]);
 * ```
 */
export class JsonEncoder implements Encoder {
  /** The wire it writes. */
  readonly wire = "json";
  readonly #depth: number;
  /** Keys grow for the encoder's life: a receiver may still hold one that nobody referred to. */
  #nextKey = 0;

  /**
   * Makes it ready for the first frame.
   *
   * @param options How it works.
   */
  constructor(options: JsonEncoderOptions = {}) {
    this.#depth = options.depth ?? DEFAULT_LIMITS.depth;
  }

  /**
   * Encodes one message.
   *
   * @param message The message.
   * @returns Its attachments and then itself; a peer reads them right only if
   * nothing else comes between.
   * @throws {SerializeError} If it holds a value that can't be sent.
   */
  encode(message: OutgoingMessage): Frame[] {
    const wire = toWire(message);
    return withPath(wire, this.#depth, () => {
      const writer = new JsonWriter(this.#nextKey, this.#depth);
      const text = writer.write(wire);
      this.#nextKey = writer.nextKey;
      return [...writer.attachments, text];
    });
  }
}

/** Writes one message. */
class JsonWriter {
  readonly attachments: Frame[] = [];
  nextKey: number;
  readonly #firstKey: number;
  readonly #depth: number;
  /** Strings of the message that look like a key, and so can't be one. */
  readonly #taken = new Set<string>();

  constructor(firstKey: number, depth: number) {
    this.#firstKey = this.nextKey = firstKey;
    this.#depth = depth;
  }

  write(value: unknown): string {
    for (;;) {
      const known = this.#taken.size;
      const text = this.#value(value, this.#depth);
      // A receiver can't tell a string that looks like a waiting attachment's
      // key from the key: write again with keys that no string has.
      if (this.#taken.size === known || this.attachments.length === 0) {
        return text;
      }
      this.attachments.length = 0;
      this.nextKey = this.#firstKey;
    }
  }

  #value(value: unknown, depth: number): string {
    switch (typeof value) {
      case "string":
        if (KEY.test(value)) this.#taken.add(value);
        return JSON.stringify(value);
      case "number":
        return number(value);
      case "boolean":
        return value ? "true" : "false";
      case "undefined":
        return "null";
      case "bigint":
        if (!fitsInt64(value)) throw new Unsendable();
        return String(value);
      case "object":
        return value === null ? "null" : this.#object(value, depth);
      default:
        throw new Unsendable();
    }
  }

  #object(value: object, depth: number): string {
    if (Array.isArray(value)) return this.#list(value, depth);
    const bytes = asBytes(value);
    if (bytes) return `"${this.#attach(bytes)}"`;
    if (isPlainObject(value)) return this.#map(value, depth);
    if (value instanceof Date && !Number.isNaN(value.getTime())) {
      return JSON.stringify(value);
    }
    throw new Unsendable();
  }

  #list(list: readonly unknown[], depth: number): string {
    if (depth === 0) throw new Unsendable();
    let text = "[";
    for (let i = 0; i < list.length; i++) {
      if (i > 0) text += ",";
      text += this.#value(list[i], depth - 1);
    }
    return text + "]";
  }

  #map(map: Record<string, unknown>, depth: number): string {
    if (depth === 0) throw new Unsendable();
    let text = "";
    for (const key of Object.keys(map)) {
      const value = map[key];
      if (value === undefined) continue;
      text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${this.#value(value, depth - 1)}`;
    }
    return `{${text}}`;
  }

  /** One key per place, even for the same buffer: wslink's client takes an attachment away once it is used. */
  #attach(bytes: Uint8Array): string {
    let key: string;
    do key = `wslink_bin${this.nextKey++}`; while (this.#taken.has(key));
    this.attachments.push(
      JSON.stringify({ wslink: "1.0", method: ATTACHMENT_METHOD, args: [key] }),
      // The message may wait in a queue while the caller uses the buffer again.
      new Uint8Array(bytes),
    );
    return key;
  }
}

/**
 * Numbers as Python's json writes them: bare NaN and Infinity, -0.0 with its
 * sign, and a float past 2^53 with an exponent, since its digits alone would
 * be read as an integer that it isn't.
 */
function number(value: number): string {
  if (value === 0) return 1 / value < 0 ? "-0.0" : "0";
  return Number.isInteger(value) && !Number.isSafeInteger(value)
    ? value.toExponential()
    : String(value);
}

/** The limits that a {@linkcode JsonDecoder} keeps. */
export type JsonDecoderLimits = Pick<
  Limits,
  "messageSize" | "attachments" | "depth" | "values" | "keys"
>;

/** Decodes one connection's frames of the wire of wslink 1.x. */
export class JsonDecoder implements Decoder {
  /** The wire it reads. */
  readonly wire = "json";
  /** The limits in force; a server raises them after a good hello. */
  limits: JsonDecoderLimits;
  /** Keys whose bytes have not come yet, in the order in which they will. */
  readonly #announced: string[] = [];
  /** Attachments that no message has referred to yet, oldest first. */
  readonly #waiting = new Map<string, Uint8Array<ArrayBuffer>>();
  #waitingSize = 0;
  /** How many of them came after the last message, and so most likely belong to the next. */
  #fresh = 0;

  /**
   * Makes it ready for the first frame.
   *
   * @param limits What a peer may send.
   */
  constructor(limits: JsonDecoderLimits = DEFAULT_LIMITS) {
    this.limits = limits;
  }

  /**
   * Takes the next frame.
   *
   * @param frame The frame, as the socket delivered it.
   * @returns The message, or `undefined` after an attachment or its header.
   * @throws {ProtocolError} If the wire doesn't allow the frame.
   */
  decode(
    frame: string | ArrayBuffer | Uint8Array<ArrayBuffer>,
  ): Message | undefined {
    const size = typeof frame === "string" ? frame.length : frame.byteLength;
    if (size > this.limits.messageSize) {
      throw new ProtocolError(
        "too-large",
        `A frame has ${size} bytes, at most ${this.limits.messageSize} are allowed`,
        { limit: "messageSize" },
      );
    }
    if (typeof frame !== "string") {
      this.#attach(
        frame instanceof ArrayBuffer ? new Uint8Array(frame) : frame,
      );
      return undefined;
    }
    const value = parsePythonJson(frame, this.limits.values);
    if (
      isMap(value) && value.id === undefined &&
      value.method === ATTACHMENT_METHOD
    ) {
      this.#announce(value.args);
      return undefined;
    }
    checkShape(value, this.limits.depth, this.limits.keys);
    this.#fresh = 0;
    return parseMessage(this.#waiting.size > 0 ? this.#fill(value) : value);
  }

  /**
   * A 1.x frame never holds more than one message.
   *
   * @returns Nothing.
   */
  next(): undefined {}

  #announce(keys: unknown): void {
    if (!Array.isArray(keys)) {
      throw new ProtocolError(
        "bad-message",
        "An attachment's header has no list of keys",
      );
    }
    for (const key of keys) {
      if (typeof key !== "string" || !KEY.test(key)) {
        throw new ProtocolError(
          "bad-message",
          "An attachment's key is wslink_bin<n>",
        );
      }
      this.#announced.push(key);
    }
    if (this.#announced.length > this.limits.attachments) {
      throw new ProtocolError(
        "policy",
        `At most ${this.limits.attachments} attachments may be announced ahead`,
        { limit: "attachments" },
      );
    }
  }

  #attach(bytes: Uint8Array<ArrayBuffer>): void {
    const key = this.#announced.shift();
    if (key === undefined) {
      throw new ProtocolError(
        "frame-kind",
        "A binary frame came without an attachment's header",
      );
    }
    this.#drop(key);
    this.#waiting.set(key, bytes);
    this.#waitingSize += bytes.length;
    this.#fresh++;
    // Python's look-up by substring sends attachments that belong to no message
    // (wslink `protocol.py`), so the oldest go when there are too many. But a
    // message that is too large must not arrive with keys for its binary values.
    const { attachments, messageSize } = this.limits;
    for (const oldest of this.#waiting.keys()) {
      if (
        this.#waiting.size <= attachments && this.#waitingSize <= messageSize
      ) break;
      if (this.#waiting.size <= this.#fresh) {
        throw new ProtocolError(
          "too-large",
          `A message has more than ${attachments} attachments or ${messageSize} bytes`,
          { limit: this.#waiting.size > attachments ? "attachments" : "messageSize" },
        );
      }
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const bytes = this.#waiting.get(key);
    if (bytes === undefined) return;
    this.#waiting.delete(key);
    this.#waitingSize -= bytes.length;
  }

  /** Puts the attachments in their places. A string that names none stays a string. */
  #fill(value: unknown): unknown {
    if (typeof value === "string") {
      const bytes = this.#waiting.get(value);
      if (bytes === undefined) return value;
      this.#drop(value);
      return bytes;
    }
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) value[i] = this.#fill(value[i]);
    } else if (isMap(value)) {
      for (const key of Object.keys(value)) {
        const child = value[key];
        // Only what changes is written: `__proto__` is an own property here, but assigning would miss it.
        const filled = this.#fill(child);
        if (filled !== child) {
          Object.defineProperty(value, key, { value: filled });
        }
      }
    }
    return value;
  }
}

/** The parser has no bound of its own; whoever walks the value does it with recursion. */
function checkShape(value: unknown, depth: number, maxKeys: number): void {
  if (typeof value !== "object" || value === null) return;
  if (depth === 0) {
    throw new ProtocolError("malformed", "Malformed JSON: nested too deep", { limit: "depth" });
  }
  if (Array.isArray(value)) {
    for (const child of value) checkShape(child, depth - 1, maxKeys);
  } else {
    const keys = Object.keys(value);
    if (keys.length > maxKeys) throw tooManyKeys(keys.length, maxKeys);
    for (const key of keys) checkShape(Reflect.get(value, key), depth - 1, maxKeys);
  }
}
