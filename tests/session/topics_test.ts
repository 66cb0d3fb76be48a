import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { ConnectionClosedError, RpcError, type Session } from "@hawser/hawser/client";
import { type Client, createServer, type Producing, topic } from "@hawser/hawser/server";
import { announce, type Frame, type Message } from "@hawser/hawser/protocol";
import { defer } from "../../protocol/deferred.ts";
import { FakeTime } from "../_fake_time.ts";
import { join, type LocalPeer, WIRES } from "../_peer.ts";
import { pair } from "./_pair.ts";

/** A hello's offer of a client that subscribes. */
const SUBSCRIBES = announce(["subscribe"]);

/** Resolves when a session is open again. */
async function reopened(session: Session<unknown>): Promise<void> {
  let broken = false;
  for await (const { state } of session.statuses()) {
    if (state !== "open") broken = true;
    else if (broken) return;
  }
}

/** A raw client that subscribes, and the answer. */
async function subscribed(
  peer: LocalPeer,
  name: string,
  kwargs: Record<string, unknown> = {},
): Promise<{ sid: unknown; selection: unknown }> {
  const id = peer.request("wslink.subscribe", [name], kwargs, `system:c0:${nextId++}`);
  const answer = await peer.next();
  if (answer.type !== "result" || answer.id !== id) throw new Error(JSON.stringify(answer));
  const result = Object(answer.result);
  return { sid: Reflect.get(result, "sid"), selection: Reflect.get(result, "selection") };
}
let nextId = 1;

/** How many of these frames' messages are such requests, however they are put into frames. */
function requestsIn(frames: readonly Frame[], method: string): number {
  const text = frames.map((frame) =>
    typeof frame === "string" ? frame : new TextDecoder("latin1").decode(frame)
  );
  return text.join("\n").split(method).length - 1;
}

/** The distinct frames that these clients got since `from`, told apart as objects. */
function distinctFrames(peers: readonly LocalPeer[], from: readonly number[]): Set<Frame> {
  return new Set(peers.flatMap(({ socket }, i) => socket.frames.slice(from[i])));
}

for (const wire of WIRES) {
  Deno.test(`a client gets what it subscribed to, and nothing is sent otherwise (${wire})`, async () => {
    await using server = createServer();
    const { session } = await pair(server, { wire });
    assertEquals(server.publish("image", 0), 0);
    const images = session.subscribe<number>("image");
    await images.ready;
    assertEquals(server.publish("other.topic", 1), 0);
    assertEquals(server.publish("image", 2), 1);
    const iterator = images[Symbol.asyncIterator]();
    assertEquals(await iterator.next(), { done: false, value: 2 });
    await images.unsubscribe();
    assertEquals(server.publish("image", 3), 0);
    assertEquals(server.listeners("image"), []);
    await session.close();
  });

  for (const resumeWindow of [0, 30_000]) {
    const how = resumeWindow === 0 ? "a new session" : "the session that goes on";
    Deno.test(`after a cut subscriptions go on, over ${how} (${wire})`, async () => {
      const scene = topic({ select: (values: number[], at: number) => values[at] });
      await using server = createServer({ topics: { scene }, resumeWindow });
      const { session, cut, frames } = await pair(server, { wire, reconnect: { initialDelay: 0 } });
      const got: unknown[] = [];
      const arrived = defer<void>();
      session.subscribe("plain", (value) => void got.push(value));
      await session.subscribe("scene", (value) => {
        got.push(value);
        if (value === 40) arrived.resolve();
      }, { filter: 1 }).ready;
      assertEquals(server.publish("scene", [1, 2]), 1);
      await session.subscribe("fence").ready;
      const open = reopened(session);
      const before = frames.length;
      cut();
      await open;
      // Answered behind both subscriptions, which went ahead of it.
      const last = session.subscribe("last");
      await last.ready;
      const again = requestsIn(frames.slice(before), "wslink.subscribe");
      assertEquals(again, resumeWindow === 0 ? 4 : 1);
      assertEquals(server.publish("plain", "again"), 1);
      assertEquals(server.publish("scene", [30, 40]), 1);
      await arrived.promise;
      assertEquals(got, [2, "again", 40]);
      await session.close();
    });
  }

  Deno.test(`a filter's subscribers get the part that it selects, encoded once for all (${wire})`, async () => {
    let selected = 0;
    let read = 0;
    const part = (view: number) => ({
      get view() {
        read++;
        return view;
      },
      blob: new Uint8Array([view]),
    });
    const scene = topic({
      select(parts: ReturnType<typeof part>[], filter: { view: number }) {
        selected++;
        return parts[filter.view];
      },
    });
    await using server = createServer({ topics: { scene } });
    const peers = await Promise.all(
      Array.from({ length: 50 }, async () => (await join(server, wire, SUBSCRIBES)).peer),
    );
    const numbers = new Set<unknown>();
    for (const [i, peer] of peers.entries()) {
      const { selection } = await subscribed(peer, "scene", { filter: { view: i % 5 } });
      numbers.add(selection);
    }
    assertEquals(numbers.size, 5);
    assert(!numbers.has(0));
    const before = peers.map(({ socket }) => socket.frames.length);
    assertEquals(server.publish("scene", Array.from({ length: 5 }, (_, view) => part(view))), 50);
    assertEquals([selected, read], [5, 5]);
    // On the 1.x wire a message with binary is three frames.
    assertEquals(
      distinctFrames(peers, before).size,
      wire === "json" ? 15 : 5,
    );
    for (const [i, peer] of peers.entries()) {
      const message = await peer.next();
      assertEquals(
        message.type === "publication" && message.result,
        { view: i % 5, blob: new Uint8Array([i % 5]) },
      );
    }
  });

  Deno.test(`one client's subscriptions share what is sent (${wire})`, async () => {
    const scene = topic({ select: (values: number[], at: number) => values[at] });
    await using server = createServer({ topics: { scene } });
    const { session, frames } = await pair(server, { wire });
    const got: unknown[][] = [[], [], [], []];
    const put = (i: number) => (value: unknown) => void got[i]?.push(value);
    const before = frames.length;
    const all = [
      session.subscribe("scene", put(0)),
      session.subscribe("scene", put(1)),
      session.subscribe("scene", put(2), { filter: 0 }),
      session.subscribe("scene", put(3), { filter: 0 }),
    ];
    await Promise.all(all.map(({ ready }) => ready));
    assertEquals(requestsIn(frames.slice(before), "wslink.subscribe"), 2);
    assertEquals(server.publish("scene", [7]), 1);
    const answered = session.subscribe("other");
    await answered.ready;
    assertEquals(got, [[[7]], [[7]], [7], [7]]);
    await all[0]?.unsubscribe();
    await all[2]?.unsubscribe();
    assertEquals(server.publish("scene", [8]), 1);
    await session.subscribe("behind").ready;
    await Promise.all([all[1]?.unsubscribe(), all[3]?.unsubscribe()]);
    assertEquals(server.publish("scene", [9]), 0);
    assertEquals(got, [[[7]], [[7], [8]], [7], [7, 8]]);
    await session.close();
  });

  Deno.test(`patterns cover topics, and a client gets each publication once (${wire})`, async () => {
    await using server = createServer();
    const { session } = await pair(server, { wire });
    const got: string[] = [];
    const subscriptions = ["view.*.image", "view.>", "view.1.image"].map((pattern) =>
      session.subscribe<number>(
        pattern,
        (value, topic) => void got.push(`${pattern} ${topic} ${value}`),
      )
    );
    await Promise.all(subscriptions.map(({ ready }) => ready));
    assertEquals(server.publish("view.1.image", 1), 1);
    assertEquals(server.publish("view.2.image", 2), 1);
    assertEquals(server.publish("view.2.image.small", 3), 1);
    assertEquals(server.publish("view", 4), 0);
    await session.subscribe("behind").ready;
    assertEquals(got, [
      "view.1.image view.1.image 1",
      "view.*.image view.1.image 1",
      "view.> view.1.image 1",
      "view.*.image view.2.image 2",
      "view.> view.2.image 2",
      "view.> view.2.image.small 3",
    ]);
    await session.close();
  });

  Deno.test(`a pattern's topics are read with its values (${wire})`, async () => {
    await using server = createServer();
    const { session } = await pair(server, { wire });
    const subscription = session.subscribe<number>("view.>");
    await subscription.ready;
    server.publish("view.1", 10);
    server.publish("view.2", 20);
    const entries: unknown[] = [];
    for await (const entry of subscription.entries()) if (entries.push(entry) === 2) break;
    assertEquals(entries, [["view.1", 10], ["view.2", 20]]);
    await session.close();
  });

  Deno.test(`what may not be subscribed to is refused, to iterator, callback and ready (${wire})`, async () => {
    const allowed = new Set<string>();
    const secret = topic({ authorize: (client) => Promise.resolve(allowed.has(client.id)) });
    await using server = createServer({ topics: { "view.secret": secret } });
    const errors: unknown[] = [];
    const { session } = await pair(server, { wire, onError: (error) => void errors.push(error) });
    for (const name of ["view.secret", "view.*", ">"]) {
      const subscription = session.subscribe<unknown, string>(name);
      const error = await assertRejects(() => subscription.ready, RpcError, "Not allowed");
      assertEquals(error.code, -32005);
      await assertRejects(() => subscription[Symbol.asyncIterator]().next(), RpcError);
    }
    assertEquals(errors, []);
    await assertRejects(() => session.subscribe("view.secret", () => {}).ready, RpcError);
    assertEquals(errors.length, 1);
    allowed.add(session.clientId);
    await session.subscribe("view.secret").ready;
    assertEquals(server.publish("view.secret", 1), 1);
    await session.close();
  });

  Deno.test(`a revoked subscription ends with a reason (${wire})`, async () => {
    await using server = createServer();
    const { session } = await pair(server, { wire });
    const other = await pair(server, { wire });
    const images = session.subscribe("camera.1");
    const kept = session.subscribe("image");
    const others = other.session.subscribe("camera.1");
    await Promise.all([images.ready, kept.ready, others.ready]);
    const options = {
      topic: "camera.>",
      client: session.clientId,
      message: "It is off",
      data: { until: 7 },
    };
    assertEquals(server.revoke(options), 1);
    assertEquals(server.publish("camera.1", 1), 1);
    const error = await assertRejects(
      () => images[Symbol.asyncIterator]().next(),
      RpcError,
      "It is off",
    );
    assertEquals([error.code, error.data], [-32005, { until: 7 }]);
    assertEquals(server.publish("image", 1), 1);
    // It may subscribe again, since nothing is in its way.
    await session.subscribe("camera.1").ready;
    assertEquals(server.publish("camera.1", 2), 2);
    await session.close();
    await other.session.close();
  });
}

Deno.test("a client's every topic is known to the server, and none once it has gone", async () => {
  await using server = createServer();
  const { peer, id } = await join(server, "msgpack", SUBSCRIBES);
  await subscribed(peer, "image");
  await subscribed(peer, "view.>");
  assertEquals(server.listeners("image").map((client) => client.id), [id]);
  assertEquals(server.listeners("view.7").length, 1);
  peer.leave();
  assertEquals(server.listeners("image"), []);
  assertEquals(server.publish("view.7", 1), 0);
});

Deno.test("wslink's clients get every topic but those that opt out", async () => {
  await using server = createServer({
    topics: {
      inside: topic({ wslink: false }),
      guarded: topic({ authorize: () => true }),
      both: topic({ authorize: () => true, wslink: true }),
    },
  });
  const { peer } = await join(server);
  const { session } = await pair(server, { extensions: false });
  assertEquals(
    ["anything", "inside", "guarded", "both"].map((name) => server.publish(name, 1)),
    [2, 0, 0, 2],
  );
  assertEquals([await peer.next(), await peer.next()].map(topicOf), ["anything", "both"]);
  // It hears by its own pattern what is sent to it anyway, and filters are for those who know them.
  const values = session.subscribe("any*", () => {});
  await values.ready;
  const filtered = session.subscribe<unknown, string>("both", { filter: 1 });
  const error = await assertRejects(() => filtered.ready, RpcError, "no filters");
  assertEquals(error.code, -32602);
  await session.close();
});

function topicOf(message: Message): string {
  return message.type === "publication" ? message.topic : message.type;
}

Deno.test("a wslink client hears patterns that its own session matches", async () => {
  await using server = createServer();
  const { session } = await pair(server, { extensions: false });
  const got: unknown[] = [];
  const heard = defer<void>();
  session.subscribe("view.*.image", (value, topic) => {
    got.push([topic, value]);
    if (got.length === 2) heard.resolve();
  });
  server.publish("view.1.image", 1);
  server.publish("view.1.text", 2);
  server.publish("view.2.image", 3);
  await heard.promise;
  assertEquals(got, [["view.1.image", 1], ["view.2.image", 3]]);
  await session.close();
});

const REFUSED: [what: string, args: unknown[], kwargs: Record<string, unknown>, message: string][] =
  [
    ["no topic", [], {}, "A topic or a pattern is expected"],
    ["a topic that is none", ["a b"], {}, "A topic or a pattern is expected"],
    ["a > in the middle", ["a.>.b"], {}, "A topic or a pattern is expected"],
    ["a filter where none is taken", ["plain"], { filter: 1 }, "The topic takes no filter"],
    ["a filter of binary", ["scene"], { filter: new Uint8Array(1) }, "A filter is JSON"],
    ["a filter that is too long", ["scene"], { filter: "x".repeat(20_000) }, "16384 characters"],
    ["a presence topic without presence", ["wslink.presence"], {}, "Unknown topic"],
  ];

for (const [what, args, kwargs, message] of REFUSED) {
  Deno.test(`a subscription to ${what} is refused`, async () => {
    const scene = topic({ select: (value: number[], at: number) => value[at] });
    await using server = createServer({ topics: { scene } });
    const { peer } = await join(server, "msgpack", SUBSCRIBES);
    peer.request("wslink.subscribe", args, kwargs, "system:c0:7");
    const answer = await peer.next();
    assert(answer.type === "error", JSON.stringify(answer));
    assertEquals([answer.id, answer.error.code], ["system:c0:7", -32602]);
    assert(answer.error.message.includes(message), answer.error.message);
  });
}

Deno.test("who didn't agree on subscriptions can't make any", async () => {
  await using server = createServer();
  const { peer } = await join(server);
  peer.request("wslink.subscribe", ["image"], {}, "system:c0:1");
  const answer = await peer.next();
  assert(answer.type === "error");
  assertEquals([answer.error.code, answer.error.message], [-32601, "Unknown system method called"]);
});

Deno.test("a client may have as many subscriptions as its limit", async () => {
  await using server = createServer({ limits: { subscriptions: 2 } });
  const { session } = await pair(server);
  const [first] = [session.subscribe("a"), session.subscribe("b")];
  await first?.ready;
  const error = await assertRejects(
    () => session.subscribe("c").ready,
    RpcError,
    "Too many subscriptions",
  );
  assertEquals([error.code, error.data], [-32007, { limit: "subscriptions" }]);
  await first?.unsubscribe();
  await session.subscribe("c").ready;
  await session.close();
});

Deno.test("with strictTopics only what is defined is published and subscribed to", async () => {
  await using server = createServer({
    topics: { "view.*.image": topic<number>() },
    strictTopics: true,
  });
  const { session } = await pair(server);
  await session.subscribe("view.1.image").ready;
  assertEquals(server.publish("view.1.image", 1), 1);
  assertThrows(() => server.publish("image", 1), TypeError, `"image" is not defined`);
  const error = await assertRejects(
    () => session.subscribe("image").ready,
    RpcError,
    "Unknown topic",
  );
  assertEquals(error.code, -32602);
  await session.close();
});

Deno.test("a filter is checked by its schema, and select gets what the schema makes of it", async () => {
  const filters: unknown[] = [];
  const scene = topic({
    filter: numeric,
    select(value: number[], at: number) {
      filters.push(at);
      return value[at];
    },
  });
  await using server = createServer({ topics: { scene } });
  const { session } = await pair(server);
  const bad = session.subscribe<number, string>("scene" as string, { filter: "x" });
  const error = await assertRejects(() => bad.ready, RpcError, "Invalid arguments");
  assertEquals([error.code, error.data], [-32602, {
    issues: [{ path: ["kwargs", "filter"], message: "no number" }],
  }]);
  const good = session.subscribe("scene", { filter: "1" });
  await good.ready;
  server.publish("scene", [5, 6]);
  for await (const value of good) {
    assertEquals(value, 6);
    break;
  }
  assertEquals(filters, [1]);
  await session.close();
});

/** A schema that reads numbers from text. */
const numeric = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value: unknown) =>
      Number.isNaN(Number(value))
        ? { issues: [{ message: "no number" }] }
        : { value: Number(value) },
    types: undefined as { readonly input: string; readonly output: number } | undefined,
  },
} as const;

Deno.test("a filter that select can't work with ends its own subscriptions alone", async () => {
  const errors: unknown[] = [];
  const scene = topic({
    select(value: number[], at: number) {
      if (at < 0) throw new RangeError("no such place");
      return value[at];
    },
  });
  await using server = createServer({
    topics: { scene },
    onError: (error) => void errors.push(error),
  });
  const { session } = await pair(server);
  const good = session.subscribe("scene", { filter: 0 });
  const bad = session.subscribe("scene", { filter: -1 });
  await Promise.all([good.ready, bad.ready]);
  assertEquals(server.publish("scene", [1]), 1);
  const error = await assertRejects(() => bad[Symbol.asyncIterator]().next(), RpcError);
  assertEquals([error.code, error.message], [-32001, "The filter could not be applied"]);
  assertEquals(errors.map(String), ["RangeError: no such place"]);
  assertEquals(server.publish("scene", [2]), 1);
  await session.close();
});

Deno.test("filters are equal if they mean the same, in whatever order they are written", async () => {
  const scene = topic({ select: (value: number) => value });
  await using server = createServer({ topics: { scene } });
  const { peer } = await join(server, "msgpack", SUBSCRIBES);
  const first = await subscribed(peer, "scene", { filter: { a: 1, b: [{ c: null, d: "x" }] } });
  const same = await subscribed(peer, "scene", { filter: { b: [{ d: "x", c: null }], a: 1 } });
  const other = await subscribed(peer, "scene", { filter: { a: 1, b: [{ c: null, d: "y" }] } });
  assertEquals(first.selection, same.selection);
  assert(first.sid !== same.sid);
  assert(first.selection !== other.selection);
  assertEquals(server.publish("scene", 5), 1);
  assertEquals(
    [await peer.next(), await peer.next()].map((message) =>
      "selection" in message && message.selection
    ),
    [
      first.selection,
      other.selection,
    ],
  );
  assertEquals(peer.received, []);
});

Deno.test("a publication goes to those who listen and are meant", async () => {
  await using server = createServer();
  const a = await pair(server);
  const b = await pair(server);
  const got: unknown[] = [];
  await a.session.subscribe("t", (value) => void got.push(["a", value])).ready;
  await b.session.subscribe("t", (value) => void got.push(["b", value])).ready;
  assertEquals(server.publish("t", 1, { to: a.session.clientId }), 1);
  assertEquals(server.publish("t", 2, { except: a.session.clientId }), 1);
  assertEquals(server.publish("u", 3, { to: a.session.clientId }), 0);
  await Promise.all([a.session.subscribe("x").ready, b.session.subscribe("x").ready]);
  assertEquals(got, [["a", 1], ["b", 2]]);
  await a.session.close();
  await b.session.close();
});

Deno.test("the answer to a subscription comes before what it sets off", async () => {
  for (const authorize of [undefined, () => Promise.resolve(true)]) {
    const scene = topic<number, number>({
      ...(authorize ? { authorize } : {}),
      select: (value, filter) => value + filter,
      onFirstSubscriber: ({ publish }) => void publish(1),
    });
    await using server = createServer({ topics: { scene } });
    const { session } = await pair(server);
    for await (const value of session.subscribe("scene", { filter: 10 })) {
      assertEquals(value, 11);
      break;
    }
    await session.close();
  }
});

/** A topic that says what happens to its producer. */
function produced(grace: number) {
  const log: string[] = [];
  let producing: Producing | undefined;
  const definition = topic({
    grace,
    onFirstSubscriber(given) {
      producing = given;
      log.push("start");
    },
    onLastUnsubscriber: () => void log.push("stop"),
  });
  return { log, definition, signal: () => producing?.signal };
}

Deno.test("a producer runs from the first subscriber to the last, whoever vanishes", async () => {
  const { log, definition, signal } = produced(0);
  await using server = createServer({ topics: { "view.*": definition } });
  const { peer: first } = await join(server, "msgpack", SUBSCRIBES);
  assertEquals(log, []);
  const { sid } = await subscribed(first, "view.1");
  assertEquals(log, ["start"]);
  const { peer: second } = await join(server, "json", SUBSCRIBES);
  await subscribed(second, "view.2");
  await subscribed(second, ">");
  await subscribed(second, "other");
  assertEquals(log, ["start"]);
  first.request("wslink.unsubscribe", [sid], {}, "system:c0:9");
  assertEquals(await first.next(), { type: "result", id: "system:c0:9", result: true });
  first.request("wslink.unsubscribe", [sid], {}, "system:c0:9");
  assertEquals(await first.next(), { type: "result", id: "system:c0:9", result: false });
  assertEquals(log, ["start"]);
  assertEquals(signal()?.aborted, false);
  second.leave();
  assertEquals(log, ["start", "stop"]);
  assertEquals(signal()?.aborted, true);
  // A wslink client gets the topic, so it counts.
  const { peer: third } = await join(server);
  assertEquals(log, ["start", "stop", "start"]);
  third.leave();
  assertEquals(log, ["start", "stop", "start", "stop"]);
});

for (const wire of WIRES) {
  Deno.test(`with each, a producer runs for every topic of a pattern (${wire})`, async () => {
    const log: string[] = [];
    const running = new Map<string, Producing<string>>();
    await using server = createServer({
      topics: {
        "camera.*": topic<string>({
          each: true,
          onFirstSubscriber(producing) {
            log.push(`start ${producing.topic}`);
            running.set(producing.topic, producing);
          },
          onLastUnsubscriber: (topic) => void log.push(`stop ${topic}`),
        }),
      },
    });
    const { session, cut } = await pair(server, { wire, reconnect: false });
    const { session: other } = await pair(server, { wire });
    const one = session.subscribe("camera.1");
    const both = other.subscribe("camera.1");
    const two = other.subscribe("camera.2");
    const all = other.subscribe("camera.*");
    await Promise.all([one.ready, both.ready, two.ready, all.ready]);
    assertEquals(log.toSorted(), ["start camera.*", "start camera.1", "start camera.2"]);
    assertEquals(running.get("camera.2")?.publish("picture"), 1);
    await Promise.all([two.unsubscribe(), both.unsubscribe()]);
    assertEquals(log.slice(3), ["stop camera.2"]);
    assertEquals(running.get("camera.2")?.signal.aborted, true);
    assertEquals(running.get("camera.1")?.signal.aborted, false);
    // Who is cut off for good listens no more, to its one topic.
    for (const client of server.clients.values()) {
      if (client.id === session.clientId) client.close();
    }
    cut();
    await session.closed;
    assertEquals(log.slice(4), ["stop camera.1"]);
    // A name that is listened to again begins again.
    await other.subscribe("camera.2").ready;
    assertEquals(log.slice(5), ["start camera.2"]);
    await other.close();
    assertEquals(log.slice(6).toSorted(), ["stop camera.*", "stop camera.2"]);
  });

  Deno.test(`a publication is held to its schema where that is asked for (${wire})`, async () => {
    const late = {
      "~standard": {
        ...numeric["~standard"],
        validate: (value: unknown) => Promise.resolve(numeric["~standard"].validate(value)),
      },
    };
    await using server = createServer({
      checkPayloads: true,
      topics: {
        checked: topic({ payload: numeric }),
        late: topic({ payload: late }),
        free: topic({ payload: numeric, validate: false }),
      },
    });
    await using lax = createServer({
      topics: {
        checked: topic({ payload: numeric, validate: true }),
        free: topic({ payload: numeric }),
      },
    });
    const { session } = await pair(server, { wire });
    const got: unknown[] = [];
    const subscription = session.subscribe("checked", (value) => got.push(value));
    await subscription.ready;
    for (const each of [server, lax]) {
      const error = assertThrows(() => each.publish("checked", "x"), TypeError);
      assertEquals(
        error.message,
        `What is published on "checked" is refused by its schema: {"issues":[{"path":["payload"],"message":"no number"}]}`,
      );
      await assertRejects(
        () => each.publish("checked", "x", { policy: "wait" }),
        TypeError,
        "is refused by its schema",
      );
      each.publish("free", "x");
    }
    // What the schema makes of it is not what goes out.
    assertEquals(server.publish("checked", "7"), 1);
    assertThrows(() => server.publish("late", "7"), TypeError, "takes its time");
    await assertRejects(
      () => server.publish("late", "x", { policy: "wait" }),
      TypeError,
      "refused",
    );
    assertEquals(await server.publish("late", "7", { policy: "wait" }), 0);
    await session.ping();
    assertEquals(got, ["7"]);
    assertThrows(() => topic({ validate: true }), TypeError, "needs payload");
    await session.close();
  });
}

Deno.test("a producer is stopped when its grace has passed, and not if somebody comes back", async () => {
  const { log, definition } = produced(5000);
  await using server = createServer({ topics: { clock: definition } });
  const { session } = await pair(server);
  using time = new FakeTime();
  const first = session.subscribe("clock");
  await first.ready;
  await first.unsubscribe();
  await time.advance(4999);
  const second = session.subscribe("clock");
  await second.ready;
  await time.advance(10_000);
  assertEquals(log, ["start"]);
  await second.unsubscribe();
  await time.advance(4999);
  assertEquals(log, ["start"]);
  await time.advance(1);
  assertEquals(log, ["start", "stop"]);
  assertEquals(time.pending, 0);
  await session.close();
});

Deno.test("a closing server stops its producers without waiting for their grace", async () => {
  const { log, definition, signal } = produced(60_000);
  const server = createServer({ topics: { clock: definition } });
  const { session } = await pair(server, { reconnect: false });
  await session.subscribe("clock").ready;
  await server.close();
  assertEquals(log, ["start", "stop"]);
  assertEquals(signal()?.aborted, true);
});

Deno.test("a producer that fails is reported, and takes nothing down", async () => {
  const errors: unknown[] = [];
  await using server = createServer({
    topics: {
      a: topic({ onFirstSubscriber: () => Promise.reject(new Error("no camera")) }),
      b: topic({
        async onFirstSubscriber({ signal }) {
          await new Promise((_resolve, reject) =>
            signal.addEventListener("abort", () => reject(signal.reason))
          );
        },
      }),
    },
    onError: (error) => void errors.push(error),
  });
  const { session } = await pair(server);
  const subscriptions = [session.subscribe("a"), session.subscribe("b")];
  await Promise.all(subscriptions.map(({ ready }) => ready));
  await Promise.all(subscriptions.map((subscription) => subscription.unsubscribe()));
  assertEquals(server.publish("a", 1), 0);
  // A producer that ends by its signal has done as it was told.
  assertEquals(errors.map(String), ["Error: no camera"]);
  await session.close();
});

Deno.test("permissions that have changed are asked for again, also where the first answer is still out", async () => {
  const allowed = new Set<Client>();
  const answers: (() => void)[] = [];
  let slow = false;
  const guarded = topic({
    async authorize(client) {
      const answer = allowed.has(client);
      if (slow) await new Promise<void>((resolve) => answers.push(resolve));
      return answer;
    },
  });
  await using server = createServer({ topics: { guarded } });
  const { session } = await pair(server);
  for (const client of server.clients.values()) allowed.add(client);
  const first = session.subscribe("guarded");
  await first.ready;
  assertEquals(await server.reauthorize(), 0);
  slow = true;
  const asked = await pair(server);
  for (const client of server.clients.values()) allowed.add(client);
  const second = asked.session.subscribe("guarded");
  await settled(() => answers.length === 1);
  allowed.clear();
  const ended = server.reauthorize({ topic: "guarded" });
  slow = false;
  for (const answer of answers) answer();
  assertEquals(await ended, 1);
  await assertRejects(() => first[Symbol.asyncIterator]().next(), RpcError, "Not allowed");
  await assertRejects(() => second.ready, RpcError, "Not allowed");
  await session.close();
  await asked.session.close();
});

/** Lets microtasks and messages pass until something holds. */
async function settled(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("a client that vanishes while it is asked about never subscribes", async () => {
  const gate = defer<boolean>();
  const guarded = topic({ authorize: () => gate.promise });
  await using server = createServer({ topics: { guarded } });
  const { peer } = await join(server, "msgpack", SUBSCRIBES);
  peer.request("wslink.subscribe", ["guarded"], {}, "system:c0:1");
  peer.leave();
  gate.resolve(true);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(server.listeners("guarded"), []);
  assertEquals(peer.received, []);
});

Deno.test("an authorize that throws says no, and the server learns why", async () => {
  const errors: unknown[] = [];
  await using server = createServer({
    topics: {
      broken: topic({
        authorize() {
          throw new Error("no database");
        },
      }),
      told: topic({
        authorize() {
          throw new RpcError(1234, "Pay first");
        },
      }),
    },
    onError: (error) => void errors.push(error),
  });
  const { session } = await pair(server);
  await assertRejects(() => session.subscribe("broken").ready, RpcError, "Not allowed");
  const error = await assertRejects(() => session.subscribe("told").ready, RpcError, "Pay first");
  assertEquals(error.code, 1234);
  assertEquals(errors.map(String), ["Error: no database"]);
  await session.close();
});

Deno.test("a subscription that is ended before its answer is ended at the server too", async () => {
  const gate = defer<boolean>();
  await using server = createServer({
    topics: { guarded: topic({ authorize: () => gate.promise }) },
  });
  const { session } = await pair(server);
  const subscription = session.subscribe("guarded");
  const ended = subscription.unsubscribe();
  await assertRejects(() => subscription.ready, DOMException, "ended");
  gate.resolve(true);
  await ended;
  assertEquals(server.listeners("guarded"), []);
  await session.close();
});

Deno.test("a signal ends a subscription, at the server too", async () => {
  await using server = createServer();
  const { session } = await pair(server);
  const controller = new AbortController();
  const subscription = session.subscribe("image", { signal: controller.signal });
  await subscription.ready;
  controller.abort();
  await subscription.unsubscribe();
  assertEquals(server.publish("image", 1), 0);
  for await (const _ of subscription) throw new Error("nothing was published");
  await session.close();
});

Deno.test("a subscription waits for its session, and ends with it", async () => {
  await using server = createServer();
  const { session, cut } = await pair(server, { reconnect: false });
  const open = session.subscribe("image");
  await open.ready;
  cut();
  await session.closed;
  await assertRejects(() => open[Symbol.asyncIterator]().next(), ConnectionClosedError);
  const late = session.subscribe("image");
  await assertRejects(() => late.ready, ConnectionClosedError);
  await late.unsubscribe();
});

Deno.test("a topic's policy and key hold where a publication says nothing", async () => {
  await using server = createServer({
    topics: {
      image: topic<{ view: number; n: number }>({ policy: "latest", key: ({ view }) => `${view}` }),
    },
  });
  const { peer } = await join(server, "msgpack", SUBSCRIBES);
  await subscribed(peer, "image");
  peer.socket.bufferedAmount = 100 * 1024 * 1024;
  using time = new FakeTime();
  for (let n = 0; n < 4; n++) server.publish("image", { view: n % 2, n });
  peer.socket.bufferedAmount = 0;
  await time.advance(1000);
  const got = peer.received.map((message) => message.type === "publication" && message.result);
  assertEquals(got, [{ view: 0, n: 2 }, { view: 1, n: 3 }]);
});

for (
  const [options, message] of [
    [{ topics: { "a b": topic() } }, "dot-separated words"],
    [{ topics: { a: topic({ grace: -1 }) } }, "grace"],
  ] as const
) {
  Deno.test(`a server can't be made with ${Object.keys(options.topics)}: ${message}`, () => {
    const error = assertThrows(() => createServer(options), Error, message);
    assertInstanceOf(error, message === "grace" ? RangeError : TypeError);
  });
}
