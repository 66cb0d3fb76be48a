/** What the protocol's tests share: bytes as hex, and the recorded peers. */
import type { Decoder, Frame, Message } from "../../protocol/mod.ts";
import { chunk as chunkOf } from "../_peer.ts";

/** Bytes from hex digits; spaces are for the reader. */
export function bytes(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(hex.replaceAll(" ", ""));
}

/** The frame of a 2.x message; content may be hex. */
export function chunk(
  id: number,
  offset: number,
  total: number,
  content: Uint8Array | string,
): Uint8Array<ArrayBuffer> {
  return chunkOf(id, offset, total, typeof content === "string" ? bytes(content) : content);
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
