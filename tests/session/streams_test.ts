import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConnectionClosedError, RpcError } from "@hawser/hawser/client";
import { createServer, procedure } from "@hawser/hawser/server";
import { defer } from "../../protocol/deferred.ts";
import { join, LocalPeer, WIRES } from "../_peer.ts";
import { pair } from "./_pair.ts";

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Lets everything that is under way come to rest. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

for (const wire of WIRES) {
  Deno.test(`a generator's items arrive in order, and then what it returns (${wire})`, async () => {
    await using server = createServer({
      procedures: {
        "test.rows": async function* (count: number) {
          for (let i = 0; i < count; i++) yield { i, bytes: new Uint8Array(i) };
          return { count };
        },
      },
    });
    const { session } = await pair(server, { wire });
    const stream = session.stream("test.rows", [200]);
    const items: { i: number; bytes: Uint8Array }[] = [];
    for (;;) {
      const step = await stream.next();
      if (step.done) {
        assertEquals(step.value, { count: 200 });
        break;
      }
      items.push(step.value);
    }
    assertEquals(items.map(({ i }) => i), Array.from({ length: 200 }, (_, i) => i));
    assert(items.every(({ i, bytes }) => bytes.length === i));
    await session.close();
  });

  Deno.test(`an awaited stream gives what the procedure returns (${wire})`, async () => {
    await using server = createServer({
      procedures: {
        "test.rows": async function* () {
          for (let i = 0; i < 500; i++) yield i;
          return "end";
        },
      },
    });
    const { session } = await pair(server, { wire });
    assertEquals(await session.stream("test.rows"), "end");
    await session.close();
  });

  Deno.test(`a ReadableStream is a stream as well (${wire})`, async () => {
    await using server = createServer({
      procedures: {
        "test.blobs": procedure(() =>
          Promise.resolve(ReadableStream.from([new Uint8Array([1]), new Uint8Array([2, 3])]))
        ),
      },
    });
    const { session } = await pair(server, { wire });
    assertEquals(await collect(session.stream("test.blobs")), [
      new Uint8Array([1]),
      new Uint8Array([2, 3]),
    ]);
    await session.close();
  });

  Deno.test(`a reader that stops reading holds the producer back (${wire})`, async () => {
    let made = 0;
    await using server = createServer({
      procedures: {
        "test.rows": async function* () {
          for (; made < 20_000; made++) yield made;
        },
        "test.blobs": async function* () {
          for (; made < 100; made++) yield new Uint8Array(1_000_000);
        },
      },
    });
    const { session } = await pair(server, { wire });
    const rows = session.stream("test.rows");
    await rows.next();
    await settle();
    assert(made >= 4095 && made <= 4098, `${made} rows were made for one that was read`);
    for (let i = 1; i < 6000; i++) await rows.next();
    await settle();
    assert(made >= 6000 && made <= 6000 + 4098, `${made} rows were made for 6000 that were read`);
    rows.cancel();
    await settle();
    made = 0;
    const blobs = session.stream("test.blobs");
    await blobs.next();
    await settle();
    assert(made <= 7, `${made} MB were made for one that was read`);
    assertEquals((await collect(blobs)).length, 99);
    await session.close();
  });

  Deno.test(`break in the reader runs the producer's finally (${wire})`, async () => {
    const ended = defer<string>();
    await using server = createServer({
      procedures: {
        "test.rows": procedure(async function* (call) {
          try {
            for (let i = 0;; i++) yield i;
          } finally {
            ended.resolve(String(call.signal.aborted));
          }
        }),
      },
    });
    const { session } = await pair(server, { wire });
    for await (const row of session.stream("test.rows")) if (row === 5) break;
    assertEquals(await ended.promise, "true");
    await session.close();
  });

  Deno.test(`what the producer throws ends the reader, behind the items before it (${wire})`, async () => {
    await using server = createServer({
      onError() {},
      procedures: {
        "test.own": async function* () {
          yield 1;
          throw new RpcError(1001, "Mesh too large", { cells: 9 });
        },
        "test.other": async function* () {
          yield 1;
          throw new TypeError("a secret path");
        },
        "test.unsendable": async function* () {
          yield 1;
          yield new Map();
        },
      },
    });
    const { session } = await pair(server, { wire });
    const own = session.stream("test.own");
    assertEquals(await own.next(), { done: false, value: 1 });
    const error = await assertRejects(() => own.next(), RpcError, "Mesh too large");
    assertEquals([error.code, error.data], [1001, { cells: 9 }]);
    const other = await assertRejects(
      () => collect(session.stream("test.other")),
      RpcError,
      "Exception raised",
    );
    assertEquals(other.data, { method: "test.other", exception: "TypeError" });
    await assertRejects(
      () => collect(session.stream("test.unsendable")),
      RpcError,
      "Method result cannot be serialized",
    );
    await assertRejects(() => collect(session.stream("test.own")), RpcError);
    await session.close();
  });

  Deno.test(`an aborted signal ends a stream that has begun, on both sides (${wire})`, async () => {
    const ended = defer<void>();
    await using server = createServer({
      procedures: {
        "test.rows": async function* () {
          try {
            for (let i = 0;; i++) yield i;
          } finally {
            ended.resolve();
          }
        },
      },
    });
    const { session } = await pair(server, { wire });
    const controller = new AbortController();
    const stream = session.stream("test.rows", [], { signal: controller.signal });
    await stream.next();
    controller.abort(new Error("enough"));
    await assertRejects(() => stream.next(), Error, "enough");
    await ended.promise;
    await session.close();
  });

  Deno.test(`a cut ends both ends of a stream (${wire})`, async () => {
    const ended = defer<void>();
    await using server = createServer({
      procedures: {
        "test.rows": async function* () {
          try {
            for (let i = 0;; i++) yield i;
          } finally {
            ended.resolve();
          }
        },
      },
    });
    const { session, cut } = await pair(server, { wire, reconnect: false });
    const stream = session.stream("test.rows");
    await stream.next();
    cut();
    await assertRejects(() => collect(stream), ConnectionClosedError);
    await ended.promise;
    await session.closed;
  });

  Deno.test(`arguments may be streams, read at the procedure's pace (${wire})`, async () => {
    let made = 0;
    const go = defer<void>();
    await using server = createServer({
      procedures: {
        "test.sum": procedure(async (_call, name: string, rows: AsyncIterable<number>) => {
          await go.promise;
          let sum = 0;
          for await (const row of rows) sum += row;
          return { name, sum };
        }),
      },
    });
    const { session } = await pair(server, { wire });
    async function* rows() {
      for (; made < 9000; made++) yield made;
    }
    const call = session.call("test.sum", ["rows", rows()]);
    await settle();
    assert(made >= 4095 && made <= 4097, `${made} rows were made for none that was read`);
    go.resolve();
    assertEquals(await call, { name: "rows", sum: 40_495_500 });
    await session.close();
  });

  Deno.test(`streams go both ways at once (${wire})`, async () => {
    await using server = createServer({
      procedures: {
        "test.double": async function* (rows: AsyncIterable<number>) {
          for await (const row of rows) yield row * 2;
        },
      },
    });
    const { session } = await pair(server, { wire });
    const rows = ReadableStream.from(Array.from({ length: 300 }, (_, i) => i));
    const doubled = await collect(session.stream("test.double", [rows]));
    assertEquals(doubled, Array.from({ length: 300 }, (_, i) => i * 2));
    await session.close();
  });

  Deno.test(`an upload's items don't overtake their own request, however long that is (${wire})`, async () => {
    await using server = createServer({
      procedures: {
        "test.size": (blob: Uint8Array) => blob.length,
        "test.rows": async (blob: Uint8Array, rows: AsyncIterable<number>) => ({
          size: blob.length,
          rows: await collect(rows),
        }),
      },
    });
    const { session } = await pair(server, { wire });
    const blob = new Uint8Array(1_000_000);
    await session.call("test.size", [new Uint8Array(1)]);
    // Acknowledgements set the pace, so what comes behind this one waits in the queue.
    const before = session.call("test.size", [blob]);
    const rows = async function* () {
      for (let i = 0; i < 10; i++) yield i;
    };
    assertEquals(await session.call("test.rows", [blob, rows()]), {
      size: blob.length,
      rows: Array.from({ length: 10 }, (_, i) => i),
    });
    assertEquals(await before, blob.length);
    await session.close();
  });

  Deno.test(`an upload that isn't read to its end runs its finally (${wire})`, async () => {
    const ended = defer<void>();
    await using server = createServer({
      procedures: {
        "test.first": async (rows: AsyncIterable<number>) => {
          for await (const row of rows) return row;
          return undefined;
        },
        "test.none": (_rows: AsyncIterable<number>) => "not read",
      },
    });
    const { session } = await pair(server, { wire });
    let endings = 0;
    async function* rows() {
      try {
        for (let i = 7;; i++) yield i;
      } finally {
        if (++endings === 2) ended.resolve();
      }
    }
    assertEquals(await session.call("test.first", [rows()]), 7);
    assertEquals(await session.call("test.none", [rows()]), "not read");
    await ended.promise;
    await session.close();
  });

  Deno.test(`an upload that fails fails in the procedure, without its text (${wire})`, async () => {
    await using server = createServer({
      procedures: {
        "test.all": async (rows: AsyncIterable<number>) => {
          try {
            for await (const row of rows) if (row < 0) break;
            return undefined;
          } catch (error) {
            return error instanceof RpcError ? error.toWire() : "?";
          }
        },
      },
    });
    const { session } = await pair(server, { wire });
    async function* rows() {
      yield 1;
      throw new TypeError("a secret path");
    }
    assertEquals(await session.call("test.all", [rows()]), {
      code: -32001,
      message: "Exception raised",
      data: { exception: "TypeError" },
    });
    await session.close();
  });

  Deno.test(`a procedure that is no stream has a result and no items (${wire})`, async () => {
    await using server = createServer({ procedures: { "test.one": () => 1 } });
    const { session } = await pair(server, { wire });
    const untyped: { stream(method: string): AsyncIterableIterator<unknown, unknown> } = session;
    assertEquals(await untyped.stream("test.one").next(), { done: true, value: 1 });
    await session.close();
  });

  Deno.test(`a wslink client that calls for a stream is refused, and the producer ends (${wire})`, async () => {
    const ended = defer<void>();
    await using server = createServer({
      procedures: {
        "test.rows": () => new ReadableStream({ cancel: () => ended.resolve() }),
      },
    });
    const { peer } = await join(server, wire);
    const answer = await peer.call("test.rows");
    assertEquals(answer.type === "error" && answer.error, {
      code: -32004,
      message: "The result is a stream, and the caller takes none",
      data: "test.rows",
    });
    await ended.promise;
    peer.leave();
  });
}

Deno.test("a producer that sends more than it has credit for is closed", async () => {
  await using server = createServer({
    procedures: { "test.hold": (_rows: AsyncIterable<number>) => new Promise(() => {}) },
  });
  const { peer } = await join(server, "msgpack", { version: 1, features: ["call", "stream"] });
  peer.send({
    type: "request",
    id: "rpc:c1:0",
    method: "test.hold",
    args: [null],
    kwargs: {},
    meta: { streams: [0] },
  });
  for (let i = 0; i < 4097; i++) {
    peer.request("wslink.stream.item", ["rpc:c1:0/0", i, 16], {}, "system:c1:0");
  }
  assertEquals((await peer.closed).code, 1008);
});

Deno.test("a producer that understates an item's size is closed", async () => {
  await using server = createServer({
    procedures: { "test.hold": (_rows: AsyncIterable<number>) => new Promise(() => {}) },
  });
  const { peer } = await join(server, "msgpack", { version: 1, features: ["call", "stream"] });
  peer.send({
    type: "request",
    id: "rpc:c1:0",
    method: "test.hold",
    args: [null],
    kwargs: {},
    meta: { streams: [0] },
  });
  peer.request("wslink.stream.item", ["rpc:c1:0/0", new Uint8Array(5000), 16], {}, "system:c1:0");
  assertEquals((await peer.closed).code, 1008);
});

Deno.test("the protocol's own requests take no streams", async () => {
  const errors: unknown[] = [];
  await using server = createServer({ onError: (error) => errors.push(error) });
  const peer = new LocalPeer(server);
  await peer.hello(undefined, { version: 1, features: ["call", "stream", "subscribe"] });
  const [id, method] = ["system:c0:1", "wslink.subscribe"];
  peer.send({ type: "request", id, method, args: [null], kwargs: {}, meta: { streams: [0] } });
  const answer = await peer.next();
  assertEquals(answer.type === "error" && [answer.id, answer.error.code], [id, -32602]);
  assertEquals(errors, []);
  peer.leave({ code: 1000, reason: "" });
});
