/**
 * What makes a session outlive its socket: every message has a number, is held
 * until the other side has it, and is sent again over the next socket if it got
 * lost with the last one. What comes twice is taken once.
 *
 * @module
 */
import { ProtocolError } from "../protocol/errors.ts";
import type { Frame } from "../protocol/codec.ts";

/** The notification `[n]`: all messages up to number n have come. */
export const RECEIVED_METHOD = "wslink.received";

/** After so many messages the sender is told that it may let go of them. */
const ACK_MESSAGES = 256;

/** After so many bytes, too. */
const ACK_BYTES = 2 * 1024 * 1024;

/** How many messages may have overtaken one that is missing: they travel in chunks, small ones first. */
const MAX_AHEAD = 65_536;

/** What a held message costs besides its bytes. */
const HELD_COST = 128;

/** A message that may have to be sent again. */
export interface Held {
  /** Its number, from 1. */
  readonly seq: number;
  /** Its frames. */
  readonly frames: readonly Frame[];
  /** Messages with the same one arrive in the order of sending. */
  readonly order: string | undefined;
}

/** What a session needs to say and to let go of. */
export interface ReliableHost {
  /** How many bytes may be held for the other side. */
  readonly bound: number;
  /** Tells the other side what has come. */
  acknowledge(received: number): void;
  /** The other side has these frames: nobody needs them any more. */
  release(frames: readonly Frame[]): void;
}

/** Both directions of one session's numbered messages. */
export class Reliable {
  readonly #host: ReliableHost;
  /** In the order of their numbers, without gaps. */
  #held: Held[] = [];
  #heldBytes = 0;
  #last = 0;
  /** Messages up to this number were let go of without a word from the other side. */
  #lost = 0;
  /** Messages up to this number were sent more than once, and may be waiting to be still. */
  #resent = 0;
  #received = 0;
  readonly #ahead = new Set<number>();
  #unacknowledged = 0;
  #unacknowledgedBytes = 0;

  /** @param host What it may say and let go of. */
  constructor(host: ReliableHost) {
    this.#host = host;
  }

  /** All messages of the other side's up to this number have come. */
  get received(): number {
    return this.#received;
  }

  /** How many bytes are held for the other side. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** The number of the next message to be sent. */
  get next(): number {
    return this.#last + 1;
  }

  /**
   * Holds a message with the next number.
   *
   * @param frames Its frames.
   * @param order Messages with the same one arrive in the order of sending.
   */
  hold(frames: readonly Frame[], order: string | undefined): void {
    this.#held.push({ seq: ++this.#last, frames, order });
    this.#heldBytes += costOf(frames);
    // The newest is held whatever its size. Without the oldest the session lives
    // on, but not through the next break.
    while (this.#heldBytes > this.#host.bound && this.#held.length > 1) {
      const oldest = this.#held.shift();
      if (oldest === undefined) break;
      this.#heldBytes -= costOf(oldest.frames);
      this.#lost = oldest.seq;
    }
  }

  /**
   * Takes the number of a message that came.
   *
   * @param seq The number.
   * @param size What came since the last one, in bytes.
   * @returns Whether the message is new.
   * @throws {ProtocolError} If far more is ahead than any order of chunks explains.
   */
  take(seq: number, size: number): boolean {
    if (seq <= this.#received || this.#ahead.has(seq)) return false;
    if (seq === this.#received + 1) {
      this.#received = seq;
      while (this.#ahead.delete(this.#received + 1)) this.#received++;
    } else if (this.#ahead.size >= MAX_AHEAD) {
      throw new ProtocolError("policy", `Message ${this.#received + 1} is missing for too long`);
    } else this.#ahead.add(seq);
    this.#unacknowledgedBytes += size;
    if (++this.#unacknowledged >= ACK_MESSAGES || this.#unacknowledgedBytes >= ACK_BYTES) {
      this.#unacknowledged = this.#unacknowledgedBytes = 0;
      this.#host.acknowledge(this.#received);
    }
    return true;
  }

  /**
   * The other side has all messages up to a number.
   *
   * @param received The number.
   */
  acknowledged(received: number): void {
    let count = 0;
    for (const { seq, frames } of this.#held) {
      if (seq > received) break;
      count++;
      this.#heldBytes -= costOf(frames);
      // What is acknowledged may have come over the last socket, and wait for this one.
      if (seq > this.#resent) this.#host.release(frames);
    }
    if (count > 0) this.#held = this.#held.slice(count);
  }

  /**
   * What the other side lacks after a break.
   *
   * @param received All messages up to this number have come there.
   * @returns The messages in order, or `undefined` if some of them are held no more.
   */
  missing(received: unknown): readonly Held[] | undefined {
    if (typeof received !== "number" || received < this.#lost || received > this.#last) {
      return undefined;
    }
    this.acknowledged(received);
    this.#resent = this.#last;
    // The numbers of what had overtaken are told by nobody; it comes twice, and is taken once.
    return this.#held;
  }
}

function costOf(frames: readonly Frame[]): number {
  let cost = HELD_COST;
  for (const frame of frames) cost += frame.length;
  return cost;
}
