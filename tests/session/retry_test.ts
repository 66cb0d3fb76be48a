import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConnectionClosedError, RpcError, TimeoutError } from "@hawser/hawser/client";
import { createServer, procedure } from "@hawser/hawser/server";
import { defer } from "../../protocol/deferred.ts";
import { FakeTime } from "../_fake_time.ts";
import { join, WIRES } from "../_peer.ts";
import { pair, reconnect } from "./_pair.ts";

/** Lets everything that is under way come to rest. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

for (const wire of WIRES) {
  Deno.test(`a safe call outlives its session, and runs once (${wire})`, async () => {
    const gate = defer<void>();
    let runs = 0;
    await using server = createServer({
      procedures: {
        "test.effect": procedure(async (call, value: string) => {
          runs++;
          await gate.promise;
          return { value, aborted: call.signal.aborted };
        }),
      },
    });
    const { session } = await pair(server, { wire, reconnect });
    const call = session.call("test.effect", ["x"], { retry: "safe" });
    await settle();
    // A close code ends the session on both sides: nothing can be resumed.
    server.clients.get(session.clientId)?.close(4000, "thrown out");
    await settle();
    gate.resolve();
    assertEquals(await call, { value: "x", aborted: false });
    assertEquals(runs, 1);
    await session.close();
  });

  Deno.test(`a safe call that had ended gives the same end again (${wire})`, async () => {
    let runs = 0;
    await using server = createServer({
      procedures: {
        "test.count": () => ++runs,
        "test.fail": () => {
          runs++;
          throw new RpcError(1001, "Mesh too large");
        },
      },
    });
    const { session } = await pair(server, { wire });
    const options = { retry: "safe", key: "order-7" } as const;
    assertEquals(await session.call("test.count", [], options), 1);
    assertEquals(await session.call("test.count", [], options), 1);
    const failing = { retry: "safe", key: "order-8" } as const;
    await assertRejects(() => session.call("test.fail", [], failing), RpcError, "Mesh too large");
    await assertRejects(() => session.call("test.fail", [], failing), RpcError, "Mesh too large");
    assertEquals(runs, 2);
    await session.close();
  });

  Deno.test(`other calls are made at most once (${wire})`, async () => {
    let runs = 0;
    await using server = createServer({
      procedures: { "test.wait": () => (runs++, new Promise<never>(() => {})) },
    });
    const { session } = await pair(server, { wire, reconnect });
    const call = session.call("test.wait");
    await settle();
    server.clients.get(session.clientId)?.close(4000, "thrown out");
    const error = await assertRejects(() => call, ConnectionClosedError);
    assertEquals(error.sent, true);
    assertEquals(runs, 1);
    await session.close();
    await server.close({ drain: 0 });
  });

  Deno.test(`a safe call isn't made again with a server that may have run it and forgotten (${wire})`, async () => {
    let runs = 0;
    const procedures = { "test.wait": () => (runs++, new Promise<never>(() => {})) };
    await using first = createServer({ procedures });
    await using second = createServer({ procedures });
    const { session, cut, moveTo } = await pair(first, { wire, reconnect });
    const call = session.call("test.wait", [], { retry: "safe" });
    await settle();
    moveTo(second);
    cut();
    await assertRejects(() => call, ConnectionClosedError, "the server was restarted");
    assertEquals(runs, 1);
    await session.close();
    await first.close({ drain: 0 });
  });

  Deno.test(`without a connection a call waits in the outbox, if there is room (${wire})`, async () => {
    await using server = createServer({ procedures: { "test.echo": (value: number) => value } });
    const { session, cut } = await pair(server, { wire, reconnect, outbox: 2 });
    cut();
    await settle0();
    assert(session.status.state !== "open");
    const calls = [session.call("test.echo", [1]), session.call("test.echo", [2])];
    const third = session.call("test.echo", [3]);
    const error = await assertRejects(() => third, ConnectionClosedError, "not sent");
    assertEquals(error.sent, false);
    assertEquals(await Promise.all(calls), [1, 2]);
    await session.close();
  });

  Deno.test(`a call in the outbox still ends in time (${wire})`, async () => {
    await using server = createServer({ procedures: { "test.echo": (value: number) => value } });
    const { session, cut } = await pair(server, {
      wire,
      outbox: 2,
      reconnect: { initialDelay: 1e9, maxDelay: 1e9 },
    });
    cut();
    await settle0();
    await assertRejects(
      () => session.call("test.echo", [1], { timeout: 1 }),
      TimeoutError,
      "no connection",
    );
    const controller = new AbortController();
    const call = session.call("test.echo", [1], { signal: controller.signal });
    controller.abort(new Error("enough"));
    await assertRejects(() => call, Error, "enough");
    const left = session.call("test.echo", [1]);
    left.catch(() => {});
    await session.close();
    await assertRejects(() => left, ConnectionClosedError, "not sent");
    await server.close();
  });

  Deno.test(`a server that has gone silent is asked, and then given up (${wire})`, async () => {
    await using server = createServer({ procedures: { "test.echo": (value: number) => value } });
    using time = new FakeTime();
    const connecting = pair(server, { wire, heartbeat: 1000, reconnect });
    await time.settle();
    const { session, mute } = await connecting;
    await time.advance(10_000);
    assertEquals(session.status.state, "open", "an answer is a sign of life");
    const states: string[] = [];
    (async () => {
      for await (const status of session.statuses()) states.push(status.state);
    })();
    mute();
    await time.advance(3000);
    assertEquals(states.slice(0, 4), ["open", "waiting", "connecting", "open"]);
    assertEquals(session.status.state === "open" && session.status.resumed, true);
    const closing = session.close();
    await time.settle();
    await closing;
    await server.close({ drain: 0 });
    assertEquals(time.pending, 0);
  });

  Deno.test(`a closing server says when to come back, and where (${wire})`, async () => {
    await using server = createServer();
    await using other = createServer({ procedures: { "test.who": () => "other" } });
    const servers = new Map([["http://paired/ws", server], ["http://other.example/ws", other]]);
    using time = new FakeTime();
    const connecting = pair(
      {
        ...server,
        accept: (socket, request) => (servers.get(request?.url ?? "") ?? server).accept(socket),
      } as typeof server,
      { wire, reconnect },
    );
    await time.settle();
    const { session } = await connecting;
    server.close({ drain: 0, retryAfter: 5000, url: "ws://other.example/ws" });
    await time.settle();
    assertEquals(session.status.state, "waiting");
    await time.advance(4999);
    assertEquals(session.status.state, "waiting");
    await time.advance(1);
    assertEquals(session.status.state, "open");
    assertEquals([server.clients.size, other.clients.size], [0, 1]);
    const closing = session.close();
    await time.settle();
    await closing;
    await other.close({ drain: 0 });
  });
}

Deno.test("a wslink client's key is nothing special", async () => {
  let runs = 0;
  await using server = createServer({ procedures: { "test.count": () => ++runs } });
  const { peer } = await join(server);
  for (const id of ["rpc:c1:0", "rpc:c1:1"]) {
    peer.send({
      type: "request",
      id,
      method: "test.count",
      args: [],
      kwargs: {},
      meta: { key: "k" },
    });
    await peer.next();
  }
  assertEquals(runs, 2);
  peer.leave();
});

Deno.test("no more safe calls are remembered than the limits allow", async () => {
  let runs = 0;
  await using server = createServer({
    limits: { safeCalls: 2, safeBytes: 5000 },
    procedures: {
      "test.bytes": (size: number) => (runs++, new Uint8Array(size)),
      "test.wait": () => new Promise<never>(() => {}),
    },
  });
  const { session } = await pair(server);
  const call = (key: string, size: number) =>
    session.call("test.bytes", [size], { retry: "safe", key });
  await call("a", 10);
  await call("b", 10);
  await call("c", 10);
  await call("a", 10);
  assertEquals(runs, 4, "the oldest of three is forgotten");
  await call("d", 10_000);
  await call("d", 10_000);
  assertEquals(runs, 6, "an end that is larger than the bound isn't kept");
  const waiting = ["x", "y"].map((key) => session.call("test.wait", [], { retry: "safe", key }));
  for (const wait of waiting) wait.catch(() => {});
  await assertRejects(() => call("e", 1), RpcError, "Too many calls at once");
  await session.close();
  await server.close({ drain: 0 });
});

Deno.test("a client that waits comes back at once when the network does", async () => {
  await using server = createServer({ resumeWindow: 0 });
  const { session, cut } = await pair(server, {
    reconnect: { initialDelay: 1e9, maxDelay: 1e9 },
  });
  cut();
  await settle0();
  assertEquals(session.status.state, "waiting");
  globalThis.dispatchEvent(new Event("online"));
  await settle();
  assertEquals(session.status.state, "open");
  await session.close();
});

Deno.test("a page that nobody sees waits long, and comes back when it is looked at", async () => {
  const document = Object.assign(new EventTarget(), { visibilityState: "hidden" });
  const random = Math.random;
  Reflect.set(globalThis, "document", document);
  Math.random = () => 0.5;
  try {
    await using server = createServer({ resumeWindow: 0 });
    const { session, cut } = await pair(server, { reconnect });
    cut();
    await settle();
    assertEquals(session.status.state === "waiting" && session.status.delay, 15_000);
    document.dispatchEvent(new Event("visibilitychange"));
    await settle();
    assertEquals(session.status.state, "waiting");
    document.visibilityState = "visible";
    document.dispatchEvent(new Event("visibilitychange"));
    await settle();
    assertEquals(session.status.state, "open");
    await session.close();
  } finally {
    Math.random = random;
    Reflect.deleteProperty(globalThis, "document");
  }
});

Deno.test("a page that nobody sees doesn't come back with the network, among all the others", async () => {
  const document = Object.assign(new EventTarget(), { visibilityState: "hidden" });
  Reflect.set(globalThis, "document", document);
  try {
    await using server = createServer({ resumeWindow: 0 });
    const { session, cut } = await pair(server, {
      reconnect: { initialDelay: 1e9, maxDelay: 1e9 },
    });
    cut();
    await settle0();
    globalThis.dispatchEvent(new Event("online"));
    await settle();
    assertEquals(session.status.state, "waiting");
    await session.close();
  } finally {
    Reflect.deleteProperty(globalThis, "document");
  }
});

/** Goes away without a word, and comes back in each of the ways that one can notice. */
const WAKES: readonly (readonly [how: string, wake: (time: FakeTime) => void | Promise<void>])[] = [
  ["the network is back", () => void globalThis.dispatchEvent(new Event("online"))],
  ["somebody looks at the page", () => {
    const document: unknown = Reflect.get(globalThis, "document");
    if (document instanceof EventTarget) document.dispatchEvent(new Event("visibilitychange"));
  }],
  ["the machine has slept", async (time) => {
    const { now } = Date;
    Reflect.set(Date, "now", () => now() + 3_600_000);
    await time.advance(time.next ?? 0);
  }],
];

for (const [how, wake] of WAKES) {
  Deno.test(`a connection that died meanwhile is given up soon when ${how}`, async () => {
    const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
    Reflect.set(globalThis, "document", document);
    await using server = createServer();
    using time = new FakeTime();
    try {
      const connecting = pair(server, { reconnect: { initialDelay: 0 } });
      await time.settle();
      const { session, mute } = await connecting;
      const states: string[] = [];
      (async () => {
        for await (const status of session.statuses()) states.push(status.state);
      })();
      // One that lives answers, and stays.
      await wake(time);
      await time.advance(6000);
      assertEquals(states, ["open"]);
      mute();
      await wake(time);
      await time.advance(4999);
      assertEquals(states, ["open"]);
      await time.advance(1);
      assertEquals(states, ["open", "waiting", "connecting", "open"]);
      assertEquals(session.status.state === "open" && session.status.resumed, true);
      const closing = session.close();
      await time.settle();
      await closing;
      await server.close({ drain: 0 });
      assertEquals(time.pending, 0);
    } finally {
      Reflect.deleteProperty(globalThis, "document");
    }
  });
}

/** Lets a break be noticed, but no timer pass. */
async function settle0(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}
