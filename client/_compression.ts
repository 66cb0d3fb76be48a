/** A client's compressed messages, which keep their order though each may take a while. */
import type { Encoder, Frame } from "../protocol/codec.ts";
import { isCompressed } from "../protocol/compress.ts";
import type { ClientCompressor } from "../protocol/compression.ts";
import type { Message, OutgoingMessage } from "../protocol/messages.ts";
import type { SendOptions, SendQueue } from "../protocol/send_queue.ts";
import type { OutletOptions } from "./_link.ts";

/** Sends messages in their order, though it may take a while to compress one. */
export class Packing {
  readonly #queue: SendQueue;
  readonly #encoder: Encoder;
  readonly #compressor: ClientCompressor;
  /** What is being compressed, and what must not overtake it, by their order. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #stopped = false;
  /** Bytes that wait here, as they were before. */
  held = 0;

  constructor(queue: SendQueue, encoder: Encoder, compressor: ClientCompressor) {
    this.#queue = queue;
    this.#encoder = encoder;
    this.#compressor = compressor;
  }

  send(
    frames: readonly Frame[],
    options: SendOptions | undefined,
    message: OutgoingMessage | undefined,
    minSize: number | undefined,
  ): void {
    const shrunk = message === undefined || minSize === undefined
      ? frames
      : this.#compressor.shrink(message, frames, this.#encoder, minSize);
    const order = options?.order ?? "";
    const waiting = order === "" ? undefined : this.#waiting.get(order);
    if (waiting === undefined && !(shrunk instanceof Promise)) {
      this.#queue.send(shrunk, options);
      return;
    }
    this.#later(frames, shrunk, options, waiting);
  }

  async #later(
    frames: readonly Frame[],
    shrunk: readonly Frame[] | Promise<readonly Frame[]>,
    options: SendOptions | undefined,
    waiting: (() => void)[] | undefined,
  ): Promise<void> {
    const order = options?.order ?? "";
    const size = frames.reduce((sum, frame) => sum + frame.length, 0);
    this.held += size;
    if (waiting === undefined) this.#waiting.set(order, []);
    else await new Promise<void>((resolve) => waiting.push(resolve));
    let ready = frames;
    try {
      ready = await shrunk;
    } catch {
      // Whatever kept it from becoming smaller, it can be sent as it is.
    }
    this.held -= size;
    if (!this.#stopped) this.#queue.send(ready, options);
    const next = this.#waiting.get(order)?.shift();
    if (next === undefined) this.#waiting.delete(order);
    else next();
  }

  stop(): void {
    this.#stopped = true;
  }
}

/** Opens compressed messages in their order, though that may take a while. */
export class Unpacking {
  readonly #options: OutletOptions;
  readonly #compressor: ClientCompressor;
  readonly #caughtUp: (bytes: number) => void;
  /** The message that is being opened, and those behind it. */
  #waiting: [message: Message, size: number][] = [];
  /** What has come meanwhile is acknowledged when it has been read. */
  #received = 0;
  #opened = false;
  #stopped = false;

  constructor(
    options: OutletOptions,
    compressor: ClientCompressor,
    caughtUp: (bytes: number) => void,
  ) {
    this.#options = options;
    this.#compressor = compressor;
    this.#caughtUp = caughtUp;
  }

  takes(message: Message, size: number): boolean {
    if (this.#waiting.length > 0) this.#waiting.push([message, size]);
    else if (!isCompressed(message)) return false;
    else {
      const { limits, encoder, deliver } = this.#options;
      const opened = this.#compressor.open(message, limits, encoder.wire);
      this.#opened = true;
      if (!(opened instanceof Promise)) deliver(opened, size);
      else {
        this.#waiting.push([message, size]);
        this.#deliver(opened);
      }
    }
    return true;
  }

  /** Takes down how much has come; tells whether it is seen to here that it is acknowledged. */
  read(bytes: number): boolean {
    this.#received = bytes;
    const opened = this.#opened;
    this.#opened = false;
    if (this.#waiting.length > 0) return true;
    if (opened) this.#caughtUp(bytes);
    return opened;
  }

  async #deliver(first: Promise<Message>): Promise<void> {
    const { limits, encoder, deliver, fail } = this.#options;
    let opened: Message | Promise<Message> = first;
    try {
      for (;;) {
        const message: Message = await opened;
        const next = this.#waiting.shift();
        if (next === undefined) return;
        deliver(message, next[1]);
        const [following] = this.#waiting;
        if (following === undefined) break;
        opened = isCompressed(following[0])
          ? this.#compressor.open(following[0], limits, encoder.wire)
          : following[0];
      }
      this.#caughtUp(this.#received);
    } catch (error) {
      if (this.#stopped) return;
      this.stop();
      fail(error);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
  }
}
