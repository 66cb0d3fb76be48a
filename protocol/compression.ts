/**
 * Compressed messages, between Hawser's peers that agreed on `compress`: one
 * message holds another one, deflated. docs/protocol.md has it to the byte, and
 * docs/compression.md when it pays.
 *
 * Deno, Node and Bun have zlib, and with it all of this happens at once. Browsers
 * have streams, with which it takes a while: who uses {@linkcode StreamCompressor}
 * sees to it that no message overtakes one that it must not.
 *
 * @module
 */
import { HEADER_SIZE } from "./_chunks.ts";
import type { Encoder, Frame, Limits, Wire } from "./codec.ts";
import { COMPRESSED_METHOD, isCompressed } from "./compress.ts";
import { ProtocolError } from "./errors.ts";
import {
  type Message,
  type OutgoingMessage,
  parseMessage,
  type RequestMessage,
} from "./messages.ts";
import { readMsgpack } from "./_msgpack.ts";
import { joinFrames } from "./_regroup.ts";
import { MsgpackEncoder } from "./msgpack_codec.ts";

/** What has to be saved, as a part of the whole: less is not worth the other side's time. */
const MIN_GAIN = 0.05;

/** From here on some pieces are tried first: what is compressed already, as a picture, costs 20 ns a byte for nothing. */
const SAMPLED = 256 * 1024;

/** How large each of them is. */
const SAMPLE = 16 * 1024;

/** Where they are, as parts of the whole. */
const SAMPLES = [0.25, 0.5, 0.75];

/** DEFLATE can't make more of a byte: two bits at least stand for 258 bytes at most (RFC 1951 section 3.2.5). */
const MAX_RATIO = 1032;

/** How much a stream is given at a time: what is too much is noticed after 64 MiB at most, which nobody holds. */
const PIECE = 64 * 1024;

/** The level with the best relation of time and size for what scenes are made of. */
const LEVEL = 3;

/** What is used of `node:zlib`. */
export interface Zlib {
  /** Compresses, without header or checksum. */
  deflateRawSync(bytes: Uint8Array, options: { level: number }): Uint8Array<ArrayBuffer>;
  /** Inflates; it throws if more comes than it may. */
  inflateRawSync(
    bytes: Uint8Array,
    options: { maxOutputLength: number; chunkSize: number },
  ): Uint8Array<ArrayBuffer>;
}

/** The runtime's zlib, if it has one; asked for so that bundlers for browsers look for no such module. */
export const zlib: Zlib | undefined = findZlib();

function findZlib(): Zlib | undefined {
  const process: unknown = Reflect.get(globalThis, "process");
  if (typeof process !== "object" || process === null || !("getBuiltinModule" in process)) {
    return undefined;
  }
  const { getBuiltinModule } = process;
  if (typeof getBuiltinModule !== "function") return undefined;
  const module: unknown = Reflect.apply(getBuiltinModule, process, ["node:zlib"]);
  return isZlib(module) ? module : undefined;
}

function isZlib(module: unknown): module is Zlib {
  return typeof module === "object" && module !== null &&
    "deflateRawSync" in module && typeof module.deflateRawSync === "function" &&
    "inflateRawSync" in module && typeof module.inflateRawSync === "function";
}

/** What compression has done. */
export interface CompressionStats {
  /** How many messages were sent compressed; one for many receivers counts once for each wire. */
  readonly sent: number;
  /** What they had before, in bytes of msgpack. */
  readonly bytes: number;
  /** What they have become. */
  readonly compressedBytes: number;
  /** How many were to be compressed, and were sent as they are since too little would be saved. */
  readonly skipped: number;
  /** How long all that took, in ms. */
  readonly time: number;
  /** How many came. */
  readonly received: number;
  /** What became of those, in bytes of msgpack. */
  readonly receivedBytes: number;
}

/** What a compressed message has to keep to. */
export type OpenLimits = Pick<Limits, "messageSize" | "depth" | "values" | "keys">;

/** What both kinds of compressor do alike. */
abstract class Compression {
  readonly #id: string;
  readonly #depth: number;
  /** For what is sent over the 1.x wire. */
  #packer: MsgpackEncoder | undefined;
  readonly #stats = {
    sent: 0,
    bytes: 0,
    compressedBytes: 0,
    skipped: 0,
    time: 0,
    received: 0,
    receivedBytes: 0,
  };

  /**
   * Starts without messages.
   *
   * @param prefix What this side's ids begin with.
   * @param depth How deep values may be nested.
   */
  constructor(prefix: string, depth: number) {
    this.#id = `system:${prefix}:0`;
    this.#depth = depth;
  }

  /** What it has done. */
  get stats(): CompressionStats {
    return { ...this.#stats };
  }

  /** What is to be deflated; `undefined` if that is too little. */
  protected contentOf(
    message: OutgoingMessage,
    frames: readonly Frame[],
    { wire }: Encoder,
    minSize: number,
  ): Uint8Array<ArrayBuffer> | undefined {
    if (sizeOf(frames) < minSize) return undefined;
    if (wire === "msgpack") return join(frames);
    this.#packer ??= new MsgpackEncoder({ frameSize: Infinity, depth: this.#depth });
    return join(this.#packer.encode(message));
  }

  /** Takes down how it went, and makes the frames to be sent. */
  protected finish(
    content: Uint8Array,
    compressed: Uint8Array | undefined,
    since: number,
    frames: readonly Frame[],
    encoder: Encoder,
  ): readonly Frame[] {
    const stats = this.#stats;
    stats.time += performance.now() - since;
    if (compressed === undefined || !isSmaller(compressed.length, content.length)) {
      stats.skipped++;
      return frames;
    }
    stats.sent++;
    stats.bytes += content.length;
    stats.compressedBytes += compressed.length;
    return encoder.encode({
      type: "request",
      id: this.#id,
      method: COMPRESSED_METHOD,
      args: [content.length, compressed],
      kwargs: {},
    });
  }

  /** Reads what was inflated. */
  protected read(
    content: Uint8Array<ArrayBuffer>,
    size: number,
    limits: OpenLimits,
    wire: Wire,
  ): Message {
    if (content.length !== size) {
      throw new ProtocolError(
        "malformed",
        `A compressed message of ${size} bytes has ${content.length}`,
      );
    }
    const value = readMsgpack(content, 0, size, limits);
    const message = parseMessage(wire === "json" ? withoutDates(value) : value);
    if (isCompressed(message)) {
      throw new ProtocolError("bad-message", "A compressed message holds a compressed one");
    }
    this.#stats.received++;
    this.#stats.receivedBytes += size;
    return message;
  }
}

/** Compresses the messages of one side, and opens those of the other, with zlib. */
export class Compressor extends Compression {
  readonly #zlib: Zlib;

  /**
   * Starts without messages.
   *
   * @param prefix What this side's ids begin with.
   * @param depth How deep values may be nested.
   * @param zlib What DEFLATE is done with.
   */
  constructor(prefix: string, depth: number, zlib: Zlib) {
    super(prefix, depth);
    this.#zlib = zlib;
  }

  /**
   * Compresses a message that is encoded, if that is worth it.
   *
   * @param message The message.
   * @param frames Its frames, which stay the caller's.
   * @param encoder What made them.
   * @param minSize From which size on it is tried, in bytes.
   * @returns The frames to be sent: others, or the same ones.
   */
  shrink(
    message: OutgoingMessage,
    frames: readonly Frame[],
    encoder: Encoder,
    minSize: number,
  ): readonly Frame[] {
    const content = this.contentOf(message, frames, encoder, minSize);
    if (content === undefined) return frames;
    const since = performance.now();
    const samples = samplesOf(content);
    let size = 0;
    for (const sample of samples) size += this.#deflate(sample).length;
    const compressed = isPromising(size, samples) ? this.#deflate(content) : undefined;
    return this.finish(content, compressed, since, frames, encoder);
  }

  /**
   * Opens a message that holds a compressed one.
   *
   * @param message The message.
   * @param limits What the peer may send.
   * @param wire The wire that it came over.
   * @returns The message inside.
   * @throws {ProtocolError} If there is none, or it is too large.
   */
  open(message: RequestMessage, limits: OpenLimits, wire: Wire): Message {
    const { size, bytes } = checked(message, limits);
    let content: Uint8Array<ArrayBuffer>;
    try {
      content = this.#inflate(bytes, size);
    } catch (cause) {
      throw new ProtocolError("malformed", NOT_INFLATED, { cause });
    }
    return this.read(content, size, limits, wire);
  }

  #deflate(bytes: Uint8Array): Uint8Array {
    return this.#zlib.deflateRawSync(bytes, { level: LEVEL });
  }

  #inflate(bytes: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
    // All of it in one chunk, which is not copied.
    const chunkSize = Math.max(64, size);
    const out = this.#zlib.inflateRawSync(bytes, { maxOutputLength: size, chunkSize });
    // A Buffer may lie in memory that others use, and binary values are views of it.
    return out.buffer.byteLength <= chunkSize
      ? new Uint8Array(out.buffer, out.byteOffset, out.length)
      : new Uint8Array(out);
  }
}

/** Does the same with the standard streams, a while later. */
export class StreamCompressor extends Compression {
  /**
   * Compresses a message that is encoded, if that is worth it.
   *
   * @param message The message.
   * @param frames Its frames, which nobody may change meanwhile.
   * @param encoder What made them.
   * @param minSize From which size on it is tried, in bytes.
   * @returns The frames to be sent: others, or the same ones; these at once if they are small.
   */
  shrink(
    message: OutgoingMessage,
    frames: readonly Frame[],
    encoder: Encoder,
    minSize: number,
  ): readonly Frame[] | Promise<readonly Frame[]> {
    const content = this.contentOf(message, frames, encoder, minSize);
    return content === undefined ? frames : this.#shrink(content, frames, encoder);
  }

  /**
   * Opens a message that holds a compressed one.
   *
   * @param message The message.
   * @param limits What the peer may send.
   * @param wire The wire that it came over.
   * @returns The message inside. It rejects with a `ProtocolError` if there is none, or it is too large.
   */
  async open(message: RequestMessage, limits: OpenLimits, wire: Wire): Promise<Message> {
    const { size, bytes } = checked(message, limits);
    let content: Uint8Array<ArrayBuffer>;
    try {
      content = await inflate(bytes, size);
    } catch (cause) {
      throw new ProtocolError("malformed", NOT_INFLATED, { cause });
    }
    return this.read(content, size, limits, wire);
  }

  async #shrink(
    content: Uint8Array<ArrayBuffer>,
    frames: readonly Frame[],
    encoder: Encoder,
  ): Promise<readonly Frame[]> {
    const since = performance.now();
    const samples = samplesOf(content);
    let size = 0;
    for (const sample of samples) size += (await deflate(sample)).length;
    const compressed = isPromising(size, samples) ? await deflate(content) : undefined;
    return this.finish(content, compressed, since, frames, encoder);
  }
}

/** What compresses for a client: at once or a while later. */
export type ClientCompressor = Compressor | StreamCompressor;

/**
 * Makes what a client compresses with.
 *
 * @param prefix What its ids begin with.
 * @param depth How deep values may be nested.
 * @returns One with zlib, where there is one.
 */
export function createCompressor(prefix: string, depth: number): ClientCompressor {
  return zlib ? new Compressor(prefix, depth, zlib) : new StreamCompressor(prefix, depth);
}

const NOT_INFLATED = "A compressed message can't be inflated";

async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = streamOf(bytes).pipeThrough(new CompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function inflate(
  bytes: Uint8Array<ArrayBuffer>,
  size: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const content = new Uint8Array(size);
  let at = 0;
  const stream = streamOf(bytes).pipeThrough(new DecompressionStream("deflate-raw"));
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return content.subarray(0, at);
    if (at + value.length > size) {
      await reader.cancel();
      throw new RangeError(`More than ${size} bytes come out`);
    }
    content.set(value, at);
    at += value.length;
  }
}

/** Not all at once: a bomb is noticed before all of it is inflated. */
function streamOf(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at += PIECE));
    },
  }, { highWaterMark: 0 });
}

/** What a compressed message says; memory is allocated only for what may really come. */
function checked(
  { args: [size, bytes] }: RequestMessage,
  { messageSize }: OpenLimits,
): { readonly size: number; readonly bytes: Uint8Array<ArrayBuffer> } {
  if (typeof size !== "number" || !Number.isInteger(size) || size < 1 || !isBinary(bytes)) {
    throw new ProtocolError("bad-message", "A compressed message is a size and binary");
  }
  if (size > messageSize) {
    throw new ProtocolError(
      "too-large",
      `A compressed message has ${size} bytes, at most ${messageSize} are allowed`,
      { limit: "messageSize" },
    );
  }
  if (size > bytes.length * MAX_RATIO) {
    throw new ProtocolError(
      "malformed",
      `${bytes.length} compressed bytes can't be ${size} inflated ones`,
    );
  }
  return { size, bytes };
}

/** No decoder makes views of shared memory. */
function isBinary(value: unknown): value is Uint8Array<ArrayBuffer> {
  return value instanceof Uint8Array;
}

function isSmaller(compressed: number, size: number): boolean {
  return compressed <= size * (1 - MIN_GAIN);
}

/** What is tried of something large. */
function samplesOf(content: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  if (content.length <= SAMPLED) return [];
  return SAMPLES.map((part) => {
    const from = Math.floor(content.length * part);
    return content.subarray(from, from + SAMPLE);
  });
}

function isPromising(size: number, samples: readonly Uint8Array[]): boolean {
  return samples.length === 0 || isSmaller(size, samples.length * SAMPLE);
}

function sizeOf(frames: readonly Frame[]): number {
  let size = 0;
  for (const frame of frames) size += frame.length;
  return size;
}

/** What 2.x frames hold, without their headers. */
function join(frames: readonly Frame[]): Uint8Array<ArrayBuffer> {
  return joinFrames(
    frames.flatMap((frame) => typeof frame === "string" ? [] : [frame.subarray(HEADER_SIZE)]),
  );
}

/** The 1.x wire has no dates, and what arrives must not depend on the message's size. */
function withoutDates(value: unknown): unknown {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (value instanceof Date) return value.toJSON();
  for (const [key, child] of Object.entries(value)) {
    const changed = withoutDates(child);
    // Assigning would miss `__proto__`, which is an own property here.
    if (changed !== child) Object.defineProperty(value, key, { value: changed });
  }
  return value;
}
