/** A server moves from one runtime to another by its import alone. */
import { assertEquals } from "@std/assert";
import * as bun from "../../adapters/bun.ts";
import * as node from "../../adapters/node.ts";
import * as workers from "../../adapters/workers.ts";
import * as deno from "../../server.ts";

const expected: [name: string, names: string[], more: string[], fewer: string[]][] = [
  ["./node", Object.keys(node), ["attach"], []],
  ["./bun", Object.keys(bun), ["upgrade", "websocket"], []],
  ["./workers", Object.keys(workers), [], ["serve"]],
];
for (const [name, names, more, fewer] of expected) {
  Deno.test(`${name} exports what ./server does, and ${more.join(" and ") || "nothing"} besides`, () => {
    const all = [...Object.keys(deno), ...more].filter((name) => !fewer.includes(name));
    assertEquals(names.toSorted(), all.toSorted());
  });
}

Deno.test("on Node, upgrade() says what to call instead", () => {
  const headers = { connection: "keep-alive, Upgrade", upgrade: "websocket" };
  const request = new Request("http://localhost/ws", { headers });
  let message = "";
  try {
    node.createServer().upgrade(request);
  } catch (error) {
    message = error instanceof TypeError ? error.message : String(error);
  }
  assertEquals(
    message,
    "Node can't upgrade a Request: attach(server, httpServer) takes connections",
  );
});
