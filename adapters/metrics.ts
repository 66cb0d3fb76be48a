/**
 * What a server tells those who watch over it: `/metrics` for Prometheus, `/healthz` and `/readyz`
 * for whoever starts it again or sends it clients.
 *
 * The text is written by [prom-client](https://www.npmjs.com/package/prom-client), which is handed
 * over, so that nobody who doesn't use it has it.
 *
 * @example
 * ```ts
 * import { createServer, serve } from "@hawser/hawser/server";
 * import { healthz, metrics, readyz } from "@hawser/hawser/metrics";
 * import prometheus from "prom-client";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const server = createServer();
 * await using listening = await serve(server, {
 *   port: 0,
 *   routes: {
 *     "/healthz": healthz(),
 *     "/readyz": readyz(server),
 *     "/metrics": metrics(server, prometheus),
 *   },
 * });
 * const response = await fetch(new URL("/metrics", listening.url));
 * assertStringIncludes(await response.text(), "hawser_connections 0");
 * ```
 *
 * @module
 */
import type { Server } from "../server/server.ts";
import { CALL_TIME_BOUNDS } from "../session/meters.ts";

/** Labels of one value. */
export type Labels = Record<string, string | number>;

/** What `metrics()` needs of prom-client: the module itself will do. */
export interface Prometheus {
  /** Where metrics are kept. */
  readonly Registry: new () => PrometheusRegistry;
}

/** What `metrics()` needs of prom-client's registry. */
export interface PrometheusRegistry {
  /** The type of the text. */
  readonly contentType: string;
  /** Adds a metric. */
  registerMetric(metric: PrometheusMetric): void;
  /** Writes all metrics. */
  metrics(): Promise<string>;
}

/** A metric of prom-client's. */
export interface PrometheusMetric {
  /** What it is and has. */
  get(): Promise<unknown>;
}

/** How `metrics()` works. */
export interface MetricsOptions {
  /**
   * The registry that the server's metrics are entered in, beside the application's own.
   *
   * @default {new prometheus.Registry()}
   */
  readonly registry?: PrometheusRegistry;
  /**
   * What every name begins with.
   *
   * @default {"hawser_"}
   */
  readonly prefix?: string;
}

/** Answers a request for one of these. */
export type Route = (request: Request) => Response | Promise<Response>;

/** One line of the text. */
interface Sample {
  readonly value: number;
  readonly labels: Labels;
  readonly metricName?: string;
}

type Reader = () => Sample[];

/**
 * Answers `/metrics` in Prometheus' text format.
 *
 * @param server The server.
 * @param prometheus The module `prom-client`.
 * @param options Names, and the registry.
 * @returns What answers the request; for `serve()`'s `routes`, or a handler of your own.
 *
 * @example Beside the application's own metrics
 * ```ts
 * import { createServer } from "@hawser/hawser/server";
 * import { metrics } from "@hawser/hawser/metrics";
 * import prometheus from "prom-client";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const server = createServer();
 * const answer = metrics(server, prometheus, { registry: prometheus.register });
 * const text = await (await answer(new Request("http://localhost/metrics"))).text();
 * assertStringIncludes(text, "# TYPE hawser_clients gauge");
 * await server.close();
 * ```
 */
export function metrics(
  server: Pick<Server, "stats">,
  prometheus: Prometheus,
  options: MetricsOptions = {},
): Route {
  const { registry = new prometheus.Registry(), prefix = "hawser_" } = options;
  // All metrics of one answer are of one moment.
  let stats = server.stats();
  const add = (type: string, name: string, help: string, read: Reader) => {
    const full = prefix + name;
    const metric = {
      name: full,
      help,
      type,
      aggregator: "sum",
      get: () => Promise.resolve({ name: full, help, type, aggregator: "sum", values: read() }),
      // The registry resets its metrics in tests; these are the server's.
      reset() {},
    };
    registry.registerMetric(metric);
  };
  const one = (value: number): Sample[] => [{ value, labels: {} }];
  const gauge = (name: string, help: string, read: () => number) =>
    add("gauge", name, help, () => one(read()));
  const counter = (name: string, help: string, read: () => number) =>
    add("counter", name, help, () => one(read()));

  gauge("uptime_seconds", "How long the server has existed", () => stats.uptime / 1000);
  gauge("connections", "Open sockets", () => stats.connections.sockets);
  gauge("clients", "Clients that said a good hello", () => stats.connections.clients);
  gauge("suspended_sessions", "Clients on their way back", () => stats.connections.suspended);
  gauge("queue_bytes", "Bytes that wait to be sent", () => stats.queues.heldBytes);
  gauge("queue_messages", "Messages that wait to be sent", () => stats.queues.heldMessages);
  gauge("queue_oldest_seconds", "Age of the oldest of them", () => stats.queues.oldestAge / 1000);
  gauge(
    "round_trip_median_seconds",
    "The middle one of the clients' round trips",
    () => stats.roundTrip.median / 1000,
  );
  counter("connections_total", "Connections taken", () => stats.totals.accepted);
  counter("clients_total", "Good hellos", () => stats.totals.joined);
  counter("resumed_sessions_total", "Sessions taken up again", () => stats.totals.resumed);
  counter("failed_hellos_total", "Hellos with a wrong secret", () => stats.totals.failedHellos);
  counter("errors_total", "Errors that went to onError", () => stats.totals.errors);
  add(
    "counter",
    "limits_reached_total",
    "How often a limit was reached",
    () =>
      Object.entries(stats.totals.limits).map(([limit, value]) => ({ value, labels: { limit } })),
  );
  add(
    "counter",
    "closed_connections_total",
    "Connections that the server closed, by close code",
    () => Object.entries(stats.totals.closed).map(([code, value]) => ({ value, labels: { code } })),
  );
  // By topic there might be thousands: their names may come from data.
  for (const what of ["published", "delivered", "dropped"] as const) {
    counter(
      `publications_${what}_total`,
      `Publications ${what}, all topics together`,
      () => stats.topics.reduce((sum, topic) => sum + topic[what], 0),
    );
  }
  add(
    "gauge",
    "calls_running",
    "Calls that are running",
    () => stats.calls.map(({ method, running }) => ({ value: running, labels: { method } })),
  );
  for (const what of ["errors", "abandoned"] as const) {
    add(
      "counter",
      `call_${what}_total`,
      `Calls that ended so: ${what}`,
      () => stats.calls.map(({ method, [what]: value }) => ({ value, labels: { method } })),
    );
  }
  const times = `${prefix}call_seconds`;
  add("histogram", "call_seconds", "How long calls took", () =>
    stats.calls.flatMap((call) => {
      const labels = { method: call.method };
      let sum = 0;
      return [
        ...call.times.map((count, place): Sample => {
          const bound = CALL_TIME_BOUNDS[place];
          const le = bound === undefined ? "+Inf" : bound / 1000;
          return { metricName: `${times}_bucket`, labels: { ...labels, le }, value: sum += count };
        }),
        { metricName: `${times}_sum`, labels, value: call.totalTime / 1000 },
        { metricName: `${times}_count`, labels, value: call.count },
      ];
    }));

  return async () => {
    stats = server.stats();
    return new Response(await registry.metrics(), {
      headers: { "content-type": registry.contentType },
    });
  };
}

/**
 * Answers `/healthz`: 200 as long as the process answers at all.
 *
 * @returns What answers the request.
 */
export function healthz(): Route {
  return () => new Response("ok\n");
}

/**
 * Answers `/readyz`: 200 while the server takes clients, 503 while it is full or closing, so that
 * a proxy sends new ones elsewhere.
 *
 * @param server The server.
 * @returns What answers the request.
 *
 * @example
 * ```ts
 * import { createServer } from "@hawser/hawser/server";
 * import { readyz } from "@hawser/hawser/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const server = createServer();
 * const ready = readyz(server);
 * const request = new Request("http://localhost/readyz");
 * assertEquals((await ready(request)).status, 200);
 * await server.close();
 * assertEquals((await ready(request)).status, 503);
 * ```
 */
export function readyz(server: Pick<Server, "ready">): Route {
  return () =>
    server.ready ? new Response("ready\n") : new Response("not ready\n", { status: 503 });
}
