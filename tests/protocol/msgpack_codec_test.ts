import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  DEFAULT_LIMITS,
  FramePool,
  JsonDecoder,
  type Message,
  MsgpackDecoder,
  MsgpackEncoder,
  type OutgoingMessage,
  ProtocolError,
  type ProtocolErrorCode,
} from "../../protocol/mod.ts";
import { joinFrames } from "../../protocol/_regroup.ts";
import { bytes, chunk, feed, recorded } from "./_support.ts";
import { Random } from "../../scripts/torture/_random.ts";

/** The map of a result up to its value: wslink "1.0", id "rpc:c1:0", result. */
const RESULT = "83 a677736c696e6b a3312e30 a26964 a87270633a63313a30 a6726573756c74";

const result = (value: unknown) => ({ type: "result", id: "rpc:c1:0", result: value } as const);

/** One frame that holds a message with this value as its result. */
function frameOf(value: string | Uint8Array): Uint8Array<ArrayBuffer> {
  const tail = typeof value === "string" ? bytes(value) : value;
  const head = bytes(RESULT);
  const content = new Uint8Array(head.length + tail.length);
  content.set(head);
  content.set(tail, head.length);
  return chunk(7, 0, content.length, content);
}

const utf8 = (text: string) => new TextEncoder().encode(text).toHex();
const zeros = (count: number) => "00".repeat(count);

/** What is the same in both directions. */
const VALUES: [hex: string, value: unknown][] = [
  ["c0", null],
  ["c2", false],
  ["c3", true],
  // Integers, each in its shortest form.
  ["00", 0],
  ["7f", 127],
  ["cc80", 128],
  ["ccff", 255],
  ["cd0100", 256],
  ["cdffff", 65535],
  ["ce00010000", 65536],
  ["ceffffffff", 2 ** 32 - 1],
  ["cf0000000100000000", 2 ** 32],
  ["cf001fffffffffffff", 2 ** 53 - 1],
  ["cf0020000000000000", 2n ** 53n],
  ["cf7fffffffffffffff", 2n ** 63n - 1n],
  ["cf8000000000000000", 2n ** 63n],
  ["cfffffffffffffffff", 2n ** 64n - 1n],
  ["ff", -1],
  ["e0", -32],
  ["d0df", -33],
  ["d080", -128],
  ["d1ff7f", -129],
  ["d18000", -32768],
  ["d2ffff7fff", -32769],
  ["d280000000", -(2 ** 31)],
  ["d3ffffffff7fffffff", -(2 ** 31) - 1],
  ["d3ffe0000000000001", -(2 ** 53) + 1],
  ["d3ffe0000000000000", -(2n ** 53n)],
  ["d38000000000000000", -(2n ** 63n)],
  // Other numbers.
  ["cb8000000000000000", -0],
  ["cb3fb999999999999a", 0.1],
  ["cb0000000000000001", 5e-324],
  ["cb4340000000000000", 2 ** 53],
  ["cbc340000000000000", -(2 ** 53)],
  ["cb7ff0000000000000", Infinity],
  ["cbfff0000000000000", -Infinity],
  ["cb7ff8000000000000", NaN],
  // Text.
  ["a0", ""],
  ["a161", "a"],
  ["a2c3a9", "é"],
  ["a4f09f9880", "😀"],
  ["bf" + "61".repeat(31), "a".repeat(31)],
  ["d920" + "61".repeat(32), "a".repeat(32)],
  ["d9ff" + "61".repeat(255), "a".repeat(255)],
  ["da0100" + "61".repeat(256), "a".repeat(256)],
  ["daffff" + "61".repeat(65535), "a".repeat(65535)],
  ["db00010000" + "61".repeat(65536), "a".repeat(65536)],
  // The header's width goes by bytes, not by characters.
  ["be" + "c3a9".repeat(15), "é".repeat(15)],
  ["d920" + "c3a9".repeat(16), "é".repeat(16)],
  ["da0100" + "c3a9".repeat(128), "é".repeat(128)],
  ["db00010000" + "c3a9".repeat(32768), "é".repeat(32768)],
  // Binary.
  ["c400", bytes("")],
  ["c403010203", bytes("010203")],
  ["c4ff" + zeros(255), new Uint8Array(255)],
  ["c50100" + zeros(256), new Uint8Array(256)],
  ["c50800" + zeros(2048), new Uint8Array(2048)],
  ["c5ffff" + zeros(65535), new Uint8Array(65535)],
  ["c600010000" + zeros(65536), new Uint8Array(65536)],
  // Lists and maps.
  ["90", []],
  ["9f" + "01".repeat(15), Array(15).fill(1)],
  ["dc0010" + "01".repeat(16), Array(16).fill(1)],
  ["dcffff" + "01".repeat(65535), Array(65535).fill(1)],
  ["dd00010000" + "01".repeat(65536), Array(65536).fill(1)],
  ["80", {}],
  ["81a16101", { a: 1 }],
  ["82a16101a162c401ff", { a: 1, b: bytes("ff") }],
  [
    "de0010" + Array.from({ length: 16 }, (_, i) => "a1" + (97 + i).toString(16) + "c0").join(""),
    Object.fromEntries(Array.from({ length: 16 }, (_, i) => [String.fromCharCode(97 + i), null])),
  ],
  [
    "df00010000" +
    Array.from({ length: 65536 }, (_, i) => `a5${utf8(String(i + 10000))}01`).join(""),
    Object.fromEntries(Array.from({ length: 65536 }, (_, i) => [String(i + 10000), 1])),
  ],
  ["9191919190", [[[[[]]]]]],
  ["81a95f5f70726f746f5f5f81a16101", JSON.parse('{"__proto__":{"a":1}}')],
  // Timestamps, in their three widths.
  ["d6ff00000000", new Date(0)],
  ["d6ffffffffff", new Date((2 ** 32 - 1) * 1000)],
  ["d7ff003d090000000001", new Date(1001)],
  ["d7ff0000000100000000", new Date(2 ** 32 * 1000)],
  ["c70cff3b8b87c0ffffffffffffffff", new Date(-1)],
  ["c70cff00000000fffffffffffffc18", new Date(-1_000_000)],
];

/** What is read, though it isn't written. */
const READ: [hex: string, value: unknown][] = [
  // Longer forms than need be.
  ["cc01", 1],
  ["cd0001", 1],
  ["ce00000001", 1],
  ["cf0000000000000001", 1],
  ["d001", 1],
  ["d10001", 1],
  ["d200000001", 1],
  ["d3ffffffffffffffff", -1],
  ["d90161", "a"],
  ["da000161", "a"],
  ["db0000000161", "a"],
  ["c50001ff", bytes("ff")],
  ["c600000001ff", bytes("ff")],
  ["dc000101", [1]],
  ["dd0000000101", [1]],
  ["de0001a16101", { a: 1 }],
  ["df00000001a16101", { a: 1 }],
  // Other peers' numbers.
  ["ca3fc00000", 1.5],
  ["ca7fc00000", NaN],
  ["cb3ff0000000000000", 1],
  // Python may use numbers as keys.
  ["8301a16102a162d3ffdfffffffffffffa163", { 1: "a", 2: "b", "-9007199254740993": "c" }],
  ["81cb3fe000000000000001", { 0.5: 1 }],
  // The later of two equal keys counts, as in JSON.
  ["82a16101a16102", { a: 2 }],
  ["a3efbbbf", "\ufeff"],
  // Timestamps that have more digits than a Date.
  ["d7ffee6b27fe00000001", new Date(2 ** 33 * 1000 + 1999)],
  ["c80004ff00000001", new Date(1000)],
  ["c900000004ff00000001", new Date(1000)],
];

Deno.test("MsgpackEncoder and MsgpackDecoder agree with the wire to the byte", () => {
  for (const [hex, value] of VALUES) {
    const frame = frameOf(hex);
    const name = hex.slice(0, 40);
    const encoder = new MsgpackEncoder({ firstId: 7 });
    assertEquals(encoder.encode(result(value)), [frame], name);
    assertEquals(new MsgpackDecoder().decode(frame), result(value), name);
  }
});

Deno.test("MsgpackDecoder reads what other writers may write", () => {
  for (const [hex, value] of READ) {
    assertEquals(new MsgpackDecoder().decode(frameOf(hex)), result(value), hex);
  }
});

/** The content of a frame, and what its header says. */
function parts(frame: Uint8Array<ArrayBuffer>) {
  const view = new DataView(frame.buffer, frame.byteOffset, 12);
  return {
    id: view.getUint32(0, true),
    offset: view.getUint32(4, true),
    total: view.getUint32(8, true),
    content: frame.subarray(12),
  };
}

/** The recorded messages of a 2.x peer; it has binary frames only. */
function recordings(peer: string) {
  return recorded(peer).map(({ name, frames }) => ({
    name,
    frames: frames.map((frame) => {
      assert(typeof frame !== "string");
      return frame;
    }),
  }));
}

Deno.test("MsgpackDecoder reads every message that wslink's own 2.x peers sent", () => {
  for (const peer of ["wslink-js-2.5.0", "wslink-py-2.5.7"]) {
    const messages = recordings(peer);
    assert(messages.length > 30);
    const decoder = new MsgpackDecoder();
    for (const { name, frames } of messages) {
      const [message] = feed(decoder, frames);
      assert(message && message.type !== "invalid", `${peer}: ${name}`);
    }
  }
});

Deno.test("MsgpackEncoder writes what wslink's own 2.x peers wrote, to the byte", () => {
  for (const peer of ["wslink-js-2.5.0", "wslink-py-2.5.7"]) {
    let frameSize = DEFAULT_LIMITS.frameSize;
    for (const { name, frames } of recordings(peer)) {
      const [first] = frames;
      const [message] = feed(new MsgpackDecoder(), frames);
      assert(first && message && message.type !== "invalid");
      // The last recordings are of a server whose frames have 256 bytes.
      if (name.startsWith("hello, chunks of 256")) frameSize = 256;
      const encoder = new MsgpackEncoder({ firstId: parts(first).id, frameSize });
      assertEquals(encoder.encode(message), frames, `${peer}: ${name}`);
    }
  }
});

/** What the two wires can't say alike, and what is another at every recording. */
const DIFFERENT = /undefined|NaN from JavaScript|dates|exception|hello|destroy/;

Deno.test("what peers of both wires sent alike is read alike", () => {
  for (const [one, two] of [["js-1.12.4", "js-2.5.0"], ["py-1.12.4", "py-2.5.7"]]) {
    const texts = new Map(recorded(`wslink-${one}`).map(({ name, frames }) => [name, frames]));
    let compared = 0;
    for (const { name, frames } of recordings(`wslink-${two}`)) {
      const others = texts.get(name);
      if (others === undefined || DIFFERENT.test(name)) continue;
      const [[message], [other]] = [
        feed(new MsgpackDecoder(), frames),
        feed(new JsonDecoder(), others),
      ];
      assert(message && other);
      assertEquals({ ...message, id: "" }, { ...other, id: "" }, name);
      compared++;
    }
    assert(compared > 20);
  }
});

const sample: OutgoingMessage = result({
  text: "é".repeat(40),
  numbers: [1, -1, 0.1, 2 ** 40, NaN],
  blob: bytes("00010203040506070809"),
  nested: { list: [[], {}, null, true] },
});

/** The sample as one frame. */
function whole(message: OutgoingMessage = sample, firstId = 1): Uint8Array<ArrayBuffer> {
  const [frame, more] = new MsgpackEncoder({ firstId }).encode(message);
  assert(frame && !more);
  return frame;
}

function decodesTo(frames: Iterable<Uint8Array<ArrayBuffer>>, name: string): void {
  assertEquals<Message[]>(feed(new MsgpackDecoder(), frames), [sample], name);
}

Deno.test("a message may be cut at any byte, and its two chunks may come in any order", () => {
  const { content } = parts(whole());
  for (let at = 1; at < content.length; at++) {
    const head = chunk(5, 0, content.length, content.subarray(0, at));
    const tail = chunk(5, at, content.length, content.subarray(at));
    decodesTo([head, tail], `cut at ${at}`);
    decodesTo([tail, head], `cut at ${at}, the end first`);
  }
});

Deno.test("a message may come in chunks of any size, in order, in reverse and at random", () => {
  const random = new Random(1);
  const { length } = parts(whole()).content;
  for (let size = 1; size <= length; size += 1 + (size >> 2)) {
    const frames = new MsgpackEncoder({ frameSize: size + 12 }).encode(sample);
    assertEquals(frames.length, Math.ceil(length / size));
    assert(frames.every((frame) => frame.length <= size + 12));
    decodesTo(frames, `${size} bytes each`);
    decodesTo(frames.toReversed(), `${size} bytes each, in reverse`);
    for (let i = 0; i < 20; i++) {
      decodesTo(random.shuffled(frames), `${size} bytes each, at random`);
    }
  }
});

Deno.test("a frame of 13 bytes holds one byte of the message", () => {
  const encoder = new MsgpackEncoder({ frameSize: 13, firstId: 0xffffffff });
  const frames = encoder.encode(result(1)).map(parts);
  const { content } = parts(whole(result(1)));
  assertEquals(
    frames,
    Array.from(content, (byte, offset) => ({
      id: 0xffffffff,
      offset,
      total: content.length,
      content: Uint8Array.of(byte),
    })),
  );
  // The next message has the next id, and 32 bits of it.
  assertEquals(encoder.encode(result(1)).map(parts)[0]?.id, 0);
});

Deno.test("a frame has the size that the encoder is told, from the next message on", () => {
  const encoder = new MsgpackEncoder({ frameSize: 100, firstId: 0 });
  const blob = new Random(2).bytes(10_000);
  const sizes = [100, 1000, 4096, 5000, 20_000];
  for (const [id, frameSize] of sizes.entries()) {
    encoder.frameSize = frameSize;
    assertEquals(encoder.frameSize, frameSize);
    const frames = encoder.encode(result([blob, blob.subarray(1), "x", blob]));
    const { total } = parts(frames[0] ?? new Uint8Array(12));
    let offset = 0;
    for (const [i, frame] of frames.entries()) {
      const part = parts(frame);
      assertEquals([part.id, part.offset, part.total], [id, offset, total]);
      assertEquals(frame.length, Math.min(frameSize, 12 + total - offset), `frame ${i}`);
      offset += part.content.length;
    }
    assertEquals(offset, total);
    assertEquals(feed(new MsgpackDecoder(), frames), [result([blob, blob.subarray(1), "x", blob])]);
  }
});

Deno.test("a frame that could hold no content is a RangeError", () => {
  for (const frameSize of [NaN, -1, 0, 12]) {
    assertThrows(() => new MsgpackEncoder({ frameSize }), RangeError, `received ${frameSize}`);
    const encoder = new MsgpackEncoder();
    assertThrows(() => encoder.frameSize = frameSize, RangeError, "frameSize");
  }
  assertEquals(new MsgpackEncoder({ frameSize: 20.9 }).frameSize, 20);
});

Deno.test("chunks of many messages may be interleaved in any way", () => {
  const random = new Random(3);
  for (let round = 0; round < 50; round++) {
    const encoder = new MsgpackEncoder({ frameSize: 13 + random.below(30) });
    const messages = Array.from({ length: 2 + random.below(20) }, (_, i) => result([i, sample]));
    const frames = random.shuffled(messages.flatMap((message) => encoder.encode(message)));
    const arrived = feed(new MsgpackDecoder(), frames);
    const order = (message: Message) =>
      JSON.stringify(message, (_, v) => ArrayBuffer.isView(v) ? "" : v);
    assertEquals(arrived.map(order).sort(), messages.map(order).sort());
  }
});

Deno.test("two messages in turn arrive in the order in which they are complete", () => {
  const a = new MsgpackEncoder({ frameSize: 20, firstId: 1 }).encode(result("a".repeat(100)));
  const b = new MsgpackEncoder({ frameSize: 20, firstId: 2 }).encode(result("b".repeat(50)));
  const frames = a.flatMap((frame, i) => [frame, b[i]].filter((frame) => frame !== undefined));
  assertEquals(feed(new MsgpackDecoder(), frames), [
    result("b".repeat(50)),
    result("a".repeat(100)),
  ]);
});

Deno.test("an id may be used again once its message is complete", () => {
  const frames = new MsgpackEncoder({ frameSize: 20, firstId: 1 }).encode(sample);
  assertEquals<Message[]>(feed(new MsgpackDecoder(), [...frames, ...frames]), [sample, sample]);
});

Deno.test("a frame may be an ArrayBuffer or a view in the middle of one", () => {
  const frame = whole();
  const around = new Uint8Array(frame.length + 20);
  around.set(frame, 7);
  const view = around.subarray(7, 7 + frame.length);
  assertEquals<unknown>(new MsgpackDecoder().decode(frame.slice().buffer), sample);
  assertEquals<unknown>(new MsgpackDecoder().decode(view), sample);
});

Deno.test("binary is a view of the frame if the message is one chunk, else of one new buffer", () => {
  const single = frameOf("c403010203");
  const message = new MsgpackDecoder().decode(single);
  assert(message?.type === "result" && message.result instanceof Uint8Array);
  assertStrictEquals(message.result.buffer, single.buffer);
  assertEquals(message.result.byteOffset, single.length - 3);

  const frames = new MsgpackEncoder({ frameSize: 20 }).encode(result(bytes("010203")));
  const copies = frames.map((frame) => frame.slice());
  const [composed] = feed(new MsgpackDecoder(), copies);
  assert(composed?.type === "result" && composed.result instanceof Uint8Array);
  for (const frame of copies) frame.fill(0);
  assertEquals(composed.result, bytes("010203"));
});

const LIMITS = {
  messageSize: 1000,
  frameSize: 500,
  incompleteMessages: 3,
  depth: 6,
  values: 46,
  keys: 100,
};

const content = parts(frameOf("d920" + "61".repeat(32))).content;
const total = content.length;

/** What ends the connection; all but the last frame are in order. */
const REFUSED: [
  name: string,
  frames: (string | Uint8Array<ArrayBuffer>)[],
  code: ProtocolErrorCode,
][] = [
  ["text", ["{}"], "frame-kind"],
  ...Array.from({ length: 12 }, (_, length): typeof REFUSED[number] => [
    `a header of ${length} bytes`,
    [whole().slice(0, length)],
    "malformed",
  ]),
  ["no content", [chunk(1, 0, total, "")], "bad-chunk"],
  ["no content and no total", [chunk(1, 0, 0, "")], "bad-chunk"],
  ["no content behind the end", [chunk(1, total, total, "")], "bad-chunk"],
  ["content without total", [chunk(1, 0, 0, "c0")], "bad-chunk"],
  ["more content than the total", [chunk(1, 0, total - 1, content)], "bad-chunk"],
  ["an offset behind the total", [chunk(1, total, total, "c0")], "bad-chunk"],
  ["an offset far behind the total", [chunk(1, 0xffffffff, total, "c0")], "bad-chunk"],
  ["an end behind the total", [chunk(1, total - 1, total, "c0c0")], "bad-chunk"],
  ["a chunk twice", [
    chunk(1, 0, total, content.subarray(0, 10)),
    chunk(1, 0, total, content.subarray(0, 10)),
  ], "bad-chunk"],
  ["a chunk twice that would make the message whole by its size", [
    chunk(1, 0, total, content.subarray(0, total / 2)),
    chunk(1, 0, total, content.subarray(0, total / 2)),
  ], "bad-chunk"],
  ["a chunk that overlaps the one before", [
    chunk(1, 0, total, content.subarray(0, 10)),
    chunk(1, 9, total, content.subarray(9, 20)),
  ], "bad-chunk"],
  ["a chunk that overlaps the one behind", [
    chunk(1, 10, total, content.subarray(10, 20)),
    chunk(1, 5, total, content.subarray(5, 11)),
  ], "bad-chunk"],
  ["a chunk within another", [
    chunk(1, 10, total, content.subarray(10, 30)),
    chunk(1, 15, total, content.subarray(15, 16)),
  ], "bad-chunk"],
  ["a chunk around another", [
    chunk(1, 15, total, content.subarray(15, 16)),
    chunk(1, 10, total, content.subarray(10, 30)),
  ], "bad-chunk"],
  ["a chunk around several", [
    chunk(1, 10, total, content.subarray(10, 11)),
    chunk(1, 14, total, content.subarray(14, 15)),
    chunk(1, 18, total, content.subarray(18, 19)),
    chunk(1, 12, total, content.subarray(12, 20)),
  ], "bad-chunk"],
  ["the whole message while it is in pieces", [
    chunk(1, 0, total, content.subarray(0, 1)),
    chunk(1, 0, total, content),
  ], "bad-chunk"],
  ["a larger total than before", [
    chunk(1, 0, total, content.subarray(0, 10)),
    chunk(1, 10, total + 1, content.subarray(10)),
  ], "bad-chunk"],
  ["a smaller total than before", [
    chunk(1, 0, total, content.subarray(0, 10)),
    chunk(1, 10, total - 1, content.subarray(10, total - 1)),
  ], "bad-chunk"],
  ["a frame over the limit", [chunk(1, 0, 1000, new Uint8Array(489))], "too-large"],
  ["a message over the limit", [chunk(1, 0, 1001, "c0")], "too-large"],
  ["a message of 4 GiB", [chunk(1, 0, 0xffffffff, "c0")], "too-large"],
  ["too many incomplete messages", [1, 2, 3, 4].map((id) => chunk(id, 0, 10, "c0")), "policy"],
  ["too much in incomplete messages", [
    chunk(1, 0, 1000, new Uint8Array(488)),
    chunk(2, 0, 1000, new Uint8Array(488)),
  ], "too-large"],
  [
    "too many scattered bytes",
    Array.from(
      { length: 34 },
      (_, i) => chunk(1, 2 * i, 1000, "c0"),
    ),
    "too-large",
  ],
  ["no message", [chunk(1, 0, 1, "c0")], "bad-message"],
  ["a list", [chunk(1, 0, 1, "90")], "bad-message"],
  ["a map without id", [chunk(1, 0, 1, "80")], "bad-message"],
  ["binary", [chunk(1, 0, 3, "c40180")], "bad-message"],
  ["a date", [chunk(1, 0, 6, "d6ff00000000")], "bad-message"],
  ["another value behind the message", [frameOf("c0c0")], "malformed"],
  ["garbage behind the message", [frameOf("c0" + "ff".repeat(100))], "malformed"],
  ["the byte that starts nothing", [frameOf("c1")], "malformed"],
  // A few bytes that claim to be gigabytes.
  ["a list of 2^32 - 1", [frameOf("ddffffffff")], "malformed"],
  ["a map of 2^32 - 1", [frameOf("dfffffffff")], "malformed"],
  ["a text of 2^32 - 1", [frameOf("dbffffffff")], "malformed"],
  ["binary of 2^32 - 1", [frameOf("c6ffffffff")], "malformed"],
  ["an extension of 2^32 - 1", [frameOf("c9ffffffff")], "malformed"],
  ["a date of 2^32 - 1", [frameOf("c9ffffffffff")], "malformed"],
  ["a list of 65535", [frameOf("dcffff")], "malformed"],
  ["a map of 65535", [frameOf("deffff")], "malformed"],
  ["a map with one value too few", [frameOf("82a16101a162")], "malformed"],
  ["a map with more than half of its values", [frameOf("83a16101a16202")], "malformed"],
  ["nested bombs", [frameOf("92dd0000ffffdd0000ffff")], "malformed"],
  // Text that is no UTF-8, short and long.
  ["a byte that starts no character", [frameOf("a1ff")], "malformed"],
  ["a cut character", [frameOf("a2f09f")], "malformed"],
  ["a character that is longer than need be", [frameOf("a2c080")], "malformed"],
  ["half a surrogate pair", [frameOf("a3eda080")], "malformed"],
  [
    "a bad byte at the end of a long text",
    [frameOf("d9c8" + "61".repeat(199) + "80")],
    "malformed",
  ],
  ["a key that is no UTF-8", [frameOf("81a18001")], "malformed"],
  // Keys that JavaScript has no place for.
  ["nothing as a key", [frameOf("81c001")], "malformed"],
  ["a boolean as a key", [frameOf("81c301")], "malformed"],
  ["a list as a key", [frameOf("819001")], "malformed"],
  ["a map as a key", [frameOf("818001")], "malformed"],
  ["binary as a key", [frameOf("81c40001")], "malformed"],
  ["a date as a key", [frameOf("81d6ff0000000001")], "malformed"],
  // Extensions.
  ["extension 0", [frameOf("d40000")], "malformed"],
  ["extension 1", [frameOf("c7030101c0c0")], "malformed"],
  ["extension -2", [frameOf("d6fe00000000")], "malformed"],
  ["a date of no bytes", [frameOf("c700ff")], "malformed"],
  ["a date of 1 byte", [frameOf("d4ff00")], "malformed"],
  ["a date of 16 bytes", [frameOf("d8ff" + zeros(16))], "malformed"],
  ["a date of 13 bytes", [frameOf("c70dff" + zeros(13))], "malformed"],
  ["a date that JavaScript can't tell", [frameOf("c70cff000000007fffffffffffffff")], "malformed"],
  // Depth: the message itself is the first level of 6.
  ["lists too deep", [frameOf("919191919190")], "malformed"],
  ["maps too deep", [frameOf("81a0".repeat(5) + "80")], "malformed"],
  ["lists much too deep", [frameOf("91".repeat(400))], "malformed"],
  ["keys too deep", [frameOf("81".repeat(400))], "malformed"],
  // Values: the message's own map has 6 of 46.
  ["too many elements", [frameOf("dc0029" + "c0".repeat(41))], "too-large"],
  ["too many elements in all", [
    frameOf("92" + ("dc0014" + "c0".repeat(20)).repeat(2)),
  ], "too-large"],
  ["too many keys and values", [frameOf("de0015" + "a0c0".repeat(21))], "too-large"],
  ["too many empty lists", [frameOf("dc0029" + "90".repeat(41))], "too-large"],
  ["too many empty maps", [frameOf("dc0029" + "80".repeat(41))], "too-large"],
];

Deno.test("MsgpackDecoder refuses what the wire doesn't allow", () => {
  for (const [name, frames, code] of REFUSED) {
    const decoder = new MsgpackDecoder(LIMITS);
    const last = frames.at(-1);
    assert(last !== undefined);
    assertEquals(feed(decoder, frames.slice(0, -1)), [], name);
    const error = assertThrows(() => decoder.decode(last), ProtocolError, "", name);
    assertEquals(error.code, code, `${name}: ${error.message}`);
  }
});

Deno.test("MsgpackDecoder refuses a message that ends anywhere but at its end", () => {
  const values = ["c0", "93cd0100a3616263d9026162", "82a161c403010203a162d7ff0000000000000001"];
  for (
    const value of [...values, "cb3ff0000000000000", "cf0020000000000000", "c70cff" + zeros(12)]
  ) {
    const { content } = parts(frameOf(value));
    for (let end = 1; end < content.length; end++) {
      const error = assertThrows(
        () => new MsgpackDecoder().decode(chunk(1, 0, end, content.subarray(0, end))),
        ProtocolError,
        "Malformed msgpack",
        `${value} cut at ${end}`,
      );
      assertEquals(error.code, "malformed");
    }
  }
});

Deno.test("MsgpackDecoder allows as much as its limits say", () => {
  const message = result("x".repeat(1000 - parts(frameOf("da0000")).content.length));
  const frames = new MsgpackEncoder({ frameSize: 500 }).encode(message);
  assertEquals(frames.map((frame) => frame.length), [500, 500, 36]);
  assertEquals(feed(new MsgpackDecoder(LIMITS), frames), [message]);

  const encoder = new MsgpackEncoder({ frameSize: 40 });
  const three = [1, 2, 3].map((value) => encoder.encode(result(value)));
  const [heads, tails] = [three.flatMap((m) => m.slice(0, 1)), three.flatMap((m) => m.slice(1))];
  assertEquals(feed(new MsgpackDecoder(LIMITS), [...heads, ...tails]), [1, 2, 3].map(result));

  assertEquals(new MsgpackDecoder(LIMITS).decode(frameOf("9191919190")), result([[[[[]]]]]));

  const nulls = Array(40).fill(null);
  assertEquals(
    new MsgpackDecoder(LIMITS).decode(frameOf("dc0028" + "c0".repeat(40))),
    result(nulls),
  );
});

Deno.test("MsgpackDecoder reads a million numbers and ten thousand keys by default", () => {
  const numbers = Array.from({ length: 1e6 }, (_, i) => i % 100);
  const keys = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`key${i}`, i]));
  for (const value of [numbers, keys]) {
    const [message] = feed(new MsgpackDecoder(), new MsgpackEncoder().encode(result(value)));
    assert(message?.type === "result");
    assertEquals(message.result, value);
  }
});

Deno.test("MsgpackDecoder keeps its limits as they are raised", () => {
  const decoder = new MsgpackDecoder(LIMITS);
  const frame = frameOf("dd000003e8" + "c0".repeat(1000));
  assertThrows(() => decoder.decode(frame), ProtocolError);
  decoder.limits = DEFAULT_LIMITS;
  assertEquals(decoder.decode(frame), result(Array(1000).fill(null)));
});

Deno.test("MsgpackDecoder survives depth bombs by default", () => {
  for (const byte of [0x91, 0x81]) {
    const bomb = new Uint8Array(5_000_000).fill(byte);
    const limits = { ...DEFAULT_LIMITS, frameSize: 10_000_000 };
    const error = assertThrows(
      () => new MsgpackDecoder(limits).decode(frameOf(bomb)),
      ProtocolError,
    );
    assertEquals(error.code, "malformed");
  }
});

Deno.test("a declared size of 4 GB allocates nothing", () => {
  const limits = { ...DEFAULT_LIMITS, messageSize: 0xffffffff };
  const before = Deno.memoryUsage().external;
  const decoders = Array.from({ length: 400 }, () => new MsgpackDecoder(limits));
  for (const decoder of decoders) {
    for (let id = 0; id < limits.incompleteMessages; id++) {
      assertEquals(decoder.decode(chunk(id, 1000, 0xffffffff, "c0")), undefined);
    }
  }
  assert(Deno.memoryUsage().external - before < 64 * 1024 * 1024);
  // By default nobody may say so at all.
  for (let i = 0; i < 400; i++) {
    const error = assertThrows(
      () => new MsgpackDecoder().decode(chunk(i, 0, 0xffffffff, "c0")),
      ProtocolError,
    );
    assertEquals([error.code, error.closeCode], ["too-large", 1009]);
  }
});

Deno.test("what a decoder allocates is a small multiple of what has come", () => {
  const limits = { ...DEFAULT_LIMITS, messageSize: 1 << 30 };
  const size = 64 * 1024 * 1024;
  const before = Deno.memoryUsage().external;
  const decoders = Array.from({ length: 34 }, () => new MsgpackDecoder(limits));
  for (const decoder of decoders) {
    // A sixty-fourth of the message: its own bytes wait, and nothing is made for the rest.
    assertEquals(decoder.decode(chunk(1, 0, size, new Uint8Array(size / 64))), undefined);
  }
  assert(Deno.memoryUsage().external - before < 40 * (size / 64) * 4);
});

Deno.test("chunks of one byte each are no cheap way to make a decoder hold much", () => {
  const limits = { ...DEFAULT_LIMITS, messageSize: 1_000_000 };
  const decoder = new MsgpackDecoder(limits);
  let chunks = 0;
  const error = assertThrows(() => {
    for (; chunks < 500_000; chunks++) decoder.decode(chunk(1, 2 * chunks, 1_000_000, "c0"));
  }, ProtocolError);
  assertEquals(error.code, "too-large");
  assert(chunks < 2 * limits.messageSize / 256);
});

Deno.test("a message may come in thousands of chunks at random, but not full of holes", () => {
  const blob = new Random(4).bytes(100_000);
  const frames = new MsgpackEncoder({ frameSize: 22 }).encode(result(blob));
  assert(frames.length > 10_000);
  const arrived = feed(new MsgpackDecoder(), new Random(5).shuffled(frames));
  assertEquals(arrived, [result(blob)]);

  // From the end on, each chunk would have to be sorted in before all the others.
  const decoder = new MsgpackDecoder();
  const error = assertThrows(() => {
    for (let at = 200_000; at >= 0; at -= 2) decoder.decode(chunk(1, at, 1_000_000, "c0"));
  }, ProtocolError);
  assertEquals([error.code, error.closeCode], ["policy", 1008]);
});

Deno.test("an incomplete message is held no longer than it is incomplete", () => {
  const limits = { ...DEFAULT_LIMITS, messageSize: 10_000, incompleteMessages: 1 };
  const decoder = new MsgpackDecoder(limits);
  const blob = new Uint8Array(9000);
  for (let i = 0; i < 100; i++) {
    const frames = new MsgpackEncoder({ frameSize: 1000 }).encode(result(blob));
    assertEquals(feed(decoder, frames.toReversed()), [result(blob)]);
  }
});

/** Three messages back to back, each with its header. */
const BATCH = "01000000 00000000 20000000" + RESULT.replaceAll(" ", "") + "01" +
  "02000000 00000000 22000000" + RESULT.replaceAll(" ", "") + "c401ff" +
  "03000000 00000000 20000000" + RESULT.replaceAll(" ", "") + "c3";

function batchedDecoder(limits = DEFAULT_LIMITS): MsgpackDecoder {
  const decoder = new MsgpackDecoder(limits);
  decoder.batched = true;
  return decoder;
}

Deno.test("a frame may hold several whole messages where it was agreed on", () => {
  const messages = [result(1), result(bytes("ff")), result(true)];
  const decoder = batchedDecoder();
  for (let i = 0; i < 2; i++) {
    const batch = bytes(BATCH);
    assertEquals(decoder.decode(batch), messages[0]);
    const second = decoder.next();
    assertEquals(second, messages[1]);
    assert(second?.type === "result" && second.result instanceof Uint8Array);
    assertStrictEquals(second.result.buffer, batch.buffer, "binary is a view of the batch");
    assertEquals(decoder.next(), messages[2]);
    assertEquals(decoder.next(), undefined);
    assertEquals(decoder.next(), undefined);
  }
  // What is no batch is read as before, chunks too.
  const frames = new MsgpackEncoder({ frameSize: 20 }).encode(result([1, 2, 3]));
  assertEquals(feed(decoder, [...frames, bytes(BATCH)]), [result([1, 2, 3]), ...messages]);
  assertEquals(feed(decoder, [frameOf("c0"), bytes(BATCH).subarray(0, 44)]), [
    result(null),
    result(1),
  ]);
});

Deno.test("a batch that is not read to its end is forgotten with the next frame", () => {
  const decoder = batchedDecoder();
  assertEquals(decoder.decode(bytes(BATCH)), result(1));
  assertEquals(decoder.decode(frameOf("c0")), result(null));
  assertEquals(decoder.next(), undefined);
  assertEquals(decoder.decode(bytes(BATCH)), result(1));
  assertEquals(decoder.decode(chunk(9, 0, 40, new Uint8Array(10))), undefined);
  assertEquals(decoder.next(), undefined);
});

Deno.test("nobody sends a batch unasked", () => {
  const error = assertThrows(() => new MsgpackDecoder().decode(bytes(BATCH)), ProtocolError);
  assertEquals(error.code, "bad-chunk");
});

Deno.test("one bad message in a batch is one ProtocolError, behind the good ones", () => {
  const good = bytes(BATCH);
  const bad: [name: string, tail: Uint8Array, code: ProtocolErrorCode][] = [
    ...Array.from({ length: 11 }, (_, i): typeof bad[number] => [
      `a header of ${i + 1} bytes`,
      good.subarray(0, i + 1),
      "malformed",
    ]),
    ["a header without content", chunk(4, 0, 1, ""), "bad-chunk"],
    ["no content", chunk(4, 0, 0, ""), "bad-chunk"],
    ["no content, and more behind it", chunk(4, 0, 0, good), "bad-chunk"],
    ["a message that isn't whole", chunk(4, 0, total, content.subarray(1)), "bad-chunk"],
    ["a message's end", chunk(4, 1, total, content.subarray(1)), "bad-chunk"],
    ["a message's middle", chunk(4, 1, total, content.subarray(2)), "bad-chunk"],
    ["a message of 4 GiB", chunk(4, 0, 0xffffffff, content), "too-large"],
    ["a message under an id that is in use", chunk(99, 0, total, content), "bad-chunk"],
    ["a value too many", chunk(4, 0, total + 1, new Uint8Array([...content, 0])), "malformed"],
    ["no map", chunk(4, 0, 1, "c0"), "bad-message"],
    ["a text that reaches into what follows", chunk(4, 0, 2, bytes("a3 61 6161")), "malformed"],
  ];
  for (const [name, tail, code] of bad) {
    const decoder = batchedDecoder();
    decoder.decode(chunk(99, 0, 1000, new Uint8Array(10)));
    const frame = new Uint8Array([...good, ...tail]);
    let messages = 0;
    const error = assertThrows(
      () => {
        for (let message = decoder.decode(frame); message; message = decoder.next()) messages++;
      },
      ProtocolError,
      "",
      name,
    );
    assertEquals([messages, error.code], [3, code], `${name}: ${error.message}`);
  }
});

Deno.test("a batch keeps the limits of a frame, and each message those of its own", () => {
  const frame = frameOf("c0");
  const many = (count: number) => joinFrames(Array(count).fill(frame));
  const fits = Math.floor(LIMITS.frameSize / frame.length);
  assertEquals(feed(batchedDecoder({ ...DEFAULT_LIMITS, ...LIMITS }), [many(fits)]).length, fits);
  const error = assertThrows(
    () => batchedDecoder({ ...DEFAULT_LIMITS, ...LIMITS }).decode(many(fits + 1)),
    ProtocolError,
  );
  assertEquals(error.code, "too-large");
});

Deno.test("joinFrames() copies only frames that don't lie next to each other", () => {
  const encoder = new MsgpackEncoder();
  const frames = [1, 2, 3].map((value) => encoder.encode(result(value))[0] ?? bytes(""));
  const [first, second, third] = frames;
  assert(first && second && third);
  const joined = joinFrames(frames);
  assertStrictEquals(joined.buffer, first.buffer);
  assertEquals(joined, new Uint8Array(frames.flatMap((frame) => [...frame])));
  assertEquals(feed(batchedDecoder(), [joined.slice()]), [1, 2, 3].map(result));

  for (const apart of [[first, third], [second, first], [first, second.slice()]]) {
    const copy = joinFrames(apart);
    assertEquals(copy, new Uint8Array(apart.flatMap((frame) => [...frame])));
    assert(copy.buffer !== first.buffer);
  }
  assertEquals(joinFrames([first]), first);
  assertThrows(() => joinFrames([]), RangeError);
});

Deno.test("frames that are given back are used for the next messages, once and whole", () => {
  const encoder = new MsgpackEncoder({ frameSize: 100_000, pool: new FramePool() });
  const random = new Random(6);
  const [large, less] = [random.bytes(450_000), random.bytes(444_000)];
  const frames = encoder.encode(result(large));
  const buffers = new Set(frames.map(({ buffer }) => buffer));
  assertEquals(buffers.size, 5);
  encoder.recycle(frames);
  encoder.recycle(frames);
  const [first, second] = [encoder.encode(result(less)), encoder.encode(result(large))];
  assert(first.every(({ buffer }) => buffers.has(buffer)), "the same memory");
  assert(second.every(({ buffer }) => !buffers.has(buffer)), "and not a second time");
  assertEquals(feed(new MsgpackDecoder(), first), [result(less)]);
  assertEquals(feed(new MsgpackDecoder(), second), [result(large)]);
});

Deno.test("no more than some MB of given back frames are kept", () => {
  const encoder = new MsgpackEncoder({ pool: new FramePool() });
  const frames = encoder.encode(result(new Uint8Array(40_000_000)));
  encoder.recycle(frames);
  const again = encoder.encode(result(new Uint8Array(40_000_000)));
  const buffers = new Set(frames.map(({ buffer }) => buffer));
  assertEquals(again.filter(({ buffer }) => buffers.has(buffer)).length, 4);
  // Small frames share their buffers, so none is free.
  const [small] = encoder.encode(result(1));
  assert(small);
  encoder.recycle([small]);
  const [next] = encoder.encode(result(2));
  assertEquals(next?.byteOffset, small.byteOffset + small.length);
});

Deno.test("keys are told apart however alike they are, and whatever was read before", () => {
  const random = new Random(7);
  const letters = ["a", "b", "\u0000", "é", "Ã", "©", "\u0083", "\u00c2", "_", "€"];
  const [encoder, decoder] = [new MsgpackEncoder(), new MsgpackDecoder()];
  const names = ["__proto__", "constructor", "Ã©", "é", ""];
  for (let i = 0; i < 20_000; i++) {
    const key = i % 50 === 0
      ? random.pick(names)
      : Array.from({ length: random.below(5) }, () => random.pick(letters)).join("");
    const [frame] = encoder.encode(result(Object.fromEntries([[key, i]])));
    assert(frame);
    const message = decoder.decode(frame.slice());
    assert(message?.type === "result" && typeof message.result === "object" && message.result);
    assertEquals(Object.entries(message.result), [[key, i]]);
    assertStrictEquals(Object.getPrototypeOf(message.result), Object.prototype);
  }
});

Deno.test("a frame stays as it is, whatever is encoded after it", () => {
  const random = new Random(8);
  const encoder = new MsgpackEncoder({ frameSize: 5000 });
  const kept: {
    frames: Uint8Array<ArrayBuffer>[];
    copies: Uint8Array<ArrayBuffer>[];
    message: OutgoingMessage;
  }[] = [];
  for (let i = 0; i < 2000; i++) {
    const size = random.below(20)
      ? random.below(300)
      : random.below(random.below(9) ? 9000 : 90_000);
    const value = random.below(2) ? random.bytes(size) : "é".repeat(size / 2);
    if (random.below(50) === 0) {
      // What can't be sent leaves nothing behind.
      assertThrows(() => encoder.encode(result([value, Symbol()])), TypeError);
    }
    const message = result([i, value, random.below(2) ? { a: undefined } : {}]);
    const frames = encoder.encode(message);
    kept.push({ frames, copies: frames.map((frame) => frame.slice()), message });
  }
  const decoder = new MsgpackDecoder();
  for (const { frames, copies, message } of kept) {
    assertEquals(frames, copies);
    const [i, value] = message.type === "result" && Array.isArray(message.result)
      ? message.result
      : [];
    assertEquals(feed(decoder, copies), [result([i, value, {}])]);
  }
});
