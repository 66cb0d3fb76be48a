/**
 * What wslink's own JavaScript clients must be able to do with Hawser's servers, in Deno and in a
 * browser.
 */

import { type Cases, equal, fails, pattern } from "./_check.ts";
import {
  type JsVersion,
  link,
  smartLink,
  type WslinkModule,
  type WslinkSession,
} from "./_wslink.ts";

/** Where Hawser's servers are. */
export interface Addresses {
  readonly simple: string;
  readonly chat: string;
  readonly probe: string;
  readonly small: string;
  readonly doomed: string;
  readonly exiting: string;
}

const MB = 1_000_000;
const FRAME = 4_194_304;
const SIZES = [0, 1, 65_536, MB, FRAME - 200, FRAME, 20 * MB];
/** The end of a first chunk of 1024 bytes lies in between, whatever the envelope's size. */
const AROUND_A_CHUNK = Array.from({ length: 200 }, (_, index) => 1024 - index);

const PNG = [0x89, 0x50, 0x4e, 0x47];

/** A result with binary as either version delivers it: 1.x as a Blob, 2.x as an array. */
async function plain(value: unknown): Promise<unknown> {
  if (value instanceof Blob) return new Uint8Array(await value.arrayBuffer());
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return Promise.all(value.map(plain));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .map(async ([key, item]): Promise<[string, unknown]> => [key, await plain(item)]);
  return Object.fromEntries(await Promise.all(entries));
}

async function bytesOf(value: unknown): Promise<Uint8Array> {
  const bytes = await plain(value);
  if (!(bytes instanceof Uint8Array)) throw new Error(`expected bytes, received ${bytes}`);
  return bytes;
}

/** A property of a result. */
function field(value: unknown, name: string): unknown {
  return Object.entries(Object(value)).find(([key]) => key === name)?.[1];
}

/** Collects what a topic brings. */
function listen(session: WslinkSession, topic: string) {
  const heard: unknown[] = [];
  let wake = () => {};
  const subscription = session.subscribe(topic, ([message]) => {
    heard.push(message);
    wake();
  });
  return {
    heard,
    unsubscribe: () => subscription.unsubscribe(),
    async take(count: number): Promise<unknown[]> {
      while (heard.length < count) {
        await new Promise<void>((resolve) => wake = resolve);
      }
      return Promise.all(heard.slice(0, count).map(plain));
    },
  };
}

/** Once destroyed, wslink's client throws at the answer to its own last call. */
function forgiveLateAnswer(event: ErrorEvent): void {
  if (event.message.includes("reading 'onmessage'")) event.preventDefault();
}

/**
 * The cases of one client.
 *
 * @param version The version of wslink for JavaScript.
 * @param at Where Hawser's servers are.
 * @param client Whose classes to use, if not npm's.
 * @returns The cases by name.
 */
export function wslinkCases(version: JsVersion, at: Addresses, client?: WslinkModule): Cases {
  function using(
    url: string,
    work: (session: WslinkSession) => Promise<void>,
  ): () => Promise<void> {
    return async () => {
      const { session, closed } = await link(version, url, undefined, client);
      try {
        await work(session);
      } finally {
        session.close();
        await closed;
      }
    };
  }

  const simple = (work: (session: WslinkSession) => Promise<void>) => using(at.simple, work);
  const chat = (work: (session: WslinkSession) => Promise<void>) => using(at.chat, work);
  const probe = (work: (session: WslinkSession) => Promise<void>) => using(at.probe, work);

  const downloads = SIZES.map((size): [string, () => Promise<void>] => [
    `receives ${size} bytes`,
    probe(async (session) => {
      equal(await bytesOf(await session.call("test.bytes", [size])), pattern(size));
    }),
  ]);
  const uploads = SIZES.map((size): [string, () => Promise<void>] => [
    `sends ${size} bytes`,
    probe(async (session) => {
      const data = session.addAttachment(pattern(size));
      equal(await session.call("test.measure", [data]), { length: size, intact: true });
    }),
  ]);

  return {
    "simple: add": simple(async (session) => {
      equal(await session.call("myprotocol.add", [[1, 2, 3, 4, 5]]), 15);
      equal(await session.call("myprotocol.add", [[0.5, 0.25]]), 0.75);
    }),
    "simple: mult": simple(async (session) => {
      equal(await session.call("myprotocol.mult", [[1, 2, 3, 4, 5]]), 120);
    }),
    "simple: image": simple(async (session) => {
      const day = await bytesOf(field(await session.call("myprotocol.image"), "blob"));
      const night = await bytesOf(field(await session.call("myprotocol.image", [true]), "blob"));
      const named = await session.call("myprotocol.image", [], { alt: true });
      equal([...day.subarray(0, 4)], PNG);
      equal(await bytesOf(field(named, "blob")), night);
      equal(day.every((byte, index) => byte === night[index]), false);
    }),
    "simple: unwrapped.image": simple(async (session) => {
      const picture = await bytesOf(await session.call("myprotocol.unwrapped.image", []));
      equal([...picture.subarray(0, 4)], PNG);
    }),
    "simple: postbinary": simple(async (session) => {
      const data = session.addAttachment(pattern(10).buffer);
      const answer = await session.call("myprotocol.postbinary", [data]);
      equal(answer, "received binary data of length 10");
    }),
    "simple: nested.image": simple(async (session) => {
      const result = await session.call("myprotocol.nested.image", []);
      const picture = await bytesOf(field(field(result, "image"), "blob"));
      equal([...picture.subarray(0, 4)], PNG);
      equal(await plain(field(result, "bytesList")), [
        Uint8Array.of(1, 2, 3, 4),
        Uint8Array.of(5, 6, 7, 8, 9, 10),
      ]);
    }),
    "simple: special": simple(async (session) => {
      equal(await session.call("myprotocol.special", [[1, 2]]), [Infinity, NaN, -Infinity]);
    }),
    "simple: stream and stop": simple(async (session) => {
      const pictures = listen(session, "image");
      equal(await session.call("myprotocol.stream", ["image"]), { subscribed: "image" });
      for (const message of await pictures.take(3)) {
        equal([...(await bytesOf(field(message, "blob"))).subarray(0, 4)], PNG);
      }
      equal(await session.call("myprotocol.stop", ["image"]), { unsubscribed: "image" });
      equal(await session.call("myprotocol.stop", ["image"]), 0);
      await pictures.unsubscribe();
    }),
    "simple: a method that is not there": simple(async (session) => {
      await fails(session.call("myprotocol.mistake.TYPO", ["ignored"]), (error) => {
        equal(error, {
          code: -32601,
          message: "Unregistered method called",
          data: "myprotocol.mistake.TYPO",
        });
      });
    }),
    "chat: say.hello": chat(async (session) => {
      const channel = listen(session, "wslink.communication.channel");
      equal(await session.call("wslink.say.hello", ["ahoy"]), "py server: ahoy");
      while (!channel.heard.includes("py server: ahoy")) {
        await channel.take(channel.heard.length + 1);
      }
    }),
    "chat: start.talking and stop.talking": chat(async (session) => {
      const channel = listen(session, "wslink.communication.channel");
      equal(await session.call("wslink.start.talking"), null);
      equal((await channel.take(4)).includes("What's your name?"), true);
      equal(await session.call("wslink.stop.talking"), null);
    }),

    "a session through SmartConnect": async () => {
      const { session, closed } = await smartLink(version, at.probe, client);
      equal(await session.call("test.echo", [1]), { args: [1], kwargs: {} });
      session.close();
      await closed;
    },
    "a wrong secret": async () => {
      await fails(link(version, at.probe, "wrong", client), (error) => {
        equal(error, { code: -32000, message: "Authentication failed" });
      });
    },
    "an exception": probe(async (session) => {
      await fails(session.call("test.fail", ["secret words"]), (error) => {
        equal(error, {
          code: -32001,
          message: "Exception raised",
          data: { method: "test.fail", exception: "RangeError" },
        });
      });
    }),
    "a result that cannot be sent": probe(async (session) => {
      await fails(session.call("test.unserializable"), (error) => {
        equal(error, {
          code: -32002,
          message: "Method result cannot be serialized",
          data: "test.unserializable",
        });
      });
    }),
    "positional and named arguments": probe(async (session) => {
      const args = [1, "two", [3, null], { four: true }, "é漢😀", "", 2 ** 40, -1.5];
      const kwargs = { name: "n", empty: {}, list: [] };
      equal(await session.call("test.echo", args, kwargs), { args, kwargs });
    }),
    "binary in both, there and back": probe(async (session) => {
      const args = [[session.addAttachment(pattern(3)), {
        deep: session.addAttachment(pattern(0)),
      }]];
      const kwargs = { data: session.addAttachment(pattern(300).buffer) };
      equal(await plain(await session.call("test.echo", args, kwargs)), {
        args: [[pattern(3), { deep: pattern(0) }]],
        kwargs: { data: pattern(300) },
      });
    }),
    "the same buffer twice in a result": probe(async (session) => {
      equal(await plain(await session.call("test.twice")), { one: pattern(4), list: [pattern(4)] });
    }),
    "strings that look like attachments stay strings": probe(async (session) => {
      const args = ["wslink_bin0", { wslink_bin1: "wslink_bin2" }];
      equal(await session.call("test.echo", args), { args, kwargs: {} });
    }),
    "values that JSON and JavaScript differ on": probe(async (session) => {
      const args = [undefined, { a: undefined }, [undefined]];
      const json = version === "1.12.4";
      equal(await session.call("test.echo", args), {
        args: [null, json ? {} : { a: null }, [null]],
        kwargs: {},
      });
    }),

    "100 publications come in order": probe(async (session) => {
      const topic = listen(session, "a.topic");
      equal(await session.call("test.publish", ["a.topic", 100]), 100);
      const numbers = (await topic.take(100)).map((message) => field(message, "number"));
      equal(numbers, Array.from({ length: 100 }, (_, index) => index));
    }),
    "publications of 1 MB": probe(async (session) => {
      const topic = listen(session, "a.topic");
      await session.call("test.publish.binary", ["a.topic", 5, MB]);
      for (const [number, message] of (await topic.take(5)).entries()) {
        equal(message, { number, data: pattern(MB) });
      }
    }),
    ...Object.fromEntries(downloads),
    ...Object.fromEntries(uploads),
    "200 sizes around the end of a chunk": using(at.small, async (session) => {
      await Promise.all(AROUND_A_CHUNK.map(async (size) => {
        const data = session.addAttachment(pattern(size));
        const measured = session.call("test.measure", [data]);
        equal(await bytesOf(await session.call("test.bytes", [size])), pattern(size));
        equal(await measured, { length: size, intact: true });
      }));
    }),

    "500 calls at once": probe(async (session) => {
      const calls = Array.from({ length: 500 }, (_, n) => session.call("test.echo", [n]));
      for (const [number, result] of (await Promise.all(calls)).entries()) {
        equal(result, { args: [number], kwargs: {} });
      }
    }),
    "500 calls at once, with binary, errors in between and publications": probe(async (session) => {
      const topic = listen(session, "a.topic");
      const calls = Array.from({ length: 500 }, (_, number) => {
        if (number % 10 === 3) {
          return session.call("test.fail", ["no"]).catch((error) => field(error, "code"));
        }
        if (number % 10 === 7) return session.call("test.publish.binary", ["a.topic", 1, number]);
        return session.call("test.echo", [session.addAttachment(pattern(number))]);
      });
      for (const [number, result] of (await Promise.all(calls)).entries()) {
        if (number % 10 === 3) equal(result, -32001);
        else if (number % 10 === 7) equal(result, 1);
        else equal(await plain(result), { args: [pattern(number)], kwargs: {} });
      }
      for (const [index, message] of (await topic.take(50)).entries()) {
        equal(message, { number: 0, data: pattern(index * 10 + 7) });
      }
    }),

    "a server that shuts down closes with 1001": async () => {
      const { session, closed } = await link(version, at.doomed, undefined, client);
      await session.call("test.shutdown");
      const { code, reason } = await closed;
      equal({ code, reason }, { code: 1001, reason: "Server shutdown" });
    },
    "destroy with a timeout asks the server to stop": async () => {
      const { connection } = await link(version, at.exiting, undefined, client);
      globalThis.addEventListener("error", forgiveLateAnswer);
      connection.destroy(0.01); // it closes its own socket at once
    },
  };
}

/**
 * The cases of two clients at once, one on each wire.
 *
 * @param at Where Hawser's servers are.
 * @returns The cases by name.
 */
export function bothWiresCases(at: Addresses): Cases {
  function using(
    work: (one: WslinkSession, two: WslinkSession) => Promise<void>,
  ): () => Promise<void> {
    return async () => {
      const links = await Promise.all([link("1.12.4", at.probe), link("2.5.0", at.probe)]);
      try {
        await work(links[0].session, links[1].session);
      } finally {
        for (const { session } of links) session.close();
        await Promise.all(links.map(({ closed }) => closed));
      }
    };
  }

  return {
    "one publish reaches both": using(async (one, two) => {
      const topics = [one, two].map((session) => listen(session, "a.topic"));
      await one.call("test.publish.binary", ["a.topic", 10, 70_000]);
      await two.call("test.publish", ["a.topic", 10]);
      for (const topic of topics) {
        const messages = await topic.take(20);
        for (let number = 0; number < 10; number++) {
          equal(messages[number], { number, data: pattern(70_000) });
          equal(messages[number + 10], { number });
        }
      }
    }),
    "a publication to all but the caller": using(async (one, two) => {
      const topics = [one, two].map((session) => listen(session, "a.topic"));
      equal(await one.call("test.publish.others", ["a.topic", "from one"]), 1);
      equal(await two.call("test.publish.others", ["a.topic", "from two"]), 1);
      equal(await topics[0]?.take(1), ["from two"]);
      equal(await topics[1]?.take(1), ["from one"]);
    }),
    "200 calls of each at once": using(async (one, two) => {
      const calls = [one, two].flatMap((session, index) =>
        Array.from(
          { length: 200 },
          (_, number) => session.call("test.echo", [index, session.addAttachment(pattern(number))]),
        )
      );
      for (const [position, result] of (await Promise.all(calls)).entries()) {
        const [index, number] = [Math.floor(position / 200), position % 200];
        equal(await plain(result), { args: [index, pattern(number)], kwargs: {} });
      }
    }),
  };
}
