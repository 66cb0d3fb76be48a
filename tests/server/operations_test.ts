/** What those see who run a server: metrics, readiness, the log. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import prometheus from "prom-client";
import { healthz, metrics, readyz } from "@hawser/hawser/metrics";
import { createServer, serve, type ServerOptions } from "@hawser/hawser/server";
import { join, LocalPeer } from "../_peer.ts";

const procedures = {
  "echo": (value: unknown) => value,
  "fail": () => {
    throw new Error("the application's own words");
  },
};

/** The samples of a text of Prometheus', by name and labels. */
function samples(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const at = line.lastIndexOf(" ");
    return [line.slice(0, at), Number(line.slice(at + 1))];
  }));
}

Deno.test("/metrics says what stats() says, as Prometheus reads it", async () => {
  await using server = createServer({ procedures, limits: { callsInFlight: 1 }, onError() {} });
  const answer = metrics(server, prometheus);
  const { peer } = await join(server);
  await new LocalPeer(server).hello("wrong");
  await peer.call("echo", [1]);
  await peer.call("fail");
  server.publish("image", 1);
  server.clients.forEach((client) => client.close(3007));

  const response = await answer(new Request("http://localhost/metrics"));
  assertMatch(response.headers.get("content-type") ?? "", /^text\/plain; version=/);
  const text = await response.text();
  assertStringIncludes(text, "# TYPE hawser_call_seconds histogram");
  assertStringIncludes(text, "# HELP hawser_clients Clients that said a good hello");
  const found = samples(text);
  const expected: [string, number][] = [
    ["hawser_connections", 2],
    ["hawser_clients", 0],
    ["hawser_connections_total", 2],
    ["hawser_clients_total", 1],
    ["hawser_failed_hellos_total", 1],
    ["hawser_errors_total", 1],
    ['hawser_closed_connections_total{code="3007"}', 1],
    ["hawser_publications_published_total", 1],
    ["hawser_publications_delivered_total", 1],
    ['hawser_calls_running{method="echo"}', 0],
    ['hawser_call_errors_total{method="fail"}', 1],
    ['hawser_call_seconds_count{method="echo"}', 1],
    ['hawser_call_seconds_bucket{method="echo",le="+Inf"}', 1],
  ];
  for (const [name, value] of expected) assertEquals([name, found.get(name)], [name, value]);
  // A later answer is of a later moment.
  await join(server);
  const later = samples(await (await answer(new Request("http://localhost/metrics"))).text());
  assertEquals(later.get("hawser_clients"), 1);
});

Deno.test("metrics have the prefix and the registry that they are given", async () => {
  const registry = new prometheus.Registry();
  new prometheus.Counter({ name: "own_total", help: "the application's", registers: [registry] });
  await using server = createServer();
  const answer = metrics(server, prometheus, { registry, prefix: "viewer_" });
  const text = await (await answer(new Request("http://localhost/metrics"))).text();
  assertStringIncludes(text, "own_total 0");
  assertStringIncludes(text, "viewer_clients 0");
});

Deno.test("a full or closing server isn't ready, and its process is healthy", async () => {
  const server = createServer({ limits: { connections: 1 } });
  const request = new Request("http://localhost/");
  const status = async () => (await readyz(server)(request)).status;
  assertEquals(await status(), 200);
  const peer = new LocalPeer(server);
  assertEquals(await status(), 503);
  peer.leave();
  assertEquals(await status(), 200);
  const closed = server.close();
  assertEquals(await status(), 503);
  assertEquals((await healthz()(request)).status, 200);
  await closed;
});

Deno.test("serve() answers its routes beside the WebSocket", async () => {
  const server = createServer({ procedures });
  await using listening = await serve(server, {
    port: 0,
    routes: { "/healthz": healthz(), "/readyz": readyz(server) },
  });
  for (const [path, status] of [["healthz", 200], ["readyz", 200], ["other", 404]] as const) {
    const response = await fetch(new URL(path, listening.url));
    await response.body?.cancel();
    assertEquals([path, response.status], [path, status]);
  }
});

/** Collects the lines of a log. */
function logOf(options: ServerOptions = {}) {
  const lines: [level: string, fields: unknown, message: string][] = [];
  const write = (level: string) => (fields: unknown, message: string) =>
    void lines.push([level, fields, message]);
  const logger = { info: write("info"), warn: write("warn"), error: write("error") };
  return { lines, server: createServer({ procedures, ...options, logger }) };
}

Deno.test("a logger gets who comes and goes, and what fails", async () => {
  const { lines, server } = logOf();
  const { peer, id } = await join(server);
  await peer.call("fail");
  peer.leave({ code: 4321, reason: "the client's own words" });
  const [connected, failed, disconnected] = lines;
  assertEquals(connected, ["info", { client: id, wire: "msgpack" }, "client connected"]);
  assertEquals([failed?.[0], failed?.[2]], ["error", "error"]);
  assertEquals(Reflect.get(Object(failed?.[1]), "method"), "fail");
  assertEquals(disconnected, ["info", { client: id, code: 4321 }, "client disconnected"]);
  assertEquals(lines.length, 3);
  await server.close();
});

Deno.test("a flood of what a limit refuses isn't one in the log", async () => {
  const { lines, server } = logOf({ limits: { callRate: 0.001 + 1, callBurst: 1 } });
  const { peer } = await join(server);
  for (let i = 0; i < 1000; i++) await peer.call("echo");
  const limits = lines.filter(([, , message]) => message === "limit reached");
  assertEquals(limits[0], ["warn", { limit: "callRate", count: 1 }, "limit reached"]);
  assertEquals(limits.length < 12, true);
  await server.close();
});

Deno.test("without a logger nothing is logged but errors", async () => {
  const { log, info, warn, error } = console;
  const written: unknown[] = [];
  const write = (...parts: unknown[]) => void written.push(parts);
  Object.assign(console, { log: write, info: write, warn: write, error: write });
  try {
    await using server = createServer({ procedures, limits: { connections: 1 } });
    const { peer } = await join(server);
    new LocalPeer(server);
    await peer.call("echo");
    peer.leave();
  } finally {
    Object.assign(console, { log, info, warn, error });
  }
  assertEquals(written, []);
});
