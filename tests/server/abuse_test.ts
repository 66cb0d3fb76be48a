/** What strangers do to a server's sockets, while somebody else is served. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { HELLO_ID, HELLO_METHOD, JsonEncoder } from "@hawser/hawser/protocol";
import { connect } from "../../client.ts";
import { createServer, serve } from "../../server.ts";
import { chunk, join, RemotePeer, WIRES } from "../_peer.ts";
import { RawSocket } from "../_raw_socket.ts";
import { pair } from "../session/_pair.ts";

function makeServer() {
  return createServer({ procedures: { "test.echo": (value: unknown) => value } });
}

/** Opens a socket, sends frames, and waits for its end. */
async function closeCodeAfter(
  url: string,
  ...frames: (string | Uint8Array<ArrayBuffer>)[]
): Promise<number> {
  const socket = new WebSocket(url);
  const closed = Promise.withResolvers<number>();
  socket.onclose = ({ code }) => closed.resolve(code);
  socket.onopen = () => {
    for (const frame of frames) socket.send(frame);
  };
  return await closed.promise;
}

/** A chunk that says that its message has 4 GB. */
const CLAIM = Uint8Array.fromHex("01000000" + "00000000" + "ffffffff" + "c0");

const BAD_FIRST_FRAMES: [what: string, code: number, frame: string | Uint8Array<ArrayBuffer>][] = [
  ["malformed JSON", 1007, "{"],
  ["JSON that is no message", 1002, "[]"],
  ["a message without id", 1002, '{"wslink":"1.0"}'],
  ["an id of the wrong type", 1002, '{"id":1,"method":"wslink.hello"}'],
  ["a truncated header", 1007, new Uint8Array(11)],
  ["a claim of 4 GB", 1009, CLAIM],
  [
    "a first message of 300 values",
    1009,
    // {"id": "r", "x": [nil, …]}
    Uint8Array.fromHex(
      "01000000" + "00000000" + "37010000" + "82a26964a172a178dc012c" + "c0".repeat(300),
    ),
  ],
  ["a first message of more than a hello", 1009, JSON.stringify({ id: "x".repeat(1000) })],
];

for (const [what, code, frame] of BAD_FIRST_FRAMES) {
  Deno.test(`${what} closes its connection with ${code}, and another one is served`, async () => {
    await using listening = await serve(makeServer(), { port: 0 });
    await using session = await connect(listening.webSocketUrl);
    assertEquals(await closeCodeAfter(listening.webSocketUrl, frame), code);
    assertEquals(await session.call("test.echo", ["still here"]), "still here");
  });
}

for (const wire of ["msgpack", "json"] as const) {
  Deno.test(`a message of more values than the limit closes its connection with 1009 (${wire})`, async () => {
    const server = createServer({
      procedures: { "test.echo": (value: unknown) => value },
      limits: { values: 1000 },
    });
    await using listening = await serve(server, { port: 0 });
    await using other = await connect(listening.webSocketUrl, { wire });
    // No client of ours: whatever is sent behind the message, as an acknowledgement, may make
    // Deno's server reset the connection, and the close code gets lost.
    await using peer = await RemotePeer.dial(listening.webSocketUrl, wire);
    await peer.hello();
    // The message's own map has ten, its list of arguments one; in JSON its empty kwargs count too.
    const answer = await peer.call("test.echo", [Array(988).fill(0)]);
    assertEquals(answer.type === "result" && answer.result, Array(988).fill(0));
    peer.request("test.echo", [Array(990).fill(0)]);
    assertEquals((await peer.closed).code, 1009);
    assertEquals(await other.call("test.echo", ["still here"]), "still here");
  });
}

Deno.test("text on the msgpack wire closes with 1003", async () => {
  await using listening = await serve(makeServer(), { port: 0 });
  const part = Uint8Array.fromHex("01000000" + "00000000" + "02000000" + "c0");
  assertEquals(await closeCodeAfter(listening.webSocketUrl, part, "text"), 1003);
});

Deno.test("400 sockets that claim a message of 4 GB each cost no memory and disturb nobody", async () => {
  await using listening = await serve(makeServer(), { port: 0 });
  await using session = await connect(listening.webSocketUrl);
  const before = Deno.memoryUsage().rss;
  const codes = await Promise.all(
    Array.from({ length: 400 }, () => closeCodeAfter(listening.webSocketUrl, CLAIM)),
  );
  assertEquals(codes.filter((code) => code === 1009).length, 400);
  assertEquals(await session.call("test.echo", [1]), 1);
  assert(Deno.memoryUsage().rss - before < 200e6);
});

/** A socket by hand that has said a good hello, in JSON. */
async function joinRaw(url: string): Promise<RawSocket> {
  const socket = await RawSocket.open(url);
  const [hello] = new JsonEncoder().encode({
    type: "request",
    id: HELLO_ID,
    method: HELLO_METHOD,
    args: [{ secret: "wslink-secret" }],
    kwargs: {},
  });
  await socket.send(1, new TextEncoder().encode(String(hello)));
  const answer = await socket.next();
  assertStringIncludes(new TextDecoder().decode(answer?.payload), "clientID");
  return socket;
}

Deno.test("sockets that say nothing are closed in time, and another one is served", async () => {
  const server = createServer({
    procedures: { "test.echo": (value: unknown) => value },
    limits: { helloTime: 300 },
  });
  await using listening = await serve(server, { port: 0 });
  await using session = await connect(listening.webSocketUrl);
  const codes = await Promise.all(
    Array.from({ length: 100 }, () => closeCodeAfter(listening.webSocketUrl)),
  );
  assertEquals(codes, Array(100).fill(1008));
  assertEquals(await session.call("test.echo", ["still here"]), "still here");
  assertEquals(server.stats().totals.limits, { helloTime: 100 });
  assertEquals(server.stats().connections.sockets, 1);
});

Deno.test("a hello that comes byte by byte holds nobody up", async () => {
  await using listening = await serve(makeServer(), { port: 0 });
  await using session = await connect(listening.webSocketUrl);
  using slow = await RawSocket.open(listening.webSocketUrl);
  const [hello] = new JsonEncoder().encode({
    type: "request",
    id: HELLO_ID,
    method: HELLO_METHOD,
    args: [{ secret: "wslink-secret" }],
    kwargs: {},
  });
  const text = new TextEncoder().encode(String(hello));
  assert(text.length < 126);
  const frame = [0x81, 0x80 | text.length, 0, 0, 0, 0, ...text];
  for (const byte of frame) {
    await slow.write(Uint8Array.of(byte));
    assertEquals(await session.call("test.echo", [byte]), byte);
  }
  assertStringIncludes(new TextDecoder().decode((await slow.next())?.payload), "clientID");
});

Deno.test("a call that comes byte by byte is answered when it is there, and holds nobody up", async () => {
  await using listening = await serve(makeServer(), { port: 0 });
  await using session = await connect(listening.webSocketUrl);
  using slow = await joinRaw(listening.webSocketUrl);
  const call = { wslink: "1.0", id: "rpc:c0:1", method: "test.echo", args: ["slow"] };
  const text = new TextEncoder().encode(JSON.stringify(call));
  assert(text.length < 126);
  for (const byte of [0x81, 0x80 | text.length, 0, 0, 0, 0, ...text]) {
    await slow.write(Uint8Array.of(byte));
    assertEquals(await session.call("test.echo", [byte]), byte);
  }
  const answer = new TextDecoder().decode((await slow.next())?.payload);
  assertEquals(JSON.parse(answer).result, "slow");
});

Deno.test("a client that doesn't read costs its queue, and another one gets everything", async () => {
  const queueBytes = 4_000_000;
  const server = createServer({
    procedures: { "test.echo": (value: unknown) => value },
    limits: { queueBytes },
  });
  await using listening = await serve(server, { port: 0 });
  using _deaf = await joinRaw(listening.webSocketUrl);
  await using session = await connect(listening.webSocketUrl);
  const reader = [...server.clients.values()].at(-1);
  assert(reader !== undefined);
  const image = { blob: new Uint8Array(500_000) };
  let received = 0;
  const all = Promise.withResolvers<void>();
  session.subscribe("image", () => {
    if (++received === 200) all.resolve();
  });
  // The server knows of the subscription by now.
  await session.call("test.echo");
  for (let i = 0; i < 200; i++) {
    await server.publish("image", image, { policy: "wait", to: reader });
    server.publish("image", image, { except: reader });
    const { heldBytes } = server.stats().queues;
    // Each client's own bound, and one message more.
    assert(heldBytes <= 2 * queueBytes + 1_000_000, `${heldBytes} bytes wait`);
  }
  await all.promise;
  // 100 MB for somebody who doesn't read: most of it is gone, and it is counted.
  const [topic] = server.stats().topics;
  assert(topic !== undefined && topic.dropped > 100, `${topic?.dropped} were dropped`);
});

Deno.test("a flood of pings is answered or not, and another one is served", async () => {
  await using listening = await serve(makeServer(), { port: 0 });
  await using session = await connect(listening.webSocketUrl);
  const flooding = await joinRaw(listening.webSocketUrl);
  // 125 bytes are the most that a ping may hold.
  const ping = new Uint8Array(6 + 125);
  ping[0] = 0x89;
  ping[1] = 0x80 | 125;
  const many = new Uint8Array(ping.length * 1000);
  for (let at = 0; at < many.length; at += ping.length) many.set(ping, at);
  const before = Deno.memoryUsage().rss;
  let answered = 0;
  // Nobody reads the pongs: a server that waits for them to go stops reading, which is as good.
  const flood = (async () => {
    for (let i = 0; i < 400; i++) await flooding.write(many);
  })().catch(() => {});
  for (; answered < 200; answered++) {
    assertEquals(await session.call("test.echo", [answered]), answered);
  }
  assert(Deno.memoryUsage().rss - before < 200e6);
  flooding[Symbol.dispose]();
  await flood;
});

Deno.test("a storm of connections that come and go leaves nothing behind", async () => {
  const server = makeServer();
  await using listening = await serve(server, { port: 0 });
  await using session = await connect(listening.webSocketUrl);
  for (let round = 0; round < 20; round++) {
    const sockets = await Promise.all(
      Array.from(
        { length: 25 },
        (_, i) => i % 2 ? RawSocket.open(listening.webSocketUrl) : joinRaw(listening.webSocketUrl),
      ),
    );
    for (const socket of sockets) socket[Symbol.dispose]();
    assertEquals(await session.call("test.echo", [round]), round);
  }
  while (server.stats().connections.sockets > 1) await session.call("test.echo");
  const { connections, totals } = server.stats();
  assertEquals([connections.clients - connections.suspended, totals.accepted], [1, 501]);
});

for (const wire of WIRES) {
  Deno.test(`names and keys that every object has are data (${wire})`, async () => {
    const plain = Object.getOwnPropertyNames(Object.prototype);
    await using server = makeServer();
    const { peer } = await join(server, wire);
    for (const name of [...plain, "prototype"]) {
      const answer = await peer.call(name);
      assert(answer.type === "error" && answer.error.code === -32601, `${name} is a method`);
      const value = JSON.parse(`{"${name}": {"polluted": true}}`);
      const echoed = await peer.call("test.echo", [value]);
      assert(echoed.type === "result");
      assertEquals(JSON.stringify(echoed.result), JSON.stringify(value));
      const refused = await peer.call("test.echo", [1], JSON.parse(`{"${name}": 1}`));
      assert(refused.type === "error" && refused.error.code === -32602, `${name} is an argument`);
    }
    assertEquals(Object.getOwnPropertyNames(Object.prototype), plain);
    assertEquals(Reflect.get({}, "polluted"), undefined);
  });

  Deno.test(`answers, cancellations and credit that nobody waits for change nothing (${wire})`, async () => {
    await using server = makeServer();
    const features = ["call", "stream", "ping"] as const;
    const { peer } = await join(server, wire, { version: 1, features });
    for (let i = 0; i < 2000; i++) {
      const id = `rpc:c9:${i}`;
      peer.send({ type: "result", id, result: i });
      peer.send({ type: "error", id, error: { code: 1, message: "no" } });
      for (const method of ["wslink.cancel", "wslink.stream.cancel", "wslink.stream.end"]) {
        peer.request(method, [id], {}, "system:c9:0");
      }
      peer.request("wslink.stream.item", [id, 1, 16], {}, "system:c9:0");
      peer.request("wslink.stream.credit", [id, 1e9, 1e9], {}, "system:c9:0");
      peer.request("wslink.progress", [id, 1], {}, "system:c9:0");
    }
    assertEquals((await peer.call("test.echo", ["still here"])).type, "result");
  });
}

Deno.test("a message in pieces of one byte is bounded by its bookkeeping", async () => {
  await using server = createServer({ limits: { messageSize: 1_000_000 } });
  const { peer } = await join(server);
  const byte = new Uint8Array(1);
  let sent = 0;
  // Every other byte, so that no two pieces join.
  while (peer.socket.readyState === 1 && sent < 500_000) {
    peer.sendFrame(chunk(7, sent++ * 2, 1_000_000, byte));
  }
  assertEquals((await peer.closed).code, 1009);
  assert(sent < 10_000, `${sent} pieces were held`);
});

Deno.test("subscribing without end is refused, and another one is served", async () => {
  await using server = createServer({
    procedures: { "test.echo": (value: unknown) => value },
    limits: { subscriptions: 100 },
  });
  const { session } = await pair(server);
  const { session: other } = await pair(server);
  const asked = Array.from(
    { length: 500 },
    (_, i) =>
      session.subscribe(`flood.t${i}`)[Symbol.asyncIterator]().next().catch(() => "refused"),
  );
  const refused = asked.slice(100);
  assertEquals(await Promise.all(refused), Array(400).fill("refused"));
  assertEquals(await other.call("test.echo", ["still here"]), "still here");
  assertEquals(server.stats().totals.limits.subscriptions, 400);
  await session.close();
  await other.close();
  await Promise.allSettled(asked);
});
