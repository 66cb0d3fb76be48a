import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect, RpcError, type Session } from "@hawser/hawser/client";
import { serve } from "@hawser/hawser/server";
import { CHANNEL, createChatServer } from "../../examples/chat/server.ts";
import { DrivenTimers, testOnBothWires, testProcess } from "./_example.ts";

function create() {
  return createChatServer({ onError() {} });
}

/** Reads the channel, sentence by sentence. */
async function listen(session: Session): Promise<() => Promise<unknown>> {
  const subscription = session.subscribe(CHANNEL);
  await subscription.ready;
  const sentences = subscription[Symbol.asyncIterator]();
  return async () => (await sentences.next()).value;
}

testOnBothWires(
  "what one says is answered, and heard by everyone",
  create,
  async (session, url) => {
    await using other = await connect(url, { wire: "json" });
    const heard = [await listen(session), await listen(other)];
    const answer = "py server: Ahoy, 世界";
    assertEquals(await session.call("wslink.say.hello", ["Ahoy, 世界"]), answer);
    for (const next of heard) assertEquals(await next(), answer);

    const kwargs = { message: "by name" };
    assertEquals(await other.call("wslink.say.hello", [], { kwargs }), "py server: by name");
    for (const next of heard) assertEquals(await next(), "py server: by name");
  },
);

testOnBothWires("saying nothing raises a TypeError", create, async (session) => {
  const error = await assertRejects(() => session.call("wslink.say.hello"), RpcError);
  assertEquals(error.code, -32001);
});

for (const wire of ["msgpack", "json"] as const) {
  Deno.test(`the server talks every 5 s, from its start until it is told to stop (${wire})`, async () => {
    using timers = new DrivenTimers(5_000);
    await using listening = await serve(create(), { port: 0 });
    await using session = await connect(listening.webSocketUrl, { wire });
    const heard = await listen(session);

    // Its first sentence was said to nobody.
    for (const sentence of ["Mine is wslink.py", "Nice to meet you", "What's your name?"]) {
      await timers.fire();
      assertEquals(await heard(), sentence);
    }
    assertEquals(await session.call("wslink.stop.talking"), null);
    assertEquals(timers.waiting, 0);

    // It starts over, with a sentence at once.
    assertEquals(await session.call("wslink.start.talking"), null);
    assertEquals(await heard(), "What's your name?");
    await timers.fire();
    assertEquals(await heard(), "Mine is wslink.py");

    assertEquals(await session.call("wslink.start.talking"), null);
    assertEquals(await heard(), "Nice to meet you");
    assertEquals(timers.waiting, 1);
  });
}

Deno.test("closing the server ends its talk", async () => {
  using timers = new DrivenTimers(5_000);
  const server = create();
  assertEquals(timers.waiting, 1);
  await server.close();
  await server.closed;
  assertEquals(timers.waiting, 0);
});

testProcess("examples/chat/main.ts", async (session, url) => {
  assertEquals(await session.call("wslink.say.hello", ["hi"]), "py server: hi");
  assertStringIncludes(await (await fetch(url)).text(), "chat example");
});
