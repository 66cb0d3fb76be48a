import { assertEquals, assertRejects } from "@std/assert";
import { RpcError } from "@hawser/hawser/client";
import { caller, createServer, procedure } from "@hawser/hawser/server";
import { FakeTime } from "../_fake_time.ts";
import { pair } from "./_pair.ts";

function makeServer() {
  return createServer({
    procedures: {
      "math.add": (a: number, b: number) => a + b,
      "math.vector.add": (a: number[], b: number[]) => a.map((x, i) => x + (b[i] ?? 0)),
      "math.vector": (...values: number[]) => values,
      "table.rows": async function* (count: number) {
        for (let row = 0; row < count; row++) yield await Promise.resolve({ row });
        return "done";
      },
      "ping": () => "pong",
      "wait": procedure((call) =>
        new Promise<string>((resolve) =>
          call.signal.addEventListener("abort", () => resolve("stopped"))
        )
      ),
    },
  });
}

Deno.test("session.api calls procedures by the words of their names", async () => {
  await using server = makeServer();
  const { session } = await pair(server);
  assertEquals(await session.api.math.add(1, 2), 3);
  assertEquals(await session.api.math.vector.add([1], [2]), [3]);
  assertEquals(await session.api.math.vector(1, 2), [1, 2]);
  assertEquals(await session.api.ping(), "pong");
  assertEquals(session.api.math.vector, session.api.math.vector);
  // An async function may return it.
  assertEquals(await Promise.resolve(session.api) === session.api, true);
  await session.close();
  await assertRejects(() => session.api.ping(), Error, "not sent");
});

Deno.test("session.api takes options before the name", async () => {
  await using server = makeServer();
  const { session } = await pair(server);
  const controller = new AbortController();
  const waiting = session.api({ signal: controller.signal }).wait();
  controller.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  await session.close();
});

Deno.test("session.streams reads procedures whose result is a stream", async () => {
  await using server = makeServer();
  const { session } = await pair(server);
  const rows: number[] = [];
  for await (const { row } of session.streams.table.rows(3)) rows.push(row);
  assertEquals(rows, [0, 1, 2]);
  assertEquals(await session.streams.table.rows(1), "done");
  await session.close();
});

Deno.test("a typed caller calls a client's procedures, callAll() every client's, within a time", async () => {
  await using server = createServer();
  const dialogs = { "dialog.ask": (question: string) => question.length };
  const { session: first } = await pair(server, { procedures: dialogs });
  const { session: second } = await pair(server, {
    procedures: { "dialog.ask": () => new Promise(() => {}) },
  });
  const { session: third } = await pair(server, { extensions: false });
  const client = server.clients.get(first.clientId);
  if (client === undefined) throw new Error("The client is there");
  assertEquals(await caller<typeof dialogs>(client).call("dialog.ask", ["why"]), 3);

  using time = new FakeTime();
  const answers = caller<typeof dialogs>(server).callAll("dialog.ask", ["how"], { timeout: 500 });
  await time.settle();
  await time.advance(500);
  const found = new Map((await answers).map((answer) => [answer.client.id, answer]));
  const [a, b, c] = [first, second, third].map(({ clientId }) => found.get(clientId));
  assertEquals(a?.status === "fulfilled" && a.value, 3);
  assertEquals(b?.status === "rejected" && String(b.reason.name), "TimeoutError");
  assertEquals(c?.status === "rejected" && c.reason instanceof RpcError, true);
  assertEquals(found.size, 3);
  for (const session of [first, second, third]) await session.close();
});
