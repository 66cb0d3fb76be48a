import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  connect,
  ConnectionClosedError,
  RpcError,
  type Session,
  type Status,
  TimeoutError,
} from "../../client.ts";
import { createServer, procedure, serve } from "../../server.ts";

/** Sockets that a test can break, as a network does: the session sees a code that isn't 1000. */
class Breakable extends WebSocket {
  static last: Breakable | undefined;
  constructor(url: string | URL) {
    super(url);
    Breakable.last = this;
  }
  static break(): void {
    Breakable.last?.close(4999, "broken by the test");
  }
}

function makeServer() {
  const server = createServer({
    procedures: {
      "test.echo": (value: unknown) => value,
      "test.never": procedure((call) =>
        new Promise<void>((resolve) => {
          call.signal.addEventListener("abort", () => resolve());
        })
      ),
    },
  });
  return server;
}

async function untilOpen(session: Session, change: () => void): Promise<Status["state"][]> {
  const seen: Status["state"][] = [];
  for await (const { state } of session.statuses()) {
    seen.push(state);
    if (seen.length === 1) change();
    else if (state === "open" || state === "closed") break;
  }
  return seen;
}

for (const wire of ["msgpack", "json"] as const) {
  Deno.test(`a call that was under way when the socket broke rejects, and says it was sent (${wire})`, async () => {
    await using listening = await serve(makeServer(), { port: 0 });
    await using session = await connect(listening.webSocketUrl, { wire, WebSocket: Breakable });
    const call = session.call("test.never");
    Breakable.break();
    const error = await assertRejects(() => call, ConnectionClosedError);
    assertEquals([error.sent, error.closeCode], [true, 4999]);
  });

  Deno.test(`a session comes back by itself, with its subscriptions (${wire})`, async () => {
    const server = makeServer();
    await using listening = await serve(server, { port: 0 });
    await using session = await connect(listening.webSocketUrl, {
      wire,
      WebSocket: Breakable,
      reconnect: { initialDelay: 1 },
    });
    const values = session.subscribe<number>("count");
    const before = session.clientId;
    const seen = await untilOpen(session, () => Breakable.break());
    assertEquals(seen, ["open", "waiting", "connecting", "open"]);
    assert(session.clientId !== before);
    assertEquals(await session.call("test.echo", [1]), 1);
    server.publish("count", 7);
    for await (const value of values) {
      assertEquals(value, 7);
      break;
    }
  });

  Deno.test(`a call that isn't answered in time rejects, and the session goes on (${wire})`, async () => {
    await using listening = await serve(makeServer(), { port: 0 });
    await using session = await connect(listening.webSocketUrl, { wire });
    await assertRejects(() => session.call("test.never", [], { timeout: 5 }), TimeoutError);
    assertEquals(await session.call("test.echo", ["on"]), "on");
  });

  Deno.test(`an aborted call rejects with the signal's reason (${wire})`, async () => {
    await using listening = await serve(makeServer(), { port: 0 });
    await using session = await connect(listening.webSocketUrl, { wire });
    const abort = new AbortController();
    const call = session.call("test.never", [], { signal: abort.signal });
    abort.abort(new RangeError("enough"));
    await assertRejects(() => call, RangeError, "enough");
    const late = session.call("test.echo", [1], { signal: abort.signal });
    await assertRejects(() => late, RangeError, "enough");
  });
}

Deno.test("without reconnect a broken session ends, and says why", async () => {
  await using listening = await serve(makeServer(), { port: 0 });
  const session = await connect(listening.webSocketUrl, {
    WebSocket: Breakable,
    reconnect: false,
  });
  const values = session.subscribe("count");
  Breakable.break();
  await session.closed;
  assertEquals(session.status.state, "closed");
  assertInstanceOf("error" in session.status && session.status.error, ConnectionClosedError);
  await assertRejects(async () => {
    for await (const _ of values);
  }, ConnectionClosedError);
  const error = await assertRejects(() => session.call("test.echo"), ConnectionClosedError);
  assertEquals(error.sent, false);
});

Deno.test("the server's close with 1000 is final", async () => {
  const server = makeServer();
  await using listening = await serve(server, { port: 0 });
  const session = await connect(listening.webSocketUrl);
  for (const client of server.clients.values()) client.close(1000, "good bye");
  await session.closed;
  assertEquals(session.status.state, "closed");
});

Deno.test("close() ends calls, subscriptions and statuses", async () => {
  await using listening = await serve(makeServer(), { port: 0 });
  const session = await connect(listening.webSocketUrl);
  const values = session.subscribe("count");
  const statuses = session.statuses();
  const call = assertRejects(() => session.call("test.never"), ConnectionClosedError);
  await session.close();
  await call;
  for await (const _ of values) throw new Error("nothing was published");
  const states: string[] = [];
  for await (const { state } of statuses) states.push(state);
  assertEquals(states, ["open", "closed"]);
});

Deno.test("a subscription keeps as many values as its buffer holds, the newest", async () => {
  const server = makeServer();
  await using listening = await serve(server, { port: 0 });
  await using session = await connect(listening.webSocketUrl);
  const newest = session.subscribe<number>("count", { buffer: 1 });
  await newest.ready;
  for (let i = 0; i < 10; i++) server.publish("count", i);
  await session.call("test.echo"); // answered behind the publications
  for await (const value of newest) {
    assertEquals(value, 9);
    break;
  }
  assertEquals(newest.dropped, 9);
});

Deno.test("what a subscriber's callback throws goes to onError, and others get the value", async () => {
  const errors: unknown[] = [];
  const got: unknown[] = [];
  const server = makeServer();
  await using listening = await serve(server, { port: 0 });
  await using session = await connect(listening.webSocketUrl, {
    onError: (error) => void errors.push(error),
  });
  session.subscribe("count", () => {
    throw new RangeError("bad subscriber");
  });
  await session.subscribe("count", (value) => void got.push(value)).ready;
  server.publish("count", 1);
  await session.call("test.echo");
  assertEquals(got, [1]);
  assertEquals(errors.length, 1);
});

Deno.test("a wrong secret rejects with the server's error", async () => {
  await using listening = await serve(makeServer(), { port: 0 });
  const error = await assertRejects(
    () => connect(listening.webSocketUrl, { secret: "wrong" }),
    RpcError,
    "Authentication failed",
  );
  assertEquals(error.code, -32000);
});

Deno.test("no server is a ConnectionClosedError, and an aborted connect() the signal's reason", async () => {
  const listening = await serve(makeServer(), { port: 0 });
  await listening.close();
  await assertRejects(() => connect(listening.webSocketUrl), ConnectionClosedError);
  const signal = AbortSignal.abort(new RangeError("no time"));
  await assertRejects(() => connect(listening.webSocketUrl, { signal }), RangeError, "no time");
});
