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

/** How long a little may go without an acknowledgement, in ms. */
const ACK_TIME = 5;

/** Tells the peer of one connection how far this side has read. */
export class Acks {
  readonly #send: (bytes: number) => void;
  #read: number;
  #said: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Says it for the first time, and the peer goes by it from then on.
   *
   * @param read How many bytes have come since the connection began.
   * @param send Sends an acknowledgement.
   */
  constructor(read: number, send: (bytes: number) => void) {
    this.#read = this.#said = read;
    this.#send = send;
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
    if (bytes - this.#said >= ACK_SIZE) this.#say();
    else if (!onlyAcks) this.#timer ??= setTimeout(() => this.#say(), ACK_TIME);
  }

  /** The connection has ended. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #say(): void {
    this.stop();
    this.#said = this.#read;
    this.#send(this.#read);
  }
}
