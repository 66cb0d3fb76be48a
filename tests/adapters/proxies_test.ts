/**
 * Behind nginx, Caddy and Apache, with the configurations of docs/operations.md: both wires, whose
 * address it is, and what is beside the WebSocket.
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect, ConnectionClosedError } from "@hawser/hawser/client";
import { createServer, serve } from "@hawser/hawser/server";
import { findProxy, type Proxy, type ProxyName } from "../../scripts/setup.ts";
import { WIRES } from "../_peer.ts";

const OPERATIONS = new URL("../../docs/operations.md", import.meta.url);

/** How a proxy is started in the foreground, as whoever runs the tests, with its files in a folder. */
interface Setting {
  /** The line of the page that says where it listens, and what stands there here. */
  readonly listens: readonly [page: string, here: (port: number) => string];
  /** The file, of which the page has the part about the server. */
  configure(site: string, folder: string, proxy: Proxy): string;
  /** The arguments for the file `configuration` in the folder. */
  args(folder: string): string[];
  /** What it says when it has begun to listen. */
  readonly ready: string;
}

const nginx: Setting = {
  listens: ["listen 8443;", (port) => `listen 127.0.0.1:${port};`],
  configure(site, folder) {
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
    return `daemon off;\nworker_processes 1;\npid ${folder}/pid;\nerror_log stderr notice;\n` +
      `events { worker_connections 256; }\nhttp {\naccess_log off;\n${paths}\n${site}\n}\n`;
  },
  args: (folder) => ["-p", folder, "-e", "stderr", "-c", `${folder}/configuration`],
  ready: "start worker process ",
};

const caddy: Setting = {
  listens: ["viewer.example.org {", (port) => `http://127.0.0.1:${port} {`],
  configure: (site) => `{\nadmin off\n}\n${site}`,
  args: (folder) => ["run", "--config", `${folder}/configuration`, "--adapter", "caddyfile"],
  ready: "serving initial configuration",
};

const MODULES = ["mpm_event", "authz_core", "headers", "proxy", "proxy_http"];

const apache2: Setting = {
  listens: ["<VirtualHost *:443>", (port) => `Listen 127.0.0.1:${port}\n<VirtualHost *:${port}>`],
  configure(site, folder, { top }) {
    const modules = MODULES
      .map((name) => `LoadModule ${name}_module ${top}/usr/lib/apache2/modules/mod_${name}.so`);
    // It refuses to serve as root.
    const user = Deno.uid() === 0 ? ["User nobody", "Group nogroup"] : [];
    return [
      ...[`ServerRoot ${folder}`, "ServerName localhost", `PidFile ${folder}/pid`],
      ...[`DefaultRuntimeDir ${folder}`, "ErrorLog /dev/stderr", ...modules, ...user, site],
    ].join("\n");
  },
  args: (folder) => ["-D", "FOREGROUND", "-e", "notice", "-f", `${folder}/configuration`],
  ready: "resuming normal operations",
};

const SETTINGS: Record<ProxyName, Setting> = { nginx, caddy, apache2 };

/** A port that is free now. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Starts a proxy in front of a server. */
async function startProxy(
  name: ProxyName,
  upstream: number,
): Promise<AsyncDisposable & { readonly url: string }> {
  const proxy = await findProxy(name);
  if (proxy === undefined) throw new Error(`${name} is missing: "deno task setup" installs it`);
  const { listens: [line, here], configure, args, ready } = SETTINGS[name];
  const page = await Deno.readTextFile(OPERATIONS);
  const [, site = ""] = page.match(new RegExp(`<!-- ${name} -->\\s+\`\`\`\\w+\\n([^]*?)\`\`\``)) ??
    [];
  assert(site.includes(line) && site.includes("127.0.0.1:8080"), "the page has other ports");
  const port = freePort();
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(
    `${folder}/configuration`,
    configure(
      site.replace(line, here(port)).replace("127.0.0.1:8080", `127.0.0.1:${upstream}`),
      folder,
      proxy,
    ),
  );
  const process = new Deno.Command(proxy.program, {
    args: args(folder),
    env: { ...proxy.env, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.includes(ready)) {
    const { value, done } = await lines.read();
    if (done) throw new Error(`${name} ended early: ${said}`);
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

for (const name of ["nginx", "caddy", "apache2"] as const) {
  for (const wire of WIRES) {
    Deno.test(`behind ${name} both directions carry calls, publications and binary (${wire})`, async () => {
      const server = createServer({
        addressHeader: "x-real-ip",
        procedures: { "test.echo": (value: Uint8Array) => value },
      });
      await using listening = await serve(server, { port: 0 });
      await using proxy = await startProxy(name, listening.port);
      await using session = await connect<typeof server>(proxy.url, { wire });
      const large = new Uint8Array(3_000_000).fill(7);
      assertEquals((await session.call("test.echo", [large])).length, large.length);
      const published = Promise.withResolvers<unknown>();
      const { ready } = session.subscribe("topic", (value) => published.resolve(value));
      await ready;
      server.publish("topic", "through the proxy");
      assertEquals(await published.promise, "through the proxy");
      const [client] = server.clients.values();
      assertEquals(client?.address, "127.0.0.1");
      assertEquals(client?.request?.headers.get("x-real-ip"), "127.0.0.1");
    });
  }

  Deno.test(`behind ${name} a client can't choose its address, and its place is counted`, async () => {
    const server = createServer({
      addressHeader: "x-real-ip",
      limits: { connectionsPerAddress: 1 },
    });
    await using listening = await serve(server, { port: 0 });
    await using proxy = await startProxy(name, listening.port);
    await using _first = await connect(proxy.url);
    await assertRejects(() => connect(proxy.url, { reconnect: false }));
    const { hostname, port } = new URL(proxy.url);
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

  Deno.test(`behind ${name} how a connection ends arrives as it was meant, and so does what is no WebSocket`, async () => {
    const server = createServer();
    const routes = { "/readyz": () => new Response("ready") };
    await using listening = await serve(server, { port: 0, routes });
    await using proxy = await startProxy(name, listening.port);
    const answer = await fetch(new URL("/readyz", proxy.url.replace("ws:", "http:")));
    assertEquals([answer.status, await answer.text()], [200, "ready"]);
    await using session = await connect(proxy.url, { reconnect: false });
    const [client] = server.clients.values();
    client?.close(4000, "as you wish");
    await session.closed;
    const error = session.status.state === "closed" ? session.status.error : undefined;
    assert(error instanceof ConnectionClosedError);
    assertEquals([error.closeCode, error.reason], [4000, "as you wish"]);
  });
}
