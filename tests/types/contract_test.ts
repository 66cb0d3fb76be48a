/**
 * What must compile and what must not: the compiler is the test. `@ts-expect-error` fails the check
 * where a line has become valid.
 */
import type { RpcError, Session } from "@hawser/hawser/client";
import {
  caller,
  type Client,
  createServer,
  procedure,
  type Server,
  topic,
} from "@hawser/hawser/server";
import * as v from "valibot";
import { z } from "zod";

/** Holds if both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

function holds<_T extends true>(): void {}

const _server = createServer({
  procedures: {
    "math.add": (a: number, b: number) => a + b,
    "image.resize": procedure({
      args: [z.object({ width: z.number() }), z.string().optional()],
      kwargs: z.object({ scale: z.number().default(1) }),
      result: z.object({ width: z.number() }),
      errors: { "image/too-large": z.object({ pixels: z.number() }), "image/empty": z.null() },
    }, (call, size, title) => {
      holds<Same<typeof size, { width: number }>>();
      holds<Same<typeof title, string | undefined>>();
      holds<Same<typeof call.kwargs, { scale: number }>>();
      if (size.width > 9) throw call.error("image/too-large", { pixels: size.width });
      // @ts-expect-error: no such kind
      call.error("image/too-small", { pixels: 1 });
      // @ts-expect-error: other data
      call.error("image/too-large", { pixels: "many" });
      return { width: size.width * call.kwargs.scale };
    }),
    "text.length": procedure(
      { args: [v.pipe(v.string(), v.transform((text) => text.length))] },
      (_call, length) => {
        holds<Same<typeof length, number>>();
        return length;
      },
    ),
    "view.open": procedure(
      { args: [z.string()], kwargs: z.object({ name: z.string() }) },
      (call, path) => `${path} ${call.kwargs.name}`,
    ),
    "text.join": procedure(
      { args: z.tuple([z.string()], z.number()) },
      (_call, separator, ...numbers) => numbers.join(separator),
    ),
    "table.rows": async function* (count: number) {
      for (let row = 0; row < count; row++) yield await Promise.resolve({ row });
      return "done";
    },
  },
});

/** What serve() and every helper of an application's takes: any server, with topics or without. */
function _anyServer(): Server[] {
  const typed = createServer({
    topics: { "view.*.image": topic<number>(), log: topic({ payload: z.string() }) },
  });
  typed.publish("view.1.image", 7);
  typed.publish("log", "a line", { policy: "wait" });
  // @ts-expect-error: another payload
  typed.publish("log", 7);
  // @ts-expect-error: another payload under a pattern
  typed.publish("view.1.image", "seven");
  typed.publish("undeclared", [1, "two"]);
  return [typed, _server];
}

function _wrongResults(): void {
  // @ts-expect-error: the handler returns what the result's schema refuses
  procedure({ result: z.number() }, () => "three");
  // @ts-expect-error: likewise, later
  procedure({ args: [z.string()], result: z.number() }, async (_call, text) => await text);
  // @ts-expect-error: the handler takes what the schema doesn't give
  procedure({ args: [z.string()] }, (_call, size: number) => size);
  procedure({ result: z.number() }, () => Promise.resolve(3));
}

async function _calls(session: Session<typeof _server>): Promise<void> {
  const sum = await session.call("math.add", [1, 2]);
  holds<Same<typeof sum, number>>();
  const resized = await session.call("image.resize", [{ width: 1 }, "a"], { kwargs: { scale: 2 } });
  holds<Same<typeof resized, { width: number }>>();
  await session.call("image.resize", [{ width: 1 }]);
  await session.call("text.length", ["abc"]);
  await session.call("text.join", [",", 1, 2]);
  await session.call("view.open", ["/"], { kwargs: { name: "top" }, timeout: 5 });
  // @ts-expect-error: no such procedure
  await session.call("math.sub", [1, 2]);
  // @ts-expect-error: too few
  await session.call("math.add", [1]);
  // @ts-expect-error: too many
  await session.call("image.resize", [{ width: 1 }, "a", 3]);
  // @ts-expect-error: another type
  await session.call("image.resize", [{ width: "wide" }]);
  // @ts-expect-error: what the caller passes is a text, whatever the handler gets
  await session.call("text.length", [3]);
  // @ts-expect-error: another type in the rest
  await session.call("text.join", [",", "1"]);
  // @ts-expect-error: another type by name
  await session.call("image.resize", [{ width: 1 }], { kwargs: { scale: "2" } });
  // @ts-expect-error: no such name
  await session.call("image.resize", [{ width: 1 }], { kwargs: { size: 2 } });
  // @ts-expect-error: a plain function takes nothing by name
  await session.call("math.add", [1, 2], { kwargs: { a: 2 } });
  // @ts-expect-error: the name is missing
  await session.call("view.open", ["/"]);
  // @ts-expect-error: a stream isn't called
  await session.call("table.rows", [1]);
}

async function _members(session: Session<typeof _server>): Promise<void> {
  const sum = await session.api.math.add(1, 2);
  holds<Same<typeof sum, number>>();
  await session.api({ timeout: 5 }).image.resize({ width: 1 }, "a");
  for await (const { row } of session.streams.table.rows(2)) holds<Same<typeof row, number>>();
  const end = await session.streams.table.rows(2);
  holds<Same<typeof end, string>>();
  // @ts-expect-error: no such member
  session.api.math.sub;
  // @ts-expect-error: another type
  session.api.math.add(1, "2");
  // @ts-expect-error: a stream is not among the calls
  session.api.table;
  // @ts-expect-error: it needs an argument by name
  session.api.view.open("/");
}

function _errors(session: Session<typeof _server>, error: unknown): void {
  if (session.isError(error, "image/too-large")) {
    holds<Same<typeof error.data, { pixels: number }>>();
    error satisfies RpcError;
  }
  // @ts-expect-error: nobody declares it
  session.isError(error, "image/too-small");
}

async function _untyped(session: Session, error: unknown): Promise<void> {
  await session.call<number>("whatever", [1], { kwargs: { a: 1 } });
  session.isError(error, "whatever");
}

const _dialogs = { "dialog.ask": (question: string) => question.length > 3 };

async function _client(client: Client): Promise<void> {
  const all = await caller<typeof _dialogs>(_server).callAll("dialog.ask", ["Sure?"]);
  for (const answer of all) {
    if (answer.status === "fulfilled") holds<Same<typeof answer.value, boolean>>();
  }
  // @ts-expect-error: no such procedure
  await caller<typeof _dialogs>(_server).callAll("dialog.tell", ["Sure?"]);
  // @ts-expect-error: another type
  await caller<typeof _dialogs>(_server).callAll("dialog.ask", [1]);
  const sure = await caller<typeof _dialogs>(client).call("dialog.ask", ["Sure?"], { timeout: 5 });
  holds<Same<typeof sure, boolean>>();
  // @ts-expect-error: no such procedure
  await caller<typeof _dialogs>(client).call("dialog.tell", ["Sure?"]);
  // @ts-expect-error: another type
  await caller<typeof _dialogs>(client).call("dialog.ask", [1]);
}
