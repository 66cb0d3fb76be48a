// What the raw servers do with a frame, whatever runs them. Small binary frames come back as they are,
// a large one is acknowledged. A text frame asks for frames that were encoded beforehand:
// "down SIZE", "publish SIZE COUNT", "fanout SIZE COUNT".
import { TOPIC } from "../_lines.ts";
import { publicationFrames, resultFrames } from "./_frames.ts";

type Frames = Uint8Array<ArrayBuffer>[];

/** A socket of any runtime. */
export interface RawSocket {
  send(frame: Uint8Array<ArrayBuffer>): unknown;
}

/** The sockets that are open. */
export const sockets = new Set<RawSocket>();
const prepared = new Map<string, Frames>();
const acknowledgement = resultFrames(null);
const received = resultFrames(1_000_000);

function prepare(kind: string, size: number): Frames {
  const data = new Uint8Array(size).fill(7);
  return kind === "down" ? resultFrames({ data }) : publicationFrames(TOPIC, data);
}

function send(socket: RawSocket, frames: Frames): void {
  for (const frame of frames) socket.send(frame);
}

function obey(socket: RawSocket, text: string): void {
  const [kind = "", size = "0", count = "1"] = text.split(" ");
  const key = `${kind} ${size}`;
  const frames = prepared.get(key) ?? prepare(kind, Number(size));
  prepared.set(key, frames);
  const receivers = kind === "fanout" ? sockets : [socket];
  for (let i = 0; i < Number(count); i++) {
    for (const receiver of receivers) send(receiver, frames);
  }
  if (kind !== "down") send(socket, acknowledgement);
}

/** Whether a frame is the last one of a message that was cut. */
function isLast(frame: Uint8Array): boolean {
  const view = new DataView(frame.buffer, frame.byteOffset, 12);
  return view.getUint32(4, true) + frame.byteLength - 12 >= view.getUint32(8, true);
}

/**
 * Does what a frame asks for.
 *
 * @param socket Where it came.
 * @param data The frame.
 */
export function answer(socket: RawSocket, data: string | Uint8Array<ArrayBuffer>): void {
  if (typeof data === "string") obey(socket, data);
  else if (data.byteLength <= 65_536) socket.send(data);
  else if (isLast(data)) send(socket, received);
}
