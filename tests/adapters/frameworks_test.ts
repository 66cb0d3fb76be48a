/** The examples that attach a server to what others listen with, each in a Node of its own. */
import { assert, assertEquals } from "@std/assert";
import { connect } from "@hawser/hawser/client";
import { defer } from "../../protocol/deferred.ts";
import { pathOf } from "../../scripts/_deno.ts";
import { bundle, pathOfNode } from "./_runtimes.ts";

/** Starts an example on a free port, and gives its port. */
async function start(name: string): Promise<{ port: number } & AsyncDisposable> {
  const script = await bundle(`examples/node/${name}.ts`, "node");
  const process = new Deno.Command(pathOfNode(22), {
    args: [script, "0"],
    cwd: pathOf(".cache/servers"),
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.includes("\n")) {
    const { value, done } = await output.read();
    if (done) throw new Error(`The example ${name} ended early: ${said}`);
    said += value;
  }
  return {
    port: JSON.parse(said).port,
    async [Symbol.asyncDispose]() {
      process.kill("SIGTERM");
      await output.cancel();
      await process.status;
    },
  };
}

/** How a request to upgrade at a path ends: with its first message, or without a connection. */
async function firstMessage(url: string, protocol: string): Promise<unknown> {
  const socket = new WebSocket(url, protocol);
  const first = defer<unknown>();
  const closed = defer<void>();
  socket.onmessage = ({ data }) => first.resolve(data);
  socket.onerror = (event) => {
    event.preventDefault();
    first.resolve("no connection");
  };
  socket.onclose = () => closed.resolve();
  const message = await first.promise;
  socket.close();
  await closed.promise;
  return message;
}

for (const [name, title] of [["express", "Express"], ["fastify", "Fastify"], ["hono", "Hono"]]) {
  Deno.test(`a server is attached beside ${title}, whose routes go on`, async () => {
    assert(name);
    await using example = await start(name);
    const host = `127.0.0.1:${example.port}`;
    const response = await fetch(`http://${host}/hello`);
    assertEquals(await response.text(), `Hello from ${title}`);
    await using session = await connect(`ws://${host}/ws`);
    assertEquals(await session.call("math.add", [1, 2]), 3);
    const plain = await fetch(`http://${host}/ws`);
    await plain.body?.cancel();
    assertEquals(plain.status, 404, "the path is the framework's for all but WebSockets");
    assertEquals(await firstMessage(`ws://${host}/elsewhere`, "other"), "no connection");
  });
}

Deno.test("a server is attached in Vite's dev server, whose hot reloading goes on", async () => {
  await using example = await start("vite");
  const host = `127.0.0.1:${example.port}`;
  const response = await fetch(`http://${host}/hello`);
  assertEquals(await response.text(), "Hello from Vite");
  await using session = await connect(`ws://${host}/ws`);
  assertEquals(await session.call("math.add", [1, 2]), 3);
  // Vite's own client is told the token that its socket needs.
  const client = await (await fetch(`http://${host}/@vite/client`)).text();
  const token = client.match(/wsToken = "([^"]+)"/)?.[1];
  assert(token, "Vite's client has no token");
  const greeting = await firstMessage(`ws://${host}/?token=${token}`, "vite-hmr");
  assertEquals(greeting, '{"type":"connected"}');
  assertEquals(await session.call("math.add", [3, 4]), 7);
});
