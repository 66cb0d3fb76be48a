import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CALL_TIME_BOUNDS, createServer, procedure, RpcError } from "@hawser/hawser/server";
import { ConnectionClosedError, TimeoutError } from "@hawser/hawser/client";
import { CallMeter, CallMeters } from "../../session/meters.ts";
import { Watchers } from "../../session/events.ts";
import { pair } from "./_pair.ts";

Deno.test("CallMeter puts each call into the class that its time is in", () => {
  const meter = new CallMeter("mesh.get");
  const times = [0, 0.1, 0.100001, 0.3, 2.9, 10_000, 10_000.1];
  for (const time of times) {
    meter.begin();
    meter.end("result", time);
  }
  const { times: counted, count, totalTime, maxTime, running } = meter.read();
  assertEquals(counted, [2, 2, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1]);
  assertEquals(counted.length, CALL_TIME_BOUNDS.length + 1);
  assertEquals([count, maxTime, running], [7, 10_000.1, 0]);
  assertEquals(totalTime, times.reduce((a, b) => a + b));
});

Deno.test("CallMeter times every eighth of calls that are short, and counts all", () => {
  const meter = new CallMeter("math.add");
  const timed: number[] = [];
  for (let i = 0; i < 20; i++) {
    const isTimed = meter.begin();
    if (isTimed) timed.push(i);
    meter.end("result", isTimed ? 0.25 : undefined, true);
  }
  // It takes one that was timed to know that they are short.
  assertEquals(timed, [0, 1, 9, 17]);
  const { count, times, totalTime } = meter.read();
  assertEquals([count, times[1], totalTime], [20, 20, 5]);
});

Deno.test("CallMeter times each call behind one that was long, or that waited", () => {
  const meter = new CallMeter("mesh.get");
  const call = (time: number, isWhole = true) => {
    const isTimed = meter.begin();
    meter.end("result", isTimed ? time : undefined, isWhole);
    return isTimed;
  };
  assertEquals([call(2), call(2), call(0.5, false), call(0.5)], [true, true, true, true]);
  // From here on they are short; one that turns out to wait is timed from then on.
  assertEquals([call(0.5), call(0.5)], [true, false]);
  assertEquals(meter.begin(), false);
  meter.waits();
  meter.end("result", 4);
  assertEquals([call(5), call(6)], [true, true]);
  assertEquals([meter.read().count, meter.read().maxTime], [9, 6]);
});

Deno.test("CallMeters counts what is past 4096 names together", () => {
  const meters = new CallMeters<unknown>();
  for (let i = 0; i < 5000; i++) meters.of(`name${i}`).end("result", 1);
  const read = meters.read();
  assertEquals(read.length, 4097);
  assertEquals([read.at(-1)?.method, read.at(-1)?.count], ["*", 904]);
});

Deno.test("Watchers hands out what was asked for, and counts what a slow reader missed", async () => {
  type Event = { readonly type: "a"; readonly n: number } | { readonly type: "b" };
  const changes: boolean[] = [];
  const watchers = new Watchers<Event>(() => changes.push(watchers.wants("a")));
  const all = watchers.watch({ buffer: 2 });
  const some = watchers.watch({ only: ["a"] });
  for (let n = 0; n < 3; n++) watchers.emit({ type: "a", n });
  watchers.emit({ type: "b" });
  assertEquals(all.dropped, 2);
  assertEquals((await all.next()).value, { type: "a", n: 2 });
  assertEquals((await some.next()).value?.n, 0);
  await all.return?.();
  assert(!watchers.wants("b"));
  watchers.end();
  const rest = [];
  for await (const { n } of some) rest.push(n);
  assertEquals(rest, [1, 2]);
  assertEquals(changes, [true, true, true, false]);
  assertEquals((await watchers.watch().next()).done, true);
  assertThrows(() => watchers.watch({ buffer: 0 }), RangeError, "buffer must be 1 or more");
});

Deno.test("server.stats() tells how calls ended, by procedure", async () => {
  const began = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  await using server = createServer({
    procedures: {
      "sync.ok": () => 1,
      "sync.fails": () => {
        throw new RpcError(7, "no");
      },
      "async.ok": () => Promise.resolve(1),
      "async.fails": () => Promise.reject(new RpcError(7, "no")),
      "slow": procedure(async ({ signal }) => {
        began.resolve();
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        ended.resolve();
      }),
      "rows": async function* () {
        yield 1;
        yield await Promise.resolve(2);
      },
      "rows.fail": async function* () {
        yield await Promise.resolve(1);
        throw new RpcError(7, "no");
      },
    },
  });
  const { session } = await pair(server);
  await session.call("sync.ok");
  await assertRejects(() => session.call("sync.fails"));
  await session.call("async.ok");
  await assertRejects(() => session.call("async.fails"));
  for await (const _ of session.streams.rows());
  await assertRejects(async () => {
    for await (const _ of session.streams.rows.fail());
  });
  const abort = new AbortController();
  const slow = session.call("slow", [], { signal: abort.signal });
  await began.promise;
  const running = server.stats().calls.find(({ method }) => method === "slow");
  assertEquals([running?.running, running?.count], [1, 0]);
  abort.abort();
  await assertRejects(() => slow, DOMException);
  await ended.promise;
  await session.call("sync.ok");

  assertEquals(
    server.stats().calls.map(({ method, count, errors, abandoned, running }) => [
      method,
      count,
      errors,
      abandoned,
      running,
    ]),
    [
      ["sync.ok", 2, 0, 0, 0],
      ["sync.fails", 1, 1, 0, 0],
      ["async.ok", 1, 0, 0, 0],
      ["async.fails", 1, 1, 0, 0],
      ["rows", 1, 0, 0, 0],
      ["rows.fail", 1, 1, 0, 0],
      ["slow", 1, 0, 1, 0],
    ],
  );
  for (const { count, times } of server.stats().calls) {
    assertEquals(times.reduce((a, b) => a + b), count);
  }
  await session.close();
});

Deno.test("server.events() tells who comes, calls, is cut off, comes back and goes", async () => {
  await using server = createServer({ procedures: { "echo": (value: string) => value } });
  const events = server.events();
  const calls = server.events({ only: ["call"] });
  const { session, cut } = await pair(server, { reconnect: { initialDelay: 0 } });
  await session.call("echo", ["a"]);
  const resumed = Promise.withResolvers<void>();
  const follow = (async () => {
    for await (const status of session.statuses()) {
      if (status.state === "open" && status.resumed) return resumed.resolve();
    }
  })();
  cut();
  await resumed.promise;
  await follow;
  await session.call("echo", ["b"]);
  await session.close();
  await server.close();

  const seen = [];
  for await (const event of events) seen.push(event);
  assertEquals(seen.map(({ type }) => type), [
    "connected",
    "call",
    "suspended",
    "resumed",
    "call",
    "disconnected",
  ]);
  assertEquals(new Set(seen.map((event) => "client" in event && event.client)).size, 1);
  const [first] = seen;
  assertEquals(first?.type === "connected" && first.wire, "msgpack");
  const last = seen.at(-1);
  assertEquals(last?.type === "disconnected" && last.code, 1000);
  const methods = [];
  for await (const { method, outcome } of calls) methods.push([method, outcome]);
  assertEquals(methods, [["echo", "result"], ["echo", "result"]]);
});

Deno.test("session.stats() counts calls, values and connections, over a break too", async () => {
  await using server = createServer({
    procedures: {
      "echo": (value: string) => value,
      "fails": () => {
        throw new RpcError(7, "no");
      },
      "forever": procedure((call) => new Promise((_, reject) => call.signal.onabort = reject)),
      "rows": async function* () {
        yield await Promise.resolve(1);
        yield 2;
      },
      "rows.endless": async function* () {
        for (;;) yield await Promise.resolve(1);
      },
      "rows.fail": async function* () {
        yield await Promise.resolve(1);
        throw new RpcError(7, "no");
      },
    },
  });
  const { session, cut } = await pair(server, { reconnect: { initialDelay: 0 } });
  const events = session.events({ only: ["call", "dropped"] });
  const image = session.subscribe<number>("image", { buffer: 2 });
  await image.ready;
  for (let i = 0; i < 3; i++) server.publish("image", i);
  await session.call("echo", ["a"]);
  await assertRejects(() => session.call("fails"), RpcError);
  await assertRejects(() => session.call("forever", [], { timeout: 1 }), TimeoutError);
  for await (const _ of session.streams.rows());
  // Its items come in batches, so one that is short may have ended already.
  for await (const _ of session.streams.rows.endless()) break;
  await assertRejects(async () => {
    for await (const _ of session.streams.rows.fail());
  });
  const statuses = session.statuses();
  await statuses.next();
  cut();
  for await (const { state } of statuses) if (state === "open") break;
  await session.call("echo", ["b"]);
  const roundTrip = await session.ping();

  const stats = session.stats();
  assertEquals(
    stats.calls.map((it) => [it.method, it.count, it.errors, it.abandoned, it.running]),
    [
      ["echo", 2, 0, 0, 0],
      ["fails", 1, 1, 0, 0],
      ["forever", 1, 0, 1, 0],
      ["rows", 1, 0, 0, 0],
      ["rows.endless", 1, 0, 1, 0],
      ["rows.fail", 1, 1, 0, 0],
    ],
  );
  assertEquals(stats.topics, [{ topic: "image", filter: undefined, received: 3, dropped: 1 }]);
  assertEquals([stats.connections, stats.roundTrip], [2, roundTrip]);
  assertEquals(stats.queue?.heldMessages, 0);
  assert(stats.receivedBytes > 0);
  assertEquals(server.stats().topics[0]?.delivered, 3);

  await session.close();
  const seen = [];
  for await (const event of events) {
    seen.push(event.type === "call" ? `${event.method} ${event.outcome}` : event.type);
  }
  assertEquals(seen, [
    "dropped",
    "echo result",
    "fails error",
    "forever abandoned",
    "rows result",
    "rows.endless abandoned",
    "rows.fail error",
    "echo result",
  ]);
  assertEquals(session.stats().queue, undefined);
  await assertRejects(() => session.ping(), ConnectionClosedError);
});

Deno.test("a session with a server that has no extensions shows what wslink's client could know", async () => {
  await using server = createServer({
    extensions: false,
    procedures: { "echo": (a: string) => a },
  });
  const { session } = await pair(server);
  const image = session.subscribe<number>("image");
  await image.ready;
  server.publish("image", 1);
  await session.call("echo", ["a"]);
  await assertRejects(() => session.ping(), RpcError, "The server has no ping");
  assertEquals(session.stats(), {
    connections: 1,
    calls: [],
    topics: [{ topic: "image", filter: undefined, received: 1, dropped: 0 }],
    queue: undefined,
    dropped: [],
    receivedBytes: 0,
    compression: undefined,
    roundTrip: undefined,
  });
  await session.close();
});

Deno.test("server.events() tells of each limit that is reached, and stats() how often", async () => {
  const release = Promise.withResolvers<void>();
  await using server = createServer({
    limits: { callsInFlight: 1 },
    procedures: { "wait": () => release.promise },
  });
  const events = server.events({ only: ["limit"] });
  const { session } = await pair(server);
  const first = session.call("wait");
  await assertRejects(() => session.call("wait"), RpcError);
  release.resolve();
  await first;
  assertEquals(server.stats().totals.limits, { callsInFlight: 1 });
  await session.close();
  await server.close();
  const seen = [];
  for await (const { limit } of events) seen.push(limit);
  assertEquals(seen, ["callsInFlight"]);
});
