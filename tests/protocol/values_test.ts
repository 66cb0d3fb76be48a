import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import {
  type Decoder,
  type Encoder,
  JsonDecoder,
  JsonEncoder,
  type Message,
  MsgpackDecoder,
  MsgpackEncoder,
  type OutgoingMessage,
  SerializeError,
  type Wire,
} from "../../protocol/mod.ts";
import { bytes, feed } from "./_support.ts";
import { Random } from "../../scripts/torture/_random.ts";

const WIRES: Record<Wire, { encoder(depth?: number): Encoder; decoder(): Decoder }> = {
  msgpack: {
    encoder: (depth = 256) => new MsgpackEncoder({ depth }),
    decoder: () => new MsgpackDecoder(),
  },
  json: { encoder: (depth = 256) => new JsonEncoder({ depth }), decoder: () => new JsonDecoder() },
};

/** Runs a test for both wires. */
function both(name: string, test: (wire: Wire, make: typeof WIRES[Wire]) => void): void {
  for (const wire of ["msgpack", "json"] as const) {
    Deno.test(`${wire}: ${name}`, () => test(wire, WIRES[wire]));
  }
}

function one(messages: readonly Message[]): Message {
  const [message] = messages;
  assert(message && messages.length === 1, "one message came out");
  return message;
}

/** What arrives when a value is sent as the whole result. */
function deliver(make: typeof WIRES[Wire], value: unknown): unknown {
  const frames = make.encoder().encode({ type: "result", id: "rpc:c1:0", result: value });
  const message = one(feed(make.decoder(), frames));
  assert(message.type === "result");
  return message.result;
}

const shared = new Uint8Array(new SharedArrayBuffer(8), 2, 3);
shared.set([1, 2, 3]);
const large = new Random(1).bytes(5000);
const twice = bytes("0102");

/** What is sent, and what arrives if that is something else. */
const VALUES: [name: string, sent: unknown, arrives?: unknown][] = [
  ["null", null],
  ["true", true],
  ["false", false],
  ["zero", 0],
  ["minus zero", -0],
  ["a fraction", 0.1 + 0.2],
  ["the smallest number", 5e-324],
  ["the largest number", Number.MAX_VALUE],
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
  ["infinities nested", { a: [NaN, { b: [-Infinity] }] }],
  ...[7, 8, 15, 16, 31, 32, 53].flatMap((power): [string, unknown][] => [
    [`2^${power} - 1`, 2 ** power - 1],
    [`-2^${power} + 1`, -(2 ** power) + 1],
    [`2^${power}`, 2 ** power],
    [`-2^${power}`, -(2 ** power)],
  ]),
  ["a number past 2^53", 2 ** 60],
  ["a number of 21 digits", 123456789012345680000],
  ["a number of 22 digits", 1e21],
  ["minus 33", -33],
  // Integers: a number where it holds every digit, a bigint where it would lose some.
  ["a small bigint", 5n, 5],
  ["a negative bigint", -5n, -5],
  ["bigint zero", 0n, 0],
  ["bigint 2^53 - 1", 2n ** 53n - 1n, 2 ** 53 - 1],
  ["bigint 2^53", 2n ** 53n],
  ["bigint 2^53 + 1", 2n ** 53n + 1n],
  ["bigint -2^53 + 1", -(2n ** 53n) + 1n, -(2 ** 53) + 1],
  ["bigint -2^53", -(2n ** 53n)],
  ["bigint -2^53 - 1", -(2n ** 53n) - 1n],
  ["bigint 2^63 - 1", 2n ** 63n - 1n],
  ["bigint 2^63", 2n ** 63n],
  ["bigint 2^64 - 1", 2n ** 64n - 1n],
  ["bigint -2^63", -(2n ** 63n)],
  // Text.
  ["an empty text", ""],
  ["text beyond ASCII", "é漢😀\u0000\u2028\ufeff"],
  ["a byte order mark in front", "\ufeffabc"],
  ["text with quotes and backslashes", '"\\"\\\\"NaN"'],
  ["text that spells values", ["NaN", "null", "9007199254740993", "-Infinity", NaN]],
  // Lists and maps.
  ["an empty list", []],
  ["an empty map", {}],
  ["lists of 15, 16 and 65536", [15, 16, 65536].map((length) => Array(length).fill(1))],
  ["nested lists and maps", { a: [{ b: [[], {}, [[1]]] }], "": { "": [""] } }],
  [
    "a map of 70,000 keys",
    Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i])),
  ],
  ["keys that look like numbers", { 1: "a", "-1": "b", "1.5": "c", 4294967295: "d" }],
  ["undefined alone", undefined, null],
  ["undefined in a list", [1, undefined, 2], [1, null, 2]],
  ["a hole in a list", Array(2), [null, null]],
  ["undefined in a map", { a: 1, b: undefined, c: { d: undefined } }, { a: 1, c: {} }],
  [
    "many undefined in a map of 20",
    Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, i < 18 ? undefined : i])),
    { k18: 18, k19: 19 },
  ],
  ["a map without prototype", Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  // Binary: its bytes as they lie in memory.
  ["a Uint8Array", bytes("010203")],
  ["no bytes", new Uint8Array()],
  ["an empty ArrayBuffer", new ArrayBuffer(), new Uint8Array()],
  ["an ArrayBuffer", bytes("010203").buffer, bytes("010203")],
  ["a view with an offset", bytes("000102030405").subarray(2, 4), bytes("0203")],
  ["a DataView with an offset", new DataView(bytes("0001020304").buffer, 1, 3), bytes("010203")],
  ["a Uint8ClampedArray", Uint8ClampedArray.of(1, 255), bytes("01ff")],
  ["an Int8Array", Int8Array.of(1, -1), bytes("01ff")],
  ["an Int16Array", Int16Array.of(1, -2), bytes("0100feff")],
  ["a Uint16Array", Uint16Array.of(1, 0x203), bytes("01000302")],
  ["an Int32Array", Int32Array.of(-2), bytes("feffffff")],
  ["a Uint32Array", Uint32Array.of(0x01020304), bytes("04030201")],
  ["a Float32Array", Float32Array.of(1.5), bytes("0000c03f")],
  ["a Float64Array", Float64Array.of(-2), bytes("00000000000000c0")],
  ["a BigInt64Array", BigInt64Array.of(-2n), bytes("feffffffffffffff")],
  ["a BigUint64Array", BigUint64Array.of(1n), bytes("0100000000000000")],
  ["a Float32Array with an offset", Float32Array.of(0, 1.5, 0).subarray(1, 2), bytes("0000c03f")],
  ["an empty Float64Array", new Float64Array(), new Uint8Array()],
  ["a view of shared memory", shared, bytes("010203")],
  ["a Node Buffer", Buffer.from("abc"), bytes("616263")],
  ["binary nested", { a: [bytes("01"), { b: bytes("02") }], c: bytes("03") }],
  ["the same buffer twice", [twice, { again: twice }]],
  ["one more byte than fits a short header", large.slice(0, 256)],
  ["just under what is kept aside", large.slice(0, 2047)],
  ["just what is kept aside", large.slice(0, 2048)],
  ["large binary between small", [1, bytes("02"), large, "three", large, bytes("04"), {
    last: large,
  }]],
  ["70,000 bytes", new Random(2).bytes(70_000)],
  // What looks like something else.
  ["texts that look like keys", ["wslink_bin0", { wslink_bin1: "wslink_bin1" }, "wslink_bin"]],
  ["texts that look like keys beside binary", [
    "wslink_bin0",
    bytes("01"),
    "wslink_bin1",
    bytes("02"),
    { wslink_bin2: "wslink_bin2", a: "wslink_bin00", b: "a wslink_bin0" },
  ]],
  ["texts that look like keys behind binary", [bytes("01"), "wslink_bin0", bytes("02")]],
];

both("every value arrives alone, in a list, in a map, as argument and published", (_, make) => {
  for (const [name, sent, ...rest] of VALUES) {
    const expected = rest.length > 0 ? rest[0] : sent;
    assertEquals(deliver(make, sent), expected, name);
    assertEquals(deliver(make, [sent, { a: [sent] }]), [expected, { a: [expected] }], name);
    const inMap = sent === undefined ? {} : { key: expected };
    const messages: OutgoingMessage[] = [
      { type: "request", id: "rpc:c1:0", method: "m", args: [sent], kwargs: { key: sent } },
      { type: "publication", topic: "a.topic", result: { key: sent } },
      { type: "error", id: "rpc:c1:0", error: { code: 1, message: "no", data: [sent] } },
    ];
    const arrive: Message[] = [
      { type: "request", id: "rpc:c1:0", method: "m", args: [expected], kwargs: inMap },
      { type: "publication", topic: "a.topic", result: inMap },
      { type: "error", id: "rpc:c1:0", error: { code: 1, message: "no", data: [expected] } },
    ];
    const encoder = make.encoder();
    const decoder = make.decoder();
    for (const [i, message] of messages.entries()) {
      assertEquals(one(feed(decoder, encoder.encode(message))), arrive[i], name);
    }
  }
});

both("minus zero keeps its sign and zero has none", (_, make) => {
  assert(Object.is(deliver(make, -0), -0));
  assert(Object.is(deliver(make, 0), 0));
  assert(Object.is(deliver(make, 0n), 0));
});

both("a date arrives as wslink's own clients send it", (wire, make) => {
  const times = [0, 1, 1_500_000_000_001, 4294967295_000, 4294967296_000, -1, -1000, 8.64e15];
  for (const time of [...times, 2 ** 34 * 1000 - 1, 2 ** 34 * 1000, -8.64e15]) {
    const date = new Date(time);
    assertEquals(deliver(make, [date]), [wire === "msgpack" ? date : date.toISOString()]);
  }
});

both("a text of any length and kind arrives", (_, make) => {
  const lengths = [1, 7, 8, 9, 31, 32, 33, 95, 96, 97, 255, 256, 257, 65535, 65536, 65537];
  for (const length of lengths) {
    for (const odd of ["", "\u007f", "\u0080", "é", "漢", "😀"]) {
      for (const at of [0, length >> 1, length]) {
        const text = "x".repeat(at) + odd + "y".repeat(length - at);
        assertEquals(deliver(make, text), text);
        assertEquals(deliver(make, { [text]: 1 }), { [text]: 1 });
      }
    }
  }
});

both("keys such as __proto__ and constructor are data", (_, make) => {
  const sent = Object.create(null);
  for (const key of ["__proto__", "constructor", "toString", "hasOwnProperty", "prototype"]) {
    Object.defineProperty(sent, key, { value: { polluted: bytes("01") }, enumerable: true });
  }
  // A bare NaN takes the JSON decoder's longer way.
  for (const extra of [1, NaN]) {
    const arrived = deliver(make, { sent, extra });
    assert(typeof arrived === "object" && arrived !== null && "sent" in arrived);
    const map = arrived.sent;
    assert(typeof map === "object" && map !== null);
    assertEquals(Object.entries(map), Object.entries(sent));
    assertStrictEquals(Object.getPrototypeOf(map), Object.prototype);
    assert(!("polluted" in {}) && !("polluted" in map));
  }
});

both("any value arrives as it was sent", (_, make) => {
  const random = new Random(3);
  const texts = ["", "a", "é", "NaN", '"', "\\", "wslink_bin0", "wslink_bin1", "\n", "😀"];
  const text = () => Array.from({ length: random.below(4) }, () => random.pick(texts)).join("");
  // V8 15's JSON.parse takes one short key with an escape for another that holds a backslash.
  const key = () => text().replaceAll("\\", "/");
  const integers = [0n, 127n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];
  const value = (depth: number): unknown => {
    switch (random.below(depth > 0 ? 10 : 8)) {
      case 0:
        return random.pick([null, true, false, NaN, Infinity, -Infinity, 0]);
      case 1:
        return random.next() - 2 ** 31;
      case 2:
        return random.next() * random.next() / (random.next() + 1);
      case 3: {
        const integer = random.pick(integers);
        return Number.isSafeInteger(Number(integer)) ? Number(integer) : integer;
      }
      case 4:
        return random.bytes(random.below(40));
      case 5:
        return random.below(10) === 0 ? random.bytes(2040 + random.below(20)) : text();
      case 8:
        return Array.from({ length: random.below(20) }, () => value(depth - 1));
      case 9:
        return Object.fromEntries(
          Array.from({ length: random.below(20) }, () => [key(), value(depth - 1)]),
        );
      default:
        return text();
    }
  };
  const encoder = make.encoder();
  const decoder = make.decoder();
  for (let i = 0; i < 1500; i++) {
    const result = value(3);
    const frames = encoder.encode({ type: "result", id: "rpc:c1:0", result });
    assertEquals(one(feed(decoder, frames)), { type: "result", id: "rpc:c1:0", result });
  }
});

class Point {
  x = 1;
}

function cycle(): unknown {
  const map: Record<string, unknown> = { inner: [1] };
  map.inner = [1, { map }];
  return map;
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

const thrower = {
  get bad(): never {
    throw new Error("the getter's own error");
  },
};

const throwingList = Object.defineProperty([1, 2], 1, { get: () => thrower.bad });
const detached = new ArrayBuffer(4);
structuredClone(detached, { transfer: [detached] });

const result = (value: unknown): OutgoingMessage => ({
  type: "result",
  id: "rpc:c1:0",
  result: value,
});
const call = (args: unknown[], kwargs: Record<string, unknown> = {}): OutgoingMessage => ({
  type: "request",
  id: "rpc:c1:0",
  method: "m",
  args,
  kwargs,
});

const UNSENDABLE: [message: OutgoingMessage, path: string, reason: string][] = [
  [result({ mesh: { points: new Map() } }), "result.mesh.points", "an instance of Map"],
  [result(new Set()), "result", "an instance of Set"],
  [result([1, [2, new WeakMap()]]), "result[1][1]", "an instance of WeakMap"],
  [call([{ "a b": () => 1 }]), 'args[0]["a b"]', "a function"],
  [call([1], { "": { 'quote"': Symbol("s") } }), 'kwargs[""]["quote\\""]', "a symbol"],
  [call([], { $a_1: [Promise.resolve()] }), "kwargs.$a_1[0]", "an instance of Promise"],
  [result({ p: new Point() }), "result.p", "an instance of Point"],
  [result({ e: new Error("text") }), "result.e", "an instance of Error"],
  [result({ r: /x/ }), "result.r", "an instance of RegExp"],
  [result({ n: Object(1) }), "result.n", "an instance of Number"],
  [result([new (class {})()]), "result[0]", "a class without name"],
  [result(new SharedArrayBuffer(1)), "result", "an instance of SharedArrayBuffer"],
  [result({ c: cycle() }), "result.c.inner[1].map", "contains itself"],
  [result(nested(300)), "result" + "[0]".repeat(255), "nested too deep"],
  [result({ d: new Date(NaN) }), "result.d", "an invalid Date"],
  [result({ i: [2n ** 64n] }), "result.i[0]", "more than 64 bits"],
  [result({ i: -(2n ** 63n) - 1n }), "result.i", "more than 64 bits"],
  [result({ deep: thrower }), "result.deep.bad", "the getter's own error"],
  [result({ list: throwingList }), "result.list[1]", "the getter's own error"],
  [call([detached]), "args[0]", "detached"],
  [result(new Proxy({}, { ownKeys: () => thrower.bad })), "result", "the getter's own error"],
  [result({ good: bytes("01"), z: { bad: () => 1 } }), "result.z.bad", "a function"],
  [{ type: "publication", topic: "t", result: new Map() }, "result", "an instance of Map"],
  [
    { type: "error", id: "rpc:c1:0", error: { code: 1, message: "m", data: { f: () => 1 } } },
    "error.data.f",
    "a function",
  ],
];

both("what can't be sent is refused with its path, and nothing of it is sent", (_, make) => {
  const encoder = make.encoder();
  const decoder = make.decoder();
  const good = { type: "result", id: "rpc:c1:0", result: [bytes("0102"), large, "é"] } as const;
  for (const [message, path, reason] of UNSENDABLE) {
    const error = assertThrows(() => encoder.encode(message), SerializeError, reason, path);
    assertEquals([error.path, error.code, error.name], [path, "unserializable", "SerializeError"]);
    assert(error.message.startsWith(`Cannot send ${path}: `), error.message);
    assertEquals(feed(decoder, encoder.encode(good)), [good], `after ${path}`);
  }
});

both("a getter that throws only while it is written is a SerializeError too", (_, make) => {
  let reads = 0;
  const moody = {
    get value(): number {
      if (reads++ === 0) throw new RangeError("only once");
      return 1;
    },
  };
  const error = assertThrows(() => make.encoder().encode(result(moody)), SerializeError);
  assert(error.cause instanceof RangeError);
});

both("nesting is allowed as deep as the limit and no deeper", (_, make) => {
  // The message itself is the first level.
  make.encoder(4).encode(result(nested(3)));
  assertThrows(() => make.encoder(4).encode(result(nested(4))), SerializeError, "result[0][0][0]");
  assertEquals(deliver(make, nested(255)), nested(255));
});

both("a buffer may be used again once it is encoded", (_, make) => {
  for (const size of [10, 5000]) {
    const mine = new Uint8Array(size).fill(7);
    const frames = make.encoder().encode(result([mine, mine.subarray(1)]));
    mine.fill(9);
    const arrived = one(feed(make.decoder(), frames));
    assert(arrived.type === "result");
    assertEquals(arrived.result, [
      new Uint8Array(size).fill(7),
      new Uint8Array(size - 1).fill(7),
    ]);
  }
});

both("decoded binary is a view of the frame that it came in", (_, make) => {
  for (const size of [1, 10, 5000]) {
    const frames = make.encoder().encode(result([new Uint8Array(size)]));
    const message = one(feed(make.decoder(), frames));
    assert(message.type === "result" && Array.isArray(message.result));
    const [binary] = message.result;
    assert(binary instanceof Uint8Array);
    assert(frames.some((frame) => typeof frame !== "string" && frame.buffer === binary.buffer));
  }
});

both("encoding leaves the value as it was", (_, make) => {
  const value = Object.freeze({
    list: Object.freeze([1, bytes("0102"), undefined]),
    map: Object.freeze({ gone: undefined, text: "wslink_bin0" }),
  });
  make.encoder().encode(result(value));
  assertEquals(value.list, [1, bytes("0102"), undefined]);
  assertEquals(Object.keys(value.map), ["gone", "text"]);
});
