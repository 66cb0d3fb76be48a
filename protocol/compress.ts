/**
 * What is compressed, and what that looks like; what compresses is in
 * `compression.ts`, which a client loads when it has agreed on `compress`.
 *
 * @module
 */
import type { CompressOptions } from "./api.ts";
import type { Message, RequestMessage } from "./messages.ts";

/** The notification `[size, bytes]`: a message of `size` bytes of msgpack, deflated. */
export const COMPRESSED_METHOD = "wslink.compressed";

/** Below it hardly anything is saved: the message around it has 90 bytes itself, and starting costs 20 µs. */
const MIN_SIZE = 1024;

/**
 * Reads the option `compress`.
 *
 * @param compress What was given.
 * @returns From which size on messages are compressed, in bytes; `undefined` if never.
 * @throws {RangeError} If the size is no size.
 */
export function minSizeOf(compress: boolean | CompressOptions | undefined): number | undefined {
  if (compress === undefined || compress === false) return undefined;
  const { minSize = MIN_SIZE } = compress === true ? {} : compress;
  if (!(minSize >= 0)) {
    throw new RangeError(`compress.minSize must be 0 or more bytes: received ${minSize}`);
  }
  return minSize;
}

/**
 * Tells whether a message holds a compressed one.
 *
 * @param message What a peer sent that agreed on `compress`.
 * @returns Whether it does; what it holds is anything yet.
 */
export function isCompressed(message: Message): message is RequestMessage {
  return message.type === "request" && message.method === COMPRESSED_METHOD &&
    message.id.startsWith("system:");
}
