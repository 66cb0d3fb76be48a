import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type Session } from "@hawser/hawser/client";
import { createServer, procedure, serve, type Server, topic } from "@hawser/hawser/server";
import {
  announce,
  type Frame,
  JsonEncoder,
  type Message,
  MsgpackEncoder,
} from "@hawser/hawser/protocol";
import { COMPRESSED_METHOD, isCompressed } from "../../protocol/compress.ts";
import { zlib } from "../../protocol/compression.ts";
import { defer } from "../../protocol/deferred.ts";
import { Proxy } from "../_proxy.ts";
import { join, msgpack, WIRES } from "../_peer.ts";
import { openAgain, pair, reconnect } from "./_pair.ts";

/** Something that becomes much smaller. */
function table(n: number): { n: number; rows: string[]; blob: Uint8Array<ArrayBuffer> } {
  return {
    n,
    rows: Array.from({ length: 400 }, (_, i) => `row ${i} of ${n}`),
    blob: new Uint8Array(8000).fill(n),
  };
}

/** How many messages a server has compressed. */
function sentBy(server: Pick<Server, "stats">): number {
  return server.stats().compression?.sent ?? -1;
}

const COMPRESSES = announce(["compress"]);

function sizeOf(frames: readonly Frame[]): number {
  return frames.reduce((sum, frame) => sum + frame.length, 0);
}

for (const wire of WIRES) {
  Deno.test(`results, arguments and the items of streams are compressed where asked for (${wire})`, async () => {
    await using server = createServer({
      procedures: {
        "table.get": procedure({ compress: true }, (_call, n: number) => table(n)),
        "table.plain": (n: number) => table(n),
        "table.put": (value: { n: number; blob: Uint8Array }) => value.blob.length + value.n,
        "table.all": procedure({ compress: true }, async function* (_call, count: number) {
          for (let n = 0; n < count; n++) yield table(n);
          return table(count);
        }),
        "table.sum": async (values: AsyncIterable<{ n: number }>) => {
          let sum = 0;
          for await (const { n } of values) sum += n;
          return sum;
        },
      },
    });
    const { session, frames } = await pair(server, { wire });
    const counts = () => [sentBy(server), session.stats().compression?.sent];

    assertEquals(await session.call("table.plain", [1]), table(1));
    assertEquals(await session.call("table.put", [table(2)]), 8002);
    assertEquals(counts(), [0, 0]);

    assertEquals(await session.call("table.get", [3]), table(3));
    assertEquals(counts(), [1, 0]);

    const before = sizeOf(frames);
    assertEquals(await session.call("table.put", [table(4)], { compress: true }), 8004);
    assert(sizeOf(frames) - before < 5000, `${sizeOf(frames) - before} bytes`);
    assertEquals(counts(), [1, 1]);
    const minSize = { minSize: 1_000_000 };
    assertEquals(await session.call("table.put", [table(4)], { compress: minSize }), 8004);
    assertEquals(counts(), [1, 1]);

    const items: number[] = [];
    const stream = session.stream("table.all", [5]);
    for await (const value of stream) items.push(value.n);
    assertEquals(items, [0, 1, 2, 3, 4]);
    assertEquals(counts(), [7, 1]);

    async function* tables() {
      for (let n = 0; n < 4; n++) yield table(n);
    }
    assertEquals(await session.call("table.sum", [tables()], { compress: true }), 6);
    // The request and the end of the stream are small.
    assertEquals(counts(), [7, 5]);
    await session.close();
  });

  Deno.test(`publications are compressed once, in parts too, for those who agreed on it (${wire})`, async () => {
    await using server = createServer({
      topics: {
        tables: topic({
          compress: true,
          select: (value: ReturnType<typeof table>, { rows }: { rows: number }) => ({
            n: value.n,
            rows: value.rows.slice(0, rows),
          }),
        }),
      },
    });
    const sessions = await Promise.all(
      [0, 1, 2].map(async () => (await pair(server, { wire })).session),
    );
    const { peer: old } = await join(server, wire);
    const done = sessions.map(() => defer<unknown>());
    const parts = sessions.map(() => defer<{ n: number; rows: string[] }>());
    for (const [i, session] of sessions.entries()) {
      await session.subscribe("tables", (value) => done[i]?.resolve(value)).ready;
      await session.subscribe("tables", (value) => parts[i]?.resolve(value), {
        filter: { rows: 300 },
      }).ready;
    }
    server.publish("tables", table(1));
    for (const { promise } of done) assertEquals(await promise, table(1));
    for (const { promise } of parts) assertEquals((await promise).rows.length, 300);
    assertEquals(sentBy(server), 2);
    // wslink's client gets what it always got.
    const message = await old.next();
    assert(message.type === "publication");
    assertEquals(message.result, table(1));

    server.publish("tables", table(2), { compress: false });
    assertEquals((await old.next()).type, "publication");
    assertEquals(sentBy(server), 2);
    for (const session of sessions) await session.close();
  });

  Deno.test(`compressed calls and streams survive cuts at any moment (${wire})`, async () => {
    let runs = 0;
    await using server = createServer({
      procedures: {
        "table.echo": procedure({ compress: true }, (_call, value: unknown) => {
          runs++;
          return value;
        }),
        "table.all": procedure({ compress: true }, async function* (_call, count: number) {
          for (let n = 0; n < count; n++) {
            yield table(n);
            await new Promise((resolve) => setTimeout(resolve, 0));
          }
        }),
      },
    });
    const { session, cut } = await pair(server, { wire, reconnect });
    const items: number[] = [];
    const reading = (async () => {
      for await (const { n } of session.stream("table.all", [60])) items.push(n);
    })();
    for (let round = 0; round < 20; round++) {
      const again = openAgain(session);
      const call = session.call("table.echo", [table(round)], { compress: true });
      for (let i = 0; i < round % 5; i++) await Promise.resolve();
      cut();
      assertEquals(await again, true);
      assertEquals(await call, table(round));
    }
    await reading;
    assertEquals(items, Array.from({ length: 60 }, (_, n) => n));
    assertEquals(runs, 20);
    assert(sentBy(server) >= 80);
    await session.close();
  });

  Deno.test(`a history is read compressed, and is compressed once (${wire})`, async () => {
    await using server = createServer({
      topics: { tables: topic<{ n: number }>({ compress: true, history: {} }) },
    });
    for (let n = 0; n < 5; n++) server.publish("tables", table(n));
    assertEquals(sentBy(server), 0);
    for (let reader = 1; reader <= 3; reader++) {
      const { session, cut } = await pair(server, { wire, reconnect });
      const got: number[] = [];
      let changed = defer<void>();
      const until = async (n: number) => {
        while (!got.includes(n)) await changed.promise;
      };
      await session.subscribe("tables", ({ n }) => {
        got.push(n);
        changed.resolve();
        changed = defer();
      }, { last: 5 }).ready;
      await until(4);
      const again = openAgain(session);
      cut();
      const missed = 90 + reader;
      server.publish("tables", table(missed));
      assertEquals(await again, true);
      await until(missed);
      assertEquals([...new Set(got)], got);
      // 2.x clients share what is kept; on the 1.x wire it is made for each anew.
      if (wire === "msgpack") {
        assert(sentBy(server) <= 5 + reader, `${sentBy(server)}`);
      }
      await session.close();
    }
  });

  Deno.test(`who never agreed on it is sent nothing compressed, and may send nothing so (${wire})`, async () => {
    await using server = createServer({
      procedures: { "table.get": procedure({ compress: true }, () => table(1)) },
    });
    const { peer } = await join(server, wire);
    const answer = await peer.call("table.get");
    assert(answer.type === "result");
    assertEquals(answer.result, table(1));
    // An unknown method, as everything that wasn't agreed on.
    peer.request(COMPRESSED_METHOD, [3, new Uint8Array(3)], {}, "system:c0:7");
    const refused = await peer.next();
    assert(refused.type === "error" && refused.error.code === -32601);
    assertEquals(sentBy(server), 0);
  });

  Deno.test(`a server without it offers nothing, and what was asked for is sent as it is (${wire})`, async () => {
    await using server = createServer({
      procedures: { "test.size": ({ length }: Uint8Array) => length },
    });
    const { session } = await pair(server, { wire });
    const [client] = server.clients.values();
    assertEquals(client?.features.has("compress"), false);
    assertEquals(await session.call("test.size", [new Uint8Array(9000)], { compress: true }), 9000);
    assertEquals(session.stats().compression, undefined);
    server.register("table.get", procedure({ compress: true }, () => table(1)));
    const later = await pair(server, { wire });
    const untyped: Session = later.session;
    assertEquals(await untyped.call("table.get"), table(1));
    assertEquals(later.session.stats().compression?.received, 1);
    await session.close();
    await later.session.close();
  });

  const bombs: Readonly<Record<string, readonly [args: unknown[], code: number]>> = {
    "that says that it is over the limit": [[64 * 1024 * 1024, zeros(64 * 1024 * 1024)], 1009],
    "that says less than it is": [[900_000, zeros(64 * 1024 * 1024)], 1007],
    "that is no DEFLATE": [[900, new Uint8Array(900).fill(0xff)], 1007],
    "that holds no msgpack": [[1000, zeros(1000, 0xc1)], 1007],
    "that has no size": [[], 1002],
  };
  for (const [what, [args, code]] of Object.entries(bombs)) {
    Deno.test(`a compressed message ${what} ends its connection with ${code} (${wire})`, async () => {
      await using server = createServer({ compress: true, limits: { messageSize: 1_000_000 } });
      const { peer } = await join(server, wire, COMPRESSES);
      peer.request(COMPRESSED_METHOD, args, {}, "system:c0:0");
      assertEquals((await peer.closed).code, code);
      // Nobody else notices.
      await join(server, wire, COMPRESSES);
    });

    Deno.test(`a client ends its connection with ${code + 3000} for one ${what} (${wire})`, async () => {
      let send: (frame: Frame) => void = () => {};
      const encoder = wire === "json" ? new JsonEncoder() : new MsgpackEncoder();
      const id = "system:server:0";
      const bomb = { type: "request", id, method: COMPRESSED_METHOD, args, kwargs: {} } as const;
      await using server = createServer({
        compress: true,
        procedures: { "test.bomb": () => encoder.encode(bomb).forEach((frame) => send(frame)) },
      });
      const accept = server.accept.bind(server);
      server.accept = (socket, ...rest) => {
        send = (frame) => socket.send(frame);
        return accept(socket, ...rest);
      };
      const limits = { messageSize: 1_000_000 };
      const { session } = await pair(server, { wire, reconnect: false, limits });
      const error = await assertRejects(() => session.call("test.bomb"));
      assertEquals(Reflect.get(Object(error), "closeCode"), code + 3000);
    });
  }
}

function zeros(size: number, byte = 0): Uint8Array {
  return zlib?.deflateRawSync(new Uint8Array(size).fill(byte), { level: 9 }) ?? new Uint8Array();
}

Deno.test("what comes compressed keeps its place among what doesn't", async () => {
  await using server = createServer({ compress: true });
  const { session } = await pair(server);
  const got: number[] = [];
  const done = defer<void>();
  await session.subscribe<{ n: number }>("tables", ({ n }) => {
    got.push(n);
    if (n === 199) done.resolve();
  }).ready;
  for (let n = 0; n < 200; n++) {
    server.publish("tables", n % 3 ? table(n) : { n }, { compress: n % 2 === 0 });
  }
  await done.promise;
  assertEquals(got, Array.from({ length: 200 }, (_, n) => n));
  await session.close();
});

Deno.test("behind a slow link old pictures are dropped whole, compressed or not", async () => {
  const server = createServer({
    topics: { tables: topic<{ n: number; noise: Uint8Array }>({ compress: true }) },
  });
  await using listening = await serve(server, { port: 0 });
  await using proxy = new Proxy(listening.webSocketUrl, { rate: 1000 });
  await using session = await connect<typeof server>(proxy.url);
  const got: number[] = [];
  const last = 400;
  const done = defer<void>();
  await session.subscribe("tables", ({ n }) => {
    got.push(n);
    if (n === last) done.resolve();
  }).ready;
  // Half of each is noise: it becomes smaller, and not small.
  for (let n = 0; n <= last; n++) {
    const blob = crypto.getRandomValues(new Uint8Array(30_000));
    server.publish("tables", { ...table(n), noise: blob }, { policy: "latest" });
  }
  await done.promise;
  assert(got.length < 100, `${got.length} came`);
  assertEquals(got, got.toSorted((a, b) => a - b));
  assert(sentBy(server) > 300);
});

Deno.test("a flood of compressed messages is acknowledged, and so never stands still", async () => {
  const server = createServer({
    procedures: {
      "table.all": procedure({ compress: true }, async function* (_call, count: number) {
        for (let n = 0; n < count; n++) {
          yield crypto.getRandomValues(new Uint8Array(60_000)).map((byte) => byte & 0x3f);
        }
      }),
    },
  });
  await using listening = await serve(server, { port: 0 });
  await using session = await connect<typeof server>(listening.webSocketUrl);
  let bytes = 0;
  for await (const { length } of session.stream("table.all", [300])) bytes += length;
  assertEquals(bytes, 300 * 60_000);
  assertEquals(session.stats().compression?.received, 300);
});

for (const wire of WIRES) {
  Deno.test(`a client without zlib, as a browser, keeps all orders (${wire})`, async () => {
    const server = createServer({
      topics: { tables: topic<{ n: number }>({ compress: true }) },
      procedures: {
        "table.get": procedure({ compress: true }, (_call, n: number) => table(n)),
        "table.all": procedure({ compress: true }, async function* (_call, count: number) {
          for (let n = 0; n < count; n++) yield n % 3 ? table(n) : { n };
        }),
        "table.sum": async (values: AsyncIterable<{ n: number }>) => {
          const seen: number[] = [];
          for await (const { n } of values) seen.push(n);
          return seen;
        },
        "table.publish": () => {
          for (let n = 0; n < 100; n++) server.publish("tables", n % 3 ? table(n) : { n });
        },
        "test.bomb": procedure({ compress: true }, () => new Uint8Array(4_000_000)),
      },
    });
    await using listening = await serve(server, { port: 0 });
    const worker = new Worker(new URL("_no_zlib_worker.ts", import.meta.url), { type: "module" });
    const answer = defer<unknown>();
    worker.onmessage = ({ data }) => answer.resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      answer.reject(new Error(event.message));
    };
    worker.postMessage({ url: listening.webSocketUrl, wire });
    const numbers = Array.from({ length: 100 }, (_, n) => n);
    try {
      assertEquals(await answer.promise, {
        process: false,
        published: numbers,
        items: numbers,
        uploaded: numbers,
        got: table(7),
        bomb: 4009,
        sent: 66,
        before: true,
      });
    } finally {
      worker.terminate();
    }
  });
}

Deno.test("a compressed message looks as the protocol's page says", async () => {
  await using server = createServer({
    procedures: { "text.get": procedure({ compress: true }, () => "hawser ".repeat(300)) },
  });
  const { peer } = await join(server, "msgpack", COMPRESSES);
  const id = peer.request("text.get");
  const message: Message = await peer.next();
  assert(isCompressed(message));
  assertEquals([message.id, message.method, message.kwargs], [
    "system:server:0",
    "wslink.compressed",
    {},
  ]);
  const [size, bytes] = message.args;
  assert(typeof size === "number" && bytes instanceof Uint8Array && bytes.length < 100);
  const stream = new Blob([new Uint8Array(bytes)]).stream().pipeThrough(
    new DecompressionStream("deflate-raw"),
  );
  const content = new Uint8Array(await new Response(stream).arrayBuffer());
  assertEquals(content.length, size);
  assertEquals(content, msgpack({ wslink: "1.0", id, result: "hawser ".repeat(300) }));
});
