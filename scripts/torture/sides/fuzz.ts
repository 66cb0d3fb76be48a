// Feeds whatever comes to mind to a server and to clients, without a network, and watches both.
import {
  connect,
  ConnectionClosedError,
  type ConnectOptions,
  GapError,
  ProtocolError,
  QueueFullError,
  RpcError,
  type SocketLike,
  TimeoutError,
} from "@hawser/hawser/client";
import {
  announce,
  ErrorCode,
  FEATURES,
  type Frame,
  HELLO_ID,
  HELLO_METHOD,
  type Wire,
} from "@hawser/hawser/protocol";
import { createServer, procedure, serve, topic } from "@hawser/hawser/server";
import { obey } from "./_obey.ts";
import { Inputs } from "./_inputs.ts";

/** The close codes that docs/errors.md lists, but for the one that says that we are wrong. */
const documented = new Set(
  [
    ...Deno.readTextFileSync(new URL("../../../docs/errors.md", import.meta.url))
      .matchAll(/^\| (\d{4}) /gm),
  ].map(([, code]) => Number(code)).filter((code) => code !== 1011),
);

const counts = {
  inputs: 0,
  refused: 0,
  unhandled: 0,
  thrown: 0,
  codes: 0,
  untyped: 0,
  internal: 0,
};
const complaints = new Map<string, number>();

function complain(kind: "unhandled" | "thrown" | "codes" | "untyped" | "internal", what: unknown) {
  counts[kind]++;
  const text = what instanceof Error ? what.stack ?? String(what) : String(what);
  const times = complaints.get(text) ?? 0;
  complaints.set(text, times + 1);
  if (times === 0 && complaints.size < 20) console.error(`${kind}: ${text}`);
}

globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  complain("unhandled", event.reason);
});

const procedures = {
  "fuzz.echo": (value: unknown) => value ?? null,
  "fuzz.rows": async function* (count: unknown) {
    for (let i = 0; i < (typeof count === "number" ? Math.min(count, 50) : 5); i++) yield i;
  },
  "fuzz.sum": async (rows: unknown) => {
    let count = 0;
    if (!isStream(rows)) throw new RpcError(ErrorCode.invalidArguments, "That is no stream");
    for await (const _ of rows) count++;
    return count;
  },
  "fuzz.wait": procedure((call) =>
    new Promise<void>((resolve) => call.signal.addEventListener("abort", () => resolve()))
  ),
  "fuzz.throw": () => {
    throw new RpcError(1234, "As asked");
  },
};

function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

const server = createServer({
  procedures,
  topics: { "fuzz.log": topic({ history: { count: 10 } }) },
  heartbeat: 0,
  limits: { suspendedSessions: 50, messageSize: 1_000_000, frameSize: 1_000_000 },
  onError: (error, { method }) => {
    // A procedure that was reading a stream when its client's session ended.
    if (method === "fuzz.sum" && error instanceof ConnectionClosedError) return;
    complain("internal", error);
  },
});
const listening = await serve(server, { port: 0, hostname: "127.0.0.1" });
/** Somebody else, whom all this is none of. */
const bystander = await connect(listening.webSocketUrl, { heartbeat: 0 });
let answered = 0;
let slowest = 0;

async function askBystander(): Promise<void> {
  const start = performance.now();
  if (await bystander.call("fuzz.echo", [answered], { timeout: 20_000 }) === answered) answered++;
  slowest = Math.max(slowest, performance.now() - start);
}

function arrayBuffer(frame: Frame): string | ArrayBuffer {
  return typeof frame === "string" ? frame : new Uint8Array(frame).buffer;
}

function closedWith(code: number): void {
  counts.refused++;
  if (!documented.has(code)) complain("codes", `close code ${code}`);
}

/** One connection of a client that says whatever it likes. */
async function attackServer(inputs: Inputs, greet: boolean): Promise<void> {
  const { random } = inputs;
  let closed = false;
  const socket = {
    readyState: 1,
    bufferedAmount: 0,
    send() {},
    close(code = 1005) {
      if (closed) return;
      closed = true;
      socket.readyState = 3;
      closedWith(code);
    },
  };
  const connection = server.accept(socket);
  const feed = (frame: Frame) => {
    try {
      connection.receive(arrayBuffer(frame));
    } catch (error) {
      complain("thrown", error);
    }
  };
  if (greet) {
    const hello = { secret: "wslink-secret", hawser: announce(FEATURES) };
    const args = random.below(4) ? [hello] : [{ secret: "wslink-secret" }];
    inputs.encode({ type: "request", id: HELLO_ID, method: HELLO_METHOD, args, kwargs: {} })
      .forEach(feed);
  }
  for (let i = 0; i < 30 && !closed; i++) {
    counts.inputs++;
    feed(inputs.next());
    if (i % 8 === 0) server.publish("fuzz.log", i);
    if (i % 10 === 9) await Promise.resolve();
  }
  connection.ended({ code: closed || random.below(2) ? 1000 : 1006, reason: "" });
}

/** One connection of a client's with a server that says whatever it likes. */
async function attackClient(inputs: Inputs, wire: Wire, greet: boolean): Promise<void> {
  const { random } = inputs;
  class Socket implements SocketLike {
    binaryType = "arraybuffer";
    bufferedAmount = 0;
    readyState: SocketLike["readyState"] = 0;
    onopen: SocketLike["onopen"] = null;
    onmessage: SocketLike["onmessage"] = null;
    onclose: SocketLike["onclose"] = null;
    onerror: SocketLike["onerror"] = null;
    #greeted = false;
    constructor() {
      setTimeout(() => {
        this.readyState = 1;
        this.onopen?.(new Event("open"));
      });
    }
    send() {
      if (this.#greeted) return;
      this.#greeted = true;
      this.#answer();
    }
    close(code = 1005) {
      if (this.readyState === 3) return;
      if (code !== 1000 && code !== 1005) closedWith(code);
      this.#end(code);
    }
    async #answer() {
      await Promise.resolve();
      if (greet) {
        const hawser = random.below(4)
          ? { hawser: announce(FEATURES, { session: "s.1", window: 1000, epoch: "e" }) }
          : {};
        const result = { clientID: "c0", maxMsgSize: 4_000_000, ...hawser };
        this.#feed(...inputs.encode({ type: "result", id: HELLO_ID, result }));
        await new Promise((resolve) => setTimeout(resolve));
      }
      for (let i = 0; i < 30 && this.readyState === 1; i++) {
        counts.inputs++;
        this.#feed(inputs.next());
        if (i % 10 === 9) await Promise.resolve();
      }
      // A network would break it at some time.
      this.#end(1006);
    }
    #feed(...frames: Frame[]) {
      for (const frame of frames) {
        try {
          this.onmessage?.(new MessageEvent("message", { data: arrayBuffer(frame) }));
        } catch (error) {
          complain("thrown", error);
        }
      }
    }
    #end(code: number) {
      if (this.readyState === 3) return;
      this.readyState = 3;
      queueMicrotask(() => this.onclose?.(new CloseEvent("close", { code, reason: "" })));
    }
  }
  const options: ConnectOptions = {
    wire,
    WebSocket: Socket,
    reconnect: false,
    heartbeat: 0,
    helloTimeout: 5000,
    procedures,
    limits: { messageSize: 1_000_000 },
    onError: (error) => typed(error),
  };
  try {
    const session = await connect(`ws://fuzz/ws`, options);
    session.subscribe("wslink_bin0", () => {});
    session.subscribe("fuzz.log", () => {}, { last: 3 });
    const calls = [
      session.call("fuzz.echo", [1]),
      session.call("fuzz.wait", [], { retry: "safe", timeout: 1000 }),
      session.stream("fuzz.rows", [9]).then((result) => result),
    ];
    for (const { status, ...rest } of await Promise.allSettled(calls)) {
      if (status === "rejected" && "reason" in rest) typed(rest.reason);
    }
    await session.close();
  } catch (error) {
    typed(error);
  }
}

function typed(error: unknown): void {
  const known = [
    ProtocolError,
    RpcError,
    ConnectionClosedError,
    TimeoutError,
    QueueFullError,
    GapError,
  ];
  if (!known.some((known) => error instanceof known)) complain("untyped", error);
}

function heap(): number {
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  return Deno.memoryUsage().heapUsed;
}

obey({}, {
  run: async (side: "server" | "client", wire: Wire, total: number, seed: number) => {
    const inputs = new Inputs(wire, seed);
    const first = { ...counts };
    let warm = 0;
    for (let connection = 0; counts.inputs - first.inputs < total; connection++) {
      const greet = connection % 2 === 1;
      if (side === "server") await attackServer(inputs, greet);
      else {await Promise.all(
          Array.from({ length: 20 }, (_, i) => attackClient(inputs, wire, i % 2 === 1)),
        );}
      if (connection % (side === "server" ? 100 : 5) === 0) await askBystander();
      if (warm === 0 && counts.inputs - first.inputs > total / 4) warm = heap();
    }
    for (const client of [...server.clients.values()]) {
      if (client.id !== bystander.clientId) client.close(1000);
    }
    await askBystander();
    if ("polluted" in {} || "secret" in {}) complain("internal", "a prototype was touched");
    const { inputs: fed, ...bad } = counts;
    return {
      ...bad,
      inputs: fed - first.inputs,
      grown: heap() - warm,
      answered,
      slowest,
      clients: server.clients.size,
    };
  },
});
