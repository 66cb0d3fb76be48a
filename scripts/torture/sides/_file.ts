/** The bytes of one piece of the file that is streamed: each seed and number has its own. */
export function piece(seed: number, number: number, size: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(size / 4));
  let x = (seed ^ Math.imul(number + 1, 0x9e3779b1)) | 1;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return new Uint8Array(words.buffer, 0, size);
}

/** How large each piece is, in bytes. */
export const PIECE = 256 * 1024;
