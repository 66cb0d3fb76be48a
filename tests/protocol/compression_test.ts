import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { COMPRESSED_METHOD, isCompressed, minSizeOf } from "../../protocol/compress.ts";
import { Compressor, StreamCompressor, zlib } from "../../protocol/compression.ts";
import {
  DEFAULT_LIMITS,
  JsonDecoder,
  JsonEncoder,
  MsgpackDecoder,
  MsgpackEncoder,
  type OutgoingMessage,
  ProtocolError,
  type RequestMessage,
} from "../../protocol/mod.ts";
import { WIRES } from "../_peer.ts";
import { feed } from "./_support.ts";

if (zlib === undefined) throw new Error("Deno has zlib");
const own = zlib;

/** One that is asked as if all of them took a while. */
type AnyCompressor = Compressor | StreamCompressor;

const kinds: Readonly<Record<string, () => AnyCompressor>> = {
  zlib: () => new Compressor("c1", 256, own),
  streams: () => new StreamCompressor("c1", 256),
};

function deflate(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(own.deflateRawSync(bytes, { level: 9 }));
}

const MESSAGE = {
  type: "result",
  id: "rpc:c1:0",
  result: {
    list: Array.from({ length: 500 }, (_, i) => ({ name: `object ${i}`, at: i / 4 })),
    blob: new Uint8Array(5000),
  },
  seq: 7,
} as const satisfies OutgoingMessage;

function codecOf(wire: "json" | "msgpack") {
  return wire === "json"
    ? { encoder: new JsonEncoder(), decoder: new JsonDecoder() }
    : { encoder: new MsgpackEncoder(), decoder: new MsgpackDecoder() };
}

/** What a message is on its way, as whoever gets it reads it. */
async function sent(
  compressor: AnyCompressor,
  message: OutgoingMessage,
  wire: "json" | "msgpack",
): Promise<RequestMessage> {
  const { encoder, decoder } = codecOf(wire);
  const frames = encoder.encode(message);
  const shrunk = await compressor.shrink(message, frames, encoder, 1024);
  const [only, ...others] = feed(decoder, shrunk);
  assert(only !== undefined && others.length === 0 && isCompressed(only));
  return only;
}

function notification(...args: unknown[]): RequestMessage {
  return { type: "request", id: "system:c1:0", method: COMPRESSED_METHOD, args, kwargs: {} };
}

function random(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes;
}

/** What is complained of. */
async function refusal(act: () => unknown): Promise<string> {
  const error = await assertRejects(async () => await act(), ProtocolError);
  return `${error.code} ${error.closeCode}: ${error.message}`;
}

for (const [name, create] of Object.entries(kinds)) {
  for (const wire of WIRES) {
    Deno.test(`a compressed message is itself again, and smaller (${name}, ${wire})`, async () => {
      const compressor = create();
      const message = await sent(compressor, MESSAGE, wire);
      assertEquals(await compressor.open(message, DEFAULT_LIMITS, wire), MESSAGE);
      const { sent: count, bytes, compressedBytes, received, receivedBytes } = compressor.stats;
      assertEquals([count, received, receivedBytes], [1, 1, bytes]);
      assert(compressedBytes * 3 < bytes, `${bytes} became ${compressedBytes}`);
    });
  }

  Deno.test(`what one kind deflates the other one inflates (${name})`, async () => {
    const compressed = await sent(create(), MESSAGE, "msgpack");
    for (const other of Object.values(kinds)) {
      assertEquals(await other().open(compressed, DEFAULT_LIMITS, "msgpack"), MESSAGE);
    }
  });

  Deno.test(`binary that was inflated lies in nobody else's memory (${name})`, async () => {
    const compressor = create();
    const message = { type: "result", id: "rpc:c1:0", result: new Uint8Array(2000) } as const;
    const compressed = await sent(compressor, message, "msgpack");
    const opened = await compressor.open(compressed, DEFAULT_LIMITS, "msgpack");
    assert(opened.type === "result" && opened.result instanceof Uint8Array);
    assertStrictEquals(Object.getPrototypeOf(opened.result), Uint8Array.prototype);
    assert(opened.result.buffer.byteLength < 2200, `it has ${opened.result.buffer.byteLength}`);
  });

  Deno.test(`a bomb is stopped at what it says, and may not say more than the limit (${name})`, async () => {
    const compressor = create();
    const bomb = deflate(new Uint8Array(64 * 1024 * 1024));
    const open = (size: number, bytes: Uint8Array, messageSize = 1024 * 1024) =>
      refusal(() =>
        compressor.open(notification(size, bytes), { ...DEFAULT_LIMITS, messageSize }, "msgpack")
      );
    assertEquals(
      await open(64 * 1024 * 1024, bomb),
      "too-large 1009: A compressed message has 67108864 bytes, at most 1048576 are allowed",
    );
    assertEquals(
      await open(1024 * 1024, bomb),
      "malformed 1007: A compressed message can't be inflated",
    );
    // What can't be there is not allocated.
    assertEquals(
      await open(1024 * 1024, bomb.subarray(0, 100)),
      "malformed 1007: 100 compressed bytes can't be 1048576 inflated ones",
    );
  });

  Deno.test(`what is no compressed message is refused (${name})`, async () => {
    const compressor = create();
    const open = (...args: unknown[]) =>
      refusal(() => compressor.open(notification(...args), DEFAULT_LIMITS, "msgpack"));
    const deflated = (...bytes: number[]) => deflate(new Uint8Array(bytes));
    const noMessage = "bad-message 1002: A compressed message is a size and binary";
    const inflate = "malformed 1007: A compressed message can't be inflated";
    for (
      const args of [[], [10], ["10", new Uint8Array(9)], [10, "text"], [1.5, new Uint8Array(9)]]
    ) {
      assertEquals(await open(...args), noMessage);
    }
    // A block of a kind that there isn't; nothing; half of something.
    assertEquals(await open(10, new Uint8Array([0xff, 0xff])), inflate);
    assertEquals(await open(-1, deflated(0x80)), noMessage);
    const whole = deflate(random(1000));
    assertStringIncludes(
      await open(1000, whole.subarray(0, 500)),
      "malformed 1007: A compressed message",
    );
    assertEquals(
      await open(2, deflated(0x80)),
      "malformed 1007: A compressed message of 2 bytes has 1",
    );
    // No msgpack, no message, and one within another.
    assertEquals(
      await open(1, deflated(0xc1)),
      "malformed 1007: Malformed msgpack: 0xc1 starts no value",
    );
    assertEquals(
      await open(1, deflated(0x01)),
      "bad-message 1002: A message is a map: received a number",
    );
    const inner = await sent(compressor, MESSAGE, "msgpack");
    const [frame] = new MsgpackEncoder().encode(inner);
    assert(frame !== undefined);
    const content = frame.slice(12);
    assertEquals(
      await open(content.length, deflate(content)),
      "bad-message 1002: A compressed message holds a compressed one",
    );
  });

  Deno.test(`bytes of any kind are inflated or refused (${name})`, async () => {
    const compressor = create();
    const good = await sent(compressor, MESSAGE, "msgpack");
    const [size, bytes] = good.args;
    assert(bytes instanceof Uint8Array);
    let refused = 0;
    for (let at = 0; at < bytes.length; at++) {
      const bad = bytes.slice();
      bad[at] = (bad[at] ?? 0) ^ (1 << at % 8);
      try {
        await compressor.open(notification(size, bad), DEFAULT_LIMITS, "msgpack");
      } catch (error) {
        assert(error instanceof ProtocolError, String(error));
        refused++;
      }
    }
    assert(refused > bytes.length / 2, `${refused} of ${bytes.length}`);
  });

  Deno.test(`what doesn't become smaller is sent as it is (${name})`, async () => {
    const compressor = create();
    const encoder = new MsgpackEncoder();
    for (const size of [100_000, 1_000_000]) {
      const message = { type: "result", id: "rpc:c1:0", result: random(size) } as const;
      const frames = encoder.encode(message);
      assertStrictEquals(await compressor.shrink(message, frames, encoder, 1024), frames);
    }
    const small = encoder.encode({ type: "result", id: "rpc:c1:0", result: "a".repeat(900) });
    assertStrictEquals(await compressor.shrink(MESSAGE, small, encoder, 1024), small);
    const { sent, skipped } = compressor.stats;
    assertEquals({ sent, skipped }, { sent: 0, skipped: 2 });
  });
}

Deno.test("a date is on each wire what it is in small messages too", async () => {
  const date = new Date(Date.UTC(2026, 10, 24));
  const result = JSON.parse('{"__proto__":[]}');
  result.dates = [date, "a".repeat(2000)];
  result.__proto__ = [];
  const message = { type: "result", id: "rpc:c1:0", result } as const;
  const compressor = new Compressor("c1", 256, own);
  for (const wire of WIRES) {
    const { encoder, decoder } = codecOf(wire);
    const compressed = await sent(compressor, message, wire);
    const plain = feed(decoder, encoder.encode(message));
    assertEquals([await compressor.open(compressed, DEFAULT_LIMITS, wire)], plain);
  }
});

Deno.test("a compressed message keeps the limits of every other one", async () => {
  const compressor = new Compressor("c1", 256, own);
  const open = async (result: unknown, limits: Partial<typeof DEFAULT_LIMITS>) => {
    const message = await sent(compressor, { type: "result", id: "rpc:c1:0", result }, "msgpack");
    return await refusal(() =>
      compressor.open(message, { ...DEFAULT_LIMITS, ...limits }, "msgpack")
    );
  };
  const list = Array(2000).fill(0);
  assertEquals(
    await open(list, { values: 1000 }),
    "too-large 1009: A message has more than 1000 values",
  );
  assertEquals(
    await open([list], { depth: 2 }),
    "malformed 1007: Malformed msgpack: nested too deep",
  );
});

Deno.test("the option compress says from which size on", () => {
  assertEquals(minSizeOf(undefined), undefined);
  assertEquals(minSizeOf(false), undefined);
  assertEquals(minSizeOf(true), 1024);
  assertEquals(minSizeOf({}), 1024);
  assertEquals(minSizeOf({ minSize: 0 }), 0);
  assertThrows(() => minSizeOf({ minSize: -1 }), RangeError, "received -1");
  assertThrows(() => minSizeOf({ minSize: NaN }), RangeError, "received NaN");
});
