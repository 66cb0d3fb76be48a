/** The cases of the adapters' suite about limits, and about whose address a connection is. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect, RpcError, type Session } from "@hawser/hawser/client";
import type { Wire } from "@hawser/hawser/protocol";
import {
  type Case,
  HELLO,
  orFail,
  rawGet,
  type Start,
  statusOf,
  type TestServer,
  TEXT,
  UPGRADE,
} from "./_adapter.ts";
import { chunk, RemotePeer, WIRES } from "./_peer.ts";
import { RawSocket } from "./_raw_socket.ts";

/** The header that the servers trust here. */
const HEADER = "x-real-ip";

/** What a proxy says about where a request comes from. */
function from(address: string): string {
  return `X-Real-IP: ${address}\r\n`;
}

/** Opens a socket through a proxy, so to say. */
async function join(server: TestServer, headers: string): Promise<RawSocket> {
  const socket = await RawSocket.open(server.webSocketUrl, headers);
  await socket.send(TEXT, HELLO);
  assertStringIncludes(await textOf(socket), "clientID");
  return socket;
}

async function textOf(socket: RawSocket): Promise<string> {
  return new TextDecoder().decode((await socket.next())?.payload);
}

/** Where the server thinks that a socket comes from. */
async function addressOf(socket: RawSocket): Promise<unknown> {
  const call = { wslink: "1.0", id: "rpc:c0:1", method: "address" };
  await socket.send(TEXT, new TextEncoder().encode(JSON.stringify(call)));
  return JSON.parse(await textOf(socket)).result;
}

/** What a request to connect is answered with. */
async function handshake(server: TestServer, headers = ""): Promise<string> {
  const { pathname } = new URL(server.webSocketUrl);
  return await rawGet(server.url, pathname, UPGRADE + headers);
}

/** Asserts that a client is turned away, and told when to come back. */
function assertTurnedAway(answer: string, status: number): void {
  assertEquals(statusOf(answer), status, answer);
  assertStringIncludes(answer.toLowerCase(), "\r\nretry-after: 10\r\n");
}

/** A map of so many keys. */
function mapOf(keys: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: keys }, (_, i) => [`k${i}`, i]));
}

/** A list in a list in a list … */
function nested(depth: number): unknown {
  return depth === 0 ? 0 : [nested(depth - 1)];
}

/** What a message may not be, and how its connection ends. */
const TOO_MUCH: readonly {
  readonly limit: "depth" | "keys" | "values";
  readonly allowed: number;
  readonly code: number;
  readonly good: unknown;
  readonly bad: unknown;
}[] = [
  { limit: "depth", allowed: 20, code: 1007, good: nested(10), bad: nested(40) },
  { limit: "keys", allowed: 20, code: 1009, good: mapOf(20), bad: mapOf(21) },
  { limit: "values", allowed: 500, code: 1009, good: Array(300).fill(0), bad: Array(600).fill(0) },
];

/** What is begun and never ended: more of it than a limit allows. */
const UNFINISHED = {
  json: {
    limits: { attachments: 4 },
    frame: (i: number) => `{"method":"wslink.binary.attachment","args":["wslink_bin${i}"]}`,
  },
  msgpack: {
    limits: { incompleteMessages: 4 },
    frame: (i: number) => chunk(i, 0, 100, new Uint8Array(1)),
  },
} as const;

async function connected(server: TestServer, wire: Wire): Promise<Session> {
  return await connect(server.webSocketUrl, { wire, reconnect: false });
}

/** Asserts that a call is refused because of a limit. */
async function assertRefused(
  call: Promise<unknown>,
  limit: string,
  code = -32007,
): Promise<Readonly<Record<string, unknown>>> {
  const error = await assertRejects(() => call, RpcError);
  const data: Record<string, unknown> = Object(error.data);
  assertEquals([error.code, data.limit], [code, limit]);
  return data;
}

/** A stranger, or a client, whose connection is ended for doing nothing. */
function ended(limit: "helloTime" | "idleTime", code: number): Case["run"] {
  return async (start: Start, patience: number) => {
    await using server = await start({ limits: { [limit]: 300 } });
    await using quiet = await RemotePeer.dial(server.webSocketUrl, "json");
    if (limit === "idleTime") await quiet.hello();
    assertEquals((await orFail(quiet.closed, patience)).code, code);
    const { limits, closed } = await server.totals();
    assertEquals([limits, closed], [{ [limit]: 1 }, { [code]: 1 }]);
  };
}

/** The cases. */
export const LIMIT_CASES: readonly Case[] = [
  // Where connections come from

  {
    name: "a trusted header says where a client comes from; of a list, its last address",
    async run(start) {
      await using server = await start({ addressHeader: HEADER });
      using one = await join(server, from("192.0.2.7"));
      assertEquals(await addressOf(one), "192.0.2.7");
      using other = await join(server, from("203.0.113.9, 2001:db8::1"));
      assertEquals(await addressOf(other), "2001:db8::1");
    },
  },
  {
    name: "no header says where a client comes from, unless one is trusted",
    async run(start) {
      await using server = await start();
      await using session = await connect(server.webSocketUrl);
      const address = await session.call("address");
      using liar = await join(server, `${from("192.0.2.7")}X-Forwarded-For: 192.0.2.7\r\n`);
      assertEquals(await addressOf(liar), address);
    },
  },
  {
    name: "past its limit an address is turned away with 429, and others are let in",
    async run(start) {
      await using server = await start({
        addressHeader: HEADER,
        limits: { connectionsPerAddress: 2 },
      });
      const leaving = await join(server, from("192.0.2.1"));
      // A stranger has a place as well.
      using _stranger = await RawSocket.open(server.webSocketUrl, from("192.0.2.1"));
      assertTurnedAway(await handshake(server, from("192.0.2.1")), 429);
      using _other = await join(server, from("192.0.2.2"));
      // The first 64 bits of an address of IPv6 are one place.
      using _six = await join(server, from("2001:db8::1"));
      using _same = await join(server, from("2001:db8::2"));
      assertTurnedAway(await handshake(server, from("2001:db8::3")), 429);
      leaving[Symbol.dispose]();
      await server.event("disconnected");
      using _next = await join(server, from("192.0.2.1"));
      assertEquals((await server.totals()).limits, { connectionsPerAddress: 2 });
    },
  },
  {
    name: "past the limit of connections clients are turned away with 503, until one leaves",
    async run(start) {
      await using server = await start({ limits: { connections: 2 } });
      await using session = await connect(server.webSocketUrl);
      const leaving = await join(server, "");
      assertTurnedAway(await handshake(server), 503);
      leaving[Symbol.dispose]();
      await server.event("disconnected");
      await using _next = await connect(server.webSocketUrl);
      assertEquals(await session.call("echo", [1]), 1);
      assertEquals((await server.totals()).limits, { connections: 1 });
    },
  },

  // Limits

  {
    name: "a stranger that says nothing is closed in time, with 1008",
    run: ended("helloTime", 1008),
  },
  {
    name: "a connection that nobody uses is closed in time, with 1000",
    run: ended("idleTime", 1000),
  },
  {
    name: "whoever guesses secrets is closed with 1008",
    async run(start) {
      await using server = await start({ limits: { helloAttempts: 2 } });
      await using peer = await RemotePeer.dial(server.webSocketUrl, "msgpack");
      assertEquals((await peer.hello("guess")).type, "error");
      assertEquals((await peer.hello("another")).type, "error");
      assertEquals((await peer.closed).code, 1008);
      const { limits, failedHellos } = await server.totals();
      assertEquals([limits, failedHellos], [{ helloAttempts: 1 }, 2]);
    },
  },
  ...WIRES.flatMap((wire): Case[] => [
    {
      name: `calls past a limit are refused, with its name and when to try again (${wire})`,
      async run(start) {
        await using server = await start({
          limits: { callsInFlight: 2, callRate: 1, callBurst: 5 },
        });
        await using session = await connected(server, wire);
        const waiting = [session.call("wait"), session.call("wait")];
        await server.event("started");
        await server.event("started");
        const full = await assertRefused(session.call("wait"), "callsInFlight", -32003);
        assert(!("retryAfter" in full));
        await server.release("done");
        assertEquals(await Promise.all(waiting), ["done", "done"]);
        // More than a slow machine takes a second for each of.
        const flood = Array.from({ length: 50 }, (_, i) => session.call("echo", [i]));
        const { retryAfter } = await assertRefused(Promise.all(flood), "callRate");
        assert(typeof retryAfter === "number" && retryAfter > 0 && retryAfter <= 1000);
        const refused = (await Promise.allSettled(flood))
          .filter(({ status }) => status === "rejected").length;
        await using other = await connected(server, wire);
        assertEquals(await other.call("echo", [1]), 1);
        assertEquals((await server.totals()).limits, { callsInFlight: 1, callRate: refused });
      },
    },
    {
      name: `streams and subscriptions past a limit are refused, with its name (${wire})`,
      async run(start) {
        await using server = await start({ limits: { openStreams: 1, subscriptions: 1 } });
        await using session = await connected(server, wire);
        const stream = session.stream<number>("endless")[Symbol.asyncIterator]();
        assertEquals((await stream.next()).value, 0);
        await assertRefused(
          session.stream("rows", [1])[Symbol.asyncIterator]().next(),
          "openStreams",
        );
        const news = session.subscribe("news");
        await news.ready;
        const more = session.subscribe("image");
        // Its reader gets the same error.
        const read = more[Symbol.asyncIterator]().next().catch((error) => error);
        await assertRefused(more.ready, "subscriptions");
        assert(await read instanceof RpcError);
        await stream.return?.();
        await server.event("stopped");
        assertEquals((await server.totals()).limits, { openStreams: 1, subscriptions: 1 });
      },
    },
    ...TOO_MUCH.map(({ limit, allowed, code, good, bad }): Case => ({
      name:
        `a message past the limit of ${limit} closes its connection alone, with ${code} (${wire})`,
      async run(start) {
        await using server = await start({ limits: { [limit]: allowed } });
        await using session = await connect(server.webSocketUrl);
        await using peer = await RemotePeer.dial(server.webSocketUrl, wire);
        await peer.hello();
        assertEquals((await peer.call("echo", [good])).type, "result");
        peer.request("echo", [bad]);
        assertEquals((await peer.closed).code, code);
        assertEquals(await session.call("echo", [1]), 1);
        const { limits, closed } = await server.totals();
        assertEquals([limits, closed], [{ [limit]: 1 }, { [code]: 1 }]);
      },
    })),
    {
      name: `what is begun and never ended is bounded: closed with 1008 (${wire})`,
      async run(start) {
        const { limits, frame } = UNFINISHED[wire];
        await using server = await start({ limits });
        await using session = await connect(server.webSocketUrl);
        await using peer = await RemotePeer.dial(server.webSocketUrl, wire);
        await peer.hello();
        for (let i = 1; i <= 5; i++) peer.sendFrame(frame(i));
        assertEquals((await peer.closed).code, 1008);
        assertEquals(await session.call("echo", [1]), 1);
        const [limit = ""] = Object.keys(limits);
        assertEquals((await server.totals()).limits, { [limit]: 1 });
      },
    },
  ]),
];
