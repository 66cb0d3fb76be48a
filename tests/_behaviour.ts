/**
 * What every adapter must do alike: one suite over real sockets. The server runs in a process of the
 * runtime under test, and a session with its control server says what it is to do.
 */
import {
  assert,
  assertEquals,
  assertGreater,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { connect, ConnectionClosedError, RpcError, type Subscription } from "@hawser/hawser/client";
import { fileURLToPath } from "node:url";
import { selfSigned } from "./adapters/_certificate.ts";
import {
  BINARY,
  type Case,
  CLOSE,
  codeOf,
  type Difference,
  HELLO,
  MB,
  orFail,
  rawGet,
  statusOf,
  type TestServer,
  TEXT,
  UPGRADE,
} from "./_adapter.ts";
import { LIMIT_CASES } from "./_behaviour_limits.ts";
import { clientIdOf, RemotePeer, WIRES } from "./_peer.ts";
import { startCutter } from "./peers/_cutter.ts";
import { RawSocket } from "./_raw_socket.ts";

/** Sizes around those where something changes: nothing, one byte, a slab, a frame, several frames. */
const SIZES = [0, 1, 2047, 65_536, 4_194_292, 4_194_293, 9_000_000];

/** A chunk that says that its message has 4 GB. */
const CLAIM = Uint8Array.fromHex("01000000" + "00000000" + "ffffffff" + "c0");

/** Where there is no `serve()`. */
const NO_SERVE = { workerd: "there is no `serve()`: the platform listens and serves content" };

/** Where a socket doesn't say what waits in it. */
const NO_BUFFERED_AMOUNT = {
  workerd: "its sockets have no `bufferedAmount`: nothing is held back or dropped",
};

/** The suite. */
export const CASES: readonly Case[] = [
  ...WIRES.flatMap((wire): Case[] => [
    {
      name: `a call is answered (${wire})`,
      async run(start) {
        await using server = await start();
        await using session = await connect(server.webSocketUrl, { wire });
        assertEquals(session.wire, wire);
        const value = { list: [1, null, "⚓", { deep: true }], pi: 3.5, big: 2n ** 60n };
        assertEquals(await session.call("echo", [value]), value);
      },
    },
    {
      name: `binary of every size goes both ways (${wire})`,
      async run(start) {
        await using server = await start();
        await using session = await connect(server.webSocketUrl, { wire });
        for (const size of SIZES) {
          const bytes = await session.call<Uint8Array>("bytes", [size]);
          assertEquals(bytes.length, size);
          assert(bytes.every((byte) => byte === (size & 0xff)));
          assertEquals(await session.call("size", [bytes]), size);
        }
      },
    },
    {
      name: `many calls at once are each answered with their own (${wire})`,
      async run(start) {
        await using server = await start();
        await using session = await connect(server.webSocketUrl, { wire });
        const values = Array.from({ length: 500 }, (_, i) => [i, new Uint8Array(i)]);
        const answers = await Promise.all(values.map((value) => session.call("echo", [value])));
        assertEquals(answers, values);
      },
    },
    {
      name: `errors arrive with code, message and data (${wire})`,
      async run(start) {
        await using server = await start();
        await using session = await connect(server.webSocketUrl, { wire });
        const failed = await assertRejects(() => session.call("fail"), RpcError, "Mesh too large");
        assertEquals([failed.code, failed.data], [1001, { cells: 9 }]);
        const unknown = await assertRejects(() => session.call("no.such"), RpcError);
        assertEquals([unknown.code, unknown.data], [-32601, "no.such"]);
      },
    },
    {
      name: `a wrong secret is refused (${wire})`,
      async run(start) {
        await using server = await start();
        const error = await assertRejects(
          () => connect(server.webSocketUrl, { wire, secret: "wrong" }),
          RpcError,
          "Authentication failed",
        );
        assertEquals(error.code, -32000);
      },
    },
    {
      name: `publications arrive in order, small and large (${wire})`,
      async run(start) {
        await using server = await start();
        await using session = await connect(server.webSocketUrl, { wire });
        const frames = session.subscribe<Uint8Array>("image");
        await frames.ready;
        const sizes = [5_000_000, 10, 4_194_305, 0];
        for (const size of sizes) await server.publish("image", new Uint8Array(size));
        const received: number[] = [];
        for await (const { length } of frames) {
          received.push(length);
          if (received.length === sizes.length) break;
        }
        assertEquals(received, sizes);
      },
    },
    {
      name: `a frame over the limit closes with 1009 (${wire})`,
      async run(start) {
        await using server = await start({ limits: { messageSize: 100_000, frameSize: 50_000 } });
        await using peer = await RemotePeer.dial(server.webSocketUrl, wire);
        await peer.hello();
        peer.sendFrame(wire === "json" ? "x".repeat(200_000) : new Uint8Array(200_000));
        assertEquals((await peer.closed).code, 1009);
      },
    },
  ]),

  {
    name: "clients of both wires share one server and one publication",
    async run(start) {
      await using server = await start();
      await using old = await connect(server.webSocketUrl, { wire: "json" });
      await using recent = await connect(server.webSocketUrl, { wire: "msgpack" });
      const first = [old, recent].map((session) => session.subscribe("news"));
      await Promise.all(first.map(({ ready }) => ready));
      assertEquals(await server.publish("news", { blob: new Uint8Array([1, 2]) }), 2);
      for (const value of await Promise.all(first.map(firstOf))) {
        assertEquals(value, { blob: new Uint8Array([1, 2]) });
      }
      const forOne = old.subscribe("news");
      await forOne.ready;
      assertEquals(await server.publish("news", "for one", { to: old.clientId }), 1);
      assertEquals(await firstOf(forOne), "for one");
      const forOther = recent.subscribe("news");
      await forOther.ready;
      assertEquals(await server.publish("news", "for the other", { except: old.clientId }), 1);
      assertEquals(await firstOf(forOther), "for the other");
    },
  },
  {
    name: "a procedure sees the HTTP request of its caller",
    async run(start) {
      await using server = await start();
      await using session = await connect(`${server.webSocketUrl}?room=7`);
      const { url, version } = await session.call<{ url: string; version: string }>("request");
      const seen = new URL(url);
      const { pathname, host } = new URL(server.webSocketUrl);
      assertEquals([seen.host, seen.pathname, seen.search], [host, pathname, "?room=7"]);
      assertEquals(version, "13");
    },
  },

  // What Hawser's peers agree on

  ...WIRES.flatMap((wire): Case[] => [
    {
      name: `a topic is subscribed to, in whole and by filter, and left (${wire})`,
      async run(start) {
        await using server = await start();
        await using session = await connect(server.webSocketUrl, { wire });
        assertEquals(await server.publish("scene", { views: ["to nobody"] }), 0);
        const whole = session.subscribe("scene");
        const part = session.subscribe("scene", { filter: { view: 1 } });
        const other = session.subscribe("scene", { filter: { view: 9 } });
        await Promise.all([whole.ready, part.ready, other.ready]);
        await server.event("listened");
        const scene = { views: ["front", "side"] };
        assertEquals(await server.publish("scene", scene), 1);
        assertEquals([await firstOf(whole), await firstOf(part)], [scene, "side"]);
        await other.unsubscribe();
        await server.event("deserted");
        assertEquals(await server.publish("scene", scene), 0);
      },
    },
    {
      name: `streams go down, up and both ways, and end where their reader ends (${wire})`,
      async run(start) {
        await using server = await start();
        await using session = await connect(server.webSocketUrl, { wire });
        const sizes: number[] = [];
        const rows = session.stream<Uint8Array, { count: number }>("rows", [300]);
        for await (const { length } of rows) sizes.push(length);
        assertEquals(sizes, Array.from({ length: 300 }, (_, i) => i));
        assertEquals(await session.stream("rows", [2]), { count: 2 });
        // More than a window, of either kind.
        const parts = ReadableStream.from(many(300, () => new Uint8Array(50_000)));
        assertEquals(await session.call("total", [parts]), 15_000_000);
        const doubled: number[] = [];
        for await (const number of session.stream<number>("double", [many(200, (i) => i)])) {
          doubled.push(number);
        }
        assertEquals(doubled, Array.from({ length: 200 }, (_, i) => i * 2));
        for await (const number of session.stream<number>("endless")) if (number === 100) break;
        await server.event("stopped");
      },
    },
    {
      name: `a call is cancelled, and says how far it has come (${wire})`,
      async run(start) {
        await using server = await start();
        await using session = await connect(server.webSocketUrl, { wire });
        const steps: unknown[] = [];
        const onProgress = (value: unknown) => void steps.push(value);
        assertEquals(await session.call("steps", [3], { onProgress }), 3);
        assertEquals(steps, [{ step: 1 }, { step: 2 }, { step: 3 }]);
        const stopping = new AbortController();
        const call = session.call("wait", [], { signal: stopping.signal });
        const rejected = assertRejects(() => call, DOMException, "enough");
        await server.event("started");
        stopping.abort(new DOMException("enough", "AbortError"));
        await rejected;
        assertEquals((await server.event("aborted")).client, session.clientId);
        assertEquals(await session.call("echo", [1]), 1);
      },
    },
    {
      name: `the server calls the client (${wire})`,
      async run(start) {
        await using server = await start();
        const procedures = {
          "dialog.ask": (question: string) => {
            if (question === "") throw new RpcError(1002, "Ask something", { asked: 0 });
            return { answer: question.length, blob: new Uint8Array([1, 2]) };
          },
        };
        await using session = await connect(server.webSocketUrl, { wire, procedures });
        const answer = await session.call("ask", ["sure?"]);
        assertEquals(answer, { answer: 5, blob: new Uint8Array([1, 2]) });
        const error = await assertRejects(() => session.call("ask", [""]), RpcError);
        assertEquals([error.code, error.data], [1002, { asked: 0 }]);
      },
    },
    {
      name: `a session outlives a cut: its calls are answered, its topics go on (${wire})`,
      async run(start) {
        await using server = await start();
        await using cutter = startCutter(server.webSocketUrl);
        const reconnect = { initialDelay: 1 };
        await using session = await connect(cutter.url, { wire, reconnect });
        const { clientId } = session;
        const statuses = session.statuses();
        const news = session.subscribe("news");
        await news.ready;
        const waiting = session.call("wait");
        await server.event("started");
        const sent = session.call("size", [new Uint8Array(200_000)]);
        for await (const { state } of statuses) if (state === "waiting") break;
        assertEquals(await sent, 200_000);
        await server.release("done");
        assertEquals(await waiting, "done");
        assertEquals([session.clientId, await server.clients()], [clientId, [clientId]]);
        assertEquals(await server.publish("news", "still here"), 1);
        assertEquals(await firstOf(news), "still here");
        assertEquals(await session.call("runs"), 1);
      },
    },
    {
      name: `a call is rejected when its session can't be resumed (${wire})`,
      async run(start) {
        await using server = await start({ resumeWindow: 0 });
        await using cutter = startCutter(server.webSocketUrl);
        const reconnect = { initialDelay: 1 };
        await using session = await connect(cutter.url, { wire, reconnect });
        const { clientId } = session;
        const statuses = session.statuses();
        const big = new Uint8Array(200_000);
        const error = await assertRejects(
          () => session.call("size", [big]),
          ConnectionClosedError,
        );
        assert(error.sent);
        let waited = false;
        for await (const { state } of statuses) {
          if (state === "open" && waited) break;
          waited ||= state === "waiting";
        }
        assertEquals(await session.call("size", [big]), big.length);
        assert(session.clientId !== clientId);
      },
    },
    {
      name: `a safe call outlives its session, and runs once (${wire})`,
      async run(start) {
        await using server = await start();
        const reconnect = { initialDelay: 1 };
        await using session = await connect(server.webSocketUrl, { wire, reconnect });
        const { clientId } = session;
        const call = session.call("wait", [], { retry: "safe" });
        await server.event("started");
        await server.end(clientId, 4000, "thrown out");
        await server.event("disconnected");
        await server.event("connected");
        await server.release("once");
        assertEquals(await call, "once");
        assert(session.clientId !== clientId);
        assertEquals(await session.call("runs"), 1);
      },
    },
    {
      name: `a client is who its token says, and nobody without one (${wire})`,
      async run(start) {
        await using server = await start({ tokens: { t0ken: "ada" } });
        await using session = await connect(server.webSocketUrl, { wire, secret: "t0ken" });
        assertEquals(await session.call("identity"), "ada");
        for (const secret of ["guess", "wslink-secret", "toString"]) {
          const error = await assertRejects(
            () => connect(server.webSocketUrl, { wire, secret }),
            RpcError,
          );
          assertEquals(error.code, -32000);
        }
      },
    },
  ]),
  {
    name: "a page from elsewhere gets 403, before there is a socket",
    async run(start) {
      await using server = await start({ origins: ["https://example.org"] });
      const { pathname } = new URL(server.webSocketUrl);
      const statusFor = async (origin: string) =>
        statusOf(await rawGet(server.url, pathname, `${UPGRADE}Origin: ${origin}\r\n`));
      assertEquals(await statusFor("https://elsewhere.example"), 403);
      assertEquals(await statusFor("https://example.org.elsewhere.example"), 403);
      assertEquals(await statusFor("null"), 403);
      assertEquals(await statusFor("https://example.org"), 101);
      // What is no browser names none.
      await using session = await connect(server.webSocketUrl);
      assertEquals(await session.call("echo", [1]), 1);
    },
  },

  // How connections end

  {
    name: "a client that leaves aborts its calls, and the server is told",
    async run(start) {
      await using server = await start();
      const session = await connect(server.webSocketUrl);
      const { clientId } = session;
      const call = assertRejects(() => session.call("wait"), ConnectionClosedError);
      await server.event("started");
      await session.close();
      await call;
      assertEquals((await server.event("aborted")).client, clientId);
      const { client, code } = await server.event("disconnected");
      assertEquals([client, code], [clientId, 1000]);
      assertEquals(await server.clients(), []);
    },
  },
  {
    name: "the server's close code and reason reach the client",
    async run(start) {
      await using server = await start();
      await using peer = await RemotePeer.dial(server.webSocketUrl, "msgpack");
      await server.end(clientIdOf(await peer.hello()), 4000, "as you wish ⚓");
      assertEquals(await peer.closed, { code: 4000, reason: "as you wish ⚓" });
    },
  },
  {
    name: "the client's close code and reason reach the server, and are answered",
    async run(start) {
      await using server = await start();
      const socket = await RawSocket.open(server.webSocketUrl);
      await socket.send(TEXT, HELLO);
      await socket.next();
      const payload = new Uint8Array([4321 >> 8, 4321 & 0xff, ...new TextEncoder().encode("bye")]);
      await socket.send(CLOSE, payload);
      const answer = await socket.next();
      assertEquals(answer?.opcode, CLOSE);
      assertEquals(answer?.payload.slice(0, 2), payload.slice(0, 2));
      socket[Symbol.dispose]();
      const { code, reason } = await server.event("disconnected");
      assertEquals([code, reason], [4321, "bye"]);
    },
  },
  {
    name: "a client that hangs up without a word is 1006",
    async run(start) {
      await using server = await start();
      const socket = await RawSocket.open(server.webSocketUrl);
      await socket.send(TEXT, HELLO);
      await socket.next();
      socket[Symbol.dispose]();
      assertEquals((await server.event("disconnected")).code, 1006);
    },
  },
  {
    name: "a peer that answers no ping is found dead: 1001",
    except: { workerd: "its sockets can't ping" },
    async run(start, patience) {
      await using server = await start({ heartbeat: 1000 });
      using dead = await RawSocket.open(server.webSocketUrl);
      await dead.send(TEXT, HELLO);
      await dead.next();
      await using alive = await connect(server.webSocketUrl, { reconnect: false });
      const { code, client } = await orFail(server.event("disconnected"), patience);
      assertEquals(code, 1001);
      assert(client !== alive.clientId);
      // Its runtime answers pings.
      assertEquals(await alive.call("echo", [1]), 1);
    },
  },
  {
    name: "closing the server ends running calls, and then says 1001",
    async run(start) {
      await using server = await start();
      await using peer = await RemotePeer.dial(server.webSocketUrl, "json");
      await using idle = await RemotePeer.dial(server.webSocketUrl, "msgpack");
      await peer.hello();
      const id = peer.request("wait");
      await server.event("started");
      const closing = server.close();
      await server.release("done");
      assertEquals(await peer.next(), { type: "result", id, result: "done" });
      await closing;
      const shutdown = { code: 1001, reason: "Server shutdown" };
      assertEquals([await peer.closed, await idle.closed], [shutdown, shutdown]);
    },
  },
  {
    name: "stopping with clients connected ends, and each session learns why",
    async run(start) {
      await using server = await start();
      await using session = await connect(server.webSocketUrl, { reconnect: false });
      const idle = await RemotePeer.dial(server.webSocketUrl, "json");
      await server.stop();
      await session.closed;
      const { status } = session;
      const error = status.state === "closed" ? status.error : undefined;
      assert(error instanceof ConnectionClosedError);
      assertEquals([error.closeCode, error.reason], [1001, "Server shutdown"]);
      assertEquals((await idle.closed).code, 1001);
      await server.event("closed");
      await server.event("finished");
    },
  },
  {
    name: "stopping ends with a client that never answers the closing handshake",
    async run(start) {
      const server = await start();
      using socket = await RawSocket.open(server.webSocketUrl);
      await server.stop();
      const close = await socket.next();
      assertEquals(close?.opcode, CLOSE);
      assertStringIncludes(new TextDecoder().decode(close?.payload), "Server shutdown");
    },
  },

  // A slow reader

  {
    name: "a reader that stalls costs a bounded queue: the oldest publications go",
    except: NO_BUFFERED_AMOUNT,
    async run(start) {
      await using server = await start({ limits: { queueBytes: 4 * MB } });
      const { received, dropped } = await stall(server, "drop-oldest");
      assertGreater(dropped, 40);
      assertEquals(received.length + dropped, 100);
      assertEquals(received, received.toSorted((a, b) => a - b));
    },
  },
  {
    name: "a reader that stalls gets the latest picture only, with the policy latest",
    except: NO_BUFFERED_AMOUNT,
    async run(start) {
      await using server = await start();
      const { received, dropped } = await stall(server, "latest");
      assertGreater(dropped, 60);
      assertEquals(received.length + dropped, 100);
      assertEquals(received, received.toSorted((a, b) => a - b));
    },
  },
  {
    name: "a client that calls and never reads the answers is ended with 4013",
    except: NO_BUFFERED_AMOUNT,
    async run(start, patience) {
      await using server = await start({ limits: { queueBytes: MB } });
      using socket = await RawSocket.open(server.webSocketUrl);
      await socket.send(TEXT, HELLO);
      await socket.next();
      for (let i = 0; i < 100; i++) {
        const call = { wslink: "1.0", id: `rpc:c0:${i}`, method: "bytes", args: [MB] };
        await socket.send(TEXT, new TextEncoder().encode(JSON.stringify(call)));
      }
      assertEquals((await orFail(server.event("disconnected"), patience)).code, 4013);
    },
  },

  // Strangers

  ...([
    ["malformed JSON", 1007, "{"],
    ["JSON that is no message", 1002, "[]"],
    ["a truncated header", 1007, new Uint8Array(11)],
    ["a claim of 4 GB", 1009, CLAIM],
    ["a first message of more than a hello", 1009, JSON.stringify({ id: "x".repeat(1000) })],
  ] as const).map(([what, code, frame]): Case => ({
    name: `${what} closes its connection alone, with ${code}`,
    async run(start) {
      await using server = await start();
      await using session = await connect(server.webSocketUrl);
      await using peer = await RemotePeer.dial(server.webSocketUrl, "json");
      peer.sendFrame(frame);
      assertEquals((await peer.closed).code, code);
      assertEquals(await session.call("echo", [1]), 1);
    },
  })),
  {
    name: "text that is no UTF-8 closes its connection alone, with 1007 or without a word",
    async run(start) {
      await using server = await start();
      await using session = await connect(server.webSocketUrl);
      using socket = await RawSocket.open(server.webSocketUrl);
      await socket.send(TEXT, new Uint8Array([0xff, 0xfe]));
      const close = await socket.next();
      if (close) assertEquals([close.opcode, codeOf(close.payload)], [CLOSE, 1007]);
      assertEquals(await session.call("echo", [1]), 1);
    },
  },
  {
    name: "100 strangers at once that claim 4 GB each disturb nobody",
    async run(start) {
      await using server = await start();
      await using session = await connect(server.webSocketUrl);
      await Promise.all(Array.from({ length: 100 }, async () => {
        await using peer = await RemotePeer.dial(server.webSocketUrl, "msgpack");
        peer.sendFrame(CLAIM);
        assertEquals((await peer.closed).code, 1009);
      }));
      assertEquals(await session.call("echo", [1]), 1);
    },
  },

  ...LIMIT_CASES,

  // Handshakes and HTTP

  {
    name: "what is no WebSocket request gets 426 at the path, and 404 beside it",
    async run(start) {
      await using server = await start();
      const { pathname } = new URL(server.webSocketUrl);
      for (const path of [pathname, `${pathname}?a=1`]) {
        const response = await fetch(new URL(path, server.url));
        await response.body?.cancel();
        assertEquals([path, response.status], [path, 426]);
      }
      const beside = await fetch(new URL("beside", server.url));
      await beside.body?.cancel();
      assertEquals(beside.status, 404);
      assertEquals(statusOf(await rawGet(server.url, `${pathname}x`, UPGRADE)), 404);
    },
  },
  {
    name: "a broken handshake is the client's mistake: 400 or 426",
    async run(start) {
      await using server = await start();
      const { pathname } = new URL(server.webSocketUrl);
      const heads = [
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        "Connection: Upgrade\r\nUpgrade: h2c\r\n",
      ];
      for (const head of heads) {
        const status = statusOf(await rawGet(server.url, pathname, head));
        assert(status === 400 || status === 426, `${status} to ${head}`);
      }
      await using _session = await connect(server.webSocketUrl);
    },
  },
  {
    name: "in a handler of one's own, a closed server answers with 503",
    async run(start) {
      await using server = await start({ ownHandler: true });
      await using session = await connect(server.webSocketUrl, { reconnect: false });
      await server.close();
      await session.closed;
      const { pathname } = new URL(server.webSocketUrl);
      assertEquals(statusOf(await rawGet(server.url, pathname, UPGRADE)), 503);
    },
  },
  {
    name: "in a handler of one's own, calls and publications go as they do elsewhere",
    async run(start) {
      await using server = await start({ ownHandler: true });
      await using session = await connect(server.webSocketUrl);
      const news = session.subscribe("news");
      await news.ready;
      assertEquals(await server.publish("news", new Uint8Array(100_000)), 1);
      assertEquals(await firstOf(news), new Uint8Array(100_000));
      assertEquals(statusOf(await rawGet(server.url, "/beside", UPGRADE)), 404);
    },
  },
  {
    name: "serve() takes any path, and says where it listens",
    except: NO_SERVE,
    async run(start) {
      for (const path of ["/", "/deep/er/path", "/a b", "/⚓"]) {
        await using server = await start({ path });
        await using session = await connect(server.webSocketUrl);
        assertEquals(await session.call("echo", [path]), path);
      }
      await using six = await start({ hostname: "::1" });
      assertStringIncludes(six.url, "http://[::1]:");
      await using _session = await connect(six.webSocketUrl);
      const bad = await assertRejects(() => start({ path: "ws" }), RpcError);
      assertEquals(bad.message, 'path must start with "/": received "ws"');
    },
  },
  {
    name: "serve() rejects if the port is taken",
    except: NO_SERVE,
    async run(start) {
      await using server = await start({ port: 0 });
      const port = Number(new URL(server.url).port);
      const error = await assertRejects(() => start({ port }), RpcError);
      assertEquals(error.code, 500);
    },
  },
  {
    name: "serve() is stopped by application.exit",
    except: NO_SERVE,
    async run(start) {
      await using server = await start({ allowExit: true, path: "/ws" });
      await using peer = await RemotePeer.dial(server.webSocketUrl, "json");
      await peer.hello();
      peer.request("application.exit");
      await server.event("finished");
      assertEquals((await peer.closed).code, 1001);
    },
  },
  {
    name: "serve() has content, with types and ranges, and none from outside",
    except: NO_SERVE,
    async run(start) {
      const top = await Deno.makeTempDir();
      try {
        await Deno.mkdir(`${top}/www`);
        await Deno.writeTextFile(`${top}/secret.txt`, "the secret");
        await Deno.writeTextFile(`${top}/www/index.html`, "<title>Hawser</title>");
        await Deno.writeTextFile(`${top}/www/a b.txt`, "0123456789");
        await Deno.writeFile(`${top}/www/big.bin`, new Uint8Array(3_000_000).fill(7));
        await using server = await start({ content: `${top}/www` });
        const page = await fetch(server.url);
        assertEquals(await page.text(), "<title>Hawser</title>");
        assertStringIncludes(page.headers.get("content-type") ?? "", "text/html");
        const big = await fetch(new URL("/big.bin", server.url));
        assertEquals((await big.bytes()).length, 3_000_000);
        const part = await fetch(new URL("/a b.txt", server.url), {
          headers: { range: "bytes=-2" },
        });
        assertEquals([part.status, await part.text()], [206, "89"]);
        for (const path of ["/../secret.txt", "/%2e%2e%2fsecret.txt", "//secret.txt", "/%"]) {
          const answer = await rawGet(server.url, path);
          assert(!answer.includes("the secret"), answer);
          assert(statusOf(answer) >= 300 && statusOf(answer) < 500, answer);
        }
        await using _session = await connect(server.webSocketUrl);
      } finally {
        await Deno.remove(top, { recursive: true });
      }
    },
  },
  {
    name: "serve() is reached by wss: with a certificate and its key",
    except: NO_SERVE,
    async run(start) {
      const { cert, key } = selfSigned();
      await using server = await start({ cert, key });
      assertStringIncludes(server.url, "https://127.0.0.1:");
      const file = await Deno.makeTempFile({ suffix: ".pem" });
      try {
        await Deno.writeTextFile(file, cert);
        const client = fileURLToPath(new URL("./adapters/_tls_client.ts", import.meta.url));
        const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
          args: [
            ...["run", "--no-config", "--allow-net", `--cert=${file}`],
            ...[client, server.webSocketUrl],
          ],
        }).output();
        const said = new TextDecoder().decode(stdout);
        assertEquals(said, "3\n", new TextDecoder().decode(stderr));
      } finally {
        await Deno.remove(file);
      }
    },
  },
];

/** What runtimes do differently. */
export const DIFFERENCES: readonly Difference[] = [
  {
    name: "The address of a client, as long as no header is trusted",
    async run(start) {
      await using server = await start();
      await using session = await connect(server.webSocketUrl);
      return await session.call("address") ?? "none";
    },
  },
  {
    name: "A 1.x attachment of 70 MB",
    async run(start) {
      await using server = await start();
      await using session = await connect(server.webSocketUrl, { wire: "json", reconnect: false });
      const size = 70_000_000;
      try {
        const taken = await session.call("size", [new Uint8Array(size)]);
        return taken === size ? "is taken" : `arrives with ${taken} bytes`;
      } catch (error) {
        if (!(error instanceof ConnectionClosedError)) throw error;
        return `closes with ${error.closeCode}`;
      }
    },
  },
  {
    name: "What a stranger may send of a frame of 24 MiB",
    async run(start) {
      await using server = await start();
      using socket = await RawSocket.open(server.webSocketUrl);
      const piece = new Uint8Array(MB);
      await socket.send(BINARY, piece, 24 * MB);
      for (let sent = 1; sent < 24; sent++) {
        const taken = await socket.write(piece).then(() => true, () => false);
        if (!taken) return "is cut off early";
      }
      const frame = await socket.next();
      return `all of it, then ${frame?.opcode === CLOSE ? codeOf(frame.payload) : 1006}`;
    },
  },
  {
    name: "Whether a 426 names the protocol that is wanted",
    async run(start) {
      await using server = await start();
      const response = await fetch(server.webSocketUrl.replace("ws", "http"));
      await response.body?.cancel();
      return response.headers.get("upgrade") === "websocket" ? "yes" : "no";
    },
  },
  {
    name: "The code that a server sees of a client that it ended for a frame too large",
    async run(start) {
      await using server = await start({ limits: { messageSize: 100_000, frameSize: 50_000 } });
      await using peer = await RemotePeer.dial(server.webSocketUrl, "json");
      await peer.hello();
      peer.sendFrame("x".repeat(200_000));
      return `${(await server.event("disconnected")).code}`;
    },
  },
];

/** So many items, made as they are read. */
async function* many<T>(count: number, make: (i: number) => T): AsyncGenerator<T> {
  for (let i = 0; i < count; i++) yield await Promise.resolve(make(i));
}

/** The next value of a subscription, which ends with it. */
async function firstOf(subscription: Subscription<unknown>): Promise<unknown> {
  for await (const value of subscription) return value;
  throw new Error(`${subscription.topic} ended before anything was published`);
}

/**
 * Publishes 100 pictures of 1 MiB to a client that has stopped reading, and lets it read on.
 *
 * @returns The numbers of those that came, and how many did not.
 */
async function stall(
  server: TestServer,
  policy: "drop-oldest" | "latest",
): Promise<{ received: number[]; dropped: number }> {
  using socket = await RawSocket.open(server.webSocketUrl);
  await socket.send(TEXT, HELLO);
  await socket.next();
  const [client = ""] = await server.clients();
  await server.burst("image", MB, 100, policy);
  const dropped = await server.dropped(client);
  const received: number[] = [];
  // The newest is never dropped.
  while (received.at(-1) !== 99) {
    const frame = await socket.next();
    assert(frame, "the server hung up");
    if (frame.opcode === BINARY) received.push(new DataView(frame.payload.buffer).getUint32(0));
  }
  return { received, dropped };
}
