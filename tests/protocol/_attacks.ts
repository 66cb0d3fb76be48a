/**
 * What a hostile peer may send within the default size limits, to make the
 * receiver build far more than it received. Run with a small heap by
 * heap_test.ts; prints how each one ended.
 */
import { JsonDecoder, MsgpackDecoder, ProtocolError } from "../../protocol/mod.ts";

/** One message of 100 MB or so: the bytes over and over as elements of a list, in frames of 4 MB. */
function msgpack(element: readonly number[], count = Math.floor(100e6 / element.length)): void {
  const decoder = new MsgpackDecoder();
  // {"id": "r", "result": [...]}
  const head = [0x82, 0xa2, 0x69, 0x64, 0xa1, 0x72, 0xa6, 0x72, 0x65, 0x73, 0x75, 0x6c, 0x74, 0xdd];
  const total = head.length + 4 + count * element.length;
  const message = new Uint8Array(total);
  const view = new DataView(message.buffer);
  message.set(head);
  view.setUint32(head.length, count);
  message.set(element, head.length + 4);
  for (let done = element.length; done < count * element.length; done *= 2) {
    message.copyWithin(head.length + 4 + done, head.length + 4, head.length + 4 + done);
  }
  for (let offset = 0; offset < total; offset += 4_000_000) {
    const content = message.subarray(offset, offset + 4_000_000);
    const frame = new Uint8Array(12 + content.length);
    const header = new DataView(frame.buffer);
    header.setUint32(4, offset, true);
    header.setUint32(8, total, true);
    frame.set(content, 12);
    decoder.decode(frame);
  }
}

/** One text of 100 MB or so. */
function json(
  element: string,
  tail: string,
  count = Math.floor(100e6 / element.length),
): void {
  new JsonDecoder().decode('{"id":"r","result":[' + element.repeat(count) + tail);
}

/** Nearly as many values as are allowed. */
const MANY = 1_999_000;

const ATTACKS: Readonly<Record<string, () => void>> = {
  "2.x, nil": () => msgpack([0xc0]),
  "2.x, empty lists": () => msgpack([0x90]),
  "2.x, empty maps": () => msgpack([0x80]),
  "2.x, lists of lists": () => msgpack([0x92, 0x90, 0x90]),
  "2.x, empty binary": () => msgpack([0xc4, 0x00]),
  "2.x, numbers as keys": () => msgpack([0x81, 0x01, 0x01]),
  "2.x, dates": () => msgpack([0xd6, 0xff, 0, 0, 0, 0]),
  "1.x, null": () => json("null,", "null]}"),
  "1.x, empty lists": () => json("[],", "[]]}"),
  "1.x, empty maps": () => json("{},", "{}]}"),
  "1.x, numbers": () => json("0,", "0]}"),
  "1.x, bare words": () => json("NaN,", "NaN]}"),
  "1.x, empty texts": () => json('"",', "NaN]}"),
  "1.x, a text of escaped quotes": () => json(' "' + '\\"'.repeat(49_999_998) + '",', "NaN]}"),
  "2.x, as much binary as may be": () => msgpack([0xc4, 0x00], MANY),
  "1.x, as many bare words as may be": () => json("NaN,", "NaN]}", MANY),
  "1.x, as many long integers as may be": () => json("9007199254740993,", "NaN]}", MANY),
};

for (const [name, attack] of Object.entries(ATTACKS)) {
  let end = "a message";
  try {
    attack();
  } catch (error) {
    end = error instanceof ProtocolError ? error.code : String(error);
  }
  console.log(`${name}: ${end}`);
}
