import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { connect, RpcError, type Session } from "@hawser/hawser/client";
import { serve } from "@hawser/hawser/server";
import { parseExampleArgs } from "../../examples/_args.ts";
import { createSimpleServer } from "../../examples/simple/server.ts";
import { DrivenTimers, testOnBothWires, testProcess } from "./_example.ts";

const day = await Deno.readFile(new URL("../../examples/simple/day.png", import.meta.url));
const night = await Deno.readFile(new URL("../../examples/simple/night.png", import.meta.url));

/** Errors in procedures are part of these tests: they need no line on the console. */
function create() {
  return createSimpleServer({ onError() {} });
}

async function assertException(session: Session, method: string, args: unknown[]): Promise<void> {
  const error = await assertRejects(() => session.call(method, args), RpcError, "Exception raised");
  assertEquals(error.code, -32001);
  assertEquals(error.data, { method, exception: "TypeError" });
}

const sums: [numbers: unknown[], sum: unknown, product: unknown][] = [
  [[], 0, 1],
  [[1, 2, 3, 4], 10, 24],
  [[1.5, 2], 3.5, 3],
  [[true, 5, false], 6, 0],
  [[0, -1], -1, 0],
  [[Number.MAX_SAFE_INTEGER, 2], 9007199254740993n, 18014398509481982n],
  [[2n ** 60n, 1], 2n ** 60n + 1n, 2n ** 60n],
  [[Infinity, 1], Infinity, Infinity],
  [[Infinity, -Infinity], NaN, -Infinity],
];

testOnBothWires("add and mult calculate as Python does", create, async (session) => {
  for (const [numbers, sum, product] of sums) {
    assertEquals(await session.call("myprotocol.add", [numbers]), sum);
    assertEquals(await session.call("myprotocol.mult", [numbers]), product);
  }
  // A fraction makes a float of everything.
  assertEquals(await session.call("myprotocol.add", [[2n ** 53n, -1.5]]), 2 ** 53 - 2);
  assertEquals(await session.call("myprotocol.mult", [[2n ** 60n, 2 ** -50]]), 1024);
});

testOnBothWires("add and mult answer 0 to what is no list", create, async (session) => {
  for (const argument of ["1, 2", 5, null, { a: 1 }, Uint8Array.of(1, 2)]) {
    assertEquals(await session.call("myprotocol.add", [argument]), 0);
    assertEquals(await session.call("myprotocol.mult", [argument]), 0);
  }
});

testOnBothWires("add and mult raise a TypeError at what is no number", create, async (session) => {
  for (const value of ["a", null, [1], { a: 1 }]) {
    await assertException(session, "myprotocol.add", [[1, value]]);
    await assertException(session, "myprotocol.mult", [[1, value]]);
  }
  await assertException(session, "myprotocol.add", []);
  await assertException(session, "myprotocol.mult", []);
});

testOnBothWires("a sum of more than 64 bits cannot be serialized", create, async (session) => {
  const error = await assertRejects(
    () => session.call("myprotocol.add", [[2n ** 63n, 2n ** 63n]]),
    RpcError,
    "Method result cannot be serialized",
  );
  assertEquals([error.code, error.data], [-32002, "myprotocol.add"]);
});

testOnBothWires("arguments may be given by name", create, async (session) => {
  const byName = (method: string, kwargs: Record<string, unknown>) =>
    session.call(`myprotocol.${method}`, [], { kwargs });
  assertEquals(await byName("add", { listOfNumbers: [4, 5] }), 9);
  assertEquals(await byName("mult", { listOfNumbers: [4, 5] }), 20);
  assertEquals(await byName("image", { alt: true }), { blob: night });
  assertEquals(await byName("unwrapped.image", { alt: true }), night);
  assertEquals(
    await byName("postbinary", { data: Uint8Array.of(1, 2, 3) }),
    "received binary data of length 3",
  );
});

testOnBothWires("pictures come as binary, the other one with alt", create, async (session) => {
  assertEquals(await session.call("myprotocol.image"), { blob: day });
  assertEquals(await session.call("myprotocol.image", [false]), { blob: day });
  assertEquals(await session.call("myprotocol.image", [true]), { blob: night });
  assertEquals(await session.call("myprotocol.unwrapped.image"), day);
  assertEquals(await session.call("myprotocol.unwrapped.image", [true]), night);
  assertEquals(await session.call("myprotocol.nested.image"), {
    image: { blob: day },
    bytesList: [Uint8Array.of(1, 2, 3, 4), Uint8Array.of(5, 6, 7, 8, 9, 10)],
  });
});

testOnBothWires("postbinary tells the length of what it got", create, async (session) => {
  const lengths: [unknown, number][] = [
    [new Uint8Array(0), 0],
    [new Uint8Array(70_000), 70_000],
    [new Float64Array(3), 24],
    ["h😀", 2],
    [[1, 2, 3], 3],
    [{ a: 1 }, 1],
  ];
  for (const [data, length] of lengths) {
    assertEquals(
      await session.call("myprotocol.postbinary", [data]),
      `received binary data of length ${length}`,
    );
  }
  for (const args of [[5], [null], []]) {
    await assertException(session, "myprotocol.postbinary", args);
  }
});

testOnBothWires("special takes anything, and answers in floats", create, async (session) => {
  assertEquals(await session.call("myprotocol.special"), [Infinity, NaN, -Infinity]);
  assertEquals(await session.call("myprotocol.special", [1, "b"]), [Infinity, NaN, -Infinity]);
});

testOnBothWires(
  "stream publishes a picture at once and every 2 s, until its last listener stops",
  create,
  async (session) => {
    using timers = new DrivenTimers(2_000);
    const pictures = session.subscribe("image")[Symbol.asyncIterator]();
    const others = session.subscribe("other.topic")[Symbol.asyncIterator]();
    const next = async (topic: typeof pictures) => (await topic.next()).value;

    assertEquals(await session.call("myprotocol.stop", ["image"]), 0);
    assertEquals(await session.call("myprotocol.stream", ["image"]), { subscribed: "image" });
    assertEquals(await next(pictures), { blob: night });
    await timers.fire();
    assertEquals(await next(pictures), { blob: day });

    // There is one stream: a second listener takes it to a topic of its own.
    assertEquals(await session.call("myprotocol.stream", ["other.topic"]), {
      subscribed: "other.topic",
    });
    await timers.fire();
    assertEquals(await next(others), { blob: night });
    assertEquals(await session.call("myprotocol.stop", ["image"]), 0);

    assertEquals(await session.call("myprotocol.stop", ["other.topic"]), {
      unsubscribed: "other.topic",
    });
    await timers.fire();
    assertEquals(await next(others), { blob: day });
    assertEquals(timers.waiting, 1);
    assertEquals(await session.call("myprotocol.stop", ["other.topic"]), {
      unsubscribed: "other.topic",
    });
    assertEquals(timers.waiting, 0);
    assertEquals(await session.call("myprotocol.stop", ["other.topic"]), 0);

    // It goes on with the picture that is next.
    await session.call("myprotocol.stream", ["image"]);
    assertEquals(await next(pictures), { blob: night });
  },
);

testOnBothWires("stream refuses what is no topic", create, async (session) => {
  for (const args of [["two words"], [5], []]) {
    await assertException(session, "myprotocol.stream", args);
  }
});

Deno.test("closing the server ends its stream", async () => {
  using timers = new DrivenTimers(2_000);
  const server = create();
  await using listening = await serve(server, { port: 0 });
  await using session = await connect<typeof server>(listening.webSocketUrl, { reconnect: false });
  const pictures = session.subscribe("image")[Symbol.asyncIterator]();
  await session.call("myprotocol.stream", ["image"]);
  await pictures.next();
  assertEquals(timers.waiting, 1);
  await server.close();
  assertEquals(timers.waiting, 0);
});

Deno.test("parseExampleArgs() knows wslink's options and their defaults", () => {
  assertEquals(parseExampleArgs([]), {
    port: 8080,
    host: "localhost",
    authKey: "wslink-secret",
  });
  assertEquals(parseExampleArgs(["--port", "0", "--host", "0.0.0.0", "--authKey=a key"]), {
    port: 0,
    host: "0.0.0.0",
    authKey: "a key",
  });
});

Deno.test("parseExampleArgs() throws if an option is bad", () => {
  for (const port of ["", "-1", "65536", "1.5", "0x10", "many"]) {
    assertThrows(() => parseExampleArgs([`--port=${port}`]), RangeError, `received "${port}"`);
  }
  assertThrows(() => parseExampleArgs(["--port"]), TypeError, "--port");
  assertThrows(() => parseExampleArgs(["--authkey", "k"]), TypeError, "--authkey");
});

testProcess("examples/simple/main.ts", async (session, url) => {
  assertEquals(await session.call("myprotocol.add", [[1, 2]]), 3);
  assertStringIncludes(await (await fetch(url)).text(), "simple example");
});
