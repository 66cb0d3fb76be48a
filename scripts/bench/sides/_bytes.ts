const buffers = new Map<number, Uint8Array<ArrayBuffer>>();

/**
 * What is sent down: made once for each size.
 *
 * @param size How many bytes.
 * @returns They.
 */
export function bytes(size: number): Uint8Array<ArrayBuffer> {
  const known = buffers.get(size) ?? new Uint8Array(size).fill(7);
  buffers.set(size, known);
  return known;
}
