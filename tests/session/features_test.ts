/** What docs/features.md says becomes of each feature with a peer that has no extensions. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConnectionClosedError, type Session } from "@hawser/hawser/client";
import type { Message } from "@hawser/hawser/protocol";
import { createServer, procedure, type Server, topic } from "@hawser/hawser/server";
import { z } from "zod";
import { FakeTime } from "../_fake_time.ts";
import { join, type LocalPeer, WIRES } from "../_peer.ts";
import { pair } from "./_pair.ts";

function makeServer(log: string[] = []): Server {
  const server = createServer({
    presence: true,
    topics: {
      scene: topic({
        select: (scene: readonly string[], at: number) => scene[at],
        onFirstSubscriber: () => void log.push("first"),
        onLastUnsubscriber: () => void log.push("last"),
      }),
    },
    procedures: {
      "test.add": procedure({ args: [z.number(), z.number()] }, (_call, a, b) => a + b),
      "test.deny": procedure({ authorize: () => false }, () => 1),
      "test.declared": procedure(
        { errors: { "test/too-large": z.object({ cells: z.number() }) } },
        (call) => {
          throw call.error("test/too-large", { cells: 2 }, "Too large");
        },
      ),
      "test.progress": procedure((call) => {
        call.progress(1);
        return [call.traceparent ?? null, call.signal.aborted];
      }),
    },
  });
  server.use((call, next) => (log.push(`around ${call.method}`), next()));
  return server;
}

/** What a client does that says nothing of extensions, as wslink's, and what it gets. */
const CLIENTS: Record<string, (peer: LocalPeer, server: Server, log: string[]) => Promise<void>> = {
  "bad arguments are refused with -32602 and their places": async (peer) => {
    const { code, data } = errorOf(await peer.call("test.add", [1, "2"]));
    assertEquals(code, -32602);
    assert(JSON.stringify(data).includes('"path":["args",1]'), JSON.stringify(data));
  },
  "a declared error is its code, message and data": async (peer) => {
    const { code, message, data } = errorOf(await peer.call("test.declared"));
    assertEquals([code, message, data], [-32006, "Too large", { cells: 2 }]);
  },
  "a call that is not allowed is refused with -32005": async (peer) => {
    assertEquals(errorOf(await peer.call("test.deny")).code, -32005);
  },
  "no progress is sent, and a procedure sees no traceparent": async (peer) => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    // Not even to one that asks without having agreed on it.
    for (const meta of [undefined, { progress: true, timeout: 1000, traceparent }]) {
      const request = { type: "request", id: "rpc:c0:99", method: "test.progress" } as const;
      peer.send({ ...request, args: [], kwargs: {}, ...meta && { meta } });
      const answer = await peer.next();
      assertEquals(answer.type === "result" && answer.result, [null, false]);
    }
  },
  "middleware runs around its calls": async (peer, _server, log) => {
    await peer.call("test.add", [1, 2]);
    assertEquals(log.at(-1), "around test.add");
  },
  "what an extension would ask is refused with -32601": async (peer) => {
    for (const word of ["subscribe", "recover", "presence", "data", "describe", "ping"]) {
      const id = `system:c0:${word}`;
      peer.request(`wslink.${word}`, ["scene"], {}, id);
      const answer = await peer.next();
      assertEquals(errorOf(answer).code, -32601, word);
    }
  },
  "a topic with filters comes whole": async (peer, server) => {
    assertEquals(server.publish("scene", ["front", "side"]), 1);
    const publication: Message = {
      type: "publication",
      topic: "scene",
      result: ["front", "side"],
    };
    assertEquals(await peer.next(), publication);
  },
  "a producer runs while it is there": async (peer, _server, log) => {
    assertEquals(log, ["first"]);
    peer.leave();
    await Promise.resolve();
    assertEquals(log, ["first", "last"]);
  },
  "its session ends with its socket": async (peer, server) => {
    assertEquals(server.clients.size, 1);
    peer.leave();
    await Promise.resolve();
    assertEquals(server.clients.size, 0);
  },
};

function errorOf(answer: Message) {
  assert(answer.type === "error", JSON.stringify(answer));
  return answer.error;
}

for (const wire of WIRES) {
  for (const [name, run] of Object.entries(CLIENTS)) {
    Deno.test(`a client without extensions: ${name} (${wire})`, async () => {
      const log: string[] = [];
      await using server = makeServer(log);
      const { peer } = await join(server, wire);
      await run(peer, server, log);
      peer.leave();
    });
  }

  Deno.test(`a client without extensions: it is closed with 4010 when its identity expires (${wire})`, async () => {
    using time = new FakeTime();
    const server = createServer({
      authenticate: () => ({ identity: "ada", expires: Date.now() + 1000 }),
    });
    const joining = join(server, wire);
    await time.settle();
    const { peer } = await joining;
    await time.advance(1000);
    assertEquals((await peer.closed).code, 4010);
    await server.close();
  });

  Deno.test(`a server without extensions: a safe call is made at most once (${wire})`, async () => {
    let runs = 0;
    await using server = createServer({
      extensions: false,
      procedures: { "test.wait": () => (runs++, new Promise(() => {})), "test.one": () => 1 },
    });
    const made = await pair(server, { wire, reconnect: { initialDelay: 1 } });
    const session: Session = made.session;
    const statuses = session.statuses();
    await statuses.next();
    const call = session.call("test.wait", [], { retry: "safe", key: "k" });
    await session.call("test.one");
    made.cut();
    const error = await assertRejects(() => call, ConnectionClosedError);
    assertEquals(error.sent, true);
    for await (const { state } of statuses) if (state === "open") break;
    assertEquals([await session.call("test.one"), runs], [1, 1]);
    await session.close();
  });

  Deno.test(`a server without extensions: the outbox waits for the next session (${wire})`, async () => {
    await using server = createServer({
      extensions: false,
      procedures: { "test.one": () => 1 },
    });
    const made = await pair(server, { wire, outbox: 1, reconnect: { initialDelay: 1 } });
    const session: Session = made.session;
    const statuses = session.statuses();
    made.cut();
    for await (const { state } of statuses) if (state === "waiting") break;
    assertEquals(await session.call("test.one"), 1);
    await session.close();
  });

  Deno.test(`a server without extensions: a client's middleware runs (${wire})`, async () => {
    await using server = createServer({
      extensions: false,
      procedures: { "test.one": () => 1 },
    });
    const seen: string[] = [];
    const { session } = await pair(server, {
      wire,
      middleware: [(call, next) => (seen.push(call.method), next())],
    });
    assertEquals([await session.call("test.one"), seen], [1, ["test.one"]]);
    await session.close();
  });

  Deno.test(`a server without extensions: session.api makes plain calls (${wire})`, async () => {
    await using server = createServer({
      extensions: false,
      procedures: { "test.one": () => 1 },
    });
    const { session } = await pair(server, { wire });
    assertEquals(await session.api.test.one(), 1);
    await session.close();
  });
}
