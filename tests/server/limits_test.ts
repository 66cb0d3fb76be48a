/** What a server does at its limits, without sockets. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  createServer,
  type Limits,
  procedure,
  RpcError,
  type ServerOptions,
} from "@hawser/hawser/server";
import { addressIn, placeOf } from "../../server/_addresses.ts";
import { checkRate, TokenBucket } from "../../session/limited.ts";
import { FakeTime } from "../_fake_time.ts";
import { join, LocalPeer, WIRES } from "../_peer.ts";
import { pair } from "../session/_pair.ts";

/** Takes the place of the clock that rates are measured with. */
class FakeClock implements Disposable {
  now = 0;
  readonly #now = performance.now;

  constructor() {
    performance.now = () => this.now;
  }

  [Symbol.dispose](): void {
    performance.now = this.#now;
  }
}

function errorOf(message: unknown): unknown {
  return Reflect.get(Object(message), "error");
}

function limited(limits: Partial<Limits>, options: ServerOptions = {}) {
  return createServer({ procedures: { "echo": (value: unknown) => value }, ...options, limits });
}

// Buckets

Deno.test("a bucket gives what it holds at once, and then as fast as it fills", () => {
  let now = 0;
  const bucket = new TokenBucket({ perSecond: 2, burst: 3 }, () => now);
  assertEquals([bucket.take(), bucket.take(), bucket.take()], [0, 0, 0]);
  assertEquals(bucket.take(), 500);
  now = 400;
  assertEquals(bucket.take(), 100);
  now = 500;
  assertEquals(bucket.take(), 0);
  assertEquals(bucket.take(), 500);
  // A pause of any length fills it, and no more.
  now = 1e9;
  assertEquals([bucket.take(), bucket.take(), bucket.take(), bucket.take()], [0, 0, 0, 500]);
});

Deno.test("who waits as long as a bucket says gets something, whatever the rate", () => {
  for (const perSecond of [0.3, 0.7, 1, 3, 7, 30, 999, 12_345]) {
    let now = 12_345.678;
    const bucket = new TokenBucket({ perSecond, burst: 1 }, () => now);
    for (let i = 0; i < 1000; i++) {
      assertEquals(bucket.take(), 0);
      now += bucket.take();
    }
  }
});

Deno.test("a rate of less than one a second has a bucket of one", () => {
  const bucket = new TokenBucket({ perSecond: 0.1 }, () => 0);
  assertEquals([bucket.take(), bucket.take()], [0, 10_000]);
});

Deno.test("a rate that lets nothing through, or is none, is a RangeError", () => {
  for (const rate of [{ perSecond: 0 }, { perSecond: NaN }, { perSecond: 1, burst: 0.5 }]) {
    assertThrows(() => checkRate("The rate", rate), RangeError, "The rate.");
  }
  assertThrows(
    () => createServer({ procedures: { "a": procedure({ rate: { perSecond: -1 } }, () => 0) } }),
    RangeError,
    'The rate of "a".perSecond must be a positive number: received -1',
  );
});

// Rates

for (const wire of WIRES) {
  Deno.test(`a client that calls too often is told when to try again, and others aren't slowed (${wire})`, async () => {
    using clock = new FakeClock();
    await using server = limited({ callRate: 10, callBurst: 2 });
    const { peer } = await join(server, wire);
    const { peer: other } = await join(server, wire);
    assertEquals((await peer.call("echo", [1])).type, "result");
    // What nobody has registered costs as much.
    assertEquals((await peer.call("unknown")).type, "error");
    assertEquals(errorOf(await peer.call("echo", [3])), {
      code: -32007,
      message: "Too many calls",
      data: { method: "echo", limit: "callRate", retryAfter: 100 },
    });
    assertEquals((await other.call("echo", [1])).type, "result");
    clock.now = 100;
    assertEquals((await peer.call("echo", [4])).type, "result");
    assertEquals(server.stats().totals.limits, { callRate: 1 });
  });
}

Deno.test("pings count as calls do; what is told of running calls doesn't", async () => {
  using _clock = new FakeClock();
  await using server = limited({ callRate: 10, callBurst: 2 });
  const { peer } = await join(server, "msgpack", { version: 1, features: ["ping", "call"] });
  for (let i = 0; i < 100; i++) peer.request("wslink.cancel", ["rpc:c1:9"], {}, "system:c1:0");
  const ping = async () => {
    peer.request("wslink.ping", [], {}, "system:c1:1");
    return (await peer.next()).type;
  };
  assertEquals([await ping(), await ping(), await ping()], ["result", "result", "error"]);
});

Deno.test("a procedure's rate is each client's own, or all clients' together", async () => {
  using clock = new FakeClock();
  const rate = { perSecond: 1, burst: 2 };
  let asked = 0;
  await using server = createServer({
    procedures: {
      "each": procedure({ rate }, () => 1),
      "all": procedure({ rate: { ...rate, per: "server" } }, () => 1),
      "guarded": procedure({ rate, authorize: () => ++asked > 0 }, () => 1),
      "free": () => 1,
    },
  });
  const { peer: a } = await join(server);
  const { peer: b } = await join(server);
  const types = async (peer: LocalPeer, method: string, count: number) => {
    const types: string[] = [];
    for (let i = 0; i < count; i++) types.push((await peer.call(method)).type);
    return types.join(" ");
  };
  assertEquals(await types(a, "each", 3), "result result error");
  assertEquals(await types(b, "each", 3), "result result error");
  assertEquals(await types(a, "all", 1), "result");
  assertEquals(await types(b, "all", 2), "result error");
  assertEquals(await types(a, "free", 3), "result result result");
  await types(a, "guarded", 5);
  assertEquals(asked, 2, "authorize is not asked for what the rate refuses");
  assertEquals(errorOf(await a.call("each")), {
    code: -32007,
    message: "Too many calls",
    data: { method: "each", limit: "rate", retryAfter: 1000 },
  });
  clock.now = 1000;
  assertEquals(await types(a, "each", 2), "result error");
  assertEquals(server.stats().totals.limits, { rate: 8 });
});

// Keys

for (const wire of WIRES) {
  Deno.test(`a map of more keys than the limit closes its connection with 1009 (${wire})`, async () => {
    await using server = limited({ keys: 10 });
    const { peer } = await join(server, wire);
    const map = (keys: number) =>
      Object.fromEntries(Array.from({ length: keys }, (_, i) => [`k${i}`, i]));
    assertEquals((await peer.call("echo", [[map(10), map(10)]])).type, "result");
    peer.request("echo", [[map(11)]]);
    assertEquals(await peer.closed, {
      code: 1009,
      reason: "A map has 11 keys, at most 10 are allowed",
    });
    const { closed, limits } = server.stats().totals;
    assertEquals([closed, limits], [{ 1009: 1 }, { keys: 1 }]);
  });
}

for (const wire of WIRES) {
  Deno.test(`what a message may be is counted by its limit, before a hello as the hello's (${wire})`, async () => {
    await using server = limited({ messageSize: 10_000, values: 100, depth: 10 });
    const ending: readonly unknown[] = ["x".repeat(20_000), Array(200).fill(0), [[[[[[[[[[
      1,
    ]]]]]]]]]]];
    for (const bad of ending) {
      const { peer } = await join(server, wire);
      peer.request("echo", [bad]);
      await peer.closed;
    }
    const stranger = new LocalPeer(server, wire);
    stranger.request("echo", ["x".repeat(1000)]);
    await stranger.closed;
    // What is wrong and not too much is no limit's.
    const { peer } = await join(server, wire);
    peer.sendValue([]);
    await peer.closed;
    const { limits } = server.stats().totals;
    assertEquals(limits, { messageSize: 1, values: 1, depth: 1, helloSize: 1 });
  });
}

// Streams

Deno.test("no more streams of one peer's calls are open than the limit", async () => {
  const ended = Promise.withResolvers<number>();
  await using server = createServer({
    limits: { openStreams: 3 },
    procedures: {
      "count": async function* (id: number) {
        try {
          for (let i = 0;; i++) yield i;
        } finally {
          ended.resolve(id);
        }
      },
      "sum": async (numbers: AsyncIterable<number>) => {
        let sum = 0;
        for await (const number of numbers) sum += number;
        return sum;
      },
    },
  });
  const { session } = await pair(server);
  const { session: other } = await pair(server);
  const streams = [1, 2, 3].map((id) => session.stream("count", [id])[Symbol.asyncIterator]());
  for (const stream of streams) assertEquals((await stream.next()).value, 0);
  const error = await session.stream("count", [4])[Symbol.asyncIterator]().next().catch((e) => e);
  assert(error instanceof RpcError);
  assertEquals([error.code, error.data], [-32007, { method: "count", limit: "openStreams" }]);
  async function* one() {
    yield 1;
  }
  // Its arguments count as well, and it is refused before it runs.
  await assertRejects(() => session.call("sum", [one()]), RpcError, "Too many open streams");
  assertEquals(await other.call("sum", [one()]), 1);

  await streams[0]?.return?.();
  // Its place is free when the procedure has really stopped.
  assertEquals(await ended.promise, 1);
  await other.call("sum", [one()]);
  assertEquals(await session.call("sum", [one()]), 1);
  assertEquals(server.stats().totals.limits, { openStreams: 2 });
  await session.close();
  await other.close();
});

Deno.test("streams that are asked for together don't slip in together", async () => {
  const gates: PromiseWithResolvers<void>[] = [];
  await using server = createServer({
    limits: { openStreams: 2 },
    procedures: {
      "late": async () => {
        const gate = Promise.withResolvers<void>();
        gates.push(gate);
        await gate.promise;
        return new ReadableStream();
      },
      "ping": () => 0,
    },
  });
  const { session } = await pair(server);
  const asked = [1, 2, 3, 4].map(() => session.stream("late")[Symbol.asyncIterator]().next());
  const refused = Promise.allSettled(asked.slice(2));
  while (gates.length < 4) await session.call("ping");
  for (const gate of gates) gate.resolve();
  assertEquals((await refused).map(({ status }) => status), ["rejected", "rejected"]);
  const rest = Promise.allSettled(asked);
  await session.close();
  await rest;
});

// Idle connections

for (const wire of WIRES) {
  Deno.test(`a connection is closed when nothing goes either way (${wire})`, async () => {
    using time = new FakeTime();
    const gate = Promise.withResolvers<string>();
    await using server = limited({ idleTime: 1000 }, {
      procedures: { "echo": (value: unknown) => value, "wait": () => gate.promise },
    });
    const { peer } = await join(server, wire);
    let closed: unknown;
    peer.closed.then((close) => closed = close);
    for (let i = 0; i < 5; i++) {
      await time.advance(900);
      if (i % 2) {
        server.publish("tick", i);
        await peer.next();
      } else await peer.call("echo");
    }
    assertEquals(closed, undefined);
    // Who waits for an answer isn't idle, however long.
    const waiting = peer.call("wait");
    await time.advance(60_000);
    assertEquals(closed, undefined);
    gate.resolve("done");
    await waiting;
    await time.advance(2000);
    assertEquals(closed, { code: 1000, reason: "Idle for too long" });
    assertEquals(server.stats().totals.limits, { idleTime: 1 });
    assertEquals(time.pending, 0);
  });
}

Deno.test("signs of life don't keep an idle connection", async () => {
  using time = new FakeTime();
  await using server = limited({ idleTime: 1000 });
  const { peer } = await join(server, "msgpack", { version: 1, features: ["ping"] });
  let closed = false;
  peer.closed.then(() => closed = true);
  for (let i = 0; i < 5; i++) {
    if (!closed) peer.request("wslink.ping", [], {}, "system:c1:1");
    await time.advance(500);
  }
  assert(closed);
});

Deno.test("times that no timer can wait are as long as one can", async () => {
  using time = new FakeTime();
  await using server = limited({ helloTime: Infinity, idleTime: 2 ** 40 });
  const stranger = new LocalPeer(server);
  const { peer } = await join(server);
  await time.advance(10_000_000);
  assertEquals([stranger.socket.readyState, peer.socket.readyState], [1, 1]);
});

// Connections

Deno.test("past the limit a connection is closed with 1013 until another one ends", async () => {
  await using server = limited({ connections: 2 });
  const first = new LocalPeer(server);
  const { peer: second } = await join(server);
  const third = new LocalPeer(server);
  assertEquals(await third.closed, { code: 1013, reason: "Too many connections" });
  assertEquals((await second.call("echo", [1])).type, "result");
  first.leave();
  await join(server);
  const { connections: { sockets, clients }, totals: { accepted, joined, limits } } = server
    .stats();
  assertEquals([sockets, clients, accepted, joined, limits], [2, 2, 4, 2, { connections: 1 }]);
});

Deno.test("past its limit an address is refused, and others are served", async () => {
  await using server = limited({ connectionsPerAddress: 2 });
  const peers = ["192.0.2.1", "192.0.2.1", "192.0.2.2"].map((address) =>
    new LocalPeer(server, "msgpack", address)
  );
  const refused = new LocalPeer(server, "msgpack", "::ffff:192.0.2.1");
  assertEquals((await refused.closed).code, 1013);
  assertEquals((await peers[2]?.hello())?.type, "result");
  // Where the address is unknown, nothing is counted.
  for (let i = 0; i < 5; i++) await join(server);
  assertEquals(server.stats().totals.limits, { connectionsPerAddress: 1 });
  peers[0]?.leave();
  assertEquals((await new LocalPeer(server, "msgpack", "192.0.2.1").hello()).type, "result");
  assertEquals(Array.from(server.clients.values(), ({ address }) => address), [
    "192.0.2.2",
    ...Array(5).fill(undefined),
    "192.0.2.1",
  ]);
});

Deno.test("an address that left gives its place back once, however often its end is told", async () => {
  await using server = limited({ connectionsPerAddress: 2 });
  const [first] = [1, 2].map(() => new LocalPeer(server, "msgpack", "192.0.2.1"));
  first?.leave();
  first?.leave();
  new LocalPeer(server, "msgpack", "192.0.2.1");
  assertEquals((await new LocalPeer(server, "msgpack", "192.0.2.1").closed).code, 1013);
});

Deno.test("where one counts: of IPv6 the first 64 bits, whatever the spelling", () => {
  const same = ["2001:db8:0:7::1", "2001:0DB8:0000:0007:ffff::", "[2001:db8:0:7:1:2:3:4]:8080"];
  assertEquals(same.map(placeOf), Array(3).fill("2001:db8:0:7::/64"));
  assertEquals(placeOf("2001:db8::7"), "2001:db8:0:0::/64");
  assertEquals(placeOf("fe80::1%eth0"), "fe80:0:0:0::/64");
  assertEquals(placeOf("::1"), "0:0:0:0::/64");
  assertEquals([placeOf("192.0.2.1"), placeOf("192.0.2.1:8080")], ["192.0.2.1", "192.0.2.1"]);
  assertEquals(placeOf("::ffff:192.0.2.1"), "192.0.2.1");
  assertEquals(placeOf("__proto__"), "__proto__");
});

Deno.test("of a proxy's list the last address counts, which the proxy itself wrote", () => {
  assertEquals(addressIn("10.0.0.1, 192.0.2.7"), "192.0.2.7");
  assertEquals(addressIn("192.0.2.7"), "192.0.2.7");
  assertEquals([addressIn(null), addressIn(""), addressIn("1.2.3.4, ")], Array(3).fill(undefined));
});

Deno.test("the header counts only where it is trusted, and must be one", async () => {
  const request = new Request("http://localhost/ws", { headers: { "x-real-ip": "192.0.2.9" } });
  const origin = { address: "127.0.0.1" };
  const seen = async (options: ServerOptions) => {
    await using server = createServer(options);
    const peer: LocalPeer = new LocalPeer({
      accept: (socket) => server.accept(socket, request, origin),
    });
    await peer.hello();
    return [...server.clients.values()][0]?.address;
  };
  assertEquals(await seen({}), "127.0.0.1");
  assertEquals(await seen({ addressHeader: "X-Real-IP" }), "192.0.2.9");
  assertEquals(await seen({ addressHeader: "x-other" }), "127.0.0.1");
  assertThrows(() => createServer({ addressHeader: "a b" }), TypeError, '"a b"');
});

Deno.test("a request past the limits gets 503 or 429, and is told when to come back", async () => {
  const server = limited({ connections: 3, connectionsPerAddress: 1 });
  const ask = (address: string) => {
    const request = new Request("http://localhost/ws", { headers: { upgrade: "websocket" } });
    const { status, headers } = server.upgrade(request, { address });
    return [status, headers.get("retry-after")];
  };
  new LocalPeer(server, "msgpack", "192.0.2.1");
  assertEquals(ask("192.0.2.1"), [429, "10"]);
  new LocalPeer(server, "msgpack", "192.0.2.2");
  new LocalPeer(server, "msgpack", "192.0.2.3");
  assertEquals(ask("192.0.2.4"), [503, "10"]);
  assertEquals(server.stats().totals.limits, { connectionsPerAddress: 1, connections: 1 });
  await server.close();
});

// Strangers

for (const wire of WIRES) {
  Deno.test(`a stranger gets 64 answers that it may not call, and no more (${wire})`, async () => {
    await using server = limited({});
    const peer = new LocalPeer(server, wire);
    for (let i = 0; i < 100; i++) peer.request("echo");
    assertEquals(await peer.closed, { code: 1008, reason: "Too much before the hello" });
    assertEquals(peer.socket.frames.length, 65);
  });
}

Deno.test("what a server counts of hellos and calls", async () => {
  const onError = () => {};
  await using server = createServer({
    onError,
    procedures: {
      "fail": () => {
        throw new Error("no");
      },
    },
  });
  const peer = new LocalPeer(server);
  await peer.hello("wrong");
  await peer.hello();
  await peer.call("fail");
  await peer.call("unknown");
  for (const client of server.clients.values()) client.close(3001);
  assertEquals(server.stats().totals, {
    accepted: 1,
    joined: 1,
    resumed: 0,
    failedHellos: 1,
    errors: 1,
    limits: {},
    closed: { 3001: 1 },
  });
});
