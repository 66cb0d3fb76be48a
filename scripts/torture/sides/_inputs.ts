// What a hostile peer may send: messages that nearly are some, and recordings that nearly are theirs.
import fc from "fast-check";
import { type Frame, JsonEncoder, MsgpackEncoder, type Wire } from "@hawser/hawser/protocol";
import { chunk } from "../_chunk.ts";
import { Random } from "../_random.ts";

/** Names that mean something to one side or the other. */
const METHODS = [
  "wslink.hello",
  "wslink.ack",
  "wslink.ping",
  "wslink.received",
  "wslink.cancel",
  "wslink.progress",
  "wslink.closing",
  "wslink.subscribe",
  "wslink.unsubscribe",
  "wslink.unsubscribed",
  "wslink.recover",
  "wslink.history",
  "wslink.stream.item",
  "wslink.stream.end",
  "wslink.stream.error",
  "wslink.stream.credit",
  "wslink.stream.cancel",
  "wslink.binary.attachment",
  "fuzz.log",
  "fuzz.echo",
  "fuzz.rows",
  "fuzz.sum",
  "fuzz.throw",
  "__proto__",
  "constructor",
];

const KEYS = ["secret", "hawser", "__proto__", "constructor", "toString", "length", "wslink_bin0"];

const number = fc.oneof(
  fc.constantFrom(0, 1, 2, -1, 64, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), NaN, Infinity, -Infinity),
  fc.integer(),
  fc.double(),
);
const text = fc.oneof(
  fc.constantFrom(...METHODS, ...KEYS, "wslink-secret", "rpc:c0:1", "system:c0:0", "wslink_bin1"),
  fc.string({ maxLength: 20 }),
);
const leaf = fc.oneof(
  fc.constantFrom(null, true, false),
  number,
  text,
  fc.uint8Array({ maxLength: 40 }),
);

/** Any value, with the keys that mean something to JavaScript or to the protocol. */
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: false },
    leaf,
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...KEYS), fc.string({ maxLength: 8 })), tie("value"), {
      maxKeys: 4,
    }),
  ),
}));

const id = fc.oneof(
  fc.tuple(fc.constantFrom("rpc", "system", "publish"), text, fc.nat(9))
    .map((parts) => parts.join(":")),
  fc.constantFrom("system:c0:0", "rpc:c0:1", "system:server:0"),
  value,
);

const maybe = <T>(given: fc.Arbitrary<T>) => fc.option(given, { nil: undefined });

const known = fc.tuple(fc.constantFrom("rpc", "system"), fc.constantFrom("c0", "server"), fc.nat(9))
  .map((parts) => parts.join(":"));

const place = fc.record({
  epoch: fc.constantFrom("e", ""),
  offset: fc.nat(20),
  topic: maybe(fc.constant("fuzz.log")),
  log: maybe(fc.nat(2)),
  head: maybe(fc.nat(20)),
  gap: maybe(fc.record({ epoch: fc.constant("e"), offset: fc.nat(20) })),
});

const kwargs = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.record({
      since: maybe(fc.record({ "fuzz.log": fc.oneof(place, value) })),
      last: maybe(fc.oneof(fc.nat(20), value)),
    }),
  },
);

const meta = fc.record({
  seq: maybe(fc.nat(5)),
  timeout: maybe(fc.nat(100)),
  progress: maybe(fc.boolean()),
  stream: maybe(fc.boolean()),
  streams: maybe(fc.constantFrom([0], [1], [0, 1])),
  key: maybe(fc.constantFrom("a", "b")),
  log: maybe(fc.nat(2)),
  offset: maybe(fc.nat(20)),
});

/** A message whose shape is right: what it says may still make no sense. */
const right = fc.oneof(
  fc.record({
    wslink: fc.constant("1.0"),
    id: known,
    method: fc.constantFrom(...METHODS),
    args: fc.array(fc.oneof(known, fc.nat(100), place, fc.constant("fuzz.log"), value), {
      maxLength: 3,
    }),
    kwargs,
    hawser: maybe(meta),
  }),
  fc.record({
    wslink: fc.constant("1.0"),
    id: fc.oneof(
      known,
      fc.constant("publish:fuzz.log:0"),
      text.map((topic) => `publish:${topic}:0`),
    ),
    result: value,
    hawser: maybe(meta),
  }),
  fc.record({
    wslink: fc.constant("1.0"),
    id: known,
    error: fc.record({ code: fc.integer(), message: text, data: value }),
    hawser: maybe(meta),
  }),
);

/** Nearly a message: each field may be right, wrong or absent. */
const nearly = fc.record({
  wslink: maybe(fc.constant("1.0")),
  id: maybe(id),
  method: maybe(fc.oneof(fc.constantFrom(...METHODS), value)),
  args: maybe(fc.oneof(fc.array(value, { maxLength: 4 }), value)),
  kwargs: maybe(fc.oneof(fc.constant({}), value)),
  result: maybe(value),
  error: maybe(
    fc.oneof(fc.record({ code: number, message: text, data: value, kind: text }), value),
  ),
  seq: maybe(number),
  hawser: maybe(fc.oneof(
    fc.record({
      seq: maybe(number),
      timeout: maybe(number),
      progress: maybe(fc.boolean()),
      stream: maybe(fc.boolean()),
      streams: maybe(fc.array(number, { maxLength: 3 })),
      key: maybe(text),
      traceparent: maybe(text),
    }),
    value,
  )),
});

const message = fc.oneof({ weight: 7, arbitrary: right }, { weight: 1, arbitrary: nearly });

/** Of the recorded peers, the frames of one wire. */
function recorded(wire: Wire): Frame[] {
  const names = wire === "json"
    ? ["wslink-js-1.12.4", "wslink-py-1.12.4"]
    : ["wslink-js-2.5.0", "wslink-py-2.5.7"];
  return names.flatMap((name) => {
    const path = new URL(`../../../tests/fixtures/${name}.json`, import.meta.url);
    const recordings: { frames: { text?: string; hex: string }[] }[] = JSON.parse(
      Deno.readTextFileSync(path),
    );
    return recordings.flatMap(({ frames }) =>
      frames.map(({ text, hex }): Frame => text ?? Uint8Array.fromHex(hex))
    );
  });
}

/** Values as msgpack, whatever they are: no codec of ours would write some of these. */
function msgpack(value: unknown): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  const big = (count: number, of: number) => {
    for (let i = count - 1; i >= 0; i--) bytes.push(Math.floor(of / 2 ** (8 * i)) % 256);
  };
  const write = (value: unknown): void => {
    if (value === null || value === undefined) bytes.push(0xc0);
    else if (typeof value === "boolean") bytes.push(value ? 0xc3 : 0xc2);
    else if (typeof value === "number") {
      if (Number.isInteger(value) && value >= 0 && value < 128) bytes.push(value);
      else if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) {
        bytes.push(0xce);
        big(4, value);
      } else {
        bytes.push(0xcb);
        const view = new DataView(new ArrayBuffer(8));
        view.setFloat64(0, value);
        bytes.push(...new Uint8Array(view.buffer));
      }
    } else if (typeof value === "string") {
      const text = new TextEncoder().encode(value);
      bytes.push(0xd9, text.length & 255, ...text);
    } else if (value instanceof Uint8Array) bytes.push(0xc4, value.length, ...value);
    else if (Array.isArray(value)) {
      bytes.push(0x90 | value.length);
      value.forEach(write);
    } else {
      const entries = Object.entries(Object(value)).filter(([, value]) => value !== undefined);
      bytes.push(0x80 | entries.length & 15);
      for (const [key, value] of entries) {
        write(key);
        write(value);
      }
    }
  };
  write(value);
  return Uint8Array.from(bytes);
}

/** Gives inputs without end, the same ones for the same seed. */
export class Inputs {
  readonly #wire: Wire;
  readonly #random: Random;
  readonly #recorded: readonly Frame[];
  readonly #encoder: JsonEncoder | MsgpackEncoder;
  #messages: unknown[] = [];
  #id = 0;

  constructor(wire: Wire, seed: number) {
    this.#wire = wire;
    this.#random = new Random(seed);
    this.#recorded = recorded(wire);
    this.#encoder = wire === "json" ? new JsonEncoder() : new MsgpackEncoder();
  }

  /** The random numbers behind it. */
  get random(): Random {
    return this.#random;
  }

  /** A message of ours, as it is sent. */
  encode(message: Parameters<JsonEncoder["encode"]>[0]): Frame[] {
    return this.#encoder.encode(message);
  }

  next(): Frame {
    const random = this.#random;
    // Most of what isn't right ends its connection: what is right must come often enough to get far.
    switch (random.below(32)) {
      case 0:
        return this.#noise();
      case 1:
      case 2:
      case 3:
      case 4:
        return this.#damage(random.pick(this.#recorded));
      case 5:
      case 6:
        return random.pick(this.#recorded);
      case 7:
        return this.#damage(this.#structured());
      default:
        return this.#structured();
    }
  }

  #structured(): Frame {
    if (this.#messages.length === 0) {
      this.#messages = fc.sample(message, { numRuns: 500, seed: this.#random.next() | 0 });
    }
    const given = this.#messages.pop();
    if (this.#wire === "json") {
      return JSON.stringify(given, (_key, value) => {
        if (value instanceof Uint8Array) return "wslink_bin0";
        return value;
      });
    }
    const content = msgpack(given);
    const random = this.#random;
    // Now and then a piece of a message, or one that says that it is longer.
    if (random.below(30) > 0) return chunk(++this.#id, 0, content.length, content);
    const cut = random.below(content.length + 1);
    return chunk(random.below(4), random.below(2) * cut, content.length, content.slice(cut));
  }

  #noise(): Frame {
    const random = this.#random;
    const bytes = Uint8Array.from({ length: random.below(60) }, () => random.below(256));
    if (random.below(2)) return bytes;
    return this.#wire === "json"
      ? new TextDecoder().decode(bytes)
      : chunk(random.next(), 0, bytes.length, bytes);
  }

  #damage(frame: Frame): Frame {
    const random = this.#random;
    if (typeof frame === "string") {
      let text = frame;
      for (let changes = 1 + random.below(3); changes > 0; changes--) {
        const at = random.below(text.length + 1);
        const scrap = random.pick(["", "{", "}", "[", "]", ",", '"', "\\", "null", "1e999", "\0"]);
        text = text.slice(0, at) + scrap + text.slice(at + random.below(4));
      }
      return text;
    }
    let bytes = Uint8Array.from(frame);
    for (let changes = 1 + random.below(3); changes > 0; changes--) {
      const at = random.below(2) ? random.below(bytes.length + 1) : random.below(12);
      const kind = random.below(4);
      if (kind === 0) bytes[at] = random.below(256);
      else if (kind === 1) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      else if (kind === 2) bytes = bytes.slice(0, at);
      else {
        const head = bytes.subarray(0, at);
        bytes = Uint8Array.from([...head, random.below(256), ...bytes.subarray(at)]);
      }
    }
    return bytes;
  }
}
