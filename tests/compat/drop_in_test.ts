/** The drop-in by itself: all that npm's wslink is tested with, and what the two don't share. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import { SmartConnect, WebsocketConnection, WsLinkClient } from "../../compat.ts";
import { createServer, serve, type ServerOptions } from "../../server.ts";
import { startHawser } from "../peers/_hawser_servers.ts";
import { wslinkCases } from "../peers/_wslink_cases.ts";
import { dropIn, VERSIONS, type Wire } from "./_subjects.ts";

const WIRES: readonly Wire[] = ["json", "msgpack"];

for (const wire of WIRES) {
  Deno.test(`the drop-in passes what npm's wslink ${VERSIONS[wire]} passes`, async (t) => {
    await using servers = await startHawser();
    for (const [name, run] of Object.entries(wslinkCases(VERSIONS[wire], servers, dropIn(wire)))) {
      await t.step(name, run);
    }
    await servers.exited;
  });
}

async function start(options: ServerOptions = {}) {
  const server = createServer(options);
  const listening = await serve(server, { port: 0 });
  return {
    server,
    url: listening.webSocketUrl,
    [Symbol.asyncDispose]: () => listening.close(),
  };
}

/** A connection that is ready, and its end. */
async function open(url: string, wire: Wire) {
  const connection = WebsocketConnection.newInstance({ urls: url, wire });
  const ready = new Promise((resolve) => connection.onConnectionReady(resolve));
  const closed = new Promise((resolve) => connection.onConnectionClose(resolve));
  const session = connection.connect();
  await ready;
  if (session === null) throw new Error("there is no session");
  return {
    connection,
    session,
    async [Symbol.asyncDispose]() {
      await session.close();
      await closed;
    },
  };
}

for (const wire of WIRES) {
  Deno.test(`a publication comes before the answer to the call that made it (${wire})`, async () => {
    await using running = await start();
    running.server.register("work", () => {
      for (let number = 0; number < 100; number++) running.server.publish("a.topic", number);
      return null;
    });
    await using client = await open(running.url, wire);
    const order: unknown[] = [];
    client.session.subscribe("a.topic", ([number]) => order.push(number));
    await client.session.call("work").then(() => order.push("answer"));
    assertEquals(order, [...Array(100).keys(), "answer"]);
  });

  Deno.test(`a callback that throws keeps no other from its message (${wire})`, async () => {
    await using running = await start({
      procedures: { "work": () => running.server.publish("a.topic", 1) },
    });
    await using client = await open(running.url, wire);
    const complaints: unknown[] = [];
    const { error } = console;
    console.error = (...args: unknown[]) => complaints.push(args[0]);
    try {
      const heard: unknown[] = [];
      client.session.subscribe("a.topic", () => {
        throw new Error("on purpose");
      });
      client.session.subscribe("a.topic", ([value]) => heard.push(value));
      await client.session.call("work");
      assertEquals(heard, [1]);
      assertEquals(complaints, ["Hawser: a subscriber to a.topic threw"]);
    } finally {
      console.error = error;
    }
  });

  Deno.test(`a blob's bytes go out in the order of the calls (${wire})`, async () => {
    const seen: unknown[] = [];
    await using running = await start({
      procedures: { "note": (value: unknown) => void seen.push(value) },
    });
    await using client = await open(running.url, wire);
    const blob = client.session.addAttachment(new Blob([Uint8Array.of(1, 2)]));
    await Promise.all([blob, "second", "third"].map((arg) => client.session.call("note", [arg])));
    assertEquals(seen, [Uint8Array.of(1, 2), "second", "third"]);
  });

  Deno.test(`the arguments of a call stay as they are (${wire})`, async () => {
    await using running = await start({ procedures: { "echo": (value: unknown) => value } });
    await using client = await open(running.url, wire);
    class Point {
      x = 1;
    }
    const key = client.session.addAttachment(Uint8Array.of(1));
    const value = { point: new Point(), deep: [{ key, nothing: undefined }] };
    const copy = { ...value };
    await client.session.call("echo", [value]);
    assertEquals(Object.keys(value), Object.keys(copy));
    assertStrictEquals(value.point, copy.point);
    assertStrictEquals(value.deep[0]?.key, key);
    assertEquals("nothing" in (value.deep[0] ?? {}), true);
  });

  Deno.test(`a key named __proto__ is a key like any other (${wire})`, async () => {
    await using running = await start({ procedures: { "echo": (value: unknown) => value } });
    await using client = await open(running.url, wire);
    const value: unknown = JSON.parse('{ "__proto__": { "polluted": 1 }, "a": 1 }');
    const answer = await client.session.call<object>("echo", [value]);
    assertEquals(Object.keys(answer), ["__proto__", "a"]);
    assertEquals(Reflect.get({}, "polluted"), undefined);
  });

  Deno.test(`destroy() of a connection asks the server to stop, and tells no one (${wire})`, async () => {
    const asked = Promise.withResolvers<unknown>();
    const gone = Promise.withResolvers<void>();
    await using running = await start({ onDisconnect: () => gone.resolve() });
    running.server.register("application.exit.later", (seconds: unknown) => {
      asked.resolve(seconds);
    });
    const { connection } = await open(running.url, wire);
    connection.destroy(7);
    assertEquals(await asked.promise, 7);
    await gone.promise;
    assertEquals([connection.getSession(), connection.getUrl()], [null, undefined]);
    assertEquals(connection.connect(), null);
  });
}

Deno.test("a refused secret tells the error alone, and lets go of the socket", async () => {
  await using running = await start({ secret: "open sesame" });
  const connection = WebsocketConnection.newInstance({ urls: running.url, secret: "barley" });
  const told: unknown[] = [];
  connection.onConnectionClose(() => told.push("close"));
  const failed = new Promise<unknown>((resolve) => {
    connection.onConnectionError((_, error) => resolve(error));
  });
  connection.connect();
  assertEquals(await failed, { code: -32000, message: "Authentication failed" });
  assertEquals(told, []);
});

Deno.test("wsProxy takes the page's sockets, whatever they deliver", async () => {
  await using running = await start({ procedures: { "echo": (value: unknown) => value } });
  const options: unknown[] = [];
  /** A socket that passes everything on, and gives blobs. */
  function createWebSocket(url: string) {
    const inner = new WebSocket(url);
    inner.binaryType = "blob";
    const proxy = {
      get readyState() {
        return inner.readyState;
      },
      onopen: (_: unknown) => {},
      onmessage: (_: { data: unknown }) => {},
      onclose: (_: unknown) => {},
      onerror: (_: unknown) => {},
      send(data: string | Uint8Array<ArrayBuffer>, more?: unknown) {
        options.push(more);
        inner.send(data);
      },
      close: () => inner.close(),
    };
    inner.onopen = () => proxy.onopen({});
    inner.onmessage = ({ data }) => proxy.onmessage({ data });
    inner.onclose = () => proxy.onclose(undefined);
    return proxy;
  }
  Object.assign(globalThis, { WSLINK: { createWebSocket } });
  try {
    const smart = SmartConnect.newInstance({
      config: { sessionURL: running.url, wsProxy: true },
    });
    const ready = new Promise((resolve) => smart.onConnectionReady(resolve));
    const closed = new Promise((resolve) => smart.onConnectionClose(resolve));
    smart.connect();
    await ready;
    const values = [1, "two", Uint8Array.of(3)];
    const session = smart.getSession();
    const answers = values.map((value) => session?.call("echo", [value]));
    assertEquals(await Promise.all(answers), values);
    assertEquals(options[0], { binary: true });
    session?.close();
    await closed;
    smart.destroy();
  } finally {
    Reflect.deleteProperty(globalThis, "WSLINK");
  }
});

Deno.test("wsProxy without the page's WSLINK is an error of the connection", async () => {
  const connection = WebsocketConnection.newInstance({ urls: "ws://localhost/ws", wsProxy: true });
  const failed = new Promise<unknown>((resolve) => {
    connection.onConnectionError((_, error) => resolve(error));
  });
  const { error } = console;
  console.error = () => {};
  try {
    assertEquals(connection.connect(), null);
  } finally {
    console.error = error;
  }
  assertEquals(
    String(await failed),
    "TypeError: wsProxy needs the page's WSLINK.createWebSocket(url), and there is none",
  );
});

Deno.test("WsLinkClient refuses a second connection, counts work, and forgets protocols", async () => {
  await using running = await start({
    onError() {},
    procedures: {
      "fail": () => {
        throw new Error("on purpose");
      },
      "idle": () => null,
    },
  });
  const client = WsLinkClient.newInstance({
    notificationTimeout: 0,
    notBusyList: ["idle"],
    protocols: {
      Test: (session) => ({
        fail: () => session.call("fail"),
        idle: () => session.call("idle"),
      }),
    },
  });
  const counts: number[] = [];
  client.onBusyChange((count) => counts.push(count));
  assertStrictEquals(await client.connect({ sessionURL: running.url }), client);
  assertEquals([client.isConnected(), client.isBusy()], [true, false]);
  const again = await client.connect({ sessionURL: running.url }).catch((error) => String(error));
  assertEquals(again, "Error: Need to disconnect first");
  await client.getRemote().Test?.idle?.();
  const idle = new Promise<void>((resolve) => {
    client.onBusyChange((count) => count === 0 && resolve());
  });
  const code = await client.getRemote().Test?.fail?.().catch((error) => error.code);
  assertEquals(code, -32001);
  await idle;
  assertEquals(counts, [1, 0]);
  client.unregisterProtocol("Test");
  client.registerProtocol("More", (session) => ({ idle: () => session.call("idle") }));
  assertEquals(Object.keys(client.getRemote()), ["More"]);
  client.delete();
});
