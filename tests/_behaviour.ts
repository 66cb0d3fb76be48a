/**
 * What every adapter must do alike: one suite over real sockets, which each
 * adapter's test runs.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, ConnectionClosedError, RpcError, type Session } from "@hawser/hawser/client";
import type { Procedures } from "../protocol/api.ts";
import { procedure } from "../server/procedure.ts";
import type { Server, ServerOptions } from "../server/server.ts";
import type { Client } from "../server/client.ts";
import { RemotePeer, WIRES } from "./_peer.ts";

/** An adapter, as the suite uses it. */
export interface Adapter {
  /** Its name, for the tests' names. */
  readonly name: string;
  /** Registers a test. */
  test(name: string, body: () => Promise<void>): void;
  /** Makes a server for this runtime. */
  create(options: ServerOptions & { readonly procedures: Procedures }): Server;
  /** Listens on a free port, at any path. */
  start(server: Server): Promise<{
    /** The address to connect to. */
    readonly url: string;
    /** Closes the server and stops listening. */
    stop(): Promise<void>;
  }>;
}

/** Sizes around those where something changes: nothing, one byte, a slab, a frame, several frames. */
const SIZES = [0, 1, 2047, 65_536, 4_194_292, 4_194_293, 9_000_000];

const procedures = {
  "echo": (value: unknown) => value,
  "bytes": (size: number) => new Uint8Array(size).fill(size & 0xff),
  "size": (bytes: Uint8Array) => bytes.length,
  "fail": () => {
    throw new RpcError(1001, "Mesh too large", { cells: 9 });
  },
};

/**
 * Runs the suite.
 *
 * @param adapter The adapter.
 */
export function testAdapter(adapter: Adapter): void {
  const { name, test } = adapter;

  async function start(options: ServerOptions = {}) {
    const server = adapter.create({ procedures, ...options });
    const { url, stop } = await adapter.start(server);
    return { server, url, [Symbol.asyncDispose]: stop };
  }

  for (const wire of WIRES) {
    test(`${name}: a call is answered (${wire})`, async () => {
      await using running = await start();
      await using session = await connect(running.url, { wire });
      assertEquals(session.wire, wire);
      const value = { list: [1, null, "⚓", { deep: true }], pi: 3.5, big: 2n ** 60n };
      assertEquals(await session.call("echo", [value]), value);
    });

    test(`${name}: binary of every size goes both ways (${wire})`, async () => {
      await using running = await start();
      await using session = await connect(running.url, { wire });
      for (const size of SIZES) {
        const bytes = await session.call<Uint8Array>("bytes", [size]);
        assertEquals(bytes.length, size);
        assert(bytes.every((byte) => byte === (size & 0xff)));
        assertEquals(await session.call("size", [bytes]), size);
      }
    });

    test(`${name}: many calls at once are each answered with their own (${wire})`, async () => {
      await using running = await start();
      await using session = await connect(running.url, { wire });
      const values = Array.from({ length: 500 }, (_, i) => [i, new Uint8Array(i)]);
      const answers = await Promise.all(values.map((value) => session.call("echo", [value])));
      assertEquals(answers, values);
    });

    test(`${name}: errors arrive with code, message and data (${wire})`, async () => {
      await using running = await start();
      await using session = await connect(running.url, { wire });
      const failed = await assertRejects(() => session.call("fail"), RpcError, "Mesh too large");
      assertEquals([failed.code, failed.data], [1001, { cells: 9 }]);
      const unknown = await assertRejects(() => session.call("no.such"), RpcError);
      assertEquals([unknown.code, unknown.data], [-32601, "no.such"]);
    });

    test(`${name}: a wrong secret is refused (${wire})`, async () => {
      await using running = await start();
      const error = await assertRejects(
        () => connect(running.url, { wire, secret: "wrong" }),
        RpcError,
        "Authentication failed",
      );
      assertEquals(error.code, -32000);
    });

    test(`${name}: publications arrive in order, small and large (${wire})`, async () => {
      await using running = await start();
      await using session = await connect(running.url, { wire });
      const frames = session.subscribe<Uint8Array>("image");
      const sizes = [5_000_000, 10, 4_194_305, 0];
      for (const size of sizes) running.server.publish("image", new Uint8Array(size));
      const received: number[] = [];
      for await (const { length } of frames) {
        received.push(length);
        if (received.length === sizes.length) break;
      }
      assertEquals(received, sizes);
    });
  }

  test(`${name}: clients of both wires share one server and one publication`, async () => {
    await using running = await start();
    await using old = await connect(running.url, { wire: "json" });
    await using recent = await connect(running.url, { wire: "msgpack" });
    const first = [old, recent].map((session) => firstOf(session, "news"));
    assertEquals(running.server.publish("news", { blob: new Uint8Array([1, 2]) }), 2);
    for (const value of await Promise.all(first)) {
      assertEquals(value, { blob: new Uint8Array([1, 2]) });
    }
    const forOne = firstOf(old, "news");
    assertEquals(running.server.publish("news", "for one", { to: old.clientId }), 1);
    assertEquals(await forOne, "for one");
    const forOther = firstOf(recent, "news");
    assertEquals(running.server.publish("news", "for all but one", { except: old.clientId }), 1);
    assertEquals(await forOther, "for all but one");
  });

  test(`${name}: a procedure sees the HTTP request of its caller`, async () => {
    await using running = await start({
      procedures: { "url": procedure((call) => call.client.request?.url) },
    });
    await using session = await connect(`${running.url}?room=7`);
    const seen = new URL(await session.call<string>("url"));
    assertEquals([seen.pathname, seen.search], [new URL(running.url).pathname, "?room=7"]);
  });

  test(`${name}: a client that leaves aborts its calls, and the server is told`, async () => {
    const left = Promise.withResolvers<[string, number]>();
    const aborted = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    await using running = await start({
      onDisconnect: (client, { code }) => left.resolve([client.id, code]),
      procedures: {
        "wait": procedure(({ signal }) => {
          signal.addEventListener("abort", () => aborted.resolve());
          started.resolve();
          return aborted.promise;
        }),
      },
    });
    const session = await connect(running.url);
    const { clientId } = session;
    const call = assertRejects(() => session.call("wait"), ConnectionClosedError);
    await started.promise;
    await session.close();
    await call;
    await aborted.promise;
    assertEquals(await left.promise, [clientId, 1000]);
    assertEquals(running.server.clients.size, 0);
  });

  test(`${name}: the server may end a connection with a code and a reason`, async () => {
    const joined = Promise.withResolvers<Client>();
    await using running = await start({ onConnect: (client) => joined.resolve(client) });
    await using peer = await RemotePeer.dial(running.url, "msgpack");
    await peer.hello();
    const client = await joined.promise;
    client.close(4000, "as you wish");
    assertEquals(await peer.closed, { code: 4000, reason: "as you wish" });
  });

  test(`${name}: what breaks the wire's rules closes its connection alone`, async () => {
    await using running = await start();
    await using session = await connect(running.url);
    await using peer = await RemotePeer.dial(running.url, "json");
    peer.sendFrame("{");
    assertEquals((await peer.closed).code, 1007);
    assertEquals(await session.call("echo", [1]), 1);
  });

  test(`${name}: closing the server ends running calls, and then says 1001`, async () => {
    const started = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<string>();
    await using running = await start({
      procedures: {
        "wait": () => {
          started.resolve();
          return gate.promise;
        },
      },
    });
    await using peer = await RemotePeer.dial(running.url, "json");
    await using idle = await RemotePeer.dial(running.url, "msgpack");
    await peer.hello();
    const id = peer.request("wait");
    await started.promise;
    const closing = running.server.close();
    gate.resolve("done");
    assertEquals(await peer.next(), { type: "result", id, result: "done" });
    await closing;
    const shutdown = { code: 1001, reason: "Server shutdown" };
    assertEquals([await peer.closed, await idle.closed], [shutdown, shutdown]);
  });

  test(`${name}: stopping with clients connected ends, and each session learns why`, async () => {
    const running = await start();
    await using session = await connect(running.url, { reconnect: false });
    const idle = await RemotePeer.dial(running.url, "json");
    await running[Symbol.asyncDispose]();
    await session.closed;
    const { status } = session;
    const error = status.state === "closed" ? status.error : undefined;
    assert(error instanceof ConnectionClosedError);
    assertEquals([error.closeCode, error.reason], [1001, "Server shutdown"]);
    assertEquals((await idle.closed).code, 1001);
    await running.server.closed;
  });
}

/** The next value that is published on a topic. */
async function firstOf(session: Session, topic: string): Promise<unknown> {
  for await (const value of session.subscribe(topic)) return value;
  throw new Error(`${topic} ended before anything was published`);
}
