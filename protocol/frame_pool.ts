/**
 * Memory of frames that nobody holds any more.
 *
 * @module
 */

/** How many buffers of sent frames are kept for the next ones: those of a message of 16 MB, and the last few others. */
const MAX_FREE = 8;

/** How much memory they may have. */
const MAX_FREE_BYTES = 16 * 1024 * 1024 + 64 * 1024;

/**
 * Keeps the memory of large frames for the next ones: what was just in use is
 * several times as fast to fill as new memory, which the system maps and zeroes
 * page by page. A sender of many large messages wants one.
 *
 * @example
 * ```ts
 * import { FramePool, MsgpackEncoder } from "@hawser/hawser/protocol";
 * import { assertStrictEquals } from "@std/assert";
 *
 * const encoder = new MsgpackEncoder({ pool: new FramePool() });
 * const message = { type: "result", id: "rpc:c1:0", result: new Uint8Array(1e6) } as const;
 * const frames = encoder.encode(message);
 * encoder.recycle(frames);
 * assertStrictEquals(encoder.encode(message)[0]?.buffer, frames[0]?.buffer);
 * ```
 */
export class FramePool {
  /** Buffers, the last one used last. */
  readonly #free: ArrayBuffer[] = [];
  #freeBytes = 0;

  /**
   * Takes a frame back that nobody holds any more.
   *
   * @param frame The frame, which is not read or sent again.
   */
  recycle(frame: Uint8Array<ArrayBuffer>): void {
    const { buffer } = frame;
    const free = this.#free;
    if (free.includes(buffer)) return;
    free.push(buffer);
    this.#freeBytes += buffer.byteLength;
    while (free.length > MAX_FREE || this.#freeBytes > MAX_FREE_BYTES) {
      this.#freeBytes -= free.shift()?.byteLength ?? 0;
    }
  }

  /**
   * Makes a frame.
   *
   * @param size How many bytes it has.
   * @returns The frame, with anything in it.
   */
  allocate(size: number): Uint8Array<ArrayBuffer> {
    // One that is much too large may be just right for another frame.
    const i = this.#free.findLastIndex(({ byteLength }) =>
      byteLength >= size && byteLength <= size * 2
    );
    const [buffer] = i < 0 ? [] : this.#free.splice(i, 1);
    if (buffer === undefined) return new Uint8Array(size);
    this.#freeBytes -= buffer.byteLength;
    return new Uint8Array(buffer, 0, size);
  }
}
