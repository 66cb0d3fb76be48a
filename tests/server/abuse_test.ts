/** What strangers do to a server's sockets, while somebody else is served. */

import { assert, assertEquals } from "@std/assert";
import { connect } from "../../client.ts";
import { createServer, serve } from "../../server.ts";

function makeServer() {
  return createServer({ procedures: { "test.echo": (value: unknown) => value } });
}

/** Opens a socket, sends frames, and waits for its end. */
async function closeCodeAfter(
  url: string,
  ...frames: (string | Uint8Array<ArrayBuffer>)[]
): Promise<number> {
  const socket = new WebSocket(url);
  const closed = Promise.withResolvers<number>();
  socket.onclose = ({ code }) => closed.resolve(code);
  socket.onopen = () => {
    for (const frame of frames) socket.send(frame);
  };
  return await closed.promise;
}

/** A chunk that says that its message has 4 GB. */
const CLAIM = Uint8Array.fromHex("01000000" + "00000000" + "ffffffff" + "c0");

const BAD_FIRST_FRAMES: [what: string, code: number, frame: string | Uint8Array<ArrayBuffer>][] = [
  ["malformed JSON", 1007, "{"],
  ["JSON that is no message", 1002, "[]"],
  ["a message without id", 1002, '{"wslink":"1.0"}'],
  ["an id of the wrong type", 1002, '{"id":1,"method":"wslink.hello"}'],
  ["a truncated header", 1007, new Uint8Array(11)],
  ["a claim of 4 GB", 1009, CLAIM],
  ["a first message of more than a hello", 1009, JSON.stringify({ id: "x".repeat(1000) })],
];

for (const [what, code, frame] of BAD_FIRST_FRAMES) {
  Deno.test(`${what} closes its connection with ${code}, and another one is served`, async () => {
    await using listening = await serve(makeServer(), { port: 0 });
    await using session = await connect(listening.webSocketUrl);
    assertEquals(await closeCodeAfter(listening.webSocketUrl, frame), code);
    assertEquals(await session.call("test.echo", ["still here"]), "still here");
  });
}

Deno.test("text on the msgpack wire closes with 1003", async () => {
  await using listening = await serve(makeServer(), { port: 0 });
  const part = Uint8Array.fromHex("01000000" + "00000000" + "02000000" + "c0");
  assertEquals(await closeCodeAfter(listening.webSocketUrl, part, "text"), 1003);
});

Deno.test("400 sockets that claim a message of 4 GB each cost no memory and disturb nobody", async () => {
  await using listening = await serve(makeServer(), { port: 0 });
  await using session = await connect(listening.webSocketUrl);
  const before = Deno.memoryUsage().rss;
  const codes = await Promise.all(
    Array.from({ length: 400 }, () => closeCodeAfter(listening.webSocketUrl, CLAIM)),
  );
  assertEquals(codes.filter((code) => code === 1009).length, 400);
  assertEquals(await session.call("test.echo", [1]), 1);
  assert(Deno.memoryUsage().rss - before < 200e6);
});
