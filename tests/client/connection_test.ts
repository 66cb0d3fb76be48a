import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import {
  ConnectionClosedError,
  ProtocolError,
  QueueFullError,
  RpcError,
  type Session,
  type Status,
  TimeoutError,
} from "@hawser/hawser/client";
import { FakeTime } from "../_fake_time.ts";
import { chunk, msgpack, WIRES } from "../_peer.ts";
import { CountedSignal, fixRandom, Network, ScriptedSocket } from "./_scripted.ts";

/** Puts what changes from now on into a list. */
function record(session: Session): Status[] {
  const seen: Status[] = [];
  const statuses = session.statuses();
  (async () => {
    for await (const status of statuses) seen.push(status);
  })();
  return seen;
}

function endOf(session: Session): Error | undefined {
  const { status } = session;
  assertEquals(status.state, "closed");
  return status.state === "closed" ? status.error : undefined;
}

// Connecting

for (const wire of WIRES) {
  Deno.test(`connect() says hello and nothing else before the answer (${wire})`, async () => {
    using time = new FakeTime();
    const network = new Network();
    const connecting = network.connect({ wire, secret: "open sesame", extensions: false });
    const socket = await network.socket(1);
    assertEquals([socket.url, socket.binaryType], ["ws://hawser.test/ws", "arraybuffer"]);
    socket.open();
    assertEquals(socket.wire, wire);
    assertEquals(socket.peer.received, [{
      type: "request",
      id: "system:c0:0",
      method: "wslink.hello",
      args: [{ secret: "open sesame" }],
      kwargs: {},
    }]);
    socket.peer.send({ type: "result", id: "system:c0:0", result: { clientID: "c42" } });
    const session = await connecting;
    assertEquals([session.clientId, session.wire], ["c42", wire]);
    assertEquals(session.status, { state: "open", clientId: "c42", wire, resumed: false });
    await session.close();
    assertEquals(time.pending, 0);
  });

  Deno.test(`a hello that offers extensions has one field more, and stays short (${wire})`, async () => {
    const network = new Network();
    const connecting = assertRejects(() => network.connect({ wire }), ConnectionClosedError);
    const socket = await network.socket(1);
    socket.open();
    const { args: [hello] } = socket.request();
    assertEquals(Object.keys(Object(hello)).sort(), ["hawser", "secret"]);
    assert(JSON.stringify(hello).length < 300); // a 2.x server takes 512 bytes, id and method included
    socket.break(4000);
    await connecting;
  });

  Deno.test(`a hello that isn't answered in time is a TimeoutError (${wire})`, async () => {
    using time = new FakeTime();
    const network = new Network();
    const connecting = assertRejects(
      () => network.connect({ wire, helloTimeout: 700 }),
      TimeoutError,
      `No answer to the hello (${wire}) within 700 ms`,
    );
    (await network.socket(1)).open();
    await time.advance(699);
    assertEquals((await network.socket(1)).closes, []);
    await time.advance(1);
    await connecting;
    assertEquals((await network.socket(1)).closes, [{ code: 1000, reason: "" }]);
    assertEquals(time.pending, 0);
  });

  Deno.test(`the time for the hello counts from the start, open or not (${wire})`, async () => {
    using time = new FakeTime();
    const network = new Network();
    const connecting = assertRejects(() => network.connect({ wire }), TimeoutError);
    await time.advance(10_000);
    await connecting;
    assertEquals((await network.socket(1)).closes.length, 1);
  });

  Deno.test(`a wrong secret rejects, and is tried once (${wire})`, async () => {
    using time = new FakeTime();
    const network = new Network();
    const connecting = assertRejects(() => network.connect({ wire }), RpcError, "Authentication");
    (await network.socket(1)).refuse();
    assertEquals((await connecting).code, -32000);
    await time.settle();
    assertEquals((await network.socket(1)).closes, [{ code: 1000, reason: "" }]);
    assertEquals(time.pending, 0);
  });
}

for (const result of [null, "c1", {}, { clientID: 1 }, []]) {
  Deno.test(`${JSON.stringify(result)} is no answer to a hello`, async () => {
    const network = new Network();
    const connecting = assertRejects(() => network.connect(), ProtocolError, "no client id");
    (await network.socket(1)).open();
    (await network.socket(1)).peer.send({ type: "result", id: "system:c0:0", result });
    await connecting;
    assertEquals((await network.socket(1)).closes.length, 1);
  });
}

Deno.test("a socket that never opens is a ConnectionClosedError, and only one is tried", async () => {
  const network = new Network();
  const connecting = assertRejects(
    () => network.connect(),
    ConnectionClosedError,
    "No connection could be made",
  );
  (await network.socket(1)).break();
  const error = await connecting;
  assertEquals([error.closeCode, error.sent], [1006, false]);
  await network.socket(1);
});

Deno.test("what the WebSocket's constructor throws is what connect() rejects with", async () => {
  using time = new FakeTime();
  class Picky extends ScriptedSocket {
    constructor(url: string | URL) {
      super(url);
      throw new SyntaxError("no such scheme");
    }
  }
  await assertRejects(() => new Network().connect({ WebSocket: Picky }), SyntaxError, "scheme");
  assertEquals(time.pending, 0);
});

// Finding out the wire

Deno.test("auto says hello in msgpack, and in JSON to a server that breaks off", async () => {
  using time = new FakeTime();
  const network = new Network();
  const connecting = network.connect();
  (await network.socket(1)).open();
  assertEquals((await network.socket(1)).wire, "msgpack");
  (await network.socket(1)).break(0); // Deno's word for 1006
  await time.settle();
  (await network.socket(2)).welcome();
  assertEquals((await network.socket(2)).wire, "json");
  const session = await connecting;
  assertEquals(session.wire, "json");
  await session.close();
});

for (const code of [1000, 1001, 1002, 1008, 1011, 4000]) {
  Deno.test(`auto takes a close with ${code} for an answer, and not for the other wire`, async () => {
    const network = new Network();
    const connecting = assertRejects(() => network.connect(), ConnectionClosedError);
    (await network.socket(1)).open();
    (await network.socket(1)).break(code, "go away");
    const error = await connecting;
    assertEquals([error.closeCode, error.reason, error.sent], [code, "go away", true]);
    await network.socket(1);
  });
}

Deno.test("auto takes silence for silence: a 1.x server would have broken off", async () => {
  using time = new FakeTime();
  const network = new Network();
  const connecting = assertRejects(() => network.connect(), TimeoutError);
  (await network.socket(1)).open();
  await time.advance(10_000);
  await connecting;
  await network.socket(1);
});

Deno.test("auto comes back on the wire that was learnt, and finds out anew if the server changed", async () => {
  using time = new FakeTime();
  const network = new Network();
  const connecting = network.connect({ helloTimeout: 500 });
  (await network.socket(1)).open();
  (await network.socket(1)).break();
  await time.settle();
  (await network.socket(2)).welcome();
  const session = await connecting;

  (await network.socket(2)).break();
  await time.advance(250);
  (await network.socket(3)).welcome("c2");
  await time.settle();
  assertEquals([(await network.socket(3)).wire, session.wire, session.clientId], [
    "json",
    "json",
    "c2",
  ]);

  // Now it is a 2.x server, which never answers text.
  (await network.socket(3)).break();
  await time.advance(250);
  (await network.socket(4)).open();
  assertEquals((await network.socket(4)).wire, "json");
  await time.advance(500);
  (await network.socket(5)).welcome("c3");
  await time.settle();
  assertEquals(session.wire, "msgpack");

  (await network.socket(5)).break();
  await time.advance(250);
  (await network.socket(6)).welcome("c4");
  assertEquals((await network.socket(6)).wire, "msgpack");
  await session.close();
  assertEquals(time.pending, 0);
});

// The signal

Deno.test("an aborted signal opens no socket", async () => {
  const network = new Network();
  const reason = new RangeError("no time");
  const signal = AbortSignal.abort(reason);
  assertEquals(await assertRejects(() => network.connect({ signal })), reason);
  assertEquals(network.sockets.length, 0);
});

for (const when of ["before the socket opens", "while the hello waits"]) {
  Deno.test(`a signal that aborts ${when} ends connect() with its reason`, async () => {
    using time = new FakeTime();
    const network = new Network();
    const counted = new CountedSignal();
    const { signal } = counted;
    const reason = new RangeError("changed my mind");
    const connecting = assertRejects(() => network.connect({ signal }));
    if (when.includes("hello")) (await network.socket(1)).open();
    counted.abort(reason);
    assertEquals(await connecting, reason);
    assertEquals((await network.socket(1)).closes, [{ code: 1000, reason: "" }]);
    assertEquals([counted.listeners, time.pending], [0, 0]);
  });
}

Deno.test("a signal that aborts between the two wires opens no second socket", async () => {
  const network = new Network();
  const controller = new AbortController();
  const { signal } = controller;
  const connecting = assertRejects(() => network.connect({ signal }), RangeError, "enough");
  (await network.socket(1)).open();
  (await network.socket(1)).break();
  controller.abort(new RangeError("enough"));
  await connecting;
  await network.socket(1);
});

Deno.test("the signal is for connecting: an open session lives on, and comes back", async () => {
  using time = new FakeTime();
  const network = new Network();
  const counted = new CountedSignal();
  const { session, socket } = await network.join({ signal: counted.signal });
  assertEquals(counted.listeners, 0);
  socket.break();
  await time.settle();
  assertEquals(session.status.state, "waiting");
  counted.abort();
  await time.advance(250);
  (await network.socket(2)).welcome("c2");
  await time.settle();
  assertEquals(session.status.state, "open");
  await session.close();
});

// Coming back

for (const random of [0, 0.5, 0.9375]) {
  Deno.test(`the delay is random up to a bound that grows (Math.random() = ${random})`, async () => {
    using time = new FakeTime();
    using _random = fixRandom(random);
    const network = new Network();
    const reconnect = { initialDelay: 100, factor: 3, maxDelay: 1000 };
    const { session, socket } = await network.join({ reconnect });
    socket.break();
    let opened = 1;
    for (const [attempt, bound] of [100, 300, 900, 1000, 1000].entries()) {
      await time.settle();
      const { status } = session;
      assert(status.state === "waiting");
      assertEquals([status.attempt, status.delay], [attempt, random * bound]);
      assert(status.delay < bound);
      assertEquals(time.next, status.delay);
      await network.socket(opened);
      await time.advance(status.delay);
      (await network.socket(++opened)).break();
    }
    // After a success it all begins anew.
    await time.advance(1000);
    (await network.socket(++opened)).welcome("c2");
    await time.settle();
    (await network.socket(opened)).break();
    await time.settle();
    const { status } = session;
    assert(status.state === "waiting");
    assertEquals([status.attempt, status.delay], [0, random * 100]);
    await session.close();
    assertEquals(time.pending, 0);
  });
}

Deno.test("without numbers of one's own the delay is up to 250 ms, doubles, and ends at 30 s", async () => {
  using time = new FakeTime();
  using _random = fixRandom(0.5);
  const network = new Network();
  const { session, socket } = await network.join();
  socket.break();
  const delays: number[] = [];
  for (let opened = 2; opened < 12; opened++) {
    await time.settle();
    const { status } = session;
    assert(status.state === "waiting");
    delays.push(status.delay);
    await time.advance(status.delay);
    (await network.socket(opened)).break();
  }
  assertEquals(delays, [125, 250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  await time.settle();
  await session.close();
});

Deno.test("after maxAttempts the session ends with what went wrong last", async () => {
  using time = new FakeTime();
  const network = new Network();
  const { session, socket } = await network.join({ reconnect: { maxAttempts: 3 } });
  const seen = record(session);
  socket.break(4001, "restarting");
  for (const code of [4002, 4003, 4004]) {
    await time.advance(1000);
    const socket = network.sockets.at(-1);
    socket?.open();
    socket?.break(code);
  }
  await session.closed;
  await time.settle();
  await network.socket(4);
  const error = endOf(session);
  assertInstanceOf(error, ConnectionClosedError);
  assertEquals(error.closeCode, 4004);
  assertEquals(
    seen.map((status) => "attempt" in status ? `${status.state} ${status.attempt}` : status.state),
    [
      ...["open", "waiting 0", "connecting 0", "waiting 1", "connecting 1"],
      ...["waiting 2", "connecting 2", "closed"],
    ],
  );
  const codes = seen.flatMap((status) =>
    status.state === "waiting" && status.error instanceof ConnectionClosedError
      ? [status.error.closeCode]
      : []
  );
  assertEquals(codes, [4001, 4002, 4003]);
  assertEquals(time.pending, 0);
});

Deno.test("maxAttempts 0 and reconnect false end with the break itself", async () => {
  for (const reconnect of [{ maxAttempts: 0 }, false] as const) {
    using time = new FakeTime();
    const network = new Network();
    const { session, socket } = await network.join({ reconnect });
    socket.break(4001);
    await session.closed;
    const error = endOf(session);
    assertInstanceOf(error, ConnectionClosedError);
    assertEquals(error.closeCode, 4001);
    await network.socket(1);
    assertEquals(time.pending, 0);
  }
});

Deno.test("a secret that has become wrong is final", async () => {
  using time = new FakeTime();
  const network = new Network();
  const { session, socket } = await network.join();
  const values = session.subscribe("image");
  socket.break();
  await time.advance(250);
  (await network.socket(2)).refuse();
  await session.closed;
  const error = endOf(session);
  assertInstanceOf(error, RpcError);
  assertEquals(error.code, -32000);
  assertEquals(await assertRejects(() => values[Symbol.asyncIterator]().next()), error);
  await time.advance(60_000);
  await network.socket(2);
  assertEquals(time.pending, 0);
});

Deno.test("a close with 1000 is final, any other one isn't", async () => {
  for (const code of [1000, 1001, 1006, 1011, 1012, 4000]) {
    using time = new FakeTime();
    const network = new Network();
    const { session, socket } = await network.join();
    socket.break(code, "good bye");
    await time.settle();
    assertEquals(session.status.state, code === 1000 ? "closed" : "waiting", String(code));
    await session.close();
    await network.socket(1);
    assertEquals(time.pending, 0);
  }
});

Deno.test("a reader of statuses() who comes late gets what is, and then what changes", async () => {
  using time = new FakeTime();
  using _random = fixRandom(0.5);
  const network = new Network();
  const { session, socket } = await network.join({ wire: "json" });
  const all = record(session);
  socket.break(4001);
  await time.settle();
  const late = record(session);
  const ended = new CountedSignal();
  const brief = session.statuses({ signal: ended.signal });
  assertEquals(ended.listeners, 1);
  await time.advance(125);
  (await network.socket(2)).welcome("c2");
  await time.settle();
  ended.abort();
  await session.close();
  await time.settle();
  const states = (list: Status[]) => list.map(({ state }) => state);
  assertEquals(states(all), ["open", "waiting", "connecting", "open", "closed"]);
  assertEquals(states(late), ["waiting", "connecting", "open", "closed"]);
  assertEquals(all[3], { state: "open", clientId: "c2", wire: "json", resumed: false });
  assertEquals(all.at(-1), { state: "closed" });
  const before: string[] = [];
  for await (const { state } of brief) before.push(state);
  assertEquals(before, ["waiting", "connecting", "open"]);
  assertEquals(ended.listeners, 0);
  const after: string[] = [];
  for await (const { state } of session.statuses()) after.push(state);
  assertEquals(after, ["closed"]);
});

// Closing

Deno.test("close() says 1000 and waits for the answer, but no longer than a second", async () => {
  using time = new FakeTime();
  const network = new Network();
  const { session, socket } = await network.join();
  socket.answersClose = false;
  let closed = false;
  const closing = session.close().then(() => closed = true);
  assertEquals(session.status, { state: "closed" });
  assertEquals(socket.closes, [{ code: 1000, reason: "" }]);
  await time.advance(999);
  assertEquals(closed, false);
  await time.advance(1);
  await closing;
  await session.closed;
  socket.break();
  await time.settle();
  await network.socket(1);
  assertEquals(time.pending, 0);
});

Deno.test("close() while a delay passes ends the delay", async () => {
  using time = new FakeTime();
  using _random = fixRandom(0.5);
  const network = new Network();
  const { session, socket } = await network.join();
  socket.break();
  await time.settle();
  assertEquals(time.pending, 1);
  await session.close();
  await time.settle();
  assertEquals(time.pending, 0);
  assertEquals(endOf(session), undefined);
  await time.advance(60_000);
  await network.socket(1);
});

for (const when of ["before the socket opens", "while the hello waits"]) {
  Deno.test(`close() when coming back, ${when}, closes the new socket as well`, async () => {
    using time = new FakeTime();
    const network = new Network();
    const { session, socket } = await network.join();
    socket.break();
    await time.advance(250);
    assertEquals(session.status.state, "connecting");
    if (when.includes("hello")) (await network.socket(2)).open();
    await session.close();
    await time.settle();
    assertEquals((await network.socket(2)).closes, [{ code: 1000, reason: "" }]);
    assertEquals(session.status, { state: "closed" });
    assertEquals(time.pending, 0);
    await time.advance(60_000);
    await network.socket(2);
  });
}

for (const more of [{}, { hawser: { version: 1, features: ["call", "stream"] } }]) {
  Deno.test(`close() right behind a hello's answer with ${JSON.stringify(more)} closes that socket`, async () => {
    using time = new FakeTime();
    const network = new Network();
    const { session, socket } = await network.join();
    socket.break();
    await time.advance(250);
    const second = await network.socket(2);
    second.open();
    second.accept("c2", more);
    await session.close();
    // The code of extensions is loaded in its own time.
    await import("../../client/extended.ts");
    await time.settle();
    assertEquals(second.closes, [{ code: 1000, reason: "" }]);
    assertEquals(session.status, { state: "closed" });
    assertEquals(time.pending, 0);
  });
}

Deno.test("close() on a session that has ended does nothing", async () => {
  using time = new FakeTime();
  const network = new Network();
  const { session, socket } = await network.join({ reconnect: false });
  socket.break(4001);
  await session.closed;
  const { status } = session;
  await session.close();
  await session.close();
  assertEquals(session.status, status);
  assertEquals(time.pending, 0);
});

// Calls

for (const wire of WIRES) {
  Deno.test(`a call under way at a drop was sent, one made while waiting was not (${wire})`, async () => {
    using time = new FakeTime();
    const network = new Network();
    const { session, socket } = await network.join({ wire });
    const signals = [new CountedSignal(), new CountedSignal()];
    const calls = signals.map(({ signal }, i) =>
      assertRejects(() => session.call("test.echo", [i], { signal }), ConnectionClosedError)
    );
    const id = socket.request().id;
    assertEquals(socket.request().args, [1]);
    socket.break(4001, "restarting");
    for (const call of calls) {
      const error = await call;
      assertEquals([error.sent, error.closeCode, error.reason], [true, 4001, "restarting"]);
    }
    assertEquals(signals.map(({ listeners }) => listeners), [0, 0]);

    const waiting = await assertRejects(
      () => session.call("test.echo"),
      ConnectionClosedError,
      "Call of test.echo was not sent: the session is waiting",
    );
    assertEquals(waiting.sent, false);
    await time.advance(250);
    const connecting = await assertRejects(() => session.call("test.echo"), ConnectionClosedError);
    assertEquals(connecting.sent, false);
    (await network.socket(2)).welcome("c2");
    await time.settle();

    // The ids go on, so that no answer can be taken for another call's.
    const call = session.call("test.echo", ["again"]);
    const request = (await network.socket(2)).request();
    assert(request.id !== id && request.id.startsWith("rpc:c2:"));
    (await network.socket(2)).peer.send({ type: "result", id: request.id, result: "again" });
    assertEquals(await call, "again");
    await session.close();
    const closed = await assertRejects(() => session.call("test.echo"), ConnectionClosedError);
    assertEquals(closed.sent, false);
    assertEquals(time.pending, 0);
  });
}

Deno.test("a call ends once: at its answer, its time-out, its signal; nothing is left of it", async () => {
  using time = new FakeTime();
  const network = new Network();
  const { session, socket } = await network.join();
  const { peer } = socket;
  const counted = new CountedSignal();
  const { signal } = counted;

  const answered = session.call("a", [], { signal, timeout: 100 });
  const late = assertRejects(
    () => session.call("b", [], { signal, timeout: 100 }),
    TimeoutError,
    "b was not answered within 100 ms",
  );
  const aborted = assertRejects(() => session.call("c", [], { signal, timeout: 0 }));
  const patient = session.call("d", [], { timeout: 0 });
  assertEquals([counted.listeners, time.pending], [3, 2]);
  const ids = [socket.request(), socket.request(), socket.request(), socket.request()]
    .map(({ id }) => id);
  peer.send({ type: "result", id: ids[0] ?? "", result: 1 });
  assertEquals(await answered, 1);
  await time.advance(100);
  await late;
  assertEquals([counted.listeners, time.pending], [1, 0]);
  const reason = new RangeError("enough");
  counted.abort(reason);
  assertEquals(await aborted, reason);
  assertEquals(counted.listeners, 0);

  // Answers that nobody waits for any more, and those that nobody ever asked for.
  for (const id of [...ids.slice(0, 3), "rpc:c1:999", "rpc:c9:0"]) {
    peer.send({ type: "result", id, result: 2 });
    peer.send({ type: "error", id, error: { code: 1, message: "late" } });
  }
  await time.advance(3_600_000);
  peer.send({ type: "result", id: ids[3] ?? "", result: 4 });
  assertEquals(await patient, 4);
  await session.close();
});

Deno.test("a call waits 5 minutes by default, or as long as callTimeout says", async () => {
  for (const [options, ms] of [[{}, 300_000], [{ callTimeout: 50 }, 50]] as const) {
    using time = new FakeTime();
    const { session } = await new Network().join(options);
    const call = assertRejects(() => session.call("slow"), TimeoutError, `within ${ms} ms`);
    assertEquals(time.next, ms);
    await time.advance(ms);
    await call;
    await session.close();
    assertEquals(time.pending, 0);
  }
});

Deno.test("past limits.queueBytes a call is refused, and was not sent", async () => {
  using time = new FakeTime();
  const network = new Network();
  const { session, socket } = await network.join({ limits: { queueBytes: 1000 } });
  socket.bufferedAmount = 5000;
  const error = await assertRejects(() => session.call("upload", [1]), QueueFullError, "upload");
  assertEquals(error.code, "queue-full");
  assertEquals(socket.peer.received, []);
  assertEquals(time.pending, 0);
  socket.bufferedAmount = 0;
  const call = session.call("upload", [2]);
  const { id, args } = socket.request();
  assertEquals(args, [2]);
  socket.peer.send({ type: "result", id, result: null });
  await call;
  await session.close();
});

// Subscriptions

Deno.test("what a subscriber throws goes to onError, and the others get the value", async () => {
  using time = new FakeTime();
  const network = new Network();
  const bad = new RangeError("bad subscriber");
  const errors: unknown[] = [];
  const got: unknown[] = [];
  const { session, socket } = await network.join({ onError: (error) => void errors.push(error) });
  session.subscribe("image", () => {
    throw bad;
  });
  const other = session.subscribe("image", (value) => got.push(value));
  const publish = (result: unknown) =>
    socket.peer.send({ type: "publication", topic: "image", result });
  publish(1);
  other.unsubscribe();
  publish(2);
  assertEquals(got, [1]);
  assertEquals(errors, [bad, bad]);
  const call = session.call("test.echo");
  socket.peer.send({ type: "result", id: socket.request().id, result: "alive" });
  assertEquals(await call, "alive");
  await session.close();
  assertEquals(time.pending, 0);
});

Deno.test("a subscription outlives a break; its signal and its readers' leaving end it", async () => {
  using time = new FakeTime();
  const network = new Network();
  const { session, socket } = await network.join();
  const counted = new CountedSignal();
  const values = session.subscribe<number>("n", { signal: counted.signal });
  const read = values[Symbol.asyncIterator]();
  socket.peer.send({ type: "publication", topic: "n", result: 1 });
  assertEquals((await read.next()).value, 1);
  socket.break();
  await time.advance(250);
  (await network.socket(2)).welcome("c2");
  (await network.socket(2)).peer.send({ type: "publication", topic: "n", result: 2 });
  assertEquals((await read.next()).value, 2);
  assertEquals(counted.listeners, 1);
  counted.abort();
  assertEquals(await read.next(), { done: true, value: undefined });
  assertEquals(counted.listeners, 0);

  const left = new CountedSignal();
  const other = session.subscribe("n", { signal: left.signal });
  (await network.socket(2)).peer.send({ type: "publication", topic: "n", result: 3 });
  for await (const _ of other) break;
  assertEquals(left.listeners, 0);
  assertThrows(() => session.subscribe("n", { buffer: 0 }), RangeError, "buffer must be 1 or more");
  await session.close();
});

// Frames that the wire doesn't allow

const text = (value: unknown) => JSON.stringify(value);
function binary(value: unknown): ArrayBuffer {
  const content = msgpack(value);
  return chunk(7, 0, content.length, content).buffer;
}
const short = new Uint8Array(11).buffer;
const twice = chunk(7, 0, 100, new Uint8Array(10)).buffer;
const huge = chunk(7, 0, 1_000_001, new Uint8Array(10)).buffer;
const malformed: [
  what: string,
  wire: "json" | "msgpack",
  frames: (string | ArrayBuffer)[],
  number,
][] = [
  ["no JSON", "json", ["{"], 4007],
  ["a list", "json", ["[]"], 4002],
  ["a map without id", "json", [text({ wslink: "1.0" })], 4002],
  ["binary that no header announced", "json", [short], 4003],
  ["more than messageSize", "json", [text("x".repeat(1_000_001))], 4009],
  ["a frame shorter than its header", "msgpack", [short], 4007],
  ["no msgpack", "msgpack", [chunk(7, 0, 1, new Uint8Array([0xc1])).buffer], 4007],
  ["a list", "msgpack", [binary([])], 4002],
  ["text", "msgpack", ["{}"], 4003],
  ["a chunk twice", "msgpack", [twice, twice], 4002],
  ["more than messageSize", "msgpack", [huge], 4009],
];
for (const [what, wire, frames, code] of malformed) {
  Deno.test(`${what} on the ${wire} wire closes with ${code}, and the session comes back`, async () => {
    using time = new FakeTime();
    const network = new Network();
    const { session, socket } = await network.join({ wire, limits: { messageSize: 1_000_000 } });
    const got: unknown[] = [];
    session.subscribe("n", (value) => got.push(value));
    const call = assertRejects(() => session.call("test.echo"), ConnectionClosedError);
    for (const frame of frames) socket.deliver(frame);
    // What comes behind it can't be trusted.
    socket.peer.send({ type: "publication", topic: "n", result: 1 });
    const [close] = socket.closes;
    assertEquals([socket.closes.length, close?.code], [1, code]);
    assert(close && close.reason.length > 0 && close.reason.length <= 123);
    assertEquals((await call).closeCode, code);
    await time.settle();
    const { status } = session;
    assert(status.state === "waiting");
    assertInstanceOf(status.error.cause, ProtocolError);
    assertEquals(got, []);
    await time.advance(250);
    (await network.socket(2)).welcome("c2");
    await time.settle();
    assertEquals(session.status.state, "open");
    await session.close();
    assertEquals(time.pending, 0);
  });
}

// Options

Deno.test("an option out of range is a RangeError that says what was received", async () => {
  const network = new Network();
  for (
    const [options, message] of [
      [{ helloTimeout: 0 }, "helloTimeout must be 1 or more: received 0"],
      [{ helloTimeout: NaN }, "received NaN"],
      [{ callTimeout: -1 }, "callTimeout must be 0 or more: received -1"],
      [{ reconnect: { initialDelay: -1 } }, "reconnect.initialDelay"],
      [{ reconnect: { maxDelay: NaN } }, "reconnect.maxDelay"],
      [{ reconnect: { factor: 0.5 } }, "reconnect.factor must be 1 or more: received 0.5"],
      [{ reconnect: { maxAttempts: -1 } }, "reconnect.maxAttempts must be 0 or more: received -1"],
      [{ limits: { messageSize: 0 } }, "limits.messageSize"],
    ] as const
  ) {
    await assertRejects(() => network.connect(options), RangeError, message);
  }
  assertEquals(network.sockets.length, 0);
});
