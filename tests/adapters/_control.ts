/**
 * What a runtime under test runs: a control server, whose procedures make servers, publish on them
 * and tell what happened there. It is one module for all runtimes and imports nothing of theirs.
 */
import { defer } from "../../protocol/deferred.ts";
import type { Limits } from "../../protocol/mod.ts";
import type { CreateServer, Server } from "../../server/mod.ts";
import { procedure, RpcError, topic } from "../../server/mod.ts";

/** How a server is made reachable: what `serve()` takes, and whether in a handler of one's own. */
export interface StartOptions {
  readonly port?: number;
  readonly hostname?: string;
  readonly path?: string;
  readonly content?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Not by `serve()` but beside other things, so that it can be asked when it is closed. */
  readonly ownHandler?: boolean;
}

/** What the suite asks of a server. */
export interface TestOptions extends StartOptions {
  readonly secret?: string;
  readonly heartbeat?: number;
  readonly limits?: Partial<Limits>;
  readonly allowExit?: boolean;
  readonly origins?: readonly string[];
  readonly resumeWindow?: number;
  readonly addressHeader?: string;
  /** Who may connect, by token; anybody who knows the secret without it. */
  readonly tokens?: Readonly<Record<string, string>>;
}

/** Something that happened on a server. */
export type TestEvent =
  | { readonly type: "connected"; readonly client: string }
  | { readonly type: "disconnected"; readonly client: string; code: number; reason: string }
  | { readonly type: "started" | "aborted"; readonly client: string }
  | { readonly type: "closed" | "finished" | "listened" | "deserted" | "stopped" };

/** A server that can be reached. */
export interface Started {
  readonly url: string;
  readonly webSocketUrl: string;
  /** Resolves when it listens no more. */
  readonly finished: Promise<void>;
  stop(): Promise<void>;
}

/** The runtime. */
export interface Host {
  readonly createServer: CreateServer;
  /** Makes a server reachable. */
  start(server: Server, options: StartOptions): Promise<Started>;
}

interface Running extends Started {
  readonly server: Server;
  /** Ends the calls that wait. */
  release(value: unknown): void;
  nextEvent(): Promise<TestEvent>;
}

async function run(host: Host, options: TestOptions): Promise<Running> {
  const { port, hostname, path, content, cert, key, ownHandler, tokens, ...settings } = options;
  const events: TestEvent[] = [];
  const waiting: ((event: TestEvent) => void)[] = [];
  const gate = defer<unknown>();
  let runs = 0;
  function tell(event: TestEvent): void {
    const next = waiting.shift();
    if (next) next(event);
    else events.push(event);
  }
  const server = host.createServer({
    ...settings,
    ...(tokens === undefined ? {} : {
      authenticate: ({ secret }) => {
        if (typeof secret !== "string" || !Object.hasOwn(tokens, secret)) return null;
        return { identity: tokens[secret] };
      },
    }),
    topics: {
      "scene": topic({
        select: ({ views }: { views: string[] }, { view }: { view: number }) => views[view],
        onFirstSubscriber: () => tell({ type: "listened" }),
        onLastUnsubscriber: () => tell({ type: "deserted" }),
      }),
    },
    onConnect: ({ id: client }) => tell({ type: "connected", client }),
    onDisconnect: ({ id: client }, close) => tell({ type: "disconnected", client, ...close }),
    procedures: {
      "echo": (value: unknown) => value,
      "bytes": (size: number) => new Uint8Array(size).fill(size & 0xff),
      "size": (bytes: Uint8Array) => bytes.length,
      "math.add": (a: number, b: number) => a + b,
      "fail": () => {
        throw new RpcError(1001, "Mesh too large", { cells: 9 });
      },
      "request": procedure(({ client: { request } }) => ({
        url: request?.url,
        version: request?.headers.get("sec-websocket-version"),
      })),
      "address": procedure(({ client: { address } }) => address ?? null),
      "identity": procedure(({ client: { identity } }) => identity),
      "runs": () => runs,
      "rows": async function* (count: number) {
        for (let i = 0; i < count; i++) yield await Promise.resolve(new Uint8Array(i).fill(i));
        return { count };
      },
      "endless": async function* () {
        try {
          for (let i = 0;; i++) yield await Promise.resolve(i);
        } finally {
          tell({ type: "stopped" });
        }
      },
      "total": async (parts: AsyncIterable<Uint8Array>) => {
        let total = 0;
        for await (const { length } of parts) total += length;
        return total;
      },
      "double": async function* (numbers: AsyncIterable<number>) {
        for await (const number of numbers) yield number * 2;
      },
      "steps": procedure((call, count: number) => {
        for (let step = 1; step <= count; step++) call.progress({ step });
        return count;
      }),
      "ask": procedure(({ client }, question: string) => client.call("dialog.ask", [question])),
      "wait": procedure(({ client: { id: client }, signal }) => {
        signal.addEventListener("abort", () => tell({ type: "aborted", client }));
        runs++;
        tell({ type: "started", client });
        return gate.promise;
      }),
    },
  });
  const place = { port, hostname, path, content, cert, key, ownHandler };
  const started = await host.start(server, JSON.parse(JSON.stringify(place)));
  server.closed.then(() => tell({ type: "closed" }));
  started.finished.then(() => tell({ type: "finished" }));
  return {
    ...started,
    server,
    release: gate.resolve,
    nextEvent() {
      const event = events.shift();
      return event ? Promise.resolve(event) : new Promise((resolve) => waiting.push(resolve));
    },
  };
}

/**
 * Makes the control server.
 *
 * @param host The runtime.
 * @returns The server, for the suite to connect to.
 */
export function createControl(host: Host): Server {
  const servers = new Map<number, Running>();
  function find(id: number): Running {
    const running = servers.get(id);
    if (running === undefined) throw new RpcError(404, `No server ${id}`);
    return running;
  }
  let count = 0;
  return host.createServer({
    procedures: {
      "control.start": async (options: TestOptions) => {
        const id = ++count;
        try {
          const running = await run(host, options);
          servers.set(id, running);
          return { id, url: running.url, webSocketUrl: running.webSocketUrl };
        } catch (error) {
          // The suite has to see what a user of serve() would.
          throw new RpcError(500, error instanceof Error ? error.message : String(error));
        }
      },
      "control.stop": (id: number) => find(id).stop(),
      "control.close": (id: number) => find(id).server.close(),
      "control.release": (id: number, value: unknown) => find(id).release(value),
      "control.event": (id: number) => find(id).nextEvent(),
      "control.totals": (id: number) => find(id).server.stats().totals,
      "control.dropped": (id: number, client: string) =>
        find(id).server.clients.get(client)?.dropped,
      "control.clients": (id: number) => [...find(id).server.clients.keys()],
      "control.end": (id: number, client: string, code: number, reason: string) =>
        find(id).server.clients.get(client)?.close(code, reason),
      "control.publish": (id: number, topic: string, value: unknown, options: object) =>
        find(id).server.publish(topic, value, options),
      "control.burst": (
        id: number,
        topic: string,
        size: number,
        frames: number,
        policy: "drop-oldest" | "latest",
      ) => {
        const { server } = find(id);
        for (let i = 0; i < frames; i++) {
          const bytes = new Uint8Array(size);
          new DataView(bytes.buffer).setUint32(0, i);
          server.publish(topic, bytes, { policy });
        }
      },
    },
  });
}
