/**
 * What the checker says of calls: what must compile does and gives what its type says, and what
 * must not is refused (`deno check` reads the second half, which never runs).
 */

import { assertEquals } from "@std/assert";
import {
  connect,
  type ConnectOptions,
  type Delivered,
  type Session,
  type SubscribeStreamOptions,
} from "@hawser/hawser/client";
import { createServer, procedure, serve } from "@hawser/hawser/server";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/** Returns a function that takes a value of exactly this type, and gives it back. */
function exactly<Expected>() {
  return <Actual>(
    value: Actual,
    ..._same: Equal<Actual, Expected> extends true ? [] : [never]
  ): Actual => value;
}

function createExample() {
  return createServer({
    procedures: {
      "math.add": (a: number, b: number) => a + b,
      "math.sum": (...numbers: number[]) => numbers.reduce((sum, it) => sum + it, 0),
      "text.pad": (text: string, width = 5, fill?: string) => text.padEnd(width, fill),
      "none": () => {},
      "later": async (x: number) => await Promise.resolve({ x, list: [x, undefined] as const }),
      "gaps": (): { a?: number; b: number | undefined } => ({ b: undefined }),
      "maybe": (full: boolean): Float32Array | "empty" | null => full ? new Float32Array(1) : null,
      "image": procedure((_call, size: number) => ({
        size,
        blob: new Uint16Array(size),
        parts: [new ArrayBuffer(1)],
        view: { at: new DataView(new ArrayBuffer(2)) },
      })),
      "named": procedure({ params: ["from", "to"] }, (_call, from: number, to = 9) => [from, to]),
      "options": procedure(({ kwargs, client }) => {
        exactly<Readonly<Record<string, unknown>>>()(kwargs);
        exactly<string>()(client.id);
        return Object.keys(kwargs);
      }),
      "big": (n: bigint) => n + 1n,
      "count": async function* (to: number) {
        for (let i = 0; i < to; i++) yield await Promise.resolve(new Uint8ClampedArray([i]));
        return "done";
      },
    },
  });
}

type Example = ReturnType<typeof createExample>;

Deno.test("a typed session's results are what their types say", async () => {
  await using listening = await serve(createExample(), { port: 0 });
  await using session = await connect<Example>(listening.webSocketUrl);

  assertEquals(exactly<number>()(await session.call("math.add", [1, 2])), 3);
  assertEquals(exactly<number>()(await session.call("math.add", [1, 2] as const, {})), 3);
  assertEquals(exactly<number>()(await session.call("math.sum", [1, 2, 3])), 6);
  assertEquals(exactly<number>()(await session.call("math.sum")), 0);
  assertEquals(exactly<string>()(await session.call("text.pad", ["a"])), "a    ");
  assertEquals(exactly<string>()(await session.call("text.pad", ["a", 3, "-"])), "a--");
  assertEquals(exactly<null>()(await session.call("none")), null);
  assertEquals(exactly<null>()(await session.call("none", [], { timeout: 5000 })), null);
  assertEquals(exactly<bigint>()(await session.call("big", [2n ** 60n])), 2n ** 60n + 1n);

  const later = await session.call("later", [1]);
  exactly<number>()(later.x);
  exactly<readonly [number, null]>()(later.list);
  assertEquals(later, { x: 1, list: [1, null] });

  const gaps = await session.call("gaps");
  exactly<number | undefined>()(gaps.a);
  exactly<number | undefined>()(gaps.b);
  assertEquals(Object.keys(gaps), []);

  const maybe = exactly<Uint8Array<ArrayBuffer> | "empty" | null>();
  assertEquals(maybe(await session.call("maybe", [true])), new Uint8Array(4));
  assertEquals(maybe(await session.call("maybe", [false])), null);

  const image = await session.call("image", [1]);
  exactly<number>()(image.size);
  exactly<Uint8Array<ArrayBuffer>>()(image.blob);
  exactly<Uint8Array<ArrayBuffer>[]>()(image.parts);
  exactly<Uint8Array<ArrayBuffer>>()(image.view.at);
  assertEquals(image, {
    size: 1,
    blob: new Uint8Array(2),
    parts: [new Uint8Array(1)],
    view: { at: new Uint8Array(2) },
  });

  assertEquals(exactly<number[]>()(await session.call("named", [1])), [1, 9]);
  assertEquals(await session.call("named", [1], { kwargs: { to: 2 } }), [1, 2]);
  assertEquals(exactly<string[]>()(await session.call("options")), []);
  assertEquals(await session.call("options", [], { kwargs: { a: 1, b: null } }), ["a", "b"]);

  const items: Uint8Array[] = [];
  const count = session.stream("count", [2]);
  for await (const item of count) items.push(exactly<Uint8Array<ArrayBuffer>>()(item));
  assertEquals(items, [new Uint8Array([0]), new Uint8Array([1])]);
  assertEquals(exactly<string>()(await session.stream("count", [0])), "done");
});

Deno.test("an untyped session calls anything, and its results are unknown unless one says more", async () => {
  await using listening = await serve(createExample(), { port: 0 });
  await using session: Session = await connect(listening.webSocketUrl);
  const sum = await session.call("math.add", [1, 2], { kwargs: {} });
  assertEquals(exactly<unknown>()(sum), 3);
  assertEquals(exactly<number>()(await session.call<number>("math.add", [1, 2])), 3);
  assertEquals(exactly<string[]>()(await session.call<string[]>("options")), []);
  const items = session.stream<Uint8Array, string>("count", [1]);
  for await (const item of items) exactly<Uint8Array>()(item);
});

Deno.test("what becomes of a value on its way is in its type", () => {
  const binary = new Uint8Array();
  exactly<Delivered<ArrayBuffer>>()(binary);
  exactly<Delivered<Float64Array | DataView>>()(binary);
  exactly<Delivered<undefined>>()(null);
  exactly<Delivered<void>>()(null);
  exactly<Date | string>()<Delivered<Date>>(new Date(0));
  exactly<unknown>()<Delivered<unknown>>(0);
  exactly<(string | null)[]>()<Delivered<(string | undefined)[]>>([]);
  // In a map it is left out, in a list it keeps its place.
  exactly<{ a: undefined; b?: string[] | undefined; c: number | undefined }>()<
    Delivered<{ a: undefined; b?: string[]; c: number | undefined }>
  >({ a: undefined, c: 1 });
  exactly<[Uint8Array<ArrayBuffer>, number]>()<Delivered<[Int8Array, number]>>([binary, 1]);
  exactly<Record<string, Uint8Array<ArrayBuffer>>>()<Delivered<Record<string, ArrayBuffer>>>({});
});

/** What must not compile: without an error in the line below it, each of these is one itself. */
export async function refused(session: Session<Example>, untyped: Session): Promise<void> {
  // @ts-expect-error: no such procedure
  session.call("math.sub", [1, 2]);
  // @ts-expect-error: a name that is any string is none of them
  session.call(String("math.add"), [1, 2]);
  // @ts-expect-error: an argument of another type
  session.call("math.add", [1, "2"]);
  // @ts-expect-error: an argument too few
  session.call("math.add", [1]);
  // @ts-expect-error: an argument too many
  session.call("math.add", [1, 2, 3]);
  // @ts-expect-error: no arguments where some are needed
  session.call("math.add");
  // @ts-expect-error: arguments come in a list
  session.call("math.add", 1, 2);
  // @ts-expect-error: one that may be left out still has its type
  session.call("text.pad", ["a", "5"]);
  // @ts-expect-error: one of any number of arguments, of another type
  session.call("math.sum", [1, 2, "3"]);
  // @ts-expect-error: the call's own parameter is the server's, not the caller's
  session.call("image", [{}, 1]);
  // @ts-expect-error: a number is no bigint
  session.call("big", [1]);
  // @ts-expect-error: no such option
  session.call("none", [], { timeOut: 5 });
  // @ts-expect-error: an option of another type
  session.call("none", [], { timeout: "5 s" });
  // @ts-expect-error: arguments by name are a map
  session.call("options", [], { kwargs: ["a"] });
  // @ts-expect-error: the result's type is the server's to say
  session.call<string>("math.add", [1, 2]);
  // @ts-expect-error: a number is no string
  exactly<string>()(await session.call("math.add", [1, 2]));
  // @ts-expect-error: nothing is null, not undefined
  exactly<undefined>()(await session.call("none"));
  // @ts-expect-error: it may be null
  (await session.call("maybe", [true])).length;
  // @ts-expect-error: what was a Uint16Array is bytes
  exactly<Uint16Array>()((await session.call("image", [1])).blob);
  // @ts-expect-error: a stream is no call
  session.call("count", [1]);
  // @ts-expect-error: a call is no stream
  session.stream("math.add", [1, 2]);
  // @ts-expect-error: a stream's argument of another type
  session.stream("count", ["1"]);
  // @ts-expect-error: what isn't known to be a number isn't one
  exactly<number>()(await untyped.call("math.add", [1, 2]));
  // @ts-expect-error: a name is a string, without types too
  untyped.call(1);
  // @ts-expect-error: arguments come in a list, without types too
  untyped.call("math.add", 1, 2);
  // @ts-expect-error: it is the server's to give
  session.clientId = "c1";
  // @ts-expect-error: a callback has no buffer
  session.subscribe("image", () => {}, { buffer: 1 } satisfies SubscribeStreamOptions);
  // @ts-expect-error: a value of another type
  session.subscribe<number>("image", (value: string) => value);
  // @ts-expect-error: no such wire
  exactly<ConnectOptions>()({ wire: "xml" } satisfies ConnectOptions);
  // @ts-expect-error: reconnecting is on by default
  connect("ws://localhost/", { reconnect: true });
  // @ts-expect-error: a secret is a string
  connect("ws://localhost/", { secret: 1 });
  // @ts-expect-error: a number is no procedure
  createServer({ procedures: { "math.pi": 3.14 } });
  // @ts-expect-error: no such policy
  createExample().publish("image", 1, { policy: "lossy" });
  // @ts-expect-error: a secret is a string, or a function that decides
  createServer({ secret: 42 });
  // @ts-expect-error: a procedure with options needs a handler
  procedure({ params: ["a"] });
}
