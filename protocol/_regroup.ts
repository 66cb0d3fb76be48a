/** What becomes of frames while they wait to be sent: small ones travel together, large ones in parts. */
import { HEADER_SIZE, readUint32, writeHeader } from "./_chunks.ts";

/**
 * Makes a chunk of a part of one, for as long as `take` runs: the chunk's header
 * stands where bytes of the frame were, which are put back. So nothing is copied,
 * and others may hold the frame as well, as long as they don't read it meanwhile.
 *
 * @param frame A chunk.
 * @param from Where the part's content begins.
 * @param to Where it ends.
 * @param take What is done with the new chunk; it must have copied it when it returns.
 */
export function lendChunk(
  frame: Uint8Array<ArrayBuffer>,
  from: number,
  to: number,
  take: (chunk: Uint8Array<ArrayBuffer>) => void,
): void {
  const at = from - HEADER_SIZE;
  const chunk = frame.subarray(at, to);
  const id = readUint32(frame, 0), offset = readUint32(frame, 4), total = readUint32(frame, 8);
  const saved = chunk.slice(0, HEADER_SIZE);
  writeHeader(chunk, id, offset + at, total);
  try {
    take(chunk);
  } finally {
    chunk.set(saved);
  }
}

/**
 * Puts neighbouring frames together, so that they travel as one: a batch (see
 * docs/protocol.md). Frames that one encoder made one after the other lie next
 * to each other in its slab, and are joined without a copy.
 *
 * @param frames Whole messages' frames, one at least. They belong to whoever
 * holds them, so that the joined frame may not be changed either.
 * @returns One frame of all their bytes.
 */
export function joinFrames(frames: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const [first] = frames;
  if (first === undefined) throw new RangeError("There is no frame to join");
  let size = 0;
  let contiguous = true;
  for (const frame of frames) {
    contiguous &&= frame.buffer === first.buffer && frame.byteOffset === first.byteOffset + size;
    size += frame.length;
  }
  if (contiguous) return new Uint8Array(first.buffer, first.byteOffset, size);
  const joined = new Uint8Array(size);
  let at = 0;
  for (const frame of frames) {
    joined.set(frame, at);
    at += frame.length;
  }
  return joined;
}
