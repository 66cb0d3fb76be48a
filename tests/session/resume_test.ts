import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConnectionClosedError } from "@hawser/hawser/client";
import { createServer, procedure } from "@hawser/hawser/server";
import { defer } from "../../protocol/deferred.ts";
import { FakeTime } from "../_fake_time.ts";
import { LocalPeer, WIRES } from "../_peer.ts";
import { openAgain, pair, reconnect } from "./_pair.ts";

for (const wire of WIRES) {
  Deno.test(`a call under way survives a cut, and runs once (${wire})`, async () => {
    const gate = defer<void>();
    let runs = 0;
    await using server = createServer({
      procedures: {
        "test.work": async (value: Uint8Array) => {
          runs++;
          await gate.promise;
          return value;
        },
      },
    });
    const { session, cut } = await pair(server, { wire, reconnect });
    const before = session.clientId;
    const call = session.call("test.work", [new Uint8Array([1, 2])]);
    const again = openAgain(session);
    await new Promise((resolve) => setTimeout(resolve, 0));
    cut();
    assertEquals(await again, true);
    assertEquals(session.clientId, before);
    gate.resolve();
    assertEquals(await call, new Uint8Array([1, 2]));
    assertEquals(runs, 1);
    assertEquals(server.clients.size, 1);
    await session.close();
  });

  Deno.test(`a request and a reply that a cut swallowed are sent again (${wire})`, async () => {
    let runs = 0;
    await using server = createServer({
      procedures: { "test.count": () => ++runs, "test.echo": (value: number) => value },
    });
    const { session, cut } = await pair(server, { wire, reconnect });
    for (let round = 1; round <= 20; round++) {
      const again = openAgain(session);
      const call = session.call("test.count");
      // Before the microtask in which the frame arrives; on odd rounds behind it.
      if (round % 2) await Promise.resolve();
      cut();
      assertEquals(await again, true);
      assertEquals(await call, round);
      assertEquals(await session.call("test.echo", [round]), round);
    }
    await session.close();
  });

  Deno.test(`a stream goes on where it was, without an item twice, over many cuts (${wire})`, async () => {
    await using server = createServer({
      procedures: {
        "test.rows": async function* (count: number) {
          for (let i = 0; i < count; i++) yield { i, bytes: new Uint8Array(i % 100) };
          return "end";
        },
        "test.sum": async (rows: AsyncIterable<number>) => {
          const seen: number[] = [];
          for await (const row of rows) seen.push(row);
          return seen;
        },
      },
    });
    const { session, cut } = await pair(server, { wire, reconnect });
    const stream = session.stream("test.rows", [1000]);
    let next = 0;
    for await (const { i } of stream) {
      assertEquals(i, next++);
      if (i % 100 === 50) cut();
    }
    assertEquals(next, 1000);
    async function* rows() {
      for (let i = 0; i < 500; i++) {
        yield i;
        if (i % 100 === 70) cut();
      }
    }
    const whole = session.status.state === "open" ? undefined : openAgain(session);
    await whole;
    assertEquals(
      await session.call("test.sum", [rows()]),
      Array.from({ length: 500 }, (_, i) => i),
    );
    await session.close();
  });

  Deno.test(`progress and the server's own calls survive a cut (${wire})`, async () => {
    const gate = defer<void>();
    await using server = createServer({
      procedures: {
        "test.work": procedure(async (call) => {
          call.progress(1);
          await gate.promise;
          call.progress(2);
          return await call.client.call("dialog.ask", ["Sure?"]);
        }),
      },
    });
    const { session, cut } = await pair(server, {
      wire,
      reconnect,
      procedures: { "dialog.ask": (question: string) => `${question} Yes` },
    });
    const seen: unknown[] = [];
    const call = session.call("test.work", [], { onProgress: (value) => seen.push(value) });
    const again = openAgain(session);
    await new Promise((resolve) => setTimeout(resolve, 0));
    cut();
    gate.resolve();
    assertEquals(await again, true);
    assertEquals(await call, "Sure? Yes");
    assertEquals(seen, [1, 2]);
    await session.close();
  });

  Deno.test(`what runs for a client that never comes back is aborted when the window ends (${wire})`, async () => {
    const stopped = defer<unknown>();
    const gone = defer<string>();
    await using server = createServer({
      resumeWindow: 5000,
      onDisconnect: (client) => gone.resolve(client.id),
      procedures: {
        "test.wait": procedure((call) => {
          call.signal.addEventListener("abort", () => stopped.resolve(call.signal.reason));
          return new Promise(() => {});
        }),
      },
    });
    using time = new FakeTime();
    const connecting = pair(server, { wire, reconnect: { initialDelay: 60_000, factor: 1 } });
    await time.settle();
    const { session, cut } = await connecting;
    const random = Math.random;
    Math.random = () => 0.9;
    try {
      const call = session.call("test.wait", [], { timeout: 0 });
      call.catch(() => {});
      await time.settle();
      cut();
      await time.settle();
      assertEquals(server.clients.get(session.clientId)?.connected, false);
      await time.advance(4999);
      assertEquals(server.clients.size, 1);
      await time.advance(1);
      assertEquals(await gone.promise, session.clientId);
      await stopped.promise;
      const error = await assertRejects(() => call, ConnectionClosedError);
      assertEquals(error.sent, true);
      assertEquals(server.clients.size, 0);
    } finally {
      Math.random = random;
    }
    await session.close();
    assertEquals(time.pending, 0);
  });

  Deno.test(`a session that the server has lost ends its calls, and a new one begins (${wire})`, async () => {
    await using first = createServer({
      procedures: { "test.wait": () => new Promise<never>(() => {}), "test.who": () => "first" },
    });
    await using second = createServer({ procedures: { "test.who": () => "second" } });
    const { session, cut, moveTo } = await pair(first, { wire, reconnect });
    const before = session.clientId;
    const call = session.call("test.wait");
    await new Promise((resolve) => setTimeout(resolve, 0));
    moveTo(second);
    const again = openAgain(session);
    cut();
    const error = await assertRejects(() => call, ConnectionClosedError);
    assertEquals([error.sent, error.closeCode], [true, 1006]);
    assertEquals(await again, false);
    assert(session.clientId !== before);
    assertEquals(await session.call("test.who"), "second");
    await session.close();
    await first.close({ drain: 0 });
  });

  Deno.test(`the server lets an old socket go whose client is back by another one (${wire})`, async () => {
    await using server = createServer({ procedures: { "test.echo": (value: number) => value } });
    const peer = new LocalPeer(server, wire);
    const features = ["call", "resume"] as const;
    const hello = { version: 1, features };
    const answer = await peer.hello(undefined, hello);
    const ticket = ticketOf(answer);
    // The old socket is half open: the server has heard nothing of its end.
    const back = new LocalPeer(server, wire);
    const resumed = await back.hello(undefined, { ...hello, session: ticket, received: 0 });
    assertEquals(idOf(resumed), idOf(answer));
    assertEquals((await peer.closed).code, 4014);
    assertEquals(await back.call("test.echo", [1]), {
      type: "result",
      id: "rpc:c0:1",
      result: 1,
      seq: 1,
    });
    assertEquals(server.clients.size, 1);
    back.leave({ code: 1000, reason: "" });
  });

  Deno.test(`a ticket is good once, and only a ticket is (${wire})`, async () => {
    await using server = createServer();
    const hello = { version: 1, features: ["call", "resume"] } as const;
    const peer = new LocalPeer(server, wire);
    const answer = await peer.hello(undefined, hello);
    const first = ticketOf(answer);
    peer.leave();
    const back = new LocalPeer(server, wire);
    const second = await back.hello(undefined, { ...hello, session: first, received: 0 });
    assertEquals(idOf(second), idOf(answer));
    // The next message shows that the new ticket has arrived.
    back.request("test.none");
    await back.next();
    back.leave();
    const wrong = [first, `${idOf(answer)}.`, idOf(answer), "", `c0.${first.split(".")[1]}`];
    for (const session of wrong) {
      const thief = new LocalPeer(server, wire);
      const stranger = await thief.hello(undefined, { ...hello, session, received: 0 });
      assert(idOf(stranger) !== idOf(answer), `"${session}" took the session`);
      thief.leave({ code: 1000, reason: "" });
    }
    const owner = new LocalPeer(server, wire);
    const last = await owner.hello(undefined, { ...hello, session: ticketOf(second), received: 1 });
    assertEquals(idOf(last), idOf(answer));
    owner.leave({ code: 1000, reason: "" });
  });

  Deno.test(`a message that comes twice is taken once, also one that overtook another (${wire})`, async () => {
    const ran: number[] = [];
    await using server = createServer({
      procedures: { "test.run": (number: number) => ran.push(number) },
    });
    const peer = new LocalPeer(server, wire);
    await peer.hello(undefined, { version: 1, features: ["call", "resume"] });
    const kwargs = {};
    for (const seq of [1, 1, 3, 3, 2, 3, 1, 2, 4]) {
      const id = `rpc:c0:${seq}`;
      peer.send({ type: "request", id, method: "test.run", args: [seq], kwargs, seq });
    }
    for (let i = 0; i < 4; i++) await peer.next();
    assertEquals(ran, [1, 3, 2, 4]);
    peer.leave({ code: 1000, reason: "" });
  });

  Deno.test(`a ticket without the secret is worth nothing (${wire})`, async () => {
    await using server = createServer({ secret: "open sesame" });
    const hello = { version: 1, features: ["call", "resume"] } as const;
    const peer = new LocalPeer(server, wire);
    const session = ticketOf(await peer.hello("open sesame", hello));
    peer.leave();
    const thief = new LocalPeer(server, wire);
    const answer = await thief.hello("open barley", { ...hello, session, received: 0 });
    assertEquals(answer.type, "error");
    thief.leave();
    await server.close();
  });
}

Deno.test("a session from which too much got lost isn't taken up again", async () => {
  await using server = createServer({
    limits: { resumeBytes: 10_000 },
    procedures: { "test.bytes": (size: number) => new Uint8Array(size) },
  });
  const hello = { version: 1, features: ["call", "resume"] } as const;
  const peer = new LocalPeer(server);
  const answer = await peer.hello(undefined, hello);
  await peer.call("test.bytes", [9000]);
  await peer.call("test.bytes", [9000]);
  peer.leave();
  const back = new LocalPeer(server);
  const again = await back.hello(undefined, { ...hello, session: ticketOf(answer), received: 0 });
  assert(idOf(again) !== idOf(answer), "the first answer is held no more");
  back.leave({ code: 1000, reason: "" });
  const late = new LocalPeer(server);
  const third = await late.hello(undefined, { ...hello, session: ticketOf(answer), received: 1 });
  assertEquals(idOf(third), idOf(answer), "with the first answer nothing is missing");
  late.leave({ code: 1000, reason: "" });
});

Deno.test("a client that lost too much of what it sent begins a session anew", async () => {
  await using server = createServer({
    procedures: { "test.size": (value: Uint8Array) => value.length },
  });
  const { session, cut } = await pair(server, { reconnect, limits: { resumeBytes: 10_000 } });
  const size = (bytes: number) => session.call("test.size", [new Uint8Array(bytes)]);
  for (let i = 1; i <= 5; i++) assertEquals(await size(i), i);
  const before = session.clientId;
  // What is sent now arrives nowhere, and only the last of it is held.
  cut();
  const lost = [9000, 9000, 9000].map(size);
  const again = openAgain(session);
  for (const call of lost) {
    const error = await assertRejects(() => call, ConnectionClosedError);
    assertEquals(error.sent, true);
  }
  assertEquals(await again, false);
  assert(session.clientId !== before, "it isn't the session that the server has kept");
  for (let i = 1; i <= 5; i++) assertEquals(await size(i), i);
  assertEquals([...server.clients.keys()], [session.clientId]);
  await session.close();
});

Deno.test("no more sessions are kept without a connection than the limit allows", async () => {
  await using server = createServer({ limits: { suspendedSessions: 2 } });
  const ids: string[] = [];
  for (let i = 0; i < 4; i++) {
    const peer = new LocalPeer(server);
    ids.push(idOf(await peer.hello(undefined, { version: 1, features: ["resume"] })));
    peer.leave();
  }
  assertEquals([...server.clients.keys()], ids.slice(2));
});

Deno.test("an answer that is acknowledged is held no more", async () => {
  await using server = createServer({ procedures: { "test.echo": (value: number) => value } });
  const { session, frames } = await pair(server, { reconnect });
  for (let i = 0; i < 1600; i++) await session.call("test.echo", [i]);
  const text = frames.map((frame) => new TextDecoder().decode(Object(frame)));
  assertEquals(text.filter((frame) => frame.includes("wslink.received")).length, 6);
  await session.close();
});

function fieldOf(answer: unknown, name: string): string {
  const value: unknown = Reflect.get(Object(answer), name);
  if (typeof value !== "string") throw new TypeError(`No ${name} in ${JSON.stringify(answer)}`);
  return value;
}

function idOf(answer: object): string {
  return fieldOf(Reflect.get(answer, "result"), "clientID");
}

function ticketOf(answer: object): string {
  return fieldOf(Reflect.get(Object(Reflect.get(answer, "result")), "hawser"), "session");
}
