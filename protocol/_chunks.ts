/**
 * The frames of wslink 2.x: a header of 12 bytes – message id, offset and total
 * size, each a little-endian u32 – and a piece of the message. Chunks of
 * different messages may be interleaved, those of one message may come in any
 * order (wslink `chunking.py`).
 */
import { ProtocolError } from "./errors.ts";

/** The size of a frame's header, in bytes. */
export const HEADER_SIZE = 12;

/** What a header of 4 bytes a field can say. */
export const MAX_TOTAL = 0xffffffff;

/** Memory that one held chunk costs besides its bytes: counted, so that tiny chunks are no cheap attack. */
const CHUNK_COST = 256;

/** How many pieces may wait however small the limits are: a hello may come in a few. */
const MIN_PIECES = 64;

/**
 * How many pieces a message may be in while it has gaps: more than any order of
 * chunks of a sane size leaves, and few enough to look through for every chunk.
 */
const MAX_RANGES = 4096;

/**
 * Cuts one message into frames: each byte is copied once, from where it was
 * written or from the caller's own buffer.
 *
 * @param pieces The message, in pieces of any size.
 * @param total The message's size in bytes.
 * @param id What tells its chunks from other messages' chunks.
 * @param frameSize The largest frame, header included.
 * @param allocate Makes a frame of a size.
 */
export function split(
  pieces: Iterable<Uint8Array>,
  total: number,
  id: number,
  frameSize: number,
  allocate: (size: number) => Uint8Array<ArrayBuffer> = (size) => new Uint8Array(size),
): Uint8Array<ArrayBuffer>[] {
  const frames: Uint8Array<ArrayBuffer>[] = [];
  let frame: Uint8Array<ArrayBuffer> | undefined;
  let filled = 0;
  let offset = 0;
  for (const piece of pieces) {
    let taken = 0;
    while (taken < piece.length) {
      if (frame === undefined) {
        frame = allocate(Math.min(frameSize, HEADER_SIZE + total - offset));
        writeHeader(frame, id, offset, total);
        filled = HEADER_SIZE;
      }
      const size = Math.min(piece.length - taken, frame.length - filled);
      frame.set(size === piece.length ? piece : piece.subarray(taken, taken + size), filled);
      taken += size;
      filled += size;
      if (filled === frame.length) {
        frames.push(frame);
        offset += filled - HEADER_SIZE;
        frame = undefined;
      }
    }
  }
  return frames;
}

/** Writes a frame's header. */
export function writeHeader(frame: Uint8Array, id: number, offset: number, total: number): void {
  writeUint32(frame, 0, id);
  writeUint32(frame, 4, offset);
  writeUint32(frame, 8, total);
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Reads a number of a header. */
export function readUint32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | (bytes[at + 1] ?? 0) << 8;
  return ((bytes[at + 2] ?? 0) | (bytes[at + 3] ?? 0) << 8) * 0x10000 + low;
}

/** What a connection may hold while its messages are incomplete. */
export interface ReassemblyLimits {
  /** The largest message, and all that incomplete messages may hold together, in bytes. */
  readonly messageSize: number;
  /** The largest frame, in bytes. */
  readonly frameSize: number;
  /** How many messages may be incomplete at a time. */
  readonly incompleteMessages: number;
}

const NOTHING = new Uint8Array(0);

/** Puts one connection's messages together. */
export class Reassembler {
  readonly #pending = new Map<number, PartialMessage>();
  /** Bytes that incomplete messages hold, and the pieces that they are in. */
  #held = 0;
  #pieces = 0;
  /** Where the last message lies that was complete: within its frame if it had only one. */
  bytes: Uint8Array<ArrayBuffer> = NOTHING;
  /** Where it begins. */
  start = 0;
  /** Where it ends; in a batch the next one's header follows. */
  end = 0;

  /** Lets go of the last message. */
  clear(): void {
    this.bytes = NOTHING;
    this.start = this.end = 0;
  }

  /**
   * Takes the next frame, or what is left of one that holds several messages.
   *
   * @param frame The frame.
   * @param at Where its header is.
   * @param limits What the peer may cost.
   * @param batched Whether another message may follow.
   * @returns Whether it completes a message, which is then where the fields say.
   * @throws {ProtocolError} If the frame contradicts what came before or a limit.
   */
  push(
    frame: Uint8Array<ArrayBuffer>,
    at: number,
    limits: ReassemblyLimits,
    batched: boolean,
  ): boolean {
    const start = at + HEADER_SIZE;
    if (frame.length < start) {
      throw new ProtocolError(
        "malformed",
        `A frame starts with a header of 12 bytes: received ${frame.length - at}`,
      );
    }
    if (frame.length > limits.frameSize) {
      throw tooLarge("A frame", frame.length, limits, "frameSize");
    }
    const id = readUint32(frame, at);
    const offset = readUint32(frame, at + 4);
    const total = readUint32(frame, at + 8);
    const length = frame.length - start;
    if (total > limits.messageSize) {
      throw tooLarge("A message", total, limits);
    }
    let message = this.#pending.get(id);
    if (message === undefined && offset === 0 && total > 0) {
      if (length === total || (batched && length > total)) {
        this.bytes = frame;
        this.start = start;
        this.end = start + total;
        return true;
      }
    }
    if (length === 0 || offset + length > total || at > 0) {
      throw badChunk(`bytes ${offset} to ${offset + length} of a message of ${total}`);
    }
    if (message === undefined) {
      if (this.#pending.size >= limits.incompleteMessages) {
        throw new ProtocolError(
          "policy",
          `At most ${limits.incompleteMessages} messages may be incomplete`,
          { limit: "incompleteMessages" },
        );
      }
      message = new PartialMessage(total);
      this.#pending.set(id, message);
    }
    if (message.total !== total) {
      throw badChunk(
        `a message of ${message.total} bytes is now said to have ${total}`,
      );
    }
    this.#count(message, -1);
    message.add(offset, frame.subarray(start));
    if (message.complete) {
      this.#pending.delete(id);
      this.bytes = message.bytes();
      this.start = 0;
      this.end = total;
      return true;
    }
    this.#count(message, 1);
    const { messageSize } = limits;
    if (this.#held > messageSize) {
      throw tooLarge("Incomplete messages together", this.#held, limits);
    }
    if ((this.#pieces - MIN_PIECES) * CHUNK_COST > messageSize) {
      throw new ProtocolError(
        "too-large",
        `Incomplete messages are in ${this.#pieces} pieces, too many for at most ${messageSize} bytes`,
        { limit: "messageSize" },
      );
    }
    return false;
  }

  #count(message: PartialMessage, sign: 1 | -1): void {
    this.#held += sign * message.held;
    this.#pieces += sign * message.pieces;
  }
}

/** A run of bytes that have come: from `start` up to `end`. */
interface Range {
  start: number;
  end: number;
}

class PartialMessage {
  readonly total: number;
  /** Sorted, disjoint, not touching. */
  readonly #ranges: Range[] = [];
  #parts: { offset: number; content: Uint8Array<ArrayBuffer> }[] = [];
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  #received = 0;

  constructor(total: number) {
    this.total = total;
  }

  /** The bytes that it holds. */
  get held(): number {
    return this.#bytes ? this.total : this.#received;
  }

  /** What must be kept in mind besides them. */
  get pieces(): number {
    return this.#parts.length + this.#ranges.length;
  }

  get complete(): boolean {
    return this.#received === this.total;
  }

  add(offset: number, content: Uint8Array<ArrayBuffer>): void {
    this.#claim(offset, offset + content.length);
    this.#received += content.length;
    if (this.#bytes) {
      this.#bytes.set(content, offset);
      return;
    }
    this.#parts.push({ offset, content });
    // Never more than four times what has come, so that a header alone buys
    // nothing; from then on chunks are copied as they come, each byte once.
    if (this.#received * 4 >= this.total) {
      this.#bytes = new Uint8Array(this.total);
      for (const part of this.#parts) {
        this.#bytes.set(part.content, part.offset);
      }
      this.#parts = [];
    }
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes ?? NOTHING;
  }

  /** Enters a range, and refuses one that overlaps: counting bytes would take a repeated chunk for a missing one. */
  #claim(start: number, end: number): void {
    const ranges = this.#ranges;
    // The first range that starts at or behind `start`; chunks usually come in order, so look from the end.
    let i = ranges.length;
    while (i > 0 && (ranges[i - 1]?.start ?? 0) >= start) i--;
    const before = ranges[i - 1];
    const after = ranges[i];
    if ((before && before.end > start) || (after && after.start < end)) {
      throw badChunk(`bytes ${start} to ${end} came before`);
    }
    const joinsBefore = before !== undefined && before.end === start;
    const joinsAfter = after !== undefined && after.start === end;
    if (joinsBefore && joinsAfter) {
      before.end = after.end;
      ranges.splice(i, 1);
    } else if (joinsBefore) before.end = end;
    else if (joinsAfter) after.start = start;
    else if (ranges.length < MAX_RANGES) ranges.splice(i, 0, { start, end });
    else throw new ProtocolError("policy", `A message may have at most ${MAX_RANGES} gaps`);
  }
}

function tooLarge(
  what: string,
  size: number,
  limits: ReassemblyLimits,
  limit: "frameSize" | "messageSize" = "messageSize",
): ProtocolError {
  return new ProtocolError(
    "too-large",
    `${what} has ${size} bytes, at most ${limits[limit]} are allowed`,
    { limit },
  );
}

function badChunk(what: string): ProtocolError {
  return new ProtocolError(
    "bad-chunk",
    `A chunk contradicts those before: ${what}`,
  );
}
