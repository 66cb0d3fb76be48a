/**
 * The wire of wslink 2.x: msgpack messages, cut into chunks with a header of 12
 * bytes. docs/protocol.md describes it to the byte.
 *
 * @module
 */
import type { Decoder, Encoder, Frame } from "./codec.ts";
import { DEFAULT_LIMITS, type Limits } from "./codec.ts";
import { ProtocolError, SerializeError } from "./errors.ts";
import { type Message, type OutgoingMessage, parseMessage, toWire } from "./messages.ts";
import { HEADER_SIZE, MAX_TOTAL, Reassembler, split, writeHeader } from "./_chunks.ts";
import { MsgpackWriter, readMsgpack } from "./_msgpack.ts";
import { withPath } from "./_values.ts";
import type { FramePool } from "./frame_pool.ts";

/** Messages up to this size are sent from the memory that they were written to, which others share. */
const SMALL = 2036;

/** How a {@linkcode MsgpackEncoder} cuts its messages. */
export interface MsgpackEncoderOptions {
  /**
   * The largest frame, header included, in bytes.
   *
   * @default {4194304}
   */
  readonly frameSize?: number;
  /**
   * How deep values may be nested.
   *
   * @default {256}
   */
  readonly depth?: number;
  /**
   * The first chunk id; the following ones count up from it, so that ids of
   * messages under way never clash.
   *
   * @default {random}
   */
  readonly firstId?: number;
  /**
   * What keeps the memory of frames that are given back with `recycle`.
   *
   * @default {undefined}
   */
  readonly pool?: FramePool;
}

/**
 * Encodes messages for the wire of wslink 2.x.
 *
 * @example
 * ```ts
 * import { MsgpackDecoder, MsgpackEncoder } from "@hawser/hawser/protocol";
 * import { assertEquals } from "@std/assert";
 *
 * const message = { type: "result", id: "rpc:c1:0", result: new Uint8Array(3) } as const;
 * const [frame] = new MsgpackEncoder().encode(message);
 * if (!(frame instanceof Uint8Array)) throw new TypeError("The wire is binary");
 * assertEquals(new MsgpackDecoder().decode(frame), message);
 * ```
 */
export class MsgpackEncoder implements Encoder {
  /** The wire it writes. */
  readonly wire = "msgpack";
  readonly #depth: number;
  readonly #writer: MsgpackWriter;
  readonly #pool: FramePool | undefined;
  #frameSize = 0;
  #nextId: number;

  /**
   * Makes it ready for the first frame.
   *
   * @param options How messages are cut.
   * @throws {RangeError} If a frame could hold no content.
   */
  constructor(options: MsgpackEncoderOptions = {}) {
    const {
      frameSize = DEFAULT_LIMITS.frameSize,
      depth = DEFAULT_LIMITS.depth,
    } = options;
    this.#depth = depth;
    this.#pool = options.pool;
    this.frameSize = frameSize;
    this.#writer = new MsgpackWriter(depth, HEADER_SIZE);
    this.#nextId = options.firstId ?? Math.floor(Math.random() * MAX_TOTAL);
  }

  /**
   * The largest frame, header included, in bytes. A client learns it from the server's hello.
   *
   * @throws {RangeError} If it leaves no room for content.
   */
  get frameSize(): number {
    return this.#frameSize;
  }

  set frameSize(size: number) {
    if (!(size > HEADER_SIZE)) {
      throw new RangeError(`frameSize must be more than 12 bytes: received ${size}`);
    }
    this.#frameSize = Math.floor(size);
  }

  /**
   * Encodes one message.
   *
   * @param message The message.
   * @returns Its chunks; they may be sent in any order and between other messages' chunks.
   * @throws {SerializeError} If it holds a value that can't be sent, or has 4 GiB or more.
   */
  encode(message: OutgoingMessage): Uint8Array<ArrayBuffer>[] {
    const wire = toWire(message);
    const writer = this.#writer;
    withPath(wire, this.#depth, () => writer.write(wire));
    const { size } = writer;
    if (size > MAX_TOTAL) {
      throw new SerializeError(
        "the message",
        `it has ${size} bytes, the wire counts to 2^32 - 1`,
      );
    }
    const pool = this.#pool;
    const id = this.#nextId;
    this.#nextId = (id + 1) >>> 0;
    if (size <= SMALL && size + HEADER_SIZE <= this.#frameSize) {
      const frame = writer.take();
      if (frame) {
        writeHeader(frame, id, 0, size);
        return [frame];
      }
    }
    const frames = split(
      writer.pieces(),
      size,
      id,
      this.#frameSize,
      pool && ((size) => pool.allocate(size)),
    );
    writer.clear();
    return frames;
  }

  /**
   * Takes a message's frames back that nobody holds any more, neither a queue
   * nor a socket: with a pool, their memory is used for the next messages.
   *
   * @param frames All of the message's frames, which are not read or sent again.
   */
  recycle(frames: readonly Frame[]): void {
    for (const frame of frames) {
      // Small ones share their buffer.
      if (typeof frame !== "string" && frame.length > SMALL + HEADER_SIZE) {
        this.#pool?.recycle(frame);
      }
    }
  }
}

/** The limits that a {@linkcode MsgpackDecoder} keeps. */
export type MsgpackDecoderLimits = Pick<
  Limits,
  "messageSize" | "frameSize" | "incompleteMessages" | "depth" | "values" | "keys"
>;

/** Decodes one connection's frames of the wire of wslink 2.x. */
export class MsgpackDecoder implements Decoder {
  /** The wire it reads. */
  readonly wire = "msgpack";
  readonly #chunks = new Reassembler();
  /** The limits in force; a server raises them after a good hello. */
  limits: MsgpackDecoderLimits;
  /**
   * Whether a frame may hold several complete messages, each with a header of
   * its own: Hawser's peers agree on it in the hello, wslink's never do it.
   */
  batched = false;

  /**
   * Makes it ready for the first frame.
   *
   * @param limits What a peer may send.
   */
  constructor(limits: MsgpackDecoderLimits = DEFAULT_LIMITS) {
    this.limits = limits;
  }

  /**
   * Takes the next frame. Binary values in the message are views of the
   * frame, or of the buffer that its chunks were put together in.
   *
   * @param frame The frame, as the socket delivered it.
   * @returns The message that the frame completes, the first one of a batch, or `undefined`.
   * @throws {ProtocolError} If the wire doesn't allow the frame.
   */
  decode(
    frame: string | ArrayBuffer | Uint8Array<ArrayBuffer>,
  ): Message | undefined {
    if (typeof frame === "string") {
      throw new ProtocolError(
        "frame-kind",
        "The msgpack wire has binary frames: received text",
      );
    }
    return this.#take(frame instanceof ArrayBuffer ? new Uint8Array(frame) : frame, 0);
  }

  /**
   * Reads on in the frame that was decoded last.
   *
   * @returns The next message of a batch, or `undefined` if that was all.
   * @throws {ProtocolError} If the rest of the batch is bad.
   */
  next(): Message | undefined {
    const { bytes, end } = this.#chunks;
    return end < bytes.length ? this.#take(bytes, end) : undefined;
  }

  #take(frame: Uint8Array<ArrayBuffer>, at: number): Message | undefined {
    const chunks = this.#chunks;
    // Whatever happens, the frame is not read again from here, and an idle connection holds none.
    chunks.clear();
    if (!chunks.push(frame, at, this.limits, this.batched)) return undefined;
    const { bytes, start, end } = chunks;
    if (end === bytes.length) chunks.clear();
    return parseMessage(readMsgpack(bytes, start, end, this.limits));
  }
}
