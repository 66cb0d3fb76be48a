/** What strangers do to a server's sockets, while somebody else is served. */

import { assert, assertEquals } from "@std/assert";
import { connect, ConnectionClosedError } from "../../client.ts";
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
  [
    "a first message of 300 values",
    1009,
    // {"id": "r", "x": [nil, …]}
    Uint8Array.fromHex(
      "01000000" + "00000000" + "37010000" + "82a26964a172a178dc012c" + "c0".repeat(300),
    ),
  ],
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

for (const wire of ["msgpack", "json"] as const) {
  Deno.test(`a message of more values than the limit closes its connection with 1009 (${wire})`, async () => {
    const server = createServer({
      procedures: { "test.echo": (value: unknown) => value },
      limits: { values: 1000 },
    });
    await using listening = await serve(server, { port: 0 });
    await using other = await connect(listening.webSocketUrl, { wire });
    await using session = await connect(listening.webSocketUrl, { wire, reconnect: false });
    // The message's own map has ten, its list of arguments one; in JSON its empty kwargs count too.
    assertEquals(await session.call("test.echo", [Array(988).fill(0)]), Array(988).fill(0));
    const error = await session.call("test.echo", [Array(990).fill(0)]).catch((error) => error);
    assert(error instanceof ConnectionClosedError && error.closeCode === 1009, String(error));
    assertEquals(await other.call("test.echo", ["still here"]), "still here");
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
