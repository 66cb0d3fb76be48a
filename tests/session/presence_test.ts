import { assertEquals, assertRejects } from "@std/assert";
import { type PresenceEvent, RpcError, type Session } from "@hawser/hawser/client";
import { createServer, topic } from "@hawser/hawser/server";
import { announce } from "@hawser/hawser/protocol";
import { defer } from "../../protocol/deferred.ts";
import { join, WIRES } from "../_peer.ts";
import { pair } from "./_pair.ts";

/** Collects events, and tells when there are so many. */
function collect(session: Session<unknown>, name: string) {
  const events: PresenceEvent[] = [];
  let wanted = 0;
  let reached = defer<void>();
  const { ready } = session.subscribe<PresenceEvent>(name, (event) => {
    if (events.push(event) === wanted) reached.resolve();
  });
  /** The first `count` events. */
  async function first(count: number): Promise<unknown[]> {
    wanted = count;
    reached = defer();
    if (events.length < count) await reached.promise;
    return events.slice(0, count).map(({ event, client }) => [event, client.id, client.data]);
  }
  return { events, ready, first };
}

for (const wire of WIRES) {
  Deno.test(`clients learn who is connected, comes, goes and changes (${wire})`, async () => {
    await using server = createServer({ presence: true, resumeWindow: 0 });
    const { session } = await pair(server, { wire, data: { name: "Ada" } });
    const watched = collect(session, "wslink.presence");
    await watched.ready;
    assertEquals(await session.presence(), [{ id: session.clientId, data: { name: "Ada" } }]);
    const other = await pair(server, { wire, data: "Grace", reconnect: false });
    const id = other.session.clientId;
    await other.session.setData({ name: "Grace" });
    const { peer, id: plain } = await join(server, wire);
    assertEquals((await session.presence()).map((client) => client.data), [
      { name: "Ada" },
      { name: "Grace" },
      null,
    ]);
    assertEquals(server.clients.get(id)?.data, { name: "Grace" });
    other.cut();
    await other.session.closed;
    peer.leave();
    assertEquals(await watched.first(5), [
      ["join", id, "Grace"],
      ["update", id, { name: "Grace" }],
      ["join", plain, null],
      ["leave", id, { name: "Grace" }],
      ["leave", plain, null],
    ]);
    assertEquals((await session.presence()).length, 1);
    await session.close();
  });

  Deno.test(`clients learn who listens to a topic (${wire})`, async () => {
    await using server = createServer({
      presence: true,
      topics: { quiet: topic({ wslink: false }) },
    });
    const { session } = await pair(server, { wire });
    const { session: other } = await pair(server, { wire, reconnect: false });
    const id = other.clientId;
    const watched = collect(session, "wslink.presence.view.1");
    const quiet = collect(session, "wslink.presence.quiet");
    await Promise.all([watched.ready, quiet.ready]);
    assertEquals(await session.presence("view.1"), []);
    const exact = other.subscribe("view.1");
    await exact.ready;
    const pattern = other.subscribe("view.>");
    await pattern.ready;
    await other.subscribe("view.2").ready;
    assertEquals(await session.presence("view.1"), [{ id, data: null }]);
    await exact.unsubscribe();
    assertEquals((await session.presence("view.1")).length, 1);
    await pattern.unsubscribe();
    assertEquals(await session.presence("view.1"), []);
    await other.subscribe("view.*").ready;
    // A wslink client listens to everything that it gets.
    const { peer, id: plain } = await join(server, wire);
    await other.close();
    peer.leave();
    assertEquals(await watched.first(6), [
      ["join", id, null],
      ["leave", id, null],
      ["join", id, null],
      ["join", plain, null],
      ["leave", id, null],
      ["leave", plain, null],
    ]);
    assertEquals(quiet.events, []);
    await session.close();
  });

  Deno.test(`a client that comes back is another one, and brings its data (${wire})`, async () => {
    await using server = createServer({ presence: true, resumeWindow: 0 });
    const { session } = await pair(server, { wire });
    const watched = collect(session, "wslink.presence");
    await watched.ready;
    const other = await pair(server, { wire, data: 7, reconnect: { initialDelay: 0 } });
    const before = other.session.clientId;
    await watched.first(1);
    other.cut();
    const events = await watched.first(3);
    const after = other.session.clientId;
    assertEquals(events, [["join", before, 7], ["leave", before, 7], ["join", after, 7]]);
    await other.session.close();
    await session.close();
  });
}

Deno.test("a client whose session is taken up again has never been away", async () => {
  await using server = createServer({ presence: true });
  const { session } = await pair(server);
  const watched = collect(session, "wslink.presence");
  await watched.ready;
  const other = await pair(server, { data: 1, reconnect: { initialDelay: 0 } });
  const id = other.session.clientId;
  await watched.first(1);
  other.cut();
  await other.session.setData(2);
  assertEquals(await watched.first(2), [["join", id, 1], ["update", id, 2]]);
  await other.session.close();
  await session.close();
});

for (const wire of WIRES) {
  Deno.test(`presence is told to those who may know it (${wire})`, async () => {
    const errors: unknown[] = [];
    let open = true;
    const asked: (string | undefined)[] = [];
    await using server = createServer({
      presence: {
        async authorize(client, topic) {
          asked.push(topic);
          await Promise.resolve();
          if (topic === "broken") throw new Error("lookup failed");
          return Object(client.data).role === "admin" || (topic === "view.1" && open);
        },
      },
      onError: (error) => errors.push(error),
    });
    const { session: admin } = await pair(server, { wire, data: { role: "admin" } });
    const { session: guest, cut } = await pair(server, { wire, reconnect: { initialDelay: 0 } });
    assertEquals((await admin.presence()).length, 2);
    const refused = await assertRejects(() => guest.presence(), RpcError, "Not allowed");
    assertEquals(refused.code, -32005);
    await assertRejects(() => guest.subscribe("wslink.presence").ready, RpcError, "Not allowed");
    await assertRejects(() => guest.subscribe("wslink.presence.b").ready, RpcError, "Not allowed");
    await assertRejects(() => guest.presence("broken"), RpcError, "Not allowed");
    assertEquals(errors.map(String), ["Error: lookup failed"]);
    assertEquals(await guest.presence("view.1"), []);
    const watched = collect(guest, "wslink.presence.view.1");
    await watched.ready;
    // It goes on over another socket.
    const statuses = guest.statuses();
    await statuses.next();
    cut();
    for await (const { state } of statuses) if (state === "open") break;
    await admin.subscribe("view.1").ready;
    assertEquals((await watched.first(1)).map((event) => Object(event)[0]), ["join"]);
    open = false;
    assertEquals(await server.reauthorize({ topic: "wslink.presence.view.1" }), 1);
    await assertRejects(() => guest.presence("view.1"), RpcError, "Not allowed");
    assertEquals(asked.includes(undefined) && asked.includes("b"), true);
    await Promise.all([admin.close(), guest.close()]);
  });
}

Deno.test("patterns cover no presence, and it has to be switched on", async () => {
  await using server = createServer({ presence: true });
  const { session } = await pair(server);
  const everything = collect(session, ">");
  const reserved = collect(session, "wslink.>");
  await Promise.all([everything.ready, reserved.ready]);
  const { session: other } = await pair(server);
  await other.close();
  await session.subscribe("behind").ready;
  assertEquals([everything.events, reserved.events], [[], []]);
  await session.close();

  await using silent = createServer();
  const { session: alone } = await pair(silent, { data: "unheard" });
  const error = await assertRejects(
    () => alone.presence(),
    RpcError,
    "The server has no presence",
  );
  assertEquals(error.code, -32601);
  await alone.setData("still unheard");
  await assertRejects(() => alone.subscribe("wslink.presence").ready, RpcError, "Unknown topic");
  await alone.close();
});

Deno.test("data has to be JSON and short", async () => {
  await using server = createServer({ presence: true });
  const { session } = await pair(server);
  for (const data of [new Uint8Array(3), "x".repeat(20_000)]) {
    const error = await assertRejects(() => session.setData(data), RpcError, "A client's data");
    assertEquals(error.code, -32602);
  }
  assertEquals((await session.presence())[0]?.data, null);
  const error = await assertRejects(
    () => session.presence("no topic"),
    RpcError,
    "A topic is expected",
  );
  assertEquals(error.code, -32602);
  await session.close();
});

Deno.test("a client that never says what it shares is not present", async () => {
  await using server = createServer({ presence: true });
  const { session } = await pair(server);
  const watched = collect(session, "wslink.presence");
  await watched.ready;
  const { peer } = await join(server, "msgpack", announce(["presence", "subscribe"]));
  assertEquals((await session.presence()).length, 1);
  peer.leave();
  await session.subscribe("behind").ready;
  assertEquals(watched.events, []);
  await session.close();
});
