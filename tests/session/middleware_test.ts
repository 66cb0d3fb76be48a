import { assertEquals, assertRejects } from "@std/assert";
import { RpcError } from "@hawser/hawser/client";
import { createServer, type Middleware, procedure } from "@hawser/hawser/server";
import { z } from "zod";
import { WIRES } from "../_peer.ts";
import { pair } from "./_pair.ts";

interface User {
  readonly name: string;
}

for (const wire of WIRES) {
  Deno.test(`middleware runs from the outside in, around the check of arguments (${wire})`, async () => {
    const log: string[] = [];
    const says = (word: string): Middleware<unknown> => async (_call, next) => {
      log.push(`${word} in`);
      try {
        return await next();
      } finally {
        log.push(`${word} out`);
      }
    };
    const logged = procedure.use(says("third")).use(says("fourth"));
    await using server = createServer({
      procedures: {
        "math.half": logged({
          authorize: () => (log.push("authorize"), true),
          args: [z.number().refine(() => (log.push("check"), true))],
        }, (_call, x) => (log.push("run"), x / 2)),
        "math.plain": (x: number) => (log.push("plain"), x),
      },
    });
    server.use(says("first")).use(says("second"));
    server.register("math.later", () => (log.push("later"), 0));
    const { session } = await pair(server, { wire });
    assertEquals(await session.call("math.half", [3]), 1.5);
    assertEquals(
      log.splice(0).join(", "),
      [
        ...["first in", "second in", "third in", "fourth in", "authorize", "check", "run"],
        ...["fourth out", "third out", "second out", "first out"],
      ].join(", "),
    );
    assertEquals(await session.call("math.plain", [3]), 3);
    assertEquals(
      log.splice(0).join(", "),
      "first in, second in, plain, second out, first out",
    );
    const { session: untyped } = await pair<Record<never, never>>(server, { wire });
    await untyped.call("math.later");
    assertEquals(log.includes("first in"), true);
    await session.close();
    await untyped.close();
  });

  Deno.test(`what middleware finds out is in call.state, with its type (${wire})`, async () => {
    const users = new Map([["t1", { name: "ada" }]]);
    const known = procedure.use<{ user: User }>((call, next) => {
      const user = users.get(String(call.kwargs.token));
      if (user === undefined) throw new RpcError(401, "Who are you?");
      return next({ user });
    });
    const counted = known.use<{ count: number }>((call, next) =>
      next({ count: call.state.user.name.length })
    );
    await using server = createServer({
      procedures: {
        "user.greet": counted((call) => `Hello ${call.state.user.name} ${call.state.count}`),
      },
    });
    const { session } = await pair(server, { wire });
    assertEquals(
      await session.call("user.greet", [], { kwargs: { token: "t1" } }),
      "Hello ada 3",
    );
    const error = await assertRejects(
      () => session.call("user.greet", [], { kwargs: { token: "t2" } }),
      RpcError,
      "Who are you?",
    );
    assertEquals(error.code, 401);
    await session.close();
  });

  Deno.test(`middleware may answer by itself, change the answer, and see errors (${wire})`, async () => {
    let ran = 0;
    const seen: unknown[] = [];
    await using server = createServer({
      procedures: {
        "cache.get": (key: string) => (ran++, `fresh ${key}`),
        "cache.fail": () => {
          throw new RpcError(7, "No");
        },
      },
    });
    const cache = new Map<unknown, unknown>();
    server.use(async (call, next) => {
      if (call.method !== "cache.get") return next();
      const found = cache.get(call.method);
      if (found !== undefined) return found;
      const value = await next();
      cache.set(call.method, "cached");
      return value;
    });
    server.use(async (_call, next) => {
      try {
        return await next();
      } catch (error) {
        seen.push(error);
        throw error;
      }
    });
    const { session } = await pair(server, { wire });
    assertEquals(await session.call("cache.get", ["a"]), "fresh a");
    assertEquals(await session.call("cache.get", ["a"]), "cached");
    assertEquals(ran, 1);
    await assertRejects(() => session.call("cache.fail"), RpcError, "No");
    assertEquals(String(seen), "RpcError: No");
    await session.close();
  });

  Deno.test(`streams pass through middleware, another session's too (${wire})`, async () => {
    await using origin = createServer({
      procedures: {
        "table.rows": async function* (count: number) {
          for (let row = 0; row < count; row++) yield await Promise.resolve(row);
          return "done";
        },
      },
    });
    const { session: upstream } = await pair(origin, { wire });
    await using relay = createServer({
      procedures: { "table.rows": (count: number) => upstream.stream("table.rows", [count]) },
    });
    relay.use((_call, next) => next());
    const { session } = await pair(relay, { wire });
    const rows: number[] = [];
    for await (const row of session.stream("table.rows", [3])) rows.push(row);
    assertEquals(rows, [0, 1, 2]);
    await session.close();
    await upstream.close();
  });
}
