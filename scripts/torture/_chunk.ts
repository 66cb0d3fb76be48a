/** The frame of a 2.x message: a header of id, offset and total, then content. */
export function chunk(
  id: number,
  offset: number,
  total: number,
  content: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(12 + content.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, id, true);
  view.setUint32(4, offset, true);
  view.setUint32(8, total, true);
  frame.set(content, 12);
  return frame;
}
