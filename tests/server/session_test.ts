import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { createServer, procedure, RpcError, SerializeError } from "@hawser/hawser/server";
import type { Call, Client, ErrorContext, ServerOptions } from "@hawser/hawser/server";
import { HELLO_ID, HELLO_METHOD, type Message } from "@hawser/hawser/protocol";
import { FakeTime } from "../_fake_time.ts";
import { clientIdOf, join, LocalPeer, WIRES } from "../_peer.ts";

const UNAUTHORIZED = { code: -32000, message: "Unauthorized: Skip message processing" };
const WRONG_SECRET = { code: -32000, message: "Authentication failed" };
const SHUTDOWN = { code: 1001, reason: "Server shutdown" };

/** Collects what a server reports. */
function errorLog() {
  const log: { error: unknown; method: string | undefined }[] = [];
  const onError = (error: unknown, { method }: ErrorContext) => void log.push({ error, method });
  return { log, onError };
}

function resultOf(message: Message): unknown {
  if (message.type !== "result") throw new TypeError(`No result: ${JSON.stringify(message)}`);
  return message.result;
}

function errorOf(message: Message): unknown {
  if (message.type !== "error") throw new TypeError(`No error: ${JSON.stringify(message)}`);
  return message.error;
}

// Hello

for (const wire of WIRES) {
  Deno.test(`a good hello is answered with the client's id (${wire})`, async () => {
    await using server = createServer({ limits: { frameSize: 65536 } });
    const peer = new LocalPeer(server, wire);
    const answer = await peer.hello();

    assertEquals(answer.type === "result" && answer.id, HELLO_ID);
    const clientID = clientIdOf(answer);
    assert(/^c[0-9a-f]{32}$/.test(clientID));
    assertEquals(
      resultOf(answer),
      wire === "msgpack" ? { clientID, maxMsgSize: 65536 } : { clientID },
    );
    assertEquals([...server.clients.keys()], [clientID]);
    assertEquals(server.clients.get(clientID)?.wire, wire);
  });

  Deno.test(`a wrong secret is refused, and the client may try again (${wire})`, async () => {
    const met: Client[] = [];
    await using server = createServer({
      secret: "open sesame",
      onConnect: (client) => void met.push(client),
    });
    const peer = new LocalPeer(server, wire);
    assertEquals(errorOf(await peer.hello("open barley")), WRONG_SECRET);
    assertEquals(met, []);
    assertEquals(server.clients.size, 0);

    const id = clientIdOf(await peer.hello("open sesame"));
    assertEquals(met.map((client) => client.id), [id]);
  });

  const badHellos: [what: string, args: unknown[]][] = [
    ["no arguments", []],
    ["null", [null]],
    ["a string", ["wslink-secret"]],
    ["a list", [["wslink-secret"]]],
    ["no secret", [{}]],
    ["an inherited name for a secret", [{ constructor: "wslink-secret" }]],
    ["null as secret", [{ secret: null }]],
    ["a number as secret", [{ secret: 0 }]],
    ["a list as secret", [{ secret: ["wslink-secret"] }]],
    ["an empty secret", [{ secret: "" }]],
  ];
  for (const [what, args] of badHellos) {
    Deno.test(`a hello with ${what} is refused (${wire})`, async () => {
      await using server = createServer();
      const peer = new LocalPeer(server, wire);
      peer.request(HELLO_METHOD, args, {}, HELLO_ID);
      assertEquals(await peer.next(), { type: "error", id: HELLO_ID, error: WRONG_SECRET });
      assertEquals(server.clients.size, 0);
    });
  }
}

Deno.test("a hello is answered under its own id, whatever that is", async () => {
  await using server = createServer();
  const peer = new LocalPeer(server);
  peer.request(HELLO_METHOD, [{ secret: "wslink-secret" }], {}, "system:c7:12");
  const answer = await peer.next();
  assertEquals("id" in answer && answer.id, "system:c7:12");
});

Deno.test("a hello with unknown fields is as good as one without", async () => {
  await using server = createServer();
  const peer = new LocalPeer(server);
  peer.request(HELLO_METHOD, [{ secret: "wslink-secret", x: { y: 1 } }, 2], { z: 3 }, HELLO_ID);
  clientIdOf(await peer.next());
});

Deno.test("a connection is closed after five hellos with a wrong secret", async () => {
  await using server = createServer();
  const peer = new LocalPeer(server);
  for (let i = 0; i < 5; i++) assertEquals(errorOf(await peer.hello("wrong")), WRONG_SECRET);
  assertEquals(await peer.closed, { code: 1008, reason: "Too many failed hellos" });
});

Deno.test("a connection without a good hello is closed in time, one with it is not", async () => {
  using time = new FakeTime();
  await using server = createServer({ limits: { helloTime: 5000 } });
  const silent = new LocalPeer(server);
  const wrong = new LocalPeer(server);
  const good = new LocalPeer(server);
  assertEquals(errorOf(await wrong.hello("wrong")), WRONG_SECRET);
  clientIdOf(await good.hello());

  await time.advance(4999);
  assertEquals([silent, wrong, good].map(({ socket }) => socket.readyState), [1, 1, 1]);
  await time.advance(1);
  assertEquals(await silent.closed, { code: 1008, reason: "No hello in time" });
  assertEquals(await wrong.closed, { code: 1008, reason: "No hello in time" });
  await time.advance(100_000);
  assertEquals(good.socket.readyState, 1);
});

Deno.test("what comes while the secret is checked waits for the check, in order", async () => {
  const check = Promise.withResolvers<boolean>();
  await using server = createServer({
    secret: () => check.promise,
    procedures: { "echo": (value: number) => value },
  });
  const peer = new LocalPeer(server);
  peer.request(HELLO_METHOD, [{ secret: "a token" }], {}, HELLO_ID);
  peer.request("echo", [1]);
  peer.request("echo", [2]);
  assertEquals(peer.received, []);

  check.resolve(true);
  clientIdOf(await peer.next());
  assertEquals(resultOf(await peer.next()), 1);
  assertEquals(resultOf(await peer.next()), 2);
});

Deno.test("what comes while a secret is checked is refused if it is wrong", async () => {
  const check = Promise.withResolvers<boolean>();
  await using server = createServer({
    secret: () => check.promise,
    procedures: { "echo": (value: number) => value },
  });
  const peer = new LocalPeer(server);
  peer.request(HELLO_METHOD, [{ secret: "a token" }], {}, HELLO_ID);
  peer.request("echo", [1]);
  check.resolve(false);
  assertEquals(errorOf(await peer.next()), WRONG_SECRET);
  assertEquals(errorOf(await peer.next()), UNAUTHORIZED);
});

Deno.test("a client may not send much while its secret is checked", async () => {
  const check = Promise.withResolvers<boolean>();
  await using server = createServer({ secret: () => check.promise });
  const peer = new LocalPeer(server);
  peer.request(HELLO_METHOD, [{ secret: "a token" }], {}, HELLO_ID);
  for (let i = 0; i < 1000 && peer.socket.readyState === 1; i++) peer.request("echo", [i]);
  assertEquals((await peer.closed).code, 1008);
  check.resolve(true);
  await check.promise;
  assertEquals(peer.received, []);
});

Deno.test("a client that leaves while its secret is checked never was one", async () => {
  const { log, onError } = errorLog();
  const check = Promise.withResolvers<boolean>();
  const events: string[] = [];
  await using server = createServer({
    secret: () => check.promise,
    onConnect: () => void events.push("connect"),
    onDisconnect: () => void events.push("disconnect"),
    onError,
  });
  const peer = new LocalPeer(server);
  peer.request(HELLO_METHOD, [{ secret: "a token" }], {}, HELLO_ID);
  peer.leave();
  check.resolve(true);
  await check.promise;
  // Another client's hello is answered later than the first one's would be.
  await join(server);
  assertEquals(events, ["connect"]);
  assertEquals(server.clients.size, 1);
  assertEquals(peer.received, []);
  assertEquals(log, []);
});

Deno.test("a check that never ends doesn't hold a connection beyond the hello's time", async () => {
  using time = new FakeTime();
  await using server = createServer({ secret: () => new Promise<boolean>(() => {}) });
  const peer = new LocalPeer(server);
  peer.request(HELLO_METHOD, [{ secret: "a token" }], {}, HELLO_ID);
  await time.advance(60_000);
  assertEquals(await peer.closed, { code: 1008, reason: "No hello in time" });
});

Deno.test("the secret's function decides, and may keep what it learns about the client", async () => {
  await using server = createServer({
    secret: (secret, client) => {
      client.context.set("user", secret);
      return secret === "mast" || secret === "keel";
    },
    procedures: { "who.am.i": procedure((call) => call.client.context.get("user")) },
  });
  const stranger = new LocalPeer(server);
  assertEquals(errorOf(await stranger.hello("rudder")), WRONG_SECRET);
  const keel = new LocalPeer(server);
  clientIdOf(await keel.hello("keel"));
  assertEquals(resultOf(await keel.call("who.am.i")), "keel");
});

const badChecks: [what: string, secret: () => Promise<boolean>][] = [
  ["throws", () => {
    throw new Error("no database");
  }],
  ["rejects", () => Promise.reject(new Error("no database"))],
];
for (const [what, secret] of badChecks) {
  Deno.test(`a secret's function that ${what} says no, and the server is told why`, async () => {
    const { log, onError } = errorLog();
    await using server = createServer({ secret, onError });
    const peer = new LocalPeer(server);
    assertEquals(errorOf(await peer.hello()), WRONG_SECRET);
    assertEquals(log.map(({ error, method }) => [String(error), method]), [
      ["Error: no database", HELLO_METHOD],
    ]);
  });
}

Deno.test("a second hello changes nothing for a client that is known", async () => {
  let connected = 0;
  await using server = createServer({ onConnect: () => void connected++ });
  const { peer, id } = await join(server);
  assertEquals(clientIdOf(await peer.hello()), id);
  assertEquals(errorOf(await peer.hello("wrong")), WRONG_SECRET);
  assertEquals([...server.clients.keys()], [id]);
  assertEquals(connected, 1);
});

Deno.test("publications go on while a known client's second hello is checked", async () => {
  let check = Promise.resolve(true);
  await using server = createServer({ secret: () => check });
  const { peer } = await join(server);
  const second = Promise.withResolvers<boolean>();
  check = second.promise;
  peer.request(HELLO_METHOD, [{ secret: "a token" }], {}, HELLO_ID);
  assertEquals(server.publish("news", 1), 1);
  assertEquals(peer.received, [{ type: "publication", topic: "news", result: 1 }]);
  second.resolve(false);
});

// Before a good hello

for (const wire of WIRES) {
  Deno.test(`before a good hello every request is refused, known or not (${wire})`, async () => {
    let runs = 0;
    await using server = createServer({ procedures: { "count": () => ++runs } });
    const peer = new LocalPeer(server, wire);
    assertEquals(errorOf(await peer.call("count")), UNAUTHORIZED);
    assertEquals(errorOf(await peer.call("no.such.procedure")), UNAUTHORIZED);
    peer.sendValue({ wslink: "1.0", id: "rpc:c0:9", method: 7 });
    assertEquals(errorOf(await peer.next()), UNAUTHORIZED);
    assertEquals(runs, 0);
    clientIdOf(await peer.hello());
    assertEquals(resultOf(await peer.call("count")), 1);
  });
}

Deno.test("an unknown system method is refused, before a good hello and after it", async () => {
  await using server = createServer();
  const peer = new LocalPeer(server);
  const unknown = { code: -32601, message: "Unknown system method called" };
  peer.request("wslink.describe", [], {}, "system:c0:1");
  assertEquals(errorOf(await peer.next()), unknown);
  clientIdOf(await peer.hello());
  peer.request("wslink.describe", [], {}, "system:c0:2");
  assertEquals(errorOf(await peer.next()), unknown);
});

Deno.test("a hello under a call's id is a call", async () => {
  await using server = createServer();
  const peer = new LocalPeer(server);
  peer.request(HELLO_METHOD, [{ secret: "wslink-secret" }], {}, "rpc:c0:0");
  assertEquals(errorOf(await peer.next()), UNAUTHORIZED);
});

// Fields of a wrong type

const fields: [what: string, value: unknown, answer: unknown][] = [
  ["no id", { method: "args" }, 1002],
  ["a number as id", { id: 7, method: "args" }, 1002],
  ["null as id", { id: null, method: "args" }, 1002],
  ["a list as id", { id: ["rpc:c0:0"], method: "args" }, 1002],
  ["an empty id", { id: "", method: "args" }, 1002],
  ["an endless id", { id: "rpc:c0:".padEnd(2000, "1"), method: "args" }, 1002],
  ["a list for a message", [{ id: "rpc:c0:0", method: "args" }], 1002],
  ["a number for a message", 7, 1002],
  ["a string for a message", "rpc:c0:0", 1002],
  ["null for a message", null, 1002],
  ["a number as method", { id: "i", method: 7 }, "method is a number, not a string"],
  ["null as method", { id: "i", method: null }, "method is null, not a string"],
  ["a list as method", { id: "i", method: ["args"] }, "method is a list, not a string"],
  ["a map as method", { id: "i", method: {} }, "method is a map, not a string"],
  ["nothing but an id", { id: "i" }, "there is no method, no result and no error"],
  ["half a publication", { id: "publish:" }, "a publication's id is publish:<topic>:<n>"],
  ["a map as args", { id: "i", method: "args", args: { 0: 1 } }, { args: [], kwargs: {} }],
  ["a number as args", { id: "i", method: "args", args: 7 }, { args: [], kwargs: {} }],
  ["a string as args", { id: "i", method: "args", args: "ab" }, { args: [], kwargs: {} }],
  ["null as args", { id: "i", method: "args", args: null }, { args: [], kwargs: {} }],
  ["a list as kwargs", { id: "i", method: "args", kwargs: [1] }, { args: [], kwargs: {} }],
  ["a string as kwargs", { id: "i", method: "args", kwargs: "a" }, { args: [], kwargs: {} }],
  ["null as kwargs", { id: "i", method: "args", kwargs: null }, { args: [], kwargs: {} }],
  ["another version", { wslink: 9, id: "i", method: "args" }, { args: [], kwargs: {} }],
  ["no grammar in its id", { id: "i i", method: "args" }, { args: [], kwargs: {} }],
  ["a result beside the method", { id: "i", method: "args", result: 1 }, { args: [], kwargs: {} }],
];
for (const wire of WIRES) {
  for (const [what, value, expected] of fields) {
    const outcome = typeof expected === "number"
      ? `closes its connection with ${expected}`
      : typeof expected === "string"
      ? "is refused"
      : "is served";
    Deno.test(`a message with ${what} ${outcome} (${wire})`, async () => {
      await using server = createServer({
        procedures: {
          "args": procedure((call, ...args: unknown[]) => ({ args, kwargs: { ...call.kwargs } })),
        },
      });
      const { peer } = await join(server, wire);
      const { peer: other } = await join(server, wire);
      peer.sendValue(value);
      if (typeof expected === "number") {
        assertEquals((await peer.closed).code, expected);
        assertEquals(peer.received, []);
        assertEquals(server.clients.size, 1);
      } else if (typeof expected === "string") {
        const error = { code: -32600, message: "Invalid request", data: expected };
        assertEquals(errorOf(await peer.next()), error);
        assertEquals(resultOf(await peer.call("args", [1])), { args: [1], kwargs: {} });
      } else {
        assertEquals(resultOf(await peer.next()), expected);
      }
      assertEquals(resultOf(await other.call("args", [2])), { args: [2], kwargs: {} });
    });
  }

  Deno.test(`replies and publications of a client's are nobody's (${wire})`, async () => {
    await using server = createServer({ procedures: { "echo": (value: unknown) => value } });
    const { peer } = await join(server, wire);
    const { peer: other } = await join(server, wire);
    peer.send({ type: "result", id: "rpc:c0:77", result: 1 });
    peer.send({ type: "error", id: "rpc:c0:78", error: { code: 1, message: "no" } });
    peer.sendValue({ id: "rpc:c0:79", error: "not even a map" });
    peer.send({ type: "publication", topic: "news", result: "forged" });
    assertEquals(resultOf(await peer.call("echo", [1])), 1);
    assertEquals(other.received, []);
  });
}

// Calls

const results: [what: string, procedure: () => unknown, result: unknown][] = [
  ["a value", () => 7, 7],
  ["nothing", () => {}, null],
  ["null", () => null, null],
  ["a promise", () => Promise.resolve("later"), "later"],
  ["a promise of nothing", () => Promise.resolve(), null],
  ["binary", () => new Uint8Array([1, 2]), new Uint8Array([1, 2])],
  ["binary in a list in a map", () => ({ a: [new Uint8Array(3)] }), { a: [new Uint8Array(3)] }],
  ["floats", () => new Float32Array([1]), new Uint8Array(new Float32Array([1]).buffer)],
  ["a map with a method named then", () => ({ then: 1 }), { then: 1 }],
];
for (const wire of WIRES) {
  for (const [what, handler, result] of results) {
    Deno.test(`a procedure may return ${what} (${wire})`, async () => {
      await using server = createServer({ procedures: { "run": handler } });
      const { peer } = await join(server, wire);
      assertEquals(resultOf(await peer.call("run")), result);
    });
  }
}

Deno.test("slow calls don't hold up quick ones", async () => {
  const slow = Promise.withResolvers<string>();
  await using server = createServer({
    procedures: { "slow": () => slow.promise, "quick": () => "quick" },
  });
  const { peer } = await join(server);
  const slowId = peer.request("slow");
  const quickId = peer.request("quick");
  assertEquals(await peer.next(), { type: "result", id: quickId, result: "quick" });
  slow.resolve("slow");
  assertEquals(await peer.next(), { type: "result", id: slowId, result: "slow" });
});

Deno.test("arguments by name take their places among the parameters", async () => {
  await using server = createServer({
    procedures: {
      "image": procedure(
        { params: ["width", "height", "alt"] },
        (_call, width: number, height = 2, alt = false) => [width, height, alt],
      ),
    },
  });
  const { peer } = await join(server);
  const call = (args: unknown[], kwargs: Record<string, unknown>) =>
    peer.call("image", args, kwargs).then(resultOf);
  assertEquals(await call([1], {}), [1, 2, false]);
  assertEquals(await call([1], { alt: true }), [1, 2, true]);
  assertEquals(await call([], { height: 5, width: 4 }), [4, 5, false]);
  assertEquals(await call([1, 2, true, "more"], {}), [1, 2, true]);
});

Deno.test("an argument that is given twice, or that nobody takes, is refused", async () => {
  await using server = createServer({
    procedures: {
      "named": procedure({ params: ["a"] }, (_call, a: number) => a),
      "plain": (a: number) => a,
    },
  });
  const { peer } = await join(server);
  assertEquals(errorOf(await peer.call("named", [1], { a: 2 })), {
    code: -32602,
    message: 'Argument "a" is given twice',
  });
  const unexpected = (name: string) => ({
    code: -32602,
    message: `Unexpected keyword argument "${name}"`,
  });
  assertEquals(errorOf(await peer.call("plain", [1], { a: 2 })), unexpected("a"));
  assertEquals(errorOf(await peer.call("named", [1], { b: 2 })), unexpected("b"));
  assertEquals(
    errorOf(await peer.call("named", [], { constructor: 2 })),
    unexpected("constructor"),
  );
});

Deno.test("a procedure sees its call", async () => {
  const seen: Call[] = [];
  await using server = createServer({
    procedures: { "look.at.me": procedure((call) => void seen.push(call)) },
  });
  const { peer, id } = await join(server, "json");
  await peer.call("look.at.me", [], { "any name": 1 });
  const [call] = seen;
  assert(call);
  assertEquals(call.method, "look.at.me");
  assertEquals({ ...call.kwargs }, { "any name": 1 });
  assertEquals([call.client.id, call.client.wire, call.client.request], [id, "json", undefined]);
  assertEquals(call.signal.aborted, false);
  assertEquals(call.server.clients.get(id), call.client);
});

Deno.test("each client has a context of its own, gone with its connection", async () => {
  await using server = createServer({
    procedures: {
      "count": procedure(({ client: { context } }) => {
        const count = Number(context.get("count") ?? 0) + 1;
        context.set("count", count);
        return count;
      }),
    },
  });
  const { peer } = await join(server);
  const { peer: other } = await join(server);
  assertEquals(resultOf(await peer.call("count")), 1);
  assertEquals(resultOf(await peer.call("count")), 2);
  assertEquals(resultOf(await other.call("count")), 1);
  other.leave();
  const { peer: again } = await join(server);
  assertEquals(resultOf(await again.call("count")), 1);
});

// Errors, as wslink's clients know them

Deno.test("an unknown method is refused by its name", async () => {
  await using server = createServer();
  const { peer } = await join(server);
  for (
    const method of ["no.such", "", "constructor", "__proto__", "toString", "wslink.hello", "a b"]
  ) {
    assertEquals(errorOf(await peer.call(method)), {
      code: -32601,
      message: "Unregistered method called",
      data: method,
    });
  }
});

class SecretError extends Error {
  override name = "SecretError";
}
const failures: [what: string, fail: () => unknown, exception: string][] = [
  ["throws", () => {
    throw new RangeError("/etc/hawser/secret");
  }, "RangeError"],
  ["rejects", () => Promise.reject(new SecretError("/etc/hawser/secret")), "SecretError"],
  ["throws what is no error", () => {
    throw "/etc/hawser/secret";
  }, "string"],
  ["rejects with nothing", () => Promise.reject(), "undefined"],
];
for (const wire of WIRES) {
  for (const [what, fail, exception] of failures) {
    Deno.test(`a procedure that ${what} tells its caller the class alone (${wire})`, async () => {
      const { log, onError } = errorLog();
      await using server = createServer({ procedures: { "fail": fail }, onError });
      const { peer } = await join(server, wire);
      assertEquals(errorOf(await peer.call("fail")), {
        code: -32001,
        message: "Exception raised",
        data: { method: "fail", exception },
      });
      assertEquals(log.length, 1);
      assertEquals(log[0]?.method, "fail");
      const sent = peer.socket.frames.map((frame) =>
        typeof frame === "string" ? frame : new TextDecoder("latin1").decode(frame)
      ).join();
      assert(!sent.includes("/etc/hawser") && !sent.includes("session_test"));
    });
  }
}

Deno.test("exposeErrors shows callers message and stack", async () => {
  const { onError } = errorLog();
  await using server = createServer({
    exposeErrors: true,
    onError,
    procedures: {
      "fail": () => {
        throw new RangeError("too far");
      },
      "fail.oddly": () => {
        throw "just a string";
      },
    },
  });
  const { peer } = await join(server);
  const error = errorOf(await peer.call("fail"));
  const data = Reflect.get(Object(error), "data");
  assertEquals(Reflect.get(data, "exception"), "RangeError: too far");
  assert(Reflect.get(data, "trace").includes("session_test.ts"));
  assertEquals(errorOf(await peer.call("fail.oddly")), {
    code: -32001,
    message: "Exception raised",
    data: { method: "fail.oddly", exception: "just a string" },
  });
});

Deno.test("an RpcError reaches the caller as it was thrown, and nobody else", async () => {
  const { log, onError } = errorLog();
  await using server = createServer({
    onError,
    procedures: {
      "throw": () => {
        throw new RpcError(1001, "Mesh too large", { cells: 9, bytes: new Uint8Array(2) });
      },
      "reject": () => Promise.reject(new RpcError(-5, "No data", undefined, { cause: "a path" })),
    },
  });
  const { peer } = await join(server);
  assertEquals(errorOf(await peer.call("throw")), {
    code: 1001,
    message: "Mesh too large",
    data: { cells: 9, bytes: new Uint8Array(2) },
  });
  assertEquals(errorOf(await peer.call("reject")), { code: -5, message: "No data" });
  assertEquals(log, []);
});

Deno.test("an RpcError whose data can't be sent arrives without them", async () => {
  const { log, onError } = errorLog();
  await using server = createServer({
    onError,
    procedures: {
      "fail": () => {
        throw new RpcError(1001, "Mesh too large", new Map());
      },
    },
  });
  const { peer } = await join(server);
  assertEquals(errorOf(await peer.call("fail")), { code: 1001, message: "Mesh too large" });
  assertEquals(log.length, 1);
  assertInstanceOf(log[0]?.error, SerializeError);
});

const cycle: Record<string, unknown> = {};
cycle.self = cycle;
/** Nothing about it can be read: what an encoder throws is the proxy's own error. */
const hostile = new Proxy({}, {
  ownKeys() {
    throw new Error("no keys for you");
  },
  getPrototypeOf() {
    throw new Error("no prototype for you");
  },
});
/** Reading it throws, but not when it is read again to find out why: as memory that ran out does. */
function fickle(): unknown {
  let reads = 0;
  return {
    get value() {
      if (reads++ === 0) throw new RangeError("Invalid string length");
      return 1;
    },
  };
}
const unsendable: [what: string, value: unknown, path: string][] = [
  ["a Map", { a: [1, new Map()] }, "result.a[1]"],
  ["a Set alone", new Set(), "result"],
  ["a function", { mesh: { points: () => 1 } }, "result.mesh.points"],
  ["a symbol", [Symbol()], "result[0]"],
  ["a cycle", cycle, "result.self"],
  ["an integer of 80 bits", [2n ** 80n], "result[0]"],
  ["an instance of a class", { now: new URL("http://hawser.test") }, "result.now"],
  ["a getter that throws", {
    get value() {
      throw new Error("no value for you");
    },
  }, "result.value"],
  ["a proxy that throws", { proxy: hostile }, "result.proxy"],
];
for (const wire of WIRES) {
  for (const [what, value, path] of unsendable) {
    for (
      const [how, handler] of [["", () => value], [" later", async () => await value]] as const
    ) {
      Deno.test(`a result with ${what}${how} is an error for its caller alone (${wire})`, async () => {
        const { log, onError } = errorLog();
        await using server = createServer({
          onError,
          procedures: { "run": handler, "fine": () => new Uint8Array(1) },
        });
        const { peer } = await join(server, wire);
        const before = peer.socket.frames.length;
        assertEquals(errorOf(await peer.call("run")), {
          code: -32002,
          message: "Method result cannot be serialized",
          data: "run",
        });
        assertEquals(peer.socket.frames.length, before + 1);
        assertEquals(log.length, 1);
        assertEquals(log[0]?.method, "run");
        const error = log[0]?.error;
        assertEquals(error instanceof SerializeError && error.path, path);
        assertEquals(resultOf(await peer.call("fine")), new Uint8Array(1));
      });
    }
  }
}

for (const [how, handler] of [["", fickle], [" later", async () => await fickle()]] as const) {
  Deno.test(`a result whose encoding fails${how} for whatever reason is an error for its caller alone`, async () => {
    const { log, onError } = errorLog();
    await using server = createServer({ onError, procedures: { "run": handler, "fine": () => 1 } });
    const { peer } = await join(server);
    assertEquals(Reflect.get(Object(errorOf(await peer.call("run"))), "code"), -32002);
    assertEquals(log.length, 1);
    assertStringIncludes(String(log[0]?.error), "Invalid string length");
    assertEquals(resultOf(await peer.call("fine")), 1);
  });
}

Deno.test("no more calls of a client run at a time than its limit, and others' don't count", async () => {
  const gates: PromiseWithResolvers<string>[] = [];
  await using server = createServer({
    limits: { callsInFlight: 2 },
    procedures: {
      "wait": () => {
        const gate = Promise.withResolvers<string>();
        gates.push(gate);
        return gate.promise;
      },
    },
  });
  const { peer } = await join(server);
  const first = peer.request("wait");
  peer.request("wait");
  assertEquals(errorOf(await peer.call("wait")), {
    code: -32003,
    message: "Too many calls at once",
    data: { method: "wait", limit: "callsInFlight" },
  });
  const { peer: other } = await join(server);
  other.request("wait");
  assertEquals(gates.length, 3);

  gates[0]?.resolve("done");
  assertEquals(await peer.next(), { type: "result", id: first, result: "done" });
  peer.request("wait");
  assertEquals(gates.length, 4);
  for (const gate of gates) gate.resolve("done");
});

Deno.test("a call's signal is aborted when its client goes, and its end is nobody's news", async () => {
  const { log, onError } = errorLog();
  const started = Promise.withResolvers<Call>();
  const ended = Promise.withResolvers<unknown>();
  await using server = createServer({
    onError,
    procedures: {
      "wait": procedure(async (call) => {
        const aborted = Promise.withResolvers<never>();
        call.signal.addEventListener("abort", () => aborted.reject(call.signal.reason));
        started.resolve(call);
        try {
          return await aborted.promise;
        } catch (error) {
          ended.resolve(error);
          throw error;
        }
      }),
    },
  });
  const { peer } = await join(server);
  peer.request("wait");
  const call = await started.promise;
  const { length } = peer.socket.frames;
  peer.leave();

  const reason = await ended.promise;
  assert(reason instanceof DOMException && reason.name === "AbortError");
  assert(call.signal.aborted);
  assertEquals(peer.socket.frames.length, length);
  assertEquals(log, []);
});

Deno.test("a signal that is asked for when its client has gone is aborted already", async () => {
  const gate = Promise.withResolvers<void>();
  const seen = Promise.withResolvers<boolean>();
  await using server = createServer({
    procedures: {
      "wait": procedure(async (call) => {
        await gate.promise;
        seen.resolve(call.signal.aborted);
      }),
    },
  });
  const { peer } = await join(server);
  peer.request("wait");
  peer.leave();
  gate.resolve();
  assert(await seen.promise);
});

Deno.test("a call whose client has gone is not answered", async () => {
  const gate = Promise.withResolvers<string>();
  await using server = createServer({ procedures: { "wait": () => gate.promise } });
  const { peer } = await join(server);
  peer.request("wait");
  const { length } = peer.socket.frames;
  peer.leave();
  gate.resolve("too late");
  await gate.promise;
  await join(server);
  assertEquals(peer.socket.frames.length, length);
});

// Publishing

for (const wire of WIRES) {
  Deno.test(`a publication goes to all, to one, or to all but one (${wire})`, async () => {
    await using server = createServer();
    const a = await join(server, wire);
    const b = await join(server, wire);
    const c = await join(server, wire);
    const stranger = new LocalPeer(server, wire);
    const receivers = () =>
      [a, b, c].map(({ peer }) =>
        peer.received.splice(0).map((message) => message.type === "publication" && message.result)
      );
    const client = server.clients.get(b.id);
    assert(client);

    assertEquals(server.publish("news", 1), 3);
    assertEquals(receivers(), [[1], [1], [1]]);
    assertEquals(server.publish("news", 2, { to: a.id }), 1);
    assertEquals(receivers(), [[2], [], []]);
    assertEquals(server.publish("news", 3, { to: client }), 1);
    assertEquals(receivers(), [[], [3], []]);
    assertEquals(server.publish("news", 4, { except: client }), 2);
    assertEquals(receivers(), [[4], [], [4]]);
    assertEquals(server.publish("news", 5, { except: c.id }), 2);
    assertEquals(receivers(), [[5], [5], []]);
    assertEquals(server.publish("news", 6, { to: a.id, except: a.id }), 0);
    assertEquals(server.publish("news", 7, { to: "c0" }), 0);
    assertEquals(receivers(), [[], [], []]);

    b.peer.leave();
    assertEquals(server.publish("news", 8), 2);
    assertEquals(server.publish("news", 9, { to: client }), 0);
    assertEquals(receivers(), [[8], [], [8]]);
    assertEquals(stranger.received, []);
  });
}

Deno.test("a procedure publishes to all but its caller", async () => {
  await using server = createServer({
    procedures: {
      "say": procedure((call, text: string) => {
        return call.server.publish("chat", text, { except: call.client });
      }),
    },
  });
  const { peer: speaker } = await join(server, "json");
  const { peer: listener } = await join(server, "msgpack");
  assertEquals(resultOf(await speaker.call("say", ["ahoy"])), 1);
  assertEquals(speaker.received, []);
  assertEquals(listener.received, [{ type: "publication", topic: "chat", result: "ahoy" }]);
});

Deno.test("a publication is encoded once for each wire, and its frames are shared", async () => {
  await using server = createServer();
  let reads = 0;
  const value = {
    get picture() {
      reads++;
      return new Uint8Array(5000);
    },
  };
  assertEquals(server.publish("image", value), 0);
  assertEquals(reads, 0);

  const old = await Promise.all(Array.from({ length: 20 }, () => join(server, "json")));
  const recent = await Promise.all(Array.from({ length: 20 }, () => join(server, "msgpack")));
  assertEquals(server.publish("image", value), 40);
  assertEquals(reads, 2);
  for (const peers of [old, recent]) {
    const [last] = peers[0]?.peer.socket.frames.slice(-1) ?? [];
    assert(last !== undefined);
    for (const { peer } of peers) {
      assert(peer.socket.frames.at(-1) === last);
      assertEquals(peer.received, [
        { type: "publication", topic: "image", result: { picture: new Uint8Array(5000) } },
      ]);
    }
  }
});

Deno.test("a publication that can't be sent reaches nobody", async () => {
  await using server = createServer();
  const { peer } = await join(server);
  const error = assertThrows(() => server.publish("news", { a: new Map() }), SerializeError);
  assertEquals(error.path, "result.a");
  assertThrows(() => server.publish("left view", 1), TypeError, "left view");
  assertThrows(() => server.publish("", 1), TypeError);
  assertEquals(peer.received, []);
});

// Clients that can't keep up

Deno.test("a client that doesn't read its replies is closed with 4013", async () => {
  using _time = new FakeTime();
  const left: unknown[] = [];
  await using server = createServer({
    limits: { queueBytes: 10_000 },
    procedures: { "image": () => new Uint8Array(4000) },
    onDisconnect: (_client, close) => void left.push(close),
  });
  const { peer } = await join(server);
  const { peer: other } = await join(server);
  peer.socket.bufferedAmount = 2 ** 30;
  for (let i = 0; i < 2; i++) peer.request("image");
  assertEquals(peer.socket.readyState, 1);
  for (let i = 0; i < 5; i++) peer.request("image");
  assertEquals(await peer.closed, { code: 4013, reason: "The client reads too slowly" });
  assertEquals(left, [await peer.closed]);
  assertEquals(resultOf(await other.call("image")), new Uint8Array(4000));
});

Deno.test("a client that is behind misses the oldest publications, which are counted", async () => {
  using time = new FakeTime();
  await using server = createServer({ limits: { queueBytes: 10_000 } });
  const { peer, id } = await join(server);
  const client = server.clients.get(id);
  peer.socket.bufferedAmount = 2 ** 30;
  for (let i = 0; i < 10; i++) server.publish("image", { i, blob: new Uint8Array(4000) });
  assertEquals(peer.received, []);

  peer.socket.bufferedAmount = 0;
  await time.advance(2);
  const got = peer.received.map((message) =>
    message.type === "publication" && Reflect.get(Object(message.result), "i")
  );
  assertEquals(got, [8, 9]);
  assertEquals(client?.dropped, 8);
  const { bytes = 0, ...counts } = server.topicStats().get("image") ?? {};
  assertEquals(counts, { published: 10, delivered: 10, dropped: 8 });
  assert(bytes > 40_000 && bytes < 41_000, `${bytes}`);
  assertEquals(peer.socket.readyState, 1);
});

Deno.test("with the policy latest only the newest of each key waits for a client", async () => {
  using time = new FakeTime();
  await using server = createServer();
  const { peer, id } = await join(server);
  const { peer: quick } = await join(server);
  peer.socket.bufferedAmount = 2 ** 20;
  for (let i = 0; i < 3; i++) {
    server.publish("image", `left ${i}`, { policy: "latest", key: "left" });
    server.publish("image", `right ${i}`, { policy: "latest", key: "right" });
    server.publish("depth", i, { policy: "latest" });
  }
  server.publish("news", "in order");
  assertEquals(quick.received.length, 10);

  peer.socket.bufferedAmount = 0;
  await time.advance(2);
  const got = peer.received.map((message) => message.type === "publication" && message.result);
  assertEquals(got.sort(), [2, "in order", "left 2", "right 2"]);
  assertEquals(server.clients.get(id)?.dropped, 6);
});

// The application's callbacks

Deno.test("onConnect comes after the hello's answer, onDisconnect with the close", async () => {
  const events: unknown[] = [];
  await using server = createServer({
    onConnect: (client) => {
      events.push(["connect", client.id]);
      server.publish("welcome", 1, { to: client });
    },
    onDisconnect: (client, close) => {
      events.push(["disconnect", client.id, close, server.clients.size]);
    },
  });
  const { peer, id } = await join(server);
  assertEquals(peer.received, [{ type: "publication", topic: "welcome", result: 1 }]);
  peer.leave({ code: 1006, reason: "" });
  const stranger = new LocalPeer(server);
  stranger.leave();
  assertEquals(events, [
    ["connect", id],
    ["disconnect", id, { code: 1006, reason: "" }, 0],
  ]);
});

Deno.test("onDisconnect is called once, with what the server closed with", async () => {
  const closes: unknown[] = [];
  await using server = createServer({
    onDisconnect: (_client, close) => void closes.push(close),
    procedures: { "leave": procedure(({ client }) => client.close(4000, "as you wish")) },
  });
  const { peer } = await join(server);
  peer.request("leave");
  assertEquals(await peer.closed, { code: 4000, reason: "as you wish" });
  peer.leave({ code: 4000, reason: "as you wish" });
  assertEquals(closes, [{ code: 4000, reason: "as you wish" }]);
});

Deno.test("a close reason is cut to the 123 bytes that a close frame holds", async () => {
  await using server = createServer();
  const { peer, id } = await join(server);
  server.clients.get(id)?.close(4000, "⚓".repeat(100));
  assertEquals((await peer.closed).reason, "⚓".repeat(41));
});

Deno.test("a callback that throws takes nothing down", async () => {
  const errors: string[] = [];
  await using server = createServer({
    procedures: { "echo": (value: unknown) => value },
    onConnect: () => {
      throw new Error("in onConnect");
    },
    onDisconnect: () => {
      throw new Error("in onDisconnect");
    },
    onError: (error, { client }) => errors.push(`${error} (${client?.wire})`),
  });
  const { peer } = await join(server);
  const { peer: other } = await join(server, "json");
  assertEquals(resultOf(await peer.call("echo", [1])), 1);
  peer.leave();
  assertEquals(resultOf(await other.call("echo", [2])), 2);
  assertEquals(errors, [
    "Error: in onConnect (msgpack)",
    "Error: in onConnect (json)",
    "Error: in onDisconnect (msgpack)",
  ]);
});

Deno.test("an onError that throws takes nothing down", async () => {
  using console = new SilentConsole();
  await using server = createServer({
    procedures: {
      "fail": () => {
        throw new Error("in the procedure");
      },
      "echo": (value: unknown) => value,
    },
    onError: () => {
      throw new Error("in onError");
    },
  });
  const { peer } = await join(server);
  assertEquals(Reflect.get(Object(errorOf(await peer.call("fail"))), "code"), -32001);
  assertEquals(resultOf(await peer.call("echo", [1])), 1);
  assertEquals(console.lines.length, 1);
});

Deno.test("by default the server's errors go to the console, without arguments or secrets", async () => {
  using console = new SilentConsole();
  await using server = createServer({
    secret: "open sesame",
    procedures: {
      "fail": () => {
        throw new Error("in the procedure");
      },
    },
  });
  const peer = new LocalPeer(server);
  await peer.hello("open barley");
  await peer.hello("open sesame");
  await peer.call("fail", ["an argument"]);
  assertEquals(console.lines, ["Hawser: error in fail: Error: in the procedure"]);
});

/** Keeps what is written to the console's error stream. */
class SilentConsole implements Disposable {
  readonly lines: string[] = [];
  readonly #error = console.error;

  constructor() {
    console.error = (...parts: unknown[]) => void this.lines.push(parts.map(String).join(" "));
  }

  [Symbol.dispose](): void {
    console.error = this.#error;
  }
}

// Definitions

const badNames = ["", "Add", "math.Add", "math..add", ".add", "add.", "2d", "_add", "math add"];
for (const name of badNames) {
  Deno.test(`a procedure can't be named "${name}"`, () => {
    assertThrows(() => createServer({ procedures: { [name]: () => 1 } }), TypeError, `"${name}"`);
  });
}

Deno.test("a procedure can't be registered twice", async () => {
  await using server = createServer({ procedures: { "math.add": () => 1 } });
  assertThrows(
    () => server.register("math.add", () => 2),
    TypeError,
    'A procedure named "math.add" is registered already',
  );
  server.register("math.sub_1", () => 3);
  const { peer } = await join(server);
  assertEquals(resultOf(await peer.call("math.add")), 1);
  assertEquals(resultOf(await peer.call("math.sub_1")), 3);
});

Deno.test("names that every object has are names like others", async () => {
  await using server = createServer({ procedures: { "constructor": () => "mine" } });
  const { peer } = await join(server);
  assertEquals(resultOf(await peer.call("constructor")), "mine");
});

const badNumbers: [options: ServerOptions, message: string][] = [
  [{ heartbeat: -1 }, "heartbeat must be 0 or more ms: received -1"],
  [{ heartbeat: NaN }, "heartbeat must be 0 or more ms: received NaN"],
  [{ limits: { depth: 0 } }, "limits.depth"],
  [{ limits: { frameSize: 100 } }, "limits.frameSize"],
];
for (const [options, message] of badNumbers) {
  Deno.test(`a server can't be made with ${JSON.stringify(options)}: ${message}`, () => {
    assertThrows(() => createServer(options), RangeError, message);
  });
}

// The server's end

Deno.test("application.exit is unknown unless it is switched on", async () => {
  await using server = createServer();
  const { peer } = await join(server);
  for (const method of ["application.exit", "application.exit.later"]) {
    assertEquals(errorOf(await peer.call(method)), {
      code: -32601,
      message: "Unregistered method called",
      data: method,
    });
  }
});

Deno.test("application.exit is answered, and closes the server", async () => {
  using time = new FakeTime();
  const server = createServer({ allowExit: true });
  const { peer } = await join(server);
  assertEquals(resultOf(await peer.call("application.exit")), null);
  await time.advance(0);
  await server.closed;
  assertEquals(await peer.closed, SHUTDOWN);
  assertEquals(time.pending, 0);
});

const laters: [args: unknown[], kwargs: Record<string, unknown>, ms: number][] = [
  [[], {}, 60_000],
  [[5], {}, 5_000],
  [[0.5], {}, 500],
  [[], { secondsLater: 2 }, 2_000],
];
for (const [args, kwargs, ms] of laters) {
  const given = JSON.stringify([...args, kwargs]);
  Deno.test(`application.exit.later with ${given} closes the server after ${ms} ms`, async () => {
    using time = new FakeTime();
    const server = createServer({ allowExit: true });
    const { peer } = await join(server);
    assertEquals(resultOf(await peer.call("application.exit.later", args, kwargs)), null);
    await time.advance(ms - 1);
    assertEquals(peer.socket.readyState, 1);
    await time.advance(1);
    await server.closed;
    assertEquals(await peer.closed, SHUTDOWN);
    assertEquals(time.pending, 0);
  });
}

Deno.test("application.exit.later without a number of seconds is refused", async () => {
  using time = new FakeTime();
  await using server = createServer({ allowExit: true, onError() {} });
  const { peer } = await join(server);
  for (const seconds of [-1, "soon", NaN, {}]) {
    const error = errorOf(await peer.call("application.exit.later", [seconds]));
    assertEquals(Reflect.get(Object(error), "code"), -32602);
  }
  assertEquals(time.pending, 0);
});

Deno.test("the last application.exit counts, and a closed server leaves no timer", async () => {
  using time = new FakeTime();
  const server = createServer({ allowExit: true });
  const { peer } = await join(server);
  await peer.call("application.exit.later", [60]);
  await peer.call("application.exit.later", [90]);
  assertEquals(time.pending, 1);
  await peer.call("application.exit");
  assertEquals(time.pending, 1);
  const closing = server.close();
  peer.request("application.exit.later", [60]);
  await closing;
  assertEquals(time.pending, 0);
});

Deno.test("close() lets running calls end, and then says 1001 Server shutdown", async () => {
  const gate = Promise.withResolvers<string>();
  const server = createServer({ procedures: { "wait": () => gate.promise } });
  const { peer } = await join(server);
  const idle = new LocalPeer(server);
  const id = peer.request("wait");
  const closing = server.close();
  assertEquals(peer.socket.readyState, 1);
  gate.resolve("done");
  await closing;
  await server.closed;
  assertEquals(peer.received, [{ type: "result", id, result: "done" }]);
  assertEquals(await peer.closed, SHUTDOWN);
  assertEquals(await idle.closed, SHUTDOWN);
  assertEquals(server.clients.size, 0);
});

Deno.test("close() waits until queues are empty", async () => {
  using time = new FakeTime();
  const server = createServer();
  const { peer } = await join(server);
  peer.socket.bufferedAmount = 2 ** 30;
  server.publish("news", "the last");
  const closing = server.close();
  await time.advance(100);
  assertEquals(peer.socket.readyState, 1);
  peer.socket.bufferedAmount = 0;
  // A socket that is stuck is asked eight times a second.
  await time.advance(130);
  await closing;
  assertEquals(peer.received, [{ type: "publication", topic: "news", result: "the last" }]);
  assertEquals(await peer.closed, SHUTDOWN);
  assertEquals(time.pending, 0);
});

Deno.test("close() waits no longer than drain", async () => {
  using time = new FakeTime();
  const aborted: boolean[] = [];
  const server = createServer({
    procedures: {
      "wait": procedure((call) => {
        call.signal.addEventListener("abort", () => aborted.push(true));
        return new Promise(() => {});
      }),
    },
  });
  const { peer } = await join(server);
  peer.request("wait");
  const closing = server.close({ drain: 5000 });
  await time.advance(4999);
  assertEquals(peer.socket.readyState, 1);
  await time.advance(1);
  await closing;
  assertEquals(await peer.closed, SHUTDOWN);
  assertEquals(aborted, [true]);
  assertEquals(time.pending, 0);
});

Deno.test("close() without drain is at once", async () => {
  const server = createServer({ procedures: { "wait": () => new Promise(() => {}) } });
  const { peer } = await join(server);
  peer.request("wait");
  const closing = server.close({ drain: 0 });
  assertEquals(peer.socket.readyState, 2);
  await closing;
});

Deno.test("close() doesn't wait for a client that never answers the closing handshake", async () => {
  using time = new FakeTime();
  const left: unknown[] = [];
  const server = createServer({ onDisconnect: (_client, close) => void left.push(close) });
  const { peer } = await join(server);
  peer.socket.answersClose = false;
  const closing = server.close();
  await time.advance(1000);
  await closing;
  assertEquals(left, [SHUTDOWN]);
  assertEquals(time.pending, 0);
});

Deno.test("close() may be called again, and a connection that comes too late is closed", async () => {
  const server = createServer();
  const closing = server.close();
  const late = new LocalPeer(server);
  assertEquals(await late.closed, SHUTDOWN);
  await Promise.all([closing, server.close(), server.closed]);
  const later = new LocalPeer(server);
  assertEquals(await later.closed, SHUTDOWN);
  assertEquals(server.publish("news", 1), 0);
  assertEquals(server.upgrade(new Request("http://hawser.test/ws")).status, 503);
});
