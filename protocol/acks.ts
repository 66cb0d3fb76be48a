/**
 * What a receiver tells a sender that goes by it: how much it has read.
 *
 * @module
 */
import type { Message, RequestMessage } from "./messages.ts";
import { ACK_SIZE } from "./_pace.ts";

/** The notification that says so; its only argument is the count of bytes. */
export const ACK_METHOD = "wslink.ack";

/**
 * Makes an acknowledgement.
 *
 * @param prefix What the ids of its sender begin with.
 * @param bytes How much it has read.
 * @returns The message.
 */
export function ackMessage(prefix: string, bytes: number): RequestMessage {
  return {
    type: "request",
    id: `system:${prefix}:0`,
    method: ACK_METHOD,
    args: [bytes],
    kwargs: {},
  };
}

/**
 * Tells whether a message is one.
 *
 * @param message What a peer sent that agreed on `ack`.
 * @returns Whether it is; what it says is anything yet.
 */
export function isAck(message: Message): message is RequestMessage {
  return message.type === "request" && message.method === ACK_METHOD &&
    message.id.startsWith("system:");
}

/** So little goes without an acknowledgement for ever, in bytes: no sender waits for it. */
const LITTLE = 4096;

/** How long more than that may, in ms. */
const ACK_TIME = 50;

/** The most that goes by without one, in bytes: half of the least window, or the sender waits for the timer. */
const MAX_STRIDE = 2 * ACK_SIZE;

/**
 * On a fast link acknowledgements become fewer, on a slow one more, in ms: they
 * cost both programs time, and a socket with Nagle's algorithm, as Deno's
 * client has it, holds a small frame back while another one is on its way.
 */
const OFTEN = 1;
const SELDOM = 4;

/** Tells the peer of one connection how far this side has read. */
export class Acks {
  readonly #send: (bytes: number) => void;
  readonly #now: () => number;
  #stride = ACK_SIZE;
  #saidAt: number;
  #read: number;
  #said: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** How long the timer was set to, in ms. */
  #time = Infinity;

  /**
   * Says it for the first time, and the peer goes by it from then on.
   *
   * @param read How many bytes have come since the connection began.
   * @param send Sends an acknowledgement.
   * @param now The time, in ms since whenever.
   */
  constructor(
    read: number,
    send: (bytes: number) => void,
    now: () => number = () => performance.now(),
  ) {
    this.#read = this.#said = read;
    this.#send = send;
    this.#now = now;
    this.#saidAt = now();
    send(read);
  }

  /**
   * Notes how far this side has come. It is told once a frame's messages have
   * been handled, so that a receiver that takes long for them sets the pace.
   *
   * @param bytes How many bytes have been read since the connection began.
   * @param onlyAcks Whether the frame held nothing but acknowledgements: two peers
   * would acknowledge each other's for ever.
   */
  read(bytes: number, onlyAcks: boolean): void {
    this.#read = bytes;
    if (bytes - this.#said >= this.#stride) {
      const time = this.#now() - this.#saidAt;
      if (time < OFTEN) this.#stride = Math.min(this.#stride * 2, MAX_STRIDE);
      else if (time > SELDOM) this.#stride = Math.max(this.#stride / 2, ACK_SIZE);
      this.#say();
    } else if (bytes - this.#said >= ACK_SIZE) this.#sayWithin(SELDOM);
    else if (!onlyAcks && bytes - this.#said >= LITTLE) this.#sayWithin(ACK_TIME);
  }

  #sayWithin(time: number): void {
    if (this.#time <= time) return;
    clearTimeout(this.#timer);
    this.#time = time;
    this.#timer = setTimeout(() => {
      // A sender whose window is below the stride waits here, and it must not learn a rate from it
      // that keeps its window there.
      this.#stride = ACK_SIZE;
      this.#say();
    }, time);
  }

  /** A message is about to be sent, with which an acknowledgement can travel. */
  passing(): void {
    if (this.#read - this.#said >= LITTLE / 2) this.#say();
  }

  /** The connection has ended. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#time = Infinity;
  }

  #say(): void {
    this.stop();
    this.#said = this.#read;
    this.#saidAt = this.#now();
    this.#send(this.#read);
  }
}
