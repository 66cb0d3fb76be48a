import { assert, assertEquals } from "@std/assert";
import type { Gap, Session } from "@hawser/hawser/client";
import { createServer, topic } from "@hawser/hawser/server";
import { defer } from "../../protocol/deferred.ts";
import { WIRES } from "../_peer.ts";
import { pair } from "./_pair.ts";

/** Comes back at once: what is tested is not the delay. */
const reconnect = { initialDelay: 0 };

/** Resolves when the session is open again after a break, with whether it goes on. */
async function openAgain(session: Session): Promise<boolean> {
  let broken = false;
  for await (const status of session.statuses()) {
    if (status.state === "waiting") broken = true;
    if (status.state === "closed") throw status.error;
    if (broken && status.state === "open") return status.resumed;
  }
  throw new Error("the session ended");
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
    let current = first;
    const { session, cut } = await pair(
      {
        accept: (...args: Parameters<typeof first.accept>) => current.accept(...args),
      } as typeof first,
      { wire, reconnect },
    );
    const { got, take, until } = collector();
    const gaps: Gap[] = [];
    await session.subscribe("log", take, { onGap: (gap) => gaps.push(gap) }).ready;
    first.publish("log", "old 1");
    first.publish("log", "old 2");
    await until("old 2");
    second.publish("log", "new 1");
    current = second;
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
}
