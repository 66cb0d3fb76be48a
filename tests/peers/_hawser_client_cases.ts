/**
 * What Hawser's client must be able to do with a server, in whatever runtime it runs: with
 * wslink's Python servers, and with Hawser's own, which offers the same procedures.
 */

import {
  connect,
  ConnectionClosedError,
  RpcError,
  type Session,
  type Subscription,
  TimeoutError,
} from "../../client.ts";
import { defer } from "../../protocol/deferred.ts";
import { type Cases, equal, fails, pattern } from "./_check.ts";

/** The server that the cases talk to. */
export interface ServerUnderTest {
  /** Who made it: the words of some errors differ. */
  readonly maker: "wslink" | "hawser";
  /** Of wslink, its version. */
  readonly version?: string;
  /** The wire that its cases use. */
  readonly wire: "json" | "msgpack";
  /** The wire that a client which is not told finds. */
  readonly found: "json" | "msgpack";
  /** Where its simple example is. */
  readonly simple: string;
  /** Where its chat example is. */
  readonly chat: string;
  /** Where its `test.` procedures are. */
  readonly probe: string;
  /** The same with frames of at most 1024 bytes. */
  readonly small: string;
  /** The same behind {@linkcode startCutter}; absent if the case of the cut is to be left out. */
  readonly cut?: string;
  /** The same behind another one, without a `resumeWindow`; absent as well. */
  readonly cutForGood?: string;
  /** The largest binary that it takes, in bytes; absent if it takes all that the cases send. */
  readonly largestUpload?: number;
}

const MB = 1_000_000;
/** wslink's and Hawser's default for a frame, its header included. */
const FRAME = 4_194_304;
const SIZES = [0, 1, 65_536, MB, FRAME - 200, FRAME, 20 * MB];
/** The end of a first chunk of 1024 bytes lies in between, whatever the envelope's size. */
const AROUND_A_CHUNK = Array.from({ length: 200 }, (_, index) => 1024 - index);

/** Seconds; Python runs one connection's calls one after the other, so the next one waits. */
const SHORT = 0.05;

const PNG = [0x89, 0x50, 0x4e, 0x47];

/**
 * The cases.
 *
 * @param server The server they talk to.
 * @returns The cases by name.
 */
export function hawserClientCases(server: ServerUnderTest): Cases {
  const { wire, maker } = server;

  /** Connects, does something, closes. */
  function using(
    url: string,
    work: (session: Session) => Promise<void>,
  ): () => Promise<void> {
    return async () => {
      const session = await connect(url, { wire, reconnect: false });
      try {
        await work(session);
      } finally {
        await session.close();
      }
    };
  }

  const simple = (work: (session: Session) => Promise<void>) => using(server.simple, work);
  const chat = (work: (session: Session) => Promise<void>) => using(server.chat, work);
  const probe = (work: (session: Session) => Promise<void>) => using(server.probe, work);

  const downloads = SIZES.map((size): [string, () => Promise<void>] => [
    `receives ${size} bytes`,
    probe(async (session) => equal(await session.call("test.bytes", [size]), pattern(size))),
  ]);
  const uploads = SIZES.filter((size) => size <= (server.largestUpload ?? Infinity))
    .map((size): [string, () => Promise<void>] => [
      `sends ${size} bytes`,
      probe(async (session) => {
        const measure = await session.call("test.measure", [pattern(size)]);
        equal(measure, { length: size, intact: true });
      }),
    ]);

  const cuts = (url: string): [string, () => Promise<void>] => [
    "a cut is mended, and the call in flight is answered",
    async () => {
      const session = await connect(url, { wire, reconnect: { initialDelay: 1 } });
      const statuses = session.statuses();
      const call = session.call("test.measure", [pattern(MB)]);
      for await (const { state } of statuses) if (state === "waiting") break;
      equal(await call, { length: MB, intact: true });
      await session.close();
    },
  ];

  const endings = (url: string): [string, () => Promise<void>] => [
    "a call is rejected when a session can't be resumed",
    async () => {
      const session = await connect(url, { wire, reconnect: { initialDelay: 1 } });
      const { clientId } = session;
      const statuses = session.statuses();
      await fails(session.call("test.measure", [pattern(MB)]), (error) => {
        equal(error instanceof ConnectionClosedError && error.sent, true);
      });
      let waited = false;
      for await (const { state } of statuses) {
        if (state === "open" && waited) break;
        waited ||= state === "waiting";
      }
      equal(session.clientId === clientId, false);
      equal(await session.call("test.measure", [pattern(MB)]), { length: MB, intact: true });
      await session.close();
    },
  ];

  return {
    "finds the wire by itself": async () => {
      const session = await connect(server.probe, { reconnect: false });
      equal(session.wire, server.found);
      equal(await session.call("test.echo", [1]), { args: [1], kwargs: {} });
      await session.close();
    },
    "keeps to the wire that is asked for": probe(async (session) => {
      equal(session.wire, wire);
      equal(/^c[0-9a-f]{32}$/.test(session.clientId), true);
      await Promise.resolve();
    }),
    "reports a wrong secret": async () => {
      await fails(connect(server.probe, { wire, secret: "wrong" }), (error) => {
        equal(error instanceof RpcError && error.code, -32000);
        equal(error instanceof RpcError && error.message, "Authentication failed");
      });
    },
    "reports a wrong secret when it has to find the wire": async () => {
      await fails(connect(server.probe, { secret: "wrong" }), (error) => {
        equal(error instanceof RpcError && error.code, -32000);
      });
    },

    "simple: add": simple(async (session) => {
      equal(await session.call<number>("myprotocol.add", [[1, 2, 3, 4, 5]]), 15);
      equal(await session.call<number>("myprotocol.add", [[0.5, 0.25]]), 0.75);
      equal(await session.call<number>("myprotocol.add", ["no list"]), 0);
    }),
    "simple: mult": simple(async (session) => {
      equal(await session.call<number>("myprotocol.mult", [[1, 2, 3, 4, 5]]), 120);
    }),
    "simple: image": simple(async (session) => {
      const day = await session.call<{ blob: Uint8Array }>("myprotocol.image");
      const night = await session.call<{ blob: Uint8Array }>("myprotocol.image", [true]);
      const named = await session.call<{ blob: Uint8Array }>("myprotocol.image", [], {
        kwargs: { alt: true },
      });
      equal([...day.blob.subarray(0, 4)], PNG);
      equal(named, night);
      equal(day.blob.every((byte, index) => byte === night.blob[index]), false);
    }),
    "simple: unwrapped.image": simple(async (session) => {
      const picture = await session.call<Uint8Array>("myprotocol.unwrapped.image");
      equal([...picture.subarray(0, 4)], PNG);
    }),
    "simple: postbinary": simple(async (session) => {
      const answer = await session.call<string>("myprotocol.postbinary", [pattern(10)]);
      equal(answer, "received binary data of length 10");
    }),
    "simple: nested.image": simple(async (session) => {
      const { image, bytesList } = await session.call<
        { image: { blob: Uint8Array }; bytesList: Uint8Array[] }
      >("myprotocol.nested.image");
      equal([...image.blob.subarray(0, 4)], PNG);
      equal(bytesList, [Uint8Array.of(1, 2, 3, 4), Uint8Array.of(5, 6, 7, 8, 9, 10)]);
    }),
    "simple: special": simple(async (session) => {
      equal(await session.call("myprotocol.special"), [Infinity, NaN, -Infinity]);
    }),
    "simple: stream and stop": simple(async (session) => {
      const pictures = session.subscribe<{ blob: Uint8Array }>("image");
      equal(await session.call("myprotocol.stream", ["image"]), { subscribed: "image" });
      for (const { blob } of await take(pictures, 3)) {
        equal([...blob.subarray(0, 4)], PNG);
      }
      equal(await session.call("myprotocol.stop", ["image"]), { unsubscribed: "image" });
      equal(await session.call("myprotocol.stop", ["image"]), 0);
      pictures.unsubscribe();
    }),
    "chat: say.hello": chat(async (session) => {
      const heard = session.subscribe<string>("wslink.communication.channel");
      const answer = await session.call<string>("wslink.say.hello", ["ahoy"]);
      equal(answer, "py server: ahoy");
      for await (const line of heard) if (line === answer) break;
    }),
    "chat: start.talking and stop.talking": chat(async (session) => {
      const heard = session.subscribe<string>("wslink.communication.channel");
      equal(await session.call("wslink.start.talking"), null);
      const lines = await take(heard, 4);
      equal(lines.includes("What's your name?"), true);
      equal(await session.call("wslink.stop.talking"), null);
    }),

    "positional and named arguments": probe(async (session) => {
      const args = [1, "two", [3, null], { four: true }, "é漢😀", ""];
      const kwargs = { name: "n", empty: {}, list: [] };
      equal(await session.call("test.echo", args, { kwargs }), { args, kwargs });
    }),
    "numbers of every width": probe(async (session) => {
      const args = [0, 127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]
        .flatMap((number) => number === 0 ? [0] : [number, -number])
        .concat([0.5, -0.1, 1e300, 5e-324]);
      equal(await session.call("test.echo", args), { args, kwargs: {} });
    }),
    "NaN and the infinities as arguments": probe(async (session) => {
      const args = [NaN, Infinity, -Infinity, [{ x: NaN }]];
      equal(await session.call("test.echo", args), { args, kwargs: {} });
    }),
    "integers beyond 2^53 arrive as bigint": probe(async (session) => {
      equal(await session.call("test.integers"), [
        2 ** 53 - 1,
        2n ** 53n + 1n,
        2n ** 63n - 1n,
        2n ** 64n - 1n,
        -(2n ** 53n) - 1n,
        -(2n ** 63n),
      ]);
    }),
    "integers beyond 2^53 as arguments": probe(async (session) => {
      const args = [2n ** 53n + 1n, 2n ** 64n - 1n, -(2n ** 63n)];
      equal(await session.call("test.echo", args), { args, kwargs: {} });
    }),
    "binary nested in arguments and result": probe(async (session) => {
      const same = pattern(5);
      const args = [{ a: [pattern(3), { b: pattern(0) }] }, same, same];
      const kwargs = { data: pattern(7), list: [pattern(1)] };
      equal(await session.call("test.echo", args, { kwargs }), { args, kwargs });
    }),
    "typed arrays and an ArrayBuffer as arguments": probe(async (session) => {
      const args = [Float32Array.of(1.5), pattern(300).buffer, new DataView(pattern(9).buffer, 2)];
      const { args: came } = await session.call<{ args: Uint8Array[] }>("test.echo", args);
      equal(came, [
        new Uint8Array(Float32Array.of(1.5).buffer),
        pattern(300),
        pattern(9).subarray(2),
      ]);
    }),
    "strings that look like attachments stay strings": probe(async (session) => {
      const args = ["wslink_bin0", { wslink_bin1: "wslink_bin2" }, pattern(2)];
      equal(await session.call("test.echo", args), { args, kwargs: {} });
    }),

    "an unknown method is an error": probe(async (session) => {
      await fails(session.call("test.nothing"), (error) => {
        equal(error instanceof RpcError && error.code, -32601);
        equal(error instanceof RpcError && error.message, "Unregistered method called");
        equal(error instanceof RpcError && error.data, "test.nothing");
      });
    }),
    "an exception is an error": probe(async (session) => {
      await fails(session.call("test.fail", ["made to fail"]), (error) => {
        equal(error instanceof RpcError && error.code, -32001);
        equal(error instanceof RpcError && error.message, "Exception raised");
        const data = error instanceof RpcError ? Object(error.data) : {};
        equal(data.method, "test.fail");
        const told = maker === "wslink" ? "ValueError('made to fail')" : "RangeError";
        equal(data.exception, told);
        equal(typeof data.trace, maker === "wslink" ? "string" : "undefined");
      });
      equal(await session.call("test.echo"), { args: [], kwargs: {} });
    }),
    "a result that cannot be sent is an error": probe(async (session) => {
      await fails(session.call("test.unserializable"), (error) => {
        equal(error instanceof RpcError && error.code, -32002);
        equal(
          error instanceof RpcError && error.message,
          "Method result cannot be serialized",
        );
        equal(error instanceof RpcError && error.data, "test.unserializable");
      });
    }),

    "100 publications come in order": probe(async (session) => {
      const subscription = session.subscribe<{ number: number }>("a.topic", { buffer: 100 });
      equal(await session.call("test.publish", ["a.topic", 100]), 100);
      const numbers = (await take(subscription, 100)).map(({ number }) => number);
      equal(numbers, Array.from({ length: 100 }, (_, index) => index));
      equal(subscription.dropped, 0);
    }),
    "publications of 1 MB to a callback": probe(async (session) => {
      const { promise, resolve } = defer<void>();
      const heard: { number: number; data: Uint8Array }[] = [];
      const subscription = session.subscribe<{ number: number; data: Uint8Array }>(
        "a.topic",
        (value) => {
          heard.push(value);
          if (heard.length === 5) resolve();
        },
      );
      await session.call("test.publish.binary", ["a.topic", 5, MB]);
      await promise;
      subscription.unsubscribe();
      equal(heard.map(({ number }) => number), [0, 1, 2, 3, 4]);
      for (const { data } of heard) equal(data, pattern(MB));
    }),
    "a topic is not heard any more once unsubscribed": probe(async (session) => {
      const first = defer<void>();
      let heard = 0;
      const left = session.subscribe("left.topic", () => {
        heard++;
        first.resolve();
      });
      const kept = session.subscribe("kept.topic");
      await session.call("test.publish", ["left.topic", 1]);
      await first.promise;
      left.unsubscribe();
      await session.call("test.publish", ["left.topic", 1]);
      await session.call("test.publish", ["kept.topic", 1]);
      await take(kept, 1);
      equal(heard, 1);
    }),

    ...Object.fromEntries(downloads),
    ...Object.fromEntries(uploads),
    "200 sizes around the end of a chunk": using(server.small, async (session) => {
      await Promise.all(AROUND_A_CHUNK.map(async (size) => {
        const measured = session.call("test.measure", [pattern(size)]);
        equal(await session.call("test.bytes", [size]), pattern(size));
        equal(await measured, { length: size, intact: true });
      }));
    }),

    "500 calls at once": probe(async (session) => {
      const calls = Array.from(
        { length: 500 },
        (_, number) => session.call("test.echo", [number]),
      );
      for (const [number, result] of (await Promise.all(calls)).entries()) {
        equal(result, { args: [number], kwargs: {} });
      }
    }),
    "500 calls with binary at once": probe(async (session) => {
      const calls = Array.from(
        { length: 500 },
        (_, number) => session.call("test.echo", [pattern(number)]),
      );
      for (const [number, result] of (await Promise.all(calls)).entries()) {
        equal(result, { args: [pattern(number)], kwargs: {} });
      }
    }),
    "two clients at once": probe(async (first) => {
      const second = await connect(server.probe, { wire, reconnect: false });
      const heard = [first, second].map((session) =>
        session.subscribe<{ number: number; data: Uint8Array }>("a.topic")
      );
      // What another client publishes may overtake a request to subscribe.
      await Promise.all(heard.map(({ ready }) => ready));
      const calls = [first, second].map((session, index) =>
        Promise.all(
          Array.from({ length: 50 }, (_, number) => session.call("test.echo", [index, number])),
        )
      );
      await first.call("test.publish.binary", ["a.topic", 3, 1000]);
      for (const [index, results] of (await Promise.all(calls)).entries()) {
        equal(results.length, 50);
        equal(results[49], { args: [index, 49], kwargs: {} });
      }
      for (const subscription of heard) {
        const values = await take(subscription, 3);
        equal(values.map(({ number }) => number), [0, 1, 2]);
        equal(values[2]?.data, pattern(1000));
      }
      await second.close();
    }),

    "an aborted call ends with the signal's reason": probe(async (session) => {
      const controller = new AbortController();
      const call = session.call("test.sleep", [SHORT], { signal: controller.signal });
      const reason = new Error("changed my mind");
      controller.abort(reason);
      await fails(call, (error) => equal(error === reason, true));
      equal(await session.call("test.echo"), { args: [], kwargs: {} });
    }),
    "a call past its timeout ends with a TimeoutError": probe(async (session) => {
      await fails(session.call("test.sleep", [SHORT], { timeout: 1 }), (error) => {
        equal(error instanceof TimeoutError, true);
      });
      equal(await session.call("test.echo"), { args: [], kwargs: {} });
    }),
    ...Object.fromEntries(server.cut === undefined ? [] : [cuts(server.cut)]),
    ...Object.fromEntries(server.cutForGood === undefined ? [] : [endings(server.cutForGood)]),
    "closing ends the calls in flight": async () => {
      const session = await connect(server.probe, { wire });
      const call = session.call("test.sleep", [3600]);
      await Promise.all([
        fails(call, (error) => equal(error instanceof ConnectionClosedError, true)),
        session.close(),
      ]);
      await session.closed;
    },
  };
}

/** The next messages of a subscription. */
async function take<T>(subscription: Subscription<T>, count: number): Promise<T[]> {
  const values: T[] = [];
  for await (const value of subscription) {
    values.push(value);
    if (values.length === count) break;
  }
  return values;
}
