import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ErrorCode, RpcError } from "@hawser/hawser/client";
import { createServer, procedure, topic } from "@hawser/hawser/server";
import { defer } from "../../protocol/deferred.ts";
import { WIRES } from "../_peer.ts";
import { pair } from "./_pair.ts";

async function take(values: AsyncIterable<unknown>, count: number): Promise<unknown[]> {
  const taken: unknown[] = [];
  for await (const value of values) if (taken.push(value) === count) break;
  return taken;
}

for (const wire of WIRES) {
  Deno.test(`middleware is around publications wherever they come from, outside in (${wire})`, async () => {
    const log: string[] = [];
    await using server = createServer({
      procedures: {
        "say": procedure((call, text: string) => call.server.publish("said", text)),
      },
      topics: {
        ticks: topic<string>({ onFirstSubscriber: ({ publish }) => void publish("tick") }),
      },
    });
    for (const name of ["outer", "inner"]) {
      server.use("publications", (publication, next) => {
        log.push(`${name} ${publication.topic} ${publication.value}`);
        publication.value = `${publication.value}, ${name}`;
        const receivers = next();
        log.push(`${name} ${receivers}`);
        return receivers;
      });
    }
    const { session } = await pair(server, { wire });
    const said = session.subscribe("said");
    await said.ready;
    assertEquals(server.publish("said", "one"), 1);
    assertEquals(await session.call("say", ["two"]), 1);
    assertEquals(await take(said, 2), ["one, outer, inner", "two, outer, inner"]);
    assertEquals(log.slice(0, 4), [
      "outer said one",
      "inner said one, outer",
      "inner 1",
      "outer 1",
    ]);
    assertEquals(await take(session.subscribe("ticks"), 1), ["tick, outer, inner"]);
    await session.close();
  });

  Deno.test(`a subscription is refused by middleware, and made once (${wire})`, async () => {
    const reported = defer<unknown>();
    await using server = createServer({
      onError: reported.resolve,
      topics: { guarded: topic({ authorize: () => false }) },
    });
    const seen: unknown[] = [];
    server.use("subscriptions", async ({ client, topic, filter }, next) => {
      seen.push([client.id === session.clientId, topic, filter]);
      if (topic === "early") throw new RpcError(403, "No");
      if (topic === "silent") return;
      const first = next();
      // A second one changes nothing.
      await Promise.all([first, next()]);
      if (topic === "late") throw new Error("after the answer");
    });
    const { session } = await pair(server, { wire });
    for (const name of ["early", "silent", "guarded"]) {
      const error = await assertRejects(
        () => session.subscribe<unknown, string>(name).ready,
        RpcError,
      );
      assertEquals(error.code, name === "early" ? 403 : ErrorCode.forbidden);
    }
    const news = session.subscribe("news");
    await news.ready;
    await session.subscribe("late").ready;
    assertEquals(server.publish("news", 1), 1);
    assertEquals(server.publish("late", 1), 1);
    assertEquals(server.publish("silent", 1), 0);
    assertEquals(seen.at(-1), [true, "late", undefined]);
    assertEquals(String(await reported.promise), "Error: after the answer");
    // One wire subscription: one unsubscribe ends it.
    await news.unsubscribe();
    assertEquals(server.publish("news", 1), 0);
    await session.close();
  });
}

Deno.test("middleware around a publication that waits may wait, around another it may not", async () => {
  await using server = createServer();
  const gate = defer<void>();
  server.use("publications", async (_publication, next) => {
    await gate.promise;
    return await next();
  });
  assertThrows(() => server.publish("news", 1), TypeError, "returns a number");
  const published = server.publish("news", 1, { policy: "wait" });
  gate.resolve();
  assertEquals(await published, 0);
});

Deno.test("what middleware throws is thrown by publish(), and what it keeps is not published", async () => {
  await using server = createServer();
  server.use("publications", ({ topic }, next) => {
    if (topic === "bad") throw new RangeError("no");
    return topic === "kept" ? 0 : next();
  });
  const { session } = await pair(server);
  const all = session.subscribe(">");
  await all.ready;
  assertThrows(() => server.publish("bad", 1), RangeError);
  await assertRejects(() => server.publish("bad", 1, { policy: "wait" }), RangeError);
  assertEquals([server.publish("kept", 1), server.publish("news", 2)], [0, 1]);
  assertEquals(await take(all, 1), [2]);
  await session.close();
});
