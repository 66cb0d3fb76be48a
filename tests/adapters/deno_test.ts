import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect } from "@hawser/hawser/client";
import { createServer, type Listening, serve, type ServeOptions } from "@hawser/hawser/server";
import { fileURLToPath } from "node:url";
import { RemotePeer } from "../_peer.ts";
import { RawSocket } from "../_raw_socket.ts";
import { selfSigned } from "./_certificate.ts";

const TEXT_FRAME = 1;
const PING = 9;
const HELLO = new TextEncoder().encode(JSON.stringify({
  wslink: "1.0",
  id: "system:c0:0",
  method: "wslink.hello",
  args: [{ secret: "wslink-secret" }],
}));

/** A directory with a page, a picture, a secret beside it, and odd names. */
async function makeContent(): Promise<{ root: string; [Symbol.asyncDispose](): Promise<void> }> {
  const top = await Deno.makeTempDir();
  const root = `${top}/www`;
  await Deno.mkdir(`${root}/deep`, { recursive: true });
  await Deno.writeTextFile(`${top}/secret.txt`, "the secret");
  await Deno.writeTextFile(`${root}/index.html`, "<title>Hawser</title>");
  await Deno.writeTextFile(`${root}/deep/index.html`, "<title>Deep</title>");
  await Deno.writeTextFile(`${root}/app.js`, "export {};");
  await Deno.writeTextFile(`${root}/style.css`, "p {}");
  await Deno.writeTextFile(`${root}/a b.txt`, "0123456789");
  await Deno.writeFile(`${root}/day.png`, new Uint8Array([137, 80, 78, 71]));
  return { root, [Symbol.asyncDispose]: () => Deno.remove(top, { recursive: true }) };
}

/** What a request is answered with, sent byte by byte: fetch() would tidy the path up. */
async function rawGet({ hostname, port }: Listening, path: string, head = ""): Promise<string> {
  using connection = await Deno.connect({ hostname, port });
  const request = `GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n${head}\r\n`;
  await connection.write(new TextEncoder().encode(request));
  let answer = "";
  for await (const text of connection.readable.pipeThrough(new TextDecoderStream())) answer += text;
  return answer;
}

function statusOf(answer: string): number {
  return Number(answer.split(" ")[1]);
}

// Addresses

Deno.test("serve() listens on a free port and says where", async () => {
  const server = createServer();
  await using listening = await serve(server, { port: 0 });
  const { hostname, port, url, webSocketUrl } = listening;
  assert(port > 0);
  assertEquals(hostname, "127.0.0.1");
  assertEquals(url, `http://127.0.0.1:${port}/`);
  assertEquals(webSocketUrl, `ws://127.0.0.1:${port}/ws`);
  await using _session = await connect(webSocketUrl);
});

Deno.test("serve() listens on IPv6, and its addresses can be used", async () => {
  await using listening = await serve(createServer(), { port: 0, hostname: "::1" });
  assertEquals(listening.url, `http://[::1]:${listening.port}/`);
  await using _session = await connect(listening.webSocketUrl);
});

Deno.test("serve() rejects if the port is taken", async () => {
  await using listening = await serve(createServer(), { port: 0 });
  await assertRejects(
    () => serve(createServer(), { port: listening.port }),
    Deno.errors.AddrInUse,
  );
});

const badOptions: [options: ServeOptions, message: string][] = [
  [{ path: "ws" }, 'path must start with "/": received "ws"'],
  [{ cert: "PEM" }, "cert and key must be given together"],
  [{ key: "PEM" }, "cert and key must be given together"],
];
for (const [options, message] of badOptions) {
  Deno.test(`serve() with ${JSON.stringify(options)} rejects: ${message}`, async () => {
    await assertRejects(() => serve(createServer(), options), TypeError, message);
  });
}

for (const path of ["/", "/deep/er/path", "/a b", "/⚓"]) {
  Deno.test(`the WebSocket may be at the path ${path}`, async () => {
    await using listening = await serve(createServer(), { port: 0, path });
    await using _session = await connect(listening.webSocketUrl);
    const other = await fetch(new URL("/other", listening.url));
    assertEquals(other.status, 404);
    await other.body?.cancel();
  });
}

// Requests that are no WebSocket's

Deno.test("what is no WebSocket request gets 426 at the WebSocket's path, and 404 beside it", async () => {
  await using listening = await serve(createServer(), { port: 0 });
  const expected: [path: string, status: number][] = [
    ["/ws", 426],
    ["/ws?a=1", 426],
    ["/", 404],
    ["/ws/", 404],
    ["/wsx", 404],
  ];
  for (const [path, status] of expected) {
    const response = await fetch(new URL(path, listening.url));
    await response.body?.cancel();
    assertEquals([path, response.status], [path, status]);
    if (status === 426) assertEquals(response.headers.get("upgrade"), "websocket");
  }
});

const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
const badUpgrades: [what: string, head: string][] = [
  ["no key", `${upgrade}Sec-WebSocket-Version: 13\r\n`],
  ["no connection header", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"],
  ["another upgrade", "Connection: Upgrade\r\nUpgrade: h2c\r\n"],
];
for (const [what, head] of badUpgrades) {
  Deno.test(`an upgrade with ${what} is the client's mistake, not the server's`, async () => {
    const errors: unknown[] = [];
    const consoleError = console.error;
    console.error = (...parts: unknown[]) => void errors.push(parts);
    try {
      await using listening = await serve(createServer(), { port: 0 });
      const status = statusOf(await rawGet(listening, "/ws", head));
      assert(status === 400 || status === 426, `status ${status}`);
      await using _session = await connect(listening.webSocketUrl);
    } finally {
      console.error = consoleError;
    }
    assertEquals(errors, []);
  });
}

Deno.test("a session knows its client's HTTP request", async () => {
  const origins: unknown[] = [];
  const server = createServer({
    onConnect: ({ request }) => void origins.push(request?.headers.get("sec-websocket-version")),
  });
  await using listening = await serve(server, { port: 0 });
  await using _session = await connect(listening.webSocketUrl);
  assertEquals(origins, ["13"]);
});

// Content

Deno.test("content is served beside the WebSocket, each file with its type", async () => {
  await using content = await makeContent();
  await using listening = await serve(createServer(), { port: 0, content: content.root });
  const expected: [path: string, type: RegExp, body: string][] = [
    ["/", /^text\/html/, "<title>Hawser</title>"],
    ["/index.html", /^text\/html/, "<title>Hawser</title>"],
    ["/deep/", /^text\/html/, "<title>Deep</title>"],
    ["/app.js", /^text\/javascript/, "export {};"],
    ["/style.css", /^text\/css/, "p {}"],
    ["/a%20b.txt", /^text\/plain/, "0123456789"],
    ["/day.png?v=2", /^image\/png/, new TextDecoder().decode(new Uint8Array([137, 80, 78, 71]))],
  ];
  for (const [path, type, body] of expected) {
    const response = await fetch(new URL(path, listening.url));
    assertEquals([path, response.status, await response.text()], [path, 200, body]);
    assert(type.test(response.headers.get("content-type") ?? ""), path);
  }
  const missing = await fetch(new URL("/missing.html", listening.url));
  await missing.body?.cancel();
  assertEquals(missing.status, 404);
  await using _session = await connect(listening.webSocketUrl);
});

Deno.test("content may be given as a file: URL", async () => {
  await using content = await makeContent();
  const url = new URL(`file://${content.root}/`);
  await using listening = await serve(createServer(), { port: 0, content: url });
  const response = await fetch(new URL("/app.js", listening.url));
  assertEquals(await response.text(), "export {};");
});

const ranges: [range: string, status: number, body: string | undefined][] = [
  ["bytes=2-4", 206, "234"],
  ["bytes=7-", 206, "789"],
  ["bytes=-2", 206, "89"],
  ["bytes=20-30", 416, undefined],
];
for (const [range, status, body] of ranges) {
  Deno.test(`content in the range ${range} is answered with ${status}`, async () => {
    await using content = await makeContent();
    await using listening = await serve(createServer(), { port: 0, content: content.root });
    const response = await fetch(new URL("/a b.txt", listening.url), { headers: { range } });
    const text = await response.text();
    assertEquals(response.status, status);
    if (body !== undefined) assertEquals(text, body);
  });
}

const traversals = [
  "/../secret.txt",
  "/deep/../../secret.txt",
  "/%2e%2e/secret.txt",
  "/%2e%2e%2fsecret.txt",
  "/..%2fsecret.txt",
  "/deep/..%2f..%2fsecret.txt",
  "/..%5csecret.txt",
  "/..\\secret.txt",
  "/%252e%252e%252fsecret.txt",
  "/....//secret.txt",
  "//secret.txt",
  "/.%00./secret.txt",
  "/secret.txt%00",
  "/%c0%ae%c0%ae/secret.txt",
  "/%",
];
for (const path of traversals) {
  Deno.test(`no content is served from beside the directory: ${path}`, async () => {
    await using content = await makeContent();
    await using listening = await serve(createServer(), { port: 0, content: content.root });
    const answer = await rawGet(listening, path);
    assert(!answer.includes("the secret"), answer);
    assert(statusOf(answer) >= 300 && statusOf(answer) < 500, answer);
  });
}

// TLS

Deno.test("with a certificate and its key the server is reached by wss: and https:", async () => {
  const { cert, key } = selfSigned();
  const server = createServer({ procedures: { "math.add": (a: number, b: number) => a + b } });
  await using listening = await serve(server, { port: 0, cert, key });
  assertEquals(listening.url, `https://127.0.0.1:${listening.port}/`);
  assertEquals(listening.webSocketUrl, `wss://127.0.0.1:${listening.port}/ws`);

  const file = await Deno.makeTempFile({ suffix: ".pem" });
  try {
    await Deno.writeTextFile(file, cert);
    const client = fileURLToPath(new URL("./_tls_client.ts", import.meta.url));
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-config", "--allow-net", `--cert=${file}`, client, listening.webSocketUrl],
    }).output();
    assertEquals(new TextDecoder().decode(stdout), "3\n", new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(file);
  }
});

// The end

Deno.test("close() with clients connected resolves, and frees the port", async () => {
  const listening = await serve(createServer(), { port: 0 });
  const sessions = await Promise.all(
    (["json", "msgpack"] as const).map((wire) =>
      connect(listening.webSocketUrl, { wire, reconnect: false })
    ),
  );
  await listening.close();
  await listening.finished;
  await Promise.all(sessions.map((session) => session.closed));
  await using again = await serve(createServer(), { port: listening.port });
  assertEquals(again.port, listening.port);
});

Deno.test("close() resolves with a client that never answers the closing handshake", async () => {
  const listening = await serve(createServer(), { port: 0 });
  using socket = await RawSocket.open(listening.webSocketUrl);
  await listening.close();
  const frames = await socket.rest();
  assertEquals(frames.map(({ opcode }) => opcode), [8]);
  const [close] = frames;
  assert(close);
  assertEquals(new DataView(close.payload.buffer).getUint16(0), 1001);
  assertStringIncludes(new TextDecoder().decode(close.payload), "Server shutdown");
});

Deno.test("an aborted signal closes the server", async () => {
  const controller = new AbortController();
  const server = createServer();
  const listening = await serve(server, { port: 0, signal: controller.signal });
  await using peer = await RemotePeer.dial(listening.webSocketUrl, "json");
  controller.abort();
  await listening.finished;
  await server.closed;
  assertEquals(await peer.closed, { code: 1001, reason: "Server shutdown" });
});

Deno.test("serve() with an aborted signal listens to nobody", async () => {
  const reason = new Error("not today");
  const error = await assertRejects(
    () => serve(createServer(), { port: 0, signal: AbortSignal.abort(reason) }),
    Error,
  );
  assertEquals(error, reason);
});

Deno.test("application.exit ends the listening as well", async () => {
  const listening = await serve(createServer({ allowExit: true }), { port: 0 });
  await using peer = await RemotePeer.dial(listening.webSocketUrl, "json");
  await peer.hello();
  peer.request("application.exit");
  await listening.finished;
  assertEquals((await peer.closed).code, 1001);
});

Deno.test("inside a handler of one's own, a closed server answers with 503", async () => {
  const server = createServer();
  const http = Deno.serve({ port: 0, onListen() {} }, (request) => server.upgrade(request));
  await server.close();
  const url = `http://127.0.0.1:${http.addr.port}/`;
  const response = await fetch(url);
  await response.body?.cancel();
  assertEquals(response.status, 503);
  await http.shutdown();
});

// Heartbeat

Deno.test("a client that answers no ping is closed; without heartbeat it is neither pinged nor closed", async () => {
  const left = Promise.withResolvers<number>();
  const watched = createServer({
    heartbeat: 1000,
    onDisconnect: (_client, { code }) => left.resolve(code),
  });
  await using pinging = await serve(watched, { port: 0 });
  await using quiet = await serve(createServer({ heartbeat: 0 }), { port: 0 });
  using dead = await RawSocket.open(pinging.webSocketUrl);
  using silent = await RawSocket.open(quiet.webSocketUrl);
  await using alive = await RemotePeer.dial(pinging.webSocketUrl, "json");
  await dead.send(TEXT_FRAME, HELLO);
  await dead.next();

  const frames = await dead.rest();
  assertEquals(frames[0]?.opcode, PING);
  assertEquals(await left.promise, 1001);

  // The answer to a hello is the first frame that the other one gets: no ping came before.
  await silent.send(TEXT_FRAME, HELLO);
  assertEquals((await silent.next())?.opcode, TEXT_FRAME);
  // Its runtime answers pings, so this one is still there.
  assertEquals((await alive.hello()).type, "result");
});
