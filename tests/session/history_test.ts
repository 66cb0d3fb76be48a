import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Gap, GapError } from "@hawser/hawser/client";
import { createServer, topic } from "@hawser/hawser/server";
import {
  announce,
  type Message,
  type OutgoingMessage,
  type RequestMessage,
} from "@hawser/hawser/protocol";
import { defer } from "../../protocol/deferred.ts";
import { FakeTime } from "../_fake_time.ts";
import { join, type LocalPeer, WIRES } from "../_peer.ts";
import { Network, type ScriptedSocket } from "../client/_scripted.ts";
import { openAgain, pair, reconnect } from "./_pair.ts";

/** A hello's offer of a client that reads histories, and nothing else. */
const KEEPS = announce(["history", "subscribe"]);

/** A raw client subscribes; returns the answer. */
async function subscribed(
  peer: LocalPeer,
  name: string,
  kwargs: Record<string, unknown> = {},
): Promise<unknown> {
  const id = peer.request("wslink.subscribe", [name], kwargs, "system:c0:1");
  const answer = await peer.next();
  if (answer.type !== "result" || answer.id !== id) throw new Error(JSON.stringify(answer));
  return answer.result;
}

/** The next request that a client sends. */
async function asked({ peer }: ScriptedSocket): Promise<RequestMessage> {
  const message = await peer.next();
  if (message.type !== "request") throw new Error(JSON.stringify(message));
  return message;
}

/** Collects what a subscription gets, and waits until something has come. */
function collector() {
  const got: unknown[] = [];
  let changed = defer<void>();
  return {
    got,
    take(value: unknown) {
      got.push(value);
      changed.resolve();
      changed = defer();
    },
    async until(last: unknown) {
      while (!got.includes(last)) await changed.promise;
    },
  };
}

/** Numbers from a to b. */
function range(a: number, b: number): number[] {
  return Array.from({ length: b - a + 1 }, (_, i) => a + i);
}

/** A gap of a topic in one run of the server. */
function offsetsOf({ from, to }: Gap): [number, number] {
  assertEquals(from.epoch, to.epoch);
  return [from.offset, to.offset];
}

for (const wire of WIRES) {
  for (const resumeWindow of [0, 30_000]) {
    const how = resumeWindow === 0 ? "a new session" : "the session that goes on";
    Deno.test(`after a cut a subscriber gets just what it missed, over ${how} (${wire})`, async () => {
      await using server = createServer({
        topics: { log: topic<number>({ history: {} }) },
        resumeWindow,
      });
      const { session, cut } = await pair(server, { wire, reconnect });
      const { got, take, until } = collector();
      await session.subscribe("log", take).ready;
      let last = 0;
      for (let round = 0; round < 20; round++) {
        for (let i = 0; i < 3; i++) server.publish("log", ++last);
        // On odd rounds what has gone out arrives, on even ones it gets lost.
        if (round % 2) await until(last);
        const again = openAgain(session);
        cut();
        server.publish("log", ++last);
        assertEquals(await again, resumeWindow > 0);
        server.publish("log", ++last);
        await until(last);
      }
      assertEquals(got, range(1, last));
      await session.close();
    });

    Deno.test(`a history that is too short is a gap with both offsets, over ${how} (${wire})`, async () => {
      await using server = createServer({
        topics: { log: topic<number>({ history: { count: 3 } }) },
        resumeWindow,
      });
      const { session, cut } = await pair(server, { wire, reconnect });
      const { got, take, until } = collector();
      const gaps: Gap[] = [];
      const subscription = session.subscribe("log", take, { onGap: (gap) => gaps.push(gap) });
      await subscription.ready;
      server.publish("log", 1);
      await until(1);
      const again = openAgain(session);
      cut();
      for (const i of range(2, 10)) server.publish("log", i);
      await again;
      await until(10);
      assertEquals(got, [1, 8, 9, 10]);
      assertEquals(gaps.map(offsetsOf), [[1, 7]]);
      assertEquals([gaps[0]?.topic, subscription.gaps], ["log", 1]);
      await session.close();
    });

    Deno.test(`filters and patterns get what they missed too, over ${how} (${wire})`, async () => {
      const scene = topic({
        history: {},
        select: (values: number[], at: number) => values[at],
      });
      await using server = createServer({
        topics: { scene, "view.*": topic<number>({ history: {} }) },
        resumeWindow,
      });
      const { session, cut } = await pair(server, { wire, reconnect });
      const parts = collector();
      const views = collector();
      const one = collector();
      await session.subscribe("scene", parts.take, { filter: 1 }).ready;
      await session.subscribe(">", views.take).ready;
      await session.subscribe("view.b", one.take).ready;
      const publish = (i: number) => {
        server.publish("scene", [0, i]);
        server.publish("view.a", i);
        server.publish("view.b", -i);
      };
      publish(1);
      const again = openAgain(session);
      cut();
      publish(2);
      await again;
      publish(3);
      await Promise.all([parts.until(3), views.until(-3), one.until(-3)]);
      assertEquals(parts.got, [1, 2, 3]);
      assertEquals(one.got, [-1, -2, -3]);
      const numbers = views.got.filter((value) => typeof value === "number");
      assertEquals(numbers, [1, -1, 2, -2, 3, -3]);
      const lists = views.got.filter(Array.isArray);
      assertEquals(lists, [[0, 1], [0, 2], [0, 3]]);
      await session.close();
    });
  }

  Deno.test(`a new subscriber gets the last publications first, and nobody else gets them again (${wire})`, async () => {
    const scene = topic({
      history: {},
      select: (values: (number | undefined)[], at: number) => values[at],
    });
    await using server = createServer({ topics: { log: topic<number>({ history: {} }), scene } });
    const { session } = await pair(server, { wire });
    const early = collector();
    await session.subscribe("log", early.take).ready;
    for (const i of range(1, 5)) server.publish("log", i);
    await early.until(5);
    server.publish("scene", [1, 1]);
    server.publish("scene", [2]);
    server.publish("scene", [3, 3]);
    const late = collector();
    const none = collector();
    const all = collector();
    const part = collector();
    session.subscribe("log", late.take, { last: 2 });
    session.subscribe("log", none.take);
    session.subscribe("log", all.take, { last: 100 });
    await session.subscribe("scene", part.take, { last: 2, filter: 1 }).ready;
    server.publish("log", 6);
    await Promise.all([early.until(6), late.until(6), none.until(6), all.until(6), part.until(3)]);
    assertEquals(early.got, range(1, 6));
    assertEquals(late.got, [4, 5, 6]);
    assertEquals(none.got, [6]);
    assertEquals(all.got, range(1, 6));
    assertEquals(part.got, [1, 3]);
    await session.close();
  });

  Deno.test(`a server that was restarted is a gap, and what it has kept comes (${wire})`, async () => {
    const topics = { log: topic<string>({ history: {} }) };
    const first = createServer({ topics });
    await using second = createServer({ topics });
    const { session, cut, moveTo } = await pair(first, { wire, reconnect });
    const { got, take, until } = collector();
    const gaps: Gap[] = [];
    await session.subscribe("log", take, { onGap: (gap) => gaps.push(gap) }).ready;
    first.publish("log", "old 1");
    first.publish("log", "old 2");
    await until("old 2");
    second.publish("log", "new 1");
    moveTo(second);
    const again = openAgain(session);
    cut();
    assertEquals(await again, false);
    await until("new 1");
    second.publish("log", "new 2");
    await until("new 2");
    assertEquals(got, ["old 1", "old 2", "new 1", "new 2"]);
    const [gap] = gaps;
    assertEquals([gaps.length, gap?.from.offset, gap?.to.offset], [1, 2, 0]);
    assert(gap?.from.epoch !== gap?.to.epoch);
    await session.close();
    await first.close();
  });

  Deno.test(`a server that was restarted is a gap, also if it is further on than the one before (${wire})`, async () => {
    const topics = { log: topic<number>({ history: {} }) };
    const first = createServer({ topics });
    await using second = createServer({ topics });
    const { session, cut, moveTo } = await pair(first, { wire, reconnect });
    const { got, take, until } = collector();
    const gaps: Gap[] = [];
    await session.subscribe("log", take, { onGap: (gap) => gaps.push(gap) }).ready;
    first.publish("log", 1);
    await until(1);
    for (const i of range(101, 110)) second.publish("log", i);
    moveTo(second);
    const again = openAgain(session);
    cut();
    await again;
    await until(110);
    assertEquals(got, [1, ...range(101, 110)]);
    const [gap] = gaps;
    assertEquals([gaps.length, gap?.from.offset, gap?.to.offset], [1, 1, 0]);
    assert(gap?.from.epoch !== gap?.to.epoch);
    await session.close();
    await first.close();
  });

  for (const came of range(0, 4)) {
    Deno.test(`a recovery that a cut swallows is begun again, and each comes once: ${came} of its 4 messages came (${wire})`, async () => {
      const network = new Network();
      const epoch = "run";
      const welcome = (socket: ScriptedSocket, ticket: number, received?: number) => {
        socket.open();
        const { id, args: [offer] } = socket.request();
        const session = { session: `c1.${ticket}`, window: 30_000, epoch };
        const agreed = received === undefined ? session : { ...session, received };
        const hawser = announce(["history", "resume", "subscribe"], agreed);
        socket.peer.send({ type: "result", id, result: { clientID: "c1", hawser } });
        return Reflect.get(Object(Reflect.get(Object(offer), "hawser")), "received");
      };
      const publication = (offset: number): OutgoingMessage => {
        const kept = { log: 1, offset };
        return { type: "publication", topic: "log", result: offset, kept };
      };
      const place = (seq: number, offset: number, head: number): OutgoingMessage => ({
        type: "request",
        id: "system:server:0",
        method: "wslink.history",
        args: [1, { topic: "log", log: 1, epoch, offset, head }],
        kwargs: {},
        seq,
      });

      const connecting = network.connect({ wire, reconnect });
      const one = await network.socket(1);
      welcome(one, 1);
      const session = await connecting;
      const { got, take, until } = collector();
      const gaps: Gap[] = [];
      const subscription = session.subscribe("log", take, { onGap: (gap) => gaps.push(gap) });
      const { id } = await asked(one);
      one.peer.send({
        type: "result",
        id,
        result: { sid: 1, selection: 0, history: true },
        seq: 1,
      });
      one.peer.send(place(2, 0, 0));
      one.peer.send(publication(1));
      await subscription.ready;
      one.break();

      const two = await network.socket(2);
      assertEquals(welcome(two, 2, 1), 2);
      const question = await asked(two);
      assertEquals([question.method, question.kwargs], [
        "wslink.recover",
        { since: { log: { epoch, offset: 1 } } },
      ]);
      const answers: OutgoingMessage[] = [
        { type: "result", id: question.id, result: true, seq: 3 },
        place(4, 1, 2),
      ];
      const messages = [...answers, publication(2), publication(3)];
      for (const message of messages.slice(0, came)) two.peer.send(message);
      two.break();

      const three = await network.socket(3);
      const received = welcome(three, 3, 2);
      assertEquals(received, 2 + Math.min(came, 2));
      // What got lost comes again, and something new before the server has read the next question.
      for (const message of answers.slice(received - 2)) three.peer.send(message);
      three.peer.send(publication(4));
      const again = await asked(three);
      const seen = Math.max(1, came - 1);
      assertEquals([again.method, again.kwargs], [
        "wslink.recover",
        { since: { log: { epoch, offset: seen } } },
      ]);
      three.peer.send({ type: "result", id: again.id, result: true, seq: 5 });
      three.peer.send(place(6, seen, 4));
      for (const offset of range(seen + 1, 5)) three.peer.send(publication(offset));
      await until(5);
      assertEquals(got, range(1, 5));
      assertEquals([gaps, subscription.gaps], [[], 0]);
      await session.close();
    });
  }
}

for (const wire of WIRES) {
  Deno.test(`an answer to a subscription that outlives a cut brings what followed it (${wire})`, async () => {
    await using server = createServer({ topics: { log: topic<number>({ history: {} }) } });
    const { session, cut } = await pair(server, { wire, reconnect });
    const { got, take, until } = collector();
    for (const hops of range(0, 12)) {
      const first = session.subscribe("log", take);
      // The request, the answer or nothing of both gets through before the cut.
      for (let i = 0; i < hops; i++) await Promise.resolve();
      const listening = server.listeners("log").length > 0;
      server.publish("log", 1);
      const again = openAgain(session);
      cut();
      server.publish("log", 2);
      assertEquals(await again, true);
      await first.ready;
      server.publish("log", 3);
      await until(3);
      assertEquals(got, listening ? [1, 2, 3] : [3]);
      await first.unsubscribe();
      got.length = 0;
    }
    await session.close();
  });

  Deno.test(`a slow reader loses nothing that the history has, and stays connected (${wire})`, async () => {
    await using server = createServer({
      topics: { log: topic<number>({ history: {} }) },
      limits: { queueMessages: 8 },
    });
    const { peer } = await join(server, wire, KEEPS);
    await subscribed(peer, "log");
    peer.socket.bufferedAmount = 1e9;
    for (const i of range(1, 100)) server.publish("log", i);
    assert(peer.received.length < 20);
    peer.socket.bufferedAmount = 0;
    const seen: unknown[] = [];
    while (seen.length < 200) {
      const message = await peer.next();
      if (message.type === "publication") seen.push(message.kept?.offset, message.result);
    }
    assertEquals(seen, range(1, 100).flatMap((i) => [i, i]));
  });

  Deno.test(`a reader that is slower than the history is long is told of each gap (${wire})`, async () => {
    await using server = createServer({
      topics: { log: topic<number>({ history: { count: 10 } }) },
      limits: { queueMessages: 8 },
    });
    const { peer } = await join(server, wire, KEEPS);
    await subscribed(peer, "log");
    let at = 0;
    let gaps = 0;
    let last = 0;
    for (const _ of range(1, 3)) {
      peer.socket.bufferedAmount = 1e9;
      for (let i = 0; i < 100; i++) server.publish("log", ++last);
      peer.socket.bufferedAmount = 0;
      while (at < last) {
        const message = await peer.next();
        if (message.type === "publication") {
          assertEquals([message.kept?.offset, message.result], [at + 1, at + 1]);
          at++;
        } else if (message.type === "request" && message.method === "wslink.history") {
          const place = Object(message.args[1]);
          if (place.gap === undefined) continue;
          assertEquals(place.gap.offset, at);
          at = place.offset;
          gaps++;
        }
      }
    }
    assertEquals(gaps, 3);
    assert((server.stats().topics.find((each) => each.topic === "log")?.dropped ?? 0) > 200);
  });

  Deno.test(`clients without histories get what is published as ever (${wire})`, async () => {
    await using server = createServer({ topics: { log: topic<number>({ history: {} }) } });
    const { peer: plain } = await join(server, wire);
    const { peer: subscriber } = await join(server, wire, announce(["subscribe"]));
    const { peer } = await join(server, wire, KEEPS);
    assertEquals(await subscribed(subscriber, "log"), { sid: 1, selection: 0 });
    assertEquals(await subscribed(peer, "log"), { sid: 2, selection: 0, history: true });
    server.publish("log", 7);
    const publication: Message = { type: "publication", topic: "log", result: 7 };
    assertEquals(await plain.next(), publication);
    assertEquals(await subscriber.next(), publication);
    assertEquals((await peer.next()).type, "request");
    assertEquals(await peer.next(), { ...publication, kept: { log: 1, offset: 1 } });
  });

  Deno.test(`what has been published is kept as it was, and for whom (${wire})`, async () => {
    const scene = topic({
      history: {},
      select: (parts: Float32Array[], at: number) => parts[at],
    });
    await using server = createServer({ topics: { scene, log: topic({ history: {} }) } });
    const { session } = await pair(server, { wire });
    const buffer = new Float32Array([1, 2]);
    server.publish("scene", [buffer]);
    server.publish("log", buffer);
    buffer.fill(9);
    server.publish("log", "for another", { except: session.clientId });
    server.publish("log", "for one", { to: session.clientId });
    server.publish("log", "end");
    const parts = collector();
    const all = collector();
    await session.subscribe("log", all.take, { last: 9 }).ready;
    await session.subscribe("scene", (value) => parts.take([...value]), { last: 1, filter: 0 })
      .ready;
    await all.until("end");
    const bytes = new Uint8Array(new Float32Array([1, 2]).buffer);
    while (parts.got.length === 0) await session.presence().catch(() => {});
    assertEquals(all.got, [bytes, "end"]);
    assertEquals(parts.got, [[...bytes]]);
    await session.close();
  });

  Deno.test(`a reader learns of a gap between the values that it is between (${wire})`, async () => {
    await using server = createServer({
      topics: { log: topic<number>({ history: { count: 2 } }) },
    });
    const { session, cut } = await pair(server, { wire, reconnect });
    const told: unknown[] = [];
    const values = session.subscribe("log", { onGap: (gap) => told.push(offsetsOf(gap)) });
    await values.ready;
    server.publish("log", 1);
    server.publish("log", 2);
    await session.subscribe("fence").ready;
    const again = openAgain(session);
    cut();
    for (const i of range(3, 9)) server.publish("log", i);
    await again;
    for await (const value of values) {
      told.push(value);
      if (value === 9) break;
    }
    assertEquals(told, [1, 2, [2, 7], 8, 9]);
    await session.close();
  });

  Deno.test(`a gap that nobody asked for is an error, not silence (${wire})`, async () => {
    await using server = createServer({
      topics: { log: topic<number>({ history: { count: 1 } }) },
    });
    const errors: unknown[] = [];
    const { session, cut } = await pair(server, {
      wire,
      reconnect,
      onError: (error) => errors.push(error),
    });
    const { take, until } = collector();
    await session.subscribe("log", take).ready;
    const again = openAgain(session);
    cut();
    server.publish("log", 1);
    server.publish("log", 2);
    await again;
    await until(2);
    const [error] = errors;
    assert(error instanceof GapError && errors.length === 1);
    assertEquals([error.code, offsetsOf(error.gap)], ["gap", [0, 1]]);
    await session.close();
  });

  Deno.test(`more is missed than a reader's buffer holds, and all of it comes (${wire})`, async () => {
    await using server = createServer({ topics: { log: topic<number>({ history: {} }) } });
    const { session, cut } = await pair(server, { wire, reconnect });
    const values = session.subscribe("log");
    await values.ready;
    const again = openAgain(session);
    cut();
    for (const i of range(1, 500)) server.publish("log", i);
    await again;
    const got: number[] = [];
    for await (const value of values) {
      got.push(value);
      if (value === 500) break;
    }
    assertEquals(got, range(1, 500));
    await session.close();
  });

  Deno.test(`cuts at any moment, and each publication comes once and in order (${wire})`, async () => {
    await using server = createServer({
      topics: { log: topic<number>({ history: {} }), "view.*": topic<number>({ history: {} }) },
    });
    const { session, cut } = await pair(server, { wire, reconnect });
    const log = collector();
    const views = collector();
    await session.subscribe("log", log.take).ready;
    await session.subscribe("view.>", views.take).ready;
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
    let last = 0;
    const publish = () => {
      server.publish("log", ++last);
      server.publish(`view.${last % 3}`, last);
    };
    for (let round = 0; round < 60; round++) {
      const again = openAgain(session);
      for (let i = random(4); i > 0; i--) publish();
      for (let i = random(6); i > 0; i--) await Promise.resolve();
      cut();
      for (let i = random(3); i > 0; i--) publish();
      // Sometimes the next cut comes while what was missed is asked for.
      await again;
      for (let i = random(30); i > 0; i--) await Promise.resolve();
    }
    publish();
    await Promise.all([log.until(last), views.until(last)]);
    assertEquals(log.got, range(1, last));
    assertEquals(views.got, range(1, last));
    await session.close();
  });
}

Deno.test("a history is bounded by count, bytes and age", async () => {
  using time = new FakeTime();
  await using server = createServer({
    topics: {
      count: topic<number>({ history: { count: 2 } }),
      // 256 for each, and a frame of some 60 bytes.
      bytes: topic<Uint8Array>({ history: { bytes: 3000 } }),
      age: topic<number>({ history: { age: 1000 } }),
    },
  });
  const { peer } = await join(server, "msgpack", KEEPS);
  const kept = async (name: string) => {
    await subscribed(peer, name, { last: 100 });
    await time.settle();
    const messages = peer.received.splice(0);
    return messages.flatMap((message) => message.type === "publication" ? [message.result] : []);
  };
  for (const i of range(1, 4)) server.publish("count", i);
  for (const i of range(1, 4)) server.publish("bytes", new Uint8Array(1000).fill(i));
  server.publish("age", 1);
  await time.advance(600);
  server.publish("age", 2);
  await time.advance(600);
  assertEquals(await kept("count"), [3, 4]);
  assertEquals((await kept("bytes")).map((value) => Reflect.get(Object(value), 0)), [3, 4]);
  assertEquals(await kept("age"), [2]);
  server.publish("bytes", new Uint8Array(4000));
  peer.received.length = 0;
  assertEquals(await kept("bytes"), []);
});

Deno.test("publications of the policy latest skip what is old, in order and without a gap", async () => {
  await using server = createServer({
    topics: {
      state: topic<[string, number]>({ history: {}, policy: "latest", key: ([key]) => key }),
    },
  });
  const { peer } = await join(server, "msgpack", KEEPS);
  await subscribed(peer, "state");
  await peer.next();
  peer.socket.bufferedAmount = 1e9;
  for (const i of range(1, 10)) server.publish("state", [i % 2 ? "a" : "b", i]);
  server.publish("state", ["a", 11]);
  peer.socket.bufferedAmount = 0;
  const got = [await peer.next(), await peer.next()];
  assertEquals(
    got.map((message) => message.type === "publication" && [message.kept?.offset, message.result]),
    [[10, ["b", 10]], [11, ["a", 11]]],
  );
});

Deno.test("what is published while a publication goes out comes behind it", async () => {
  await using server = createServer({
    topics: { log: topic<string>({ history: {} }) },
    limits: { queueMessages: 4 },
    onDisconnect: () => void server.publish("log", "left"),
  });
  const { peer: slow } = await join(server, "msgpack", KEEPS);
  const { peer } = await join(server, "msgpack", KEEPS);
  await subscribed(slow, "log");
  await subscribed(peer, "log");
  await peer.next();
  slow.socket.bufferedAmount = 1e9;
  // The slow one is closed in the middle of a publication that the other has yet to get.
  for (const i of range(1, 8)) server.publish("log", String(i), { policy: "close" });
  const got: unknown[] = [];
  for (const i of range(1, 9)) {
    const message = await peer.next();
    assertEquals(message.type === "publication" && message.kept?.offset, i);
    if (message.type === "publication") got.push(message.result);
  }
  assert(got.includes("left"));
});

for (
  const [what, history] of Object.entries({
    count: { count: 0 },
    bytes: { bytes: -1 },
    age: { age: NaN },
  })
) {
  Deno.test(`a history's ${what} has to be over 0`, () => {
    assertThrows(
      () => createServer({ topics: { log: topic({ history }) } }),
      RangeError,
      `The topic "log" has a history whose ${what} is not over 0`,
    );
  });
}

Deno.test("what is no place and no number is refused", async () => {
  await using server = createServer({ topics: { log: topic({ history: {} }) } });
  const { peer } = await join(server, "msgpack", KEEPS);
  for (
    const kwargs of [{ last: -1 }, { last: "all" }, { since: [] }, {
      since: { log: { offset: 1 } },
    }]
  ) {
    for (const [method, arg] of [["wslink.subscribe", "log"], ["wslink.recover", 1]] as const) {
      peer.request(method, [arg], kwargs, "system:c0:9");
      const answer = await peer.next();
      assertEquals(answer.type === "error" && answer.error.code, -32602);
    }
  }
  const { session } = await pair(server);
  assertThrows(() => session.subscribe("log", { last: -1 }), RangeError, "last must be");
  await session.close();
});
