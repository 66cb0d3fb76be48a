import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { ErrorCode, isRpcError, RpcError } from "@hawser/hawser/client";
import { createServer, procedure } from "@hawser/hawser/server";
import * as v from "valibot";
import { z } from "zod";
import { WIRES } from "../_peer.ts";
import { pair } from "./_pair.ts";

/** The same procedure by two libraries: a size, a title that may be left out, and a scale by name. */
const RESIZE = {
  zod: procedure(
    {
      args: [z.object({ width: z.int().positive(), height: z.int() }), z.string().optional()],
      kwargs: z.object({ scale: z.number().default(1) }),
      result: z.object({ area: z.number(), title: z.string() }),
      description: "Resizes",
    },
    (call, { width, height }, title = "none") => ({
      area: width * height * call.kwargs.scale,
      title,
    }),
  ),
  valibot: procedure(
    {
      args: [
        v.object({ width: v.pipe(v.number(), v.integer(), v.minValue(1)), height: v.number() }),
        v.optional(v.string()),
      ],
      kwargs: v.object({ scale: v.optional(v.number(), 1) }),
      result: v.object({ area: v.number(), title: v.string() }),
      description: "Resizes",
    },
    (call, { width, height }, title = "none") => ({
      area: width * height * call.kwargs.scale,
      title,
    }),
  ),
};

function issuesOf(error: RpcError): unknown[] {
  assertEquals([error.code, error.message], [ErrorCode.invalidArguments, "Invalid arguments"]);
  const { issues } = z.object({
    issues: z.array(z.object({ path: z.array(z.unknown()), message: z.string() })),
  }).parse(error.data);
  return issues.map(({ path }) => path);
}

for (const wire of WIRES) {
  for (const library of ["zod", "valibot"] as const) {
    Deno.test(`arguments are what ${library} makes of them (${wire})`, async () => {
      await using server = createServer({ procedures: { "image.resize": RESIZE[library] } });
      const { session } = await pair<Record<never, never>>(server, { wire });
      const size = { width: 2, height: 3 };
      assertEquals(await session.call("image.resize", [size]), { area: 6, title: "none" });
      assertEquals(
        await session.call("image.resize", [size, "sky"], { kwargs: { scale: 2 } }),
        { area: 12, title: "sky" },
      );
      await session.close();
    });

    Deno.test(`all that ${library} complains of is told at once, with its place (${wire})`, async () => {
      await using server = createServer({ procedures: { "image.resize": RESIZE[library] } });
      const { session } = await pair<Record<never, never>>(server, { wire });
      const wrong = (args: unknown[], kwargs = {}) =>
        assertRejects(() => session.call("image.resize", args, { kwargs }), RpcError);
      const error = await wrong([{ width: 0, height: "tall" }, 7], { scale: "double" });
      assertEquals(issuesOf(error), [
        ["args", 0, "width"],
        ["args", 0, "height"],
        ["args", 1],
        ["kwargs", "scale"],
      ]);
      assertEquals(issuesOf(await wrong([])), [["args", 0]]);
      assertEquals(issuesOf(await wrong([{ width: 1, height: 1 }, "a", 3, 4])), [
        ["args", 2],
        ["args", 3],
      ]);
      await session.close();
    });
  }

  Deno.test(`one schema of the list takes any number of arguments (${wire})`, async () => {
    await using server = createServer({
      procedures: {
        "text.join": procedure(
          { args: z.tuple([z.string()], z.number()) },
          (_call, separator, ...numbers) => numbers.join(separator),
        ),
      },
    });
    const { session } = await pair(server, { wire });
    assertEquals(await session.call("text.join", ["-", 1, 2, 3]), "1-2-3");
    await session.close();
  });

  Deno.test(`a validator may take its time, and the handler waits for it (${wire})`, async () => {
    const known = new Set(["ada"]);
    let ran = 0;
    await using server = createServer({
      procedures: {
        "user.greet": procedure({
          args: [z.string().refine((name) => Promise.resolve(known.has(name)), "Nobody")],
        }, (_call, name) => (ran++, `Hello ${name}`)),
      },
    });
    const { session } = await pair(server, { wire });
    assertEquals(await session.call("user.greet", ["ada"]), "Hello ada");
    const error = await assertRejects(() => session.call("user.greet", ["bob"]), RpcError);
    assertEquals(error.data, { issues: [{ path: ["args", 0], message: "Nobody" }] });
    assertEquals(ran, 1);
    await session.close();
  });

  Deno.test(`a procedure that takes nothing by name refuses it (${wire})`, async () => {
    await using server = createServer({
      procedures: {
        "image.get": procedure({ args: [z.number()] }, (_call, size) => size),
        "image.named": procedure(
          { args: [z.number()], params: ["size"] },
          (_call, size) => size,
        ),
      },
    });
    const { session } = await pair<Record<never, never>>(server, { wire });
    const error = await assertRejects(
      () => session.call("image.get", [1], { kwargs: { size: 1 } }),
      RpcError,
      '"size"',
    );
    assertEquals(error.code, ErrorCode.invalidArguments);
    assertEquals(await session.call("image.named", [], { kwargs: { size: 4 } }), 4);
    await session.close();
  });

  Deno.test(`a declared error arrives with its kind and its data (${wire})`, async () => {
    await using server = createServer({
      procedures: {
        "mesh.load": procedure({
          args: [z.number()],
          errors: { "mesh/too-large": z.object({ cells: z.number() }), "mesh/empty": z.null() },
        }, (call, cells) => {
          if (cells === 0) throw call.error("mesh/empty", null, "There is no mesh");
          if (cells > 10) throw call.error("mesh/too-large", { cells });
          return cells;
        }),
        "mesh.rows": procedure(
          { errors: { "mesh/torn": z.object({ row: z.number() }) } },
          async function* (call, rows: number) {
            for (let row = 0; row < rows; row++) {
              await Promise.resolve();
              if (row === 1) throw call.error("mesh/torn", { row });
              yield row;
            }
          },
        ),
      },
      onError: (error) => {
        throw error;
      },
    });
    const { session } = await pair(server, { wire });
    const error = await assertRejects(() => session.call("mesh.load", [11]), RpcError);
    assert(session.isError(error, "mesh/too-large"));
    const { cells }: { cells: number } = error.data;
    assertEquals([error.code, error.message, cells], [ErrorCode.declared, "mesh/too-large", 11]);
    assert(isRpcError(error, "mesh/too-large"));
    assert(!session.isError(error, "mesh/empty"));
    const empty = await assertRejects(() => session.call("mesh.load", [0]), RpcError);
    assert(session.isError(empty, "mesh/empty"));
    assertEquals([empty.message, empty.data], ["There is no mesh", null]);
    const seen: number[] = [];
    const torn = await assertRejects(async () => {
      for await (const row of session.stream("mesh.rows", [3])) seen.push(row);
    }, RpcError);
    assert(session.isError(torn, "mesh/torn"));
    assertEquals([seen, torn.data.row], [[0], 1]);
    await session.close();
  });

  Deno.test(`authorize is asked before the arguments are looked at (${wire})`, async () => {
    let checked = 0;
    const anything = z.unknown().refine(() => (checked++, true));
    const errors: unknown[] = [];
    await using server = createServer({
      procedures: {
        "door.open": procedure({ args: [anything], authorize: () => true }, () => "open"),
        "door.late": procedure({
          args: [anything],
          authorize: async (call) => await Promise.resolve(call.client.context.has("key")),
        }, () => "open"),
        "door.shut": procedure({ args: [anything], authorize: () => false }, () => "open"),
        "door.broken": procedure({
          authorize: () => {
            throw new Error("no directory");
          },
        }, () => "open"),
      },
      onError: (error) => errors.push(error),
    });
    const { session } = await pair(server, { wire });
    assertEquals(await session.call("door.open", [1]), "open");
    assertEquals(checked, 1);
    for (const name of ["door.shut", "door.late"] as const) {
      const error = await assertRejects(() => session.call(name, [1]), RpcError, "Not allowed");
      assertEquals([error.code, error.data], [ErrorCode.forbidden, name]);
    }
    assertEquals(checked, 1);
    server.clients.get(session.clientId)?.context.set("key", true);
    assertEquals(await session.call("door.late", [1]), "open");
    const error = await assertRejects(() => session.call("door.broken"), RpcError);
    assertEquals([error.code, errors.length], [ErrorCode.exception, 1]);
    await session.close();
  });
}

Deno.test("results are held to their schema with checkResults, and only with it", async () => {
  const lying = z.custom<number>((value) => typeof value === "number");
  const procedures = {
    "test.sync": procedure({ args: [z.unknown()], result: lying }, (_call, value) => {
      return z.any().parse(value);
    }),
    "test.async": procedure({ args: [z.unknown()], result: lying }, async (_call, value) => {
      return await Promise.resolve(z.any().parse(value));
    }),
  };
  for (const checkResults of [true, false]) {
    const errors: unknown[] = [];
    await using server = createServer({
      procedures,
      checkResults,
      onError: (error) => errors.push(error),
    });
    const { session } = await pair<Record<never, never>>(server);
    for (const name of ["test.sync", "test.async"]) {
      assertEquals(await session.call(name, [3]), 3);
      if (checkResults) {
        const error = await assertRejects(() => session.call(name, ["three"]), RpcError);
        assertEquals(error.code, ErrorCode.exception);
        assertInstanceOf(errors.at(-1), TypeError);
      } else assertEquals(await session.call(name, ["three"]), "three");
    }
    assertEquals(errors.length, checkResults ? 2 : 0);
    await session.close();
  }
});

Deno.test("what a client registers is checked likewise", async () => {
  const { procedure } = await import("@hawser/hawser/client");
  await using server = createServer();
  const { session } = await pair(server, {
    procedures: {
      "dialog.ask": procedure({ args: [z.string().min(1)] }, (call, question) => ({
        question,
        method: call.method,
      })),
    },
  });
  const client = server.clients.get(session.clientId);
  assert(client);
  assertEquals(await client.call("dialog.ask", ["Sure?"]), {
    question: "Sure?",
    method: "dialog.ask",
  });
  const error = await assertRejects(() => client.call("dialog.ask", [""]), RpcError);
  assertEquals(issuesOf(error), [["args", 0]]);
  await session.close();
});
