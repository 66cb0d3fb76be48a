import { assert, assertEquals } from "@std/assert";
import { connect } from "@hawser/hawser/client";
import { createServer, serve } from "@hawser/hawser/server";
import { DropNotes, type Drops } from "../../server/_drops.ts";
import { FakeTime } from "../_fake_time.ts";
import { RemotePeer, WIRES } from "../_peer.ts";
import { pair } from "./_pair.ts";

const PICTURE = new Uint8Array(200_000);

for (const wire of WIRES) {
  Deno.test(`a client learns how many publications were dropped for it (${wire})`, async () => {
    await using server = createServer();
    const { session } = await pair(server, { wire });
    const events = session.events({ only: ["dropped"] });
    const pictures = session.subscribe("picture");
    const cursor = session.subscribe("cursor");
    await Promise.all([pictures.ready, cursor.ready]);
    assertEquals(session.stats().dropped, []);
    // In one turn: nothing is acknowledged before its end, so that the newest of each waits.
    for (let i = 0; i < 10; i++) {
      server.publish("picture", PICTURE, { policy: "latest" });
      if (i < 4) server.publish("cursor", PICTURE, { policy: "latest" });
    }
    const [client] = server.clients.values();
    const topics = server.stats().topics.map(({ topic, dropped }) => ({ topic, count: dropped }))
      .sort((a, b) => a.topic < b.topic ? -1 : 1);
    assert(topics.every(({ count }) => count > 1));
    const told = [(await events.next()).value, (await events.next()).value];
    assertEquals(
      told.map((it) => [it?.by, it?.topic, it?.count]),
      topics.map(({ topic, count }) => ["server", topic, count]),
    );
    assertEquals(session.stats().dropped, topics);
    assertEquals(client?.dropped, topics.reduce((sum, { count }) => sum + count, 0));
    await session.close();
  });
}

Deno.test("what was dropped before a break is told behind it", async () => {
  await using server = createServer();
  const { session, cut } = await pair(server, { reconnect: { initialDelay: 0 } });
  const events = session.events({ only: ["dropped"] });
  const { clientId } = session;
  const pictures = session.subscribe("picture");
  await pictures.ready;
  for (let i = 0; i < 10; i++) server.publish("picture", PICTURE, { policy: "latest" });
  const dropped = server.clients.get(clientId)?.dropped;
  cut();
  const told = (await events.next()).value;
  assertEquals([told?.topic, told?.count], ["picture", dropped]);
  assertEquals(session.clientId, clientId);
  await session.close();
});

Deno.test("a wslink client is told nothing of what was dropped for it", async () => {
  const server = createServer({ limits: { queueBytes: 400_000 } });
  await using listening = await serve(server, { port: 0 });
  await using peer = await RemotePeer.dial(listening.webSocketUrl, "msgpack");
  await peer.hello();
  await using session = await connect(listening.webSocketUrl);
  const events = session.events({ only: ["dropped"] });
  const pictures = session.subscribe("picture");
  await pictures.ready;
  const [stranger] = server.clients.values();
  for (let i = 0; i < 100; i++) server.publish("picture", PICTURE, { policy: "latest" });
  await events.next();
  assert(stranger && stranger.dropped > 0);
  // Whatever came, the hello's answer excepted, is a publication.
  server.publish("end", null);
  for (;;) {
    const message = await peer.next();
    assert(message.type === "publication", message.type);
    if (message.topic === "end") break;
  }
});

Deno.test("DropNotes tells once of many drops, and not again before something has gone", async () => {
  using time = new FakeTime();
  const told: Drops[] = [];
  let sent = 0;
  const notes = new DropNotes((drops) => told.push(drops), () => sent);
  for (let i = 0; i < 1000; i++) notes.add("image");
  notes.add("cursor");
  await time.advance(249);
  assertEquals(told, []);
  await time.advance(1);
  assertEquals(told.splice(0), [[["image", 1000], ["cursor", 1]]]);
  notes.add("image");
  await time.advance(10_000);
  assertEquals(told, []);
  sent++;
  await time.advance(250);
  assertEquals(told.splice(0), [[["image", 1]]]);
  sent++;
  for (let i = 0; i < 70; i++) notes.add(`topic${i}`);
  notes.stop();
  await time.advance(10_000);
  assertEquals(told, []);
  notes.flush();
  const [drops = []] = told;
  assertEquals([drops.length, drops.at(-1)], [65, ["*", 6]]);
  notes.flush();
  assertEquals(told.length, 1);
});

Deno.test("what a server says it dropped is taken as far as it is pairs of a topic and a number", async () => {
  await using server = createServer();
  const { session } = await pair(server);
  const events = session.events({ only: ["dropped"] });
  const [client] = server.clients.values();
  assert(client && "notify" in client && typeof client.notify === "function");
  const odd = [null, 1, "a", [], ["a"], [1, 2], ["a", 0], ["a", -1], ["a", 1.5], ["a", 2 ** 60]];
  client.notify("wslink.dropped", [...odd, ["__proto__", 3]]);
  client.notify("wslink.dropped", Array.from({ length: 5000 }, (_, i) => [`topic${i}`, 1]));
  const told = (await events.next()).value;
  assertEquals([told?.topic, told?.count], ["__proto__", 3]);
  assertEquals((await events.next()).value?.by, "server");
  const { dropped } = session.stats();
  assertEquals([dropped.length, dropped.at(-1)], [4097, { topic: "*", count: 905 }]);
  await session.close();
});
