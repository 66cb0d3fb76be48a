/**
 * Whatever a peer sends, a decoder answers with a message, with nothing, or with
 * a ProtocolError; and it holds no more than its limits say. The inputs are the
 * same in every run.
 */
import { assert } from "@std/assert";
import {
  type Decoder,
  DEFAULT_LIMITS,
  type Frame,
  JsonDecoder,
  MsgpackDecoder,
  ProtocolError,
} from "../../protocol/mod.ts";
import { chunk, recorded } from "./_support.ts";
import { Random } from "../../scripts/torture/_random.ts";

const INPUTS = 20_000;
const LIMITS = { ...DEFAULT_LIMITS, messageSize: 100_000, frameSize: 50_000 };

/** Feeds so many inputs; a decoder that refused one is replaced, as its connection would be. */
function fuzz(make: () => Decoder, next: () => Frame): void {
  let decoder = make();
  let refused = 0;
  let messages = 0;
  for (let i = 0; i < INPUTS; i++) {
    const frame = next();
    try {
      if (decoder.decode(typeof frame === "string" ? frame : frame.slice())) messages++;
    } catch (error) {
      if (!(error instanceof ProtocolError)) {
        const shown = typeof frame === "string" ? frame : frame.toHex();
        throw new Error(`input ${i} made the decoder throw: ${shown}`, { cause: error });
      }
      refused++;
      decoder = make();
    }
  }
  assert(refused > INPUTS / 100, "some inputs are bad");
  assert(messages > 0, "some inputs are good");
  assert(!("polluted" in {}), "no prototype was touched");
}

/** Changes some bytes; the header's fields are as likely to be hit as all the rest. */
function damage(random: Random, frame: Uint8Array): Uint8Array<ArrayBuffer> {
  let bytes = Uint8Array.from(frame);
  for (let changes = random.below(4); changes > 0; changes--) {
    const at = random.below(2) ? random.below(bytes.length + 1) : random.below(12);
    switch (random.below(5)) {
      case 0:
        bytes[at] = random.below(256);
        break;
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 2:
        bytes = bytes.slice(0, at);
        break;
      case 3:
        bytes = Uint8Array.from([...bytes.slice(0, at), ...bytes.slice(at + 1 + random.below(4))]);
        break;
      case 4:
        bytes = Uint8Array.from([...bytes.slice(0, at), ...random.bytes(4), ...bytes.slice(at)]);
    }
  }
  return bytes;
}

Deno.test("MsgpackDecoder survives damaged recordings", () => {
  const random = new Random(11);
  const frames = ["wslink-js-2.5.0", "wslink-py-2.5.7"].flatMap(recorded)
    .flatMap(({ frames }) => frames).filter((frame) => typeof frame !== "string");
  fuzz(() => new MsgpackDecoder(LIMITS), () => damage(random, random.pick(frames)));
});

Deno.test("MsgpackDecoder survives any content in one chunk", () => {
  const random = new Random(12);
  const frames = ["wslink-js-2.5.0", "wslink-py-2.5.7"].flatMap(recorded)
    .flatMap(({ frames }) => frames).filter((frame) => typeof frame !== "string");
  fuzz(() => new MsgpackDecoder(LIMITS), () => {
    // The header is right, so that the reader sees every one.
    const content = random.below(4)
      ? damage(random, random.pick(frames).subarray(12))
      : random.bytes(1 + random.below(40));
    return chunk(random.next(), 0, content.length, content);
  });
});

Deno.test("MsgpackDecoder survives any order of chunks", () => {
  const random = new Random(13);
  const message = recorded("wslink-js-2.5.0")[1]?.frames[0];
  assert(message !== undefined && typeof message !== "string");
  const content = message.subarray(12);
  fuzz(() => new MsgpackDecoder(LIMITS), () => {
    // Mostly thirds of the message, so that some become whole.
    const size = random.below(8) ? content.length / 3 : 1 + random.below(80);
    const start = random.below(8) ? random.below(3) * content.length / 3 : random.below(120);
    const total = random.below(50) ? content.length : random.next();
    return chunk(random.below(2), start, total, content.slice(start, start + size));
  });
});

const SCRAPS = [
  '{"wslink":"1.0","id":"rpc:c1:0",',
  '"method":',
  '"wslink.binary.attachment"',
  '"args":[',
  '"kwargs":{',
  '"result":',
  '"error":{"code":1,"message":"m"}',
  '"wslink_bin0"',
  '"wslink_bin1",',
  '"__proto__":{"polluted":1}',
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "\\",
  "\\u0022",
  "NaN",
  "-Infinity",
  "9007199254740993",
  "0.30000000000000004",
  "1e999",
  "null",
  " ",
  "\n",
  "\u0000",
  "é",
  "\ud800",
];

/** Changes some characters. */
function garble(random: Random, text: string): string {
  let garbled = text;
  for (let changes = random.below(4); changes > 0; changes--) {
    const at = random.below(garbled.length + 1);
    const skipped = random.below(3) ? random.below(3) : random.below(garbled.length + 1);
    const scrap = random.below(3) ? random.pick(SCRAPS) : "";
    garbled = garbled.slice(0, at) + scrap + garbled.slice(at + skipped);
  }
  return garbled;
}

Deno.test("JsonDecoder survives damaged recordings", () => {
  const random = new Random(14);
  const frames = ["wslink-js-1.12.4", "wslink-py-1.12.4"].flatMap(recorded)
    .flatMap(({ frames }) => frames);
  fuzz(() => new JsonDecoder(LIMITS), () => {
    const frame = random.pick(frames);
    return typeof frame === "string" ? garble(random, frame) : random.bytes(random.below(20));
  });
});

Deno.test("JsonDecoder survives any pieces of messages", () => {
  const random = new Random(15);
  fuzz(() => new JsonDecoder(LIMITS), () => {
    if (random.below(10) === 0) return random.bytes(random.below(20));
    if (random.below(10) === 0) {
      return '{"method":"wslink.binary.attachment","args":["wslink_bin0"]}';
    }
    const value = Array.from({ length: random.below(12) }, () => random.pick(SCRAPS)).join("");
    return random.below(2) ? `{"id":"rpc:c1:0","result":[${value}]}` : value;
  });
});

Deno.test("decoders hold no more than their limits say, whatever has come", () => {
  const random = new Random(16);
  const before = Deno.memoryUsage();
  const msgpack = Array.from({ length: 50 }, () => new MsgpackDecoder(LIMITS));
  const json = Array.from({ length: 50 }, () => new JsonDecoder(LIMITS));
  const feed = (decoder: Decoder, frame: Frame) => {
    try {
      decoder.decode(frame);
    } catch (error) {
      assert(error instanceof ProtocolError);
    }
  };
  for (let i = 0; i < 100_000; i++) {
    // Its connection would be closed at the first refusal; here it goes on.
    const total = 100 + random.below(LIMITS.messageSize);
    feed(
      random.pick(msgpack),
      chunk(random.next(), random.below(total), total, new Uint8Array(100)),
    );
    feed(random.pick(json), `{"method":"wslink.binary.attachment","args":["wslink_bin${i}"]}`);
    feed(random.pick(json), new Uint8Array(1000));
  }
  const after = Deno.memoryUsage();
  // 100 decoders, of which each may hold some 200,000 bytes and what the bookkeeping costs.
  assert(after.external - before.external < 100_000_000);
  assert(after.heapUsed - before.heapUsed < 200_000_000);
});
