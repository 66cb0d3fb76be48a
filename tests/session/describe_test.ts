import { assert, assertEquals, assertRejects } from "@std/assert";
import { type ContractDifference, ErrorCode, RpcError } from "@hawser/hawser/client";
import { createServer, procedure, serve, topic } from "@hawser/hawser/server";
import * as v from "valibot";
import { z } from "zod";
import { deno, pathOf, root } from "../../scripts/_deno.ts";
import { declarationOf, typeOf } from "../../scripts/_declaration.ts";
import { tableOf } from "../../scripts/describe.ts";
import { defer } from "../../protocol/deferred.ts";
import { WIRES } from "../_peer.ts";
import { pair } from "./_pair.ts";

function makeServer(
  {
    describe = true,
    width = z.number() as z.ZodType<unknown>,
    payload = z.string() as z.ZodType<unknown>,
  } = {},
) {
  return createServer({
    describe,
    procedures: {
      "math.add": (a: number, b: number) => a + b,
      "image.resize": procedure({
        args: [z.object({ width, title: z.string().optional() }), z.boolean().optional()],
        kwargs: z.object({ scale: z.number().default(1) }),
        result: z.object({ pixels: z.number() }),
        errors: { "image/too-large": z.object({ pixels: z.number() }), "image/odd": v.number() },
        description: "Resizes the image",
      }, () => ({ pixels: 1 })),
      "text.join": procedure(
        { args: z.tuple([z.string()], z.number()), params: ["separator"] },
        (_call, separator, ...numbers) => numbers.join(separator),
      ),
      "text.length": procedure({ args: [v.string()] }, (_call, text) => text.length),
      "table.rows": procedure(
        { args: [z.int()], items: z.object({ row: z.int() }), result: z.literal("done") },
        async function* (_call, count) {
          for (let row = 0; row < count; row++) yield await Promise.resolve({ row });
          return "done" as const;
        },
      ),
    },
    topics: {
      "view.*.image": topic({
        description: "What a view shows",
        payload: z.object({ pixels: z.number() }),
        filter: z.object({ view: z.int() }),
        select: ({ pixels }, { view }) => pixels * view,
        policy: "latest",
      }),
      "view.log": topic({ payload: payload }),
      "view.raw": topic({ select: (bytes: Uint8Array, end: number) => bytes.subarray(0, end) }),
      "view.state": topic(),
      "view.word": topic({ filter: v.string(), select: (words: string[], word) => word in words }),
    },
  });
}

for (const wire of WIRES) {
  Deno.test(`a server describes its procedures, as far as the validators can (${wire})`, async () => {
    await using server = makeServer();
    const { session } = await pair(server, { wire });
    const { version, features, procedures, topics, limits, contract } = await session.describe();
    assertEquals([version, features.includes("describe")], [1, true]);
    assertEquals(limits.callsInFlight, server.limits.callsInFlight);
    assertEquals(Object.keys(procedures), [
      "image.resize",
      "math.add",
      "table.rows",
      "text.join",
      "text.length",
    ]);
    assertEquals(procedures["math.add"], {});
    // valibot has no JSON Schema of its own.
    assertEquals(procedures["text.length"], { args: [{}] });
    const resize = procedures["image.resize"];
    assertEquals(resize?.description, "Resizes the image");
    assertEquals(resize?.args?.map(({ optional }) => optional ?? false), [false, true]);
    assertEquals(resize?.args?.[1]?.schema, { type: "boolean" });
    assertEquals(typeOf(resize?.kwargs), '{ "scale"?: number }');
    assertEquals(Object.keys(resize?.errors ?? {}), ["image/too-large", "image/odd"]);
    assertEquals(procedures["text.join"]?.params, ["separator"]);
    assertEquals(procedures["table.rows"]?.stream, true);
    const { description, payload, filter, policy } = topics["view.*.image"] ?? {};
    assertEquals([description, policy], ["What a view shows", "latest"]);
    assertEquals(typeOf(payload), '{ "pixels": number }');
    assertEquals(typeOf(filter), '{ "view": number }');
    const { "view.*.image": _, ...others } = topics;
    assertEquals(others, {
      "view.log": { payload: { type: "string" } },
      // It takes filters, whatever they are; the next one takes none.
      "view.raw": { filter: {} },
      "view.state": {},
      "view.word": { filter: {} },
    });
    assertEquals(Object.keys(contract.procedures), Object.keys(procedures));
    assertEquals(Object.keys(contract.topics), Object.keys(topics));
    assertEquals((await session.describe()).contract, contract);
    await session.close();
  });

  Deno.test(`a server that doesn't describe itself is not asked (${wire})`, async () => {
    await using server = makeServer({ describe: false });
    const { session, frames } = await pair(server, { wire });
    const before = frames.length;
    const error = await assertRejects(() => session.describe(), RpcError, "describe");
    assertEquals([error.code, frames.length], [ErrorCode.methodNotFound, before]);
    await session.close();
  });

  Deno.test(`a client hears by name what has changed since it was built (${wire})`, async () => {
    await using old = makeServer();
    const { session: first } = await pair(old, { wire });
    const { contract } = await first.describe();
    await first.close();

    const told = defer<ContractDifference>();
    const onContract = told.resolve;
    await using same = makeServer();
    same.register("brand.new", () => 1);
    const { session: second } = await pair(same, {
      wire,
      contract,
      onContract: () => told.reject(new Error("nothing differs")),
    });
    // Answered behind the comparison.
    await second.describe();
    await second.close();

    await using changed = makeServer({ width: z.string(), payload: z.number() });
    const { session: third } = await pair(changed, {
      wire,
      contract: {
        ...contract,
        procedures: { ...contract.procedures, "math.sub": "0" },
        topics: { ...contract.topics, "view.gone": "0" },
      },
      onContract,
    });
    assertEquals(await told.promise, {
      missing: ["procedure math.sub", "topic view.gone"],
      changed: ["procedure image.resize", "topic view.log"],
    });
    assertEquals(await third.call("math.add", [1, 2]), 3);
    await third.close();
  });
}

Deno.test("the types written for a server check, and refuse wrong calls", async () => {
  await using server = makeServer();
  const { session } = await pair(server);
  const text = declarationOf(await session.describe());
  await session.close();
  const folder = await Deno.makeTempDir({ dir: pathOf("tests"), prefix: "declared_" });
  try {
    await Deno.writeTextFile(`${folder}/server.ts`, text);
    // An expectation that no longer holds is an error, too.
    await Deno.writeTextFile(
      `${folder}/use.ts`,
      `
      import { connect } from "@hawser/hawser/client";
      import { contract, type Server } from "./server.ts";
      export async function use(): Promise<void> {
        const session = await connect<Server>("ws://localhost:8080/ws", { contract });
        const { pixels } = await session.call("image.resize", [{ width: 1 }, true], {
          kwargs: { scale: 2 },
        });
        const sum: number = pixels;
        await session.call("math.add", [sum, 2]);
        await session.call("text.length", ["abc"]);
        const joined: unknown = await session.api.text.join(",", 1, 2);
        for await (const { row } of session.stream("table.rows", [3])) row.toFixed();
        const end: "done" = await session.stream("table.rows", [3]);
        for await (const { pixels } of session.subscribe("view.7.image")) pixels.toFixed();
        const part = session.subscribe("view.7.image", { filter: { view: 1 } });
        for await (const line of session.subscribe("view.log")) line.trim();
        session.subscribe("view.raw", { filter: 7 });
        part.unsubscribe();
        // @ts-expect-error: another filter
        session.subscribe("view.7.image", { filter: { view: "one" } });
        // @ts-expect-error: it takes none
        session.subscribe("view.state", { filter: 1 });
        // @ts-expect-error: another payload
        session.subscribe("view.log", (line: number) => line);
        try {
          console.log(joined, end);
        } catch (error) {
          if (session.isError(error, "image/too-large")) error.data.pixels.toFixed();
        }
        // @ts-expect-error: no such name
        await session.call("math.sub", [1, 2]);
        // @ts-expect-error: another type
        await session.call("image.resize", [{ width: "wide" }]);
        // @ts-expect-error: too few
        session.stream("table.rows", []);
        // @ts-expect-error: another type in the rest
        await session.api.text.join(",", "1");
        // @ts-expect-error: another type by name
        await session.call("image.resize", [{ width: 1 }], { kwargs: { scale: "two" } });
        // @ts-expect-error: another result
        const text: string = await session.call("image.resize", [{ width: 1 }]);
        // @ts-expect-error: no such kind
        session.isError(text, "image/too-small");
      }
      `,
    );
    const { success, stderr } = await deno(["check", `${folder}/use.ts`], { cwd: root }).output();
    assert(success, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("JSON Schemas become types", () => {
  const table: [unknown, string][] = [
    [{ type: "string", pattern: "^a" }, "string"],
    [{ type: ["integer", "null"] }, "(number) | (null)"],
    [{ enum: ["a", 1, null] }, '("a") | (1) | (null)'],
    [{ const: false }, "false"],
    [{ type: "array", items: { type: "string" } }, "(string)[]"],
    [{ type: "array", prefixItems: [{ type: "null" }], items: {} }, "[null, ...(unknown)[]]"],
    [{ type: "object", additionalProperties: { type: "number" } }, "Record<string, number>"],
    [
      { type: "object", properties: { a: { type: "null" }, "b-c": {} }, required: ["a"] },
      '{ "a": null; "b-c"?: unknown }',
    ],
    [{ anyOf: [{ type: "string" }, { type: "string" }] }, "(string)"],
    [{ allOf: [{ type: "object" }, { type: "null" }] }, "(Record<string, unknown>) & (null)"],
    [{ $ref: "#/$defs/x", $defs: { x: { type: "boolean" } } }, "boolean"],
    [{ $ref: "elsewhere" }, "unknown"],
    [false, "never"],
    [{}, "unknown"],
  ];
  for (const [schema, type] of table) assertEquals(typeOf(schema), type);
  const list: Record<string, unknown> = { type: "array" };
  list.items = { $ref: "#" };
  assert(typeOf(list).endsWith("unknown" + ")[]".repeat(17)));
});

Deno.test("deno task describe prints a table, JSON, or writes types", async () => {
  await using listening = await serve(makeServer(), { port: 0 });
  const run = async (...args: string[]) => {
    const { success, stdout, stderr } = await deno(
      ["run", "-A", "scripts/describe.ts", listening.webSocketUrl, ...args],
      { cwd: root },
    ).output();
    const decoder = new TextDecoder();
    return { success, out: decoder.decode(stdout), error: decoder.decode(stderr) };
  };
  const { out } = await run();
  const resize = out.split("\n").find((line) => line.startsWith("image.resize"));
  assert(resize?.includes('=> { "pixels": number }') && resize.includes("Resizes the image"), out);
  assert(out.includes("table.rows"), out);
  const image = out.split("\n").find((line) => line.startsWith("topic view.*.image"));
  assert(
    image !== undefined &&
      image.includes('{ "pixels": number }; filter { "view": number }; latest'),
    out,
  );
  assert(image.includes("What a view shows"), out);
  const json = JSON.parse((await run("--json")).out);
  assertEquals(tableOf(json), out.trimEnd());
  const refused = await run("--secret", "guess");
  assertEquals(refused.success, false);
  assert(refused.error.includes("Authentication failed"), refused.error);
  assertEquals((await run("--what")).success, false);
});
