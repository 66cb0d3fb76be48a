/**
 * What the protocol's tests share: bytes as hex, the recorded peers, and a
 * source of numbers that are the same in every run.
 */
import type { Decoder, Frame, Message } from "../../protocol/mod.ts";

/** Bytes from hex digits; spaces are for the reader. */
export function bytes(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(hex.replaceAll(" ", ""));
}

/** The frame of a 2.x message: a header of id, offset and total, then content. */
export function chunk(
  id: number,
  offset: number,
  total: number,
  content: Uint8Array | string,
): Uint8Array<ArrayBuffer> {
  const body = typeof content === "string" ? bytes(content) : content;
  const frame = new Uint8Array(12 + body.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, id, true);
  view.setUint32(4, offset, true);
  view.setUint32(8, total, true);
  frame.set(body, 12);
  return frame;
}

/** Recorded by tests/peers/record.ts from wslink's own peers. */
export interface Recording {
  readonly name: string;
  readonly peer: string;
  readonly direction: "client→server" | "server→client";
  readonly frames: readonly Readonly<Record<"text" | "hex", string>>[];
}

/** Reads one peer's recordings, as frames. */
export function recorded(peer: string): { name: string; frames: Frame[] }[] {
  const path = new URL(`../fixtures/${peer}.json`, import.meta.url);
  const recordings: Recording[] = JSON.parse(Deno.readTextFileSync(path));
  return recordings.map(({ name, frames }) => ({
    name,
    frames: frames.map((frame) => frame.text ?? bytes(frame.hex)),
  }));
}

/** Feeds frames, and returns the messages that came out. */
export function feed(decoder: Decoder, frames: Iterable<Frame>): Message[] {
  const messages: Message[] = [];
  for (const frame of frames) {
    let message = decoder.decode(frame);
    for (; message; message = decoder.next()) messages.push(message);
  }
  return messages;
}

/** Numbers that look random and are the same in every run (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** An integer of 32 bits. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** An integer from 0 up to, not including, `end`. */
  below(end: number): number {
    return this.next() % end;
  }

  /** One element of a list that has one. */
  pick<T>(list: readonly [T, ...T[]] | readonly T[]): T {
    const item = list[this.below(list.length)];
    if (item === undefined) throw new RangeError("There is nothing to pick from");
    return item;
  }

  /** The list in another order. */
  shuffled<T>(list: readonly T[]): T[] {
    const shuffled = [...list];
    for (let i = shuffled.length - 1; i > 0; i--) {
      shuffled.push(...shuffled.splice(this.below(i + 1), 1));
    }
    return shuffled;
  }

  /** So many bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}
