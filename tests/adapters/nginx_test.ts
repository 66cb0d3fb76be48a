/** Behind nginx, with the configuration of docs/operations.md: both wires, and whose address it is. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect } from "@hawser/hawser/client";
import { createServer, serve } from "@hawser/hawser/server";
import { findNginx } from "../../scripts/setup.ts";
import { WIRES } from "../_peer.ts";

const OPERATIONS = new URL("../../docs/operations.md", import.meta.url);

/** A port that is free now. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Starts nginx in front of a server. */
async function startNginx(upstream: number): Promise<AsyncDisposable & { readonly url: string }> {
  const nginx = await findNginx();
  if (nginx === undefined) throw new Error('nginx is missing: "deno task setup" installs it');
  const page = await Deno.readTextFile(OPERATIONS);
  const [, site = ""] = page.match(/<!-- nginx -->\s+```nginx\n([\s\S]*?)```/) ?? [];
  const port = freePort();
  const here = site
    .replace("listen 8443;", `listen 127.0.0.1:${port};`)
    .replace("http://127.0.0.1:8080", `http://127.0.0.1:${upstream}`);
  assert(here.includes(`:${port};`) && here.includes(`:${upstream};`), "the page has other ports");
  const folder = await Deno.makeTempDir();
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
  await Deno.writeTextFile(
    `${folder}/nginx.conf`,
    `daemon off;\nworker_processes 1;\npid ${folder}/pid;\nerror_log stderr notice;\n` +
      `events { worker_connections 256; }\nhttp {\naccess_log off;\n${paths}\n${here}\n}\n`,
  );
  const process = new Deno.Command(nginx, {
    args: ["-p", folder, "-e", "stderr", "-c", `${folder}/nginx.conf`],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.includes("start worker process ")) {
    const { value, done } = await lines.read();
    if (done) throw new Error(`nginx ended early: ${said}`);
    said += value;
  }
  return {
    url: `ws://127.0.0.1:${port}/ws`,
    async [Symbol.asyncDispose]() {
      process.kill("SIGTERM");
      while (!(await lines.read()).done);
      await process.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

for (const wire of WIRES) {
  Deno.test(`behind nginx both directions carry calls, publications and binary (${wire})`, async () => {
    const server = createServer({
      addressHeader: "x-real-ip",
      procedures: { "test.echo": (value: Uint8Array) => value },
    });
    await using listening = await serve(server, { port: 0 });
    await using nginx = await startNginx(listening.port);
    await using session = await connect<typeof server>(nginx.url, { wire });
    const large = new Uint8Array(3_000_000).fill(7);
    assertEquals((await session.call("test.echo", [large])).length, large.length);
    const published = Promise.withResolvers<unknown>();
    session.subscribe("topic", (value) => published.resolve(value));
    await session.call("test.echo", [new Uint8Array(1)]);
    server.publish("topic", "through the proxy");
    assertEquals(await published.promise, "through the proxy");
    const [client] = server.clients.values();
    assertEquals(client?.address, "127.0.0.1");
    assertEquals(client?.request?.headers.get("x-real-ip"), "127.0.0.1");
  });
}

Deno.test("behind nginx a client can't choose its address, and its place is counted", async () => {
  const server = createServer({
    addressHeader: "x-real-ip",
    limits: { connectionsPerAddress: 1 },
  });
  await using listening = await serve(server, { port: 0 });
  await using nginx = await startNginx(listening.port);
  await using _first = await connect(nginx.url);
  await assertRejects(() => connect(nginx.url, { reconnect: false }));
  const { hostname, port } = new URL(nginx.url);
  using tcp = await Deno.connect({ hostname, port: Number(port) });
  const forged = `GET /ws HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: Upgrade\r\n` +
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nX-Real-IP: 192.0.2.1\r\n" +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  await tcp.write(new TextEncoder().encode(forged));
  const answer = new Uint8Array(1024);
  await tcp.read(answer);
  assertStringIncludes(new TextDecoder().decode(answer), "HTTP/1.1 429");
  assertEquals(server.stats().connections.sockets, 1);
  assertEquals(server.stats().totals.limits, { connectionsPerAddress: 2 });
});
