import { assertEquals, assertRejects } from "@std/assert";
import { type ClientMiddleware, RpcError } from "@hawser/hawser/client";
import { createServer, procedure } from "@hawser/hawser/server";
import { WIRES } from "../_peer.ts";
import { pair } from "./_pair.ts";

function makeServer(ended: string[] = []) {
  return createServer({
    procedures: {
      "math.add": (a: number, b: number) => a + b,
      "test.trace": procedure((call) => call.traceparent ?? null),
      "test.fail": () => {
        throw new RpcError(7, "No");
      },
      "table.rows": async function* (count: number) {
        try {
          for (let row = 0; row < count; row++) yield await Promise.resolve(row);
          return "done";
        } finally {
          ended.push("rows");
        }
      },
    },
  });
}

for (const wire of WIRES) {
  Deno.test(`a client's middleware runs around its calls, from the outside in (${wire})`, async () => {
    await using server = makeServer();
    const log: string[] = [];
    const says = (word: string): ClientMiddleware => async (call, next) => {
      log.push(`${word} ${call.method} ${call.args.length}`);
      try {
        return await next();
      } catch (error) {
        log.push(`${word} ${error}`);
        throw error;
      }
    };
    const doubles: ClientMiddleware = (call, next) => {
      call.args = call.args.map((arg) => typeof arg === "number" ? arg * 2 : arg);
      return next();
    };
    const { session } = await pair(server, { wire, middleware: [says("a"), says("b"), doubles] });
    assertEquals(await session.call("math.add", [1, 2]), 6);
    assertEquals(await session.api.math.add(1, 2), 6);
    assertEquals(log.splice(0), Array(2).fill(["a math.add 2", "b math.add 2"]).flat());
    await assertRejects(() => session.call("test.fail"), RpcError, "No");
    assertEquals(log, ["a test.fail 0", "b test.fail 0", "b RpcError: No", "a RpcError: No"]);
    await session.close();
  });

  Deno.test(`a client's middleware can trace its calls (${wire})`, async () => {
    await using server = makeServer();
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const { session } = await pair(server, {
      wire,
      middleware: [(call, next) => {
        call.options = { ...call.options, traceparent };
        return next();
      }],
    });
    assertEquals(await session.call("test.trace"), traceparent);
    await session.close();
  });

  Deno.test(`a client's middleware waits for a stream's end (${wire})`, async () => {
    const ended: string[] = [];
    await using server = makeServer(ended);
    const results: unknown[] = [];
    const { session } = await pair(server, {
      wire,
      middleware: [async (call, next) => {
        const result = await next();
        results.push([call.stream, result]);
        return result;
      }],
    });
    const rows: number[] = [];
    for await (const row of session.stream("table.rows", [2])) rows.push(row);
    assertEquals(rows, [0, 1]);
    assertEquals(await session.stream("table.rows", [1]), "done");
    for await (const row of session.stream("table.rows", [9])) if (row === 1) break;
    await session.call("math.add", [0, 0]);
    assertEquals(results, [[true, "done"], [true, "done"], [true, undefined], [false, 0]]);
    assertEquals(ended.length, 3);
    await session.close();
  });

  Deno.test(`a client's middleware that doesn't go on refuses a stream (${wire})`, async () => {
    await using server = makeServer();
    const { session } = await pair(server, {
      wire,
      middleware: [(call, next) => {
        if (call.stream) throw new RangeError("not now");
        return next();
      }],
    });
    await assertRejects(
      async () => {
        for await (const _ of session.stream("table.rows", [2]));
      },
      RangeError,
      "not now",
    );
    await assertRejects(async () => await session.stream("table.rows", [2]), RangeError, "not now");
    assertEquals(await session.call("math.add", [1, 1]), 2);
    await session.close();
  });
}
