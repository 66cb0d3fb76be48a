// tRPC's WebSocket adapter on Node. Bundled. JSON is all it sends, so bytes travel as base64.
import { Buffer } from "node:buffer";
import { bytes } from "./_bytes.ts";
import { load, ws } from "./_node.ts";

interface Call<I> {
  input: I;
  ctx: { res: WebSocket };
  signal: AbortSignal;
}
interface Procedure {
  input<I>(parse: (value: I) => I): Typed<I>;
  subscription(resolve: (call: Call<undefined>) => AsyncIterable<unknown>): unknown;
}
interface Typed<I> {
  query(resolve: (call: Call<I>) => unknown): unknown;
  mutation(resolve: (call: Call<I>) => unknown): unknown;
}

/** The parts of @trpc/server that are used here. */
interface Trpc {
  initTRPC: {
    context(): { create(): { router(procedures: object): object; procedure: Procedure } };
  };
}
interface Adapter {
  applyWSSHandler(options: {
    wss: unknown;
    router: object;
    createContext(options: { res: WebSocket }): unknown;
  }): unknown;
}

const { initTRPC }: Trpc = load("@trpc/server");
const { applyWSSHandler }: Adapter = load("@trpc/server/adapters/ws");
const { router, procedure } = initTRPC.context().create();

/** What one subscriber has not been given yet. */
interface Queue {
  values: string[];
  wake: () => void;
}
const queues = new Map<WebSocket, Queue>();

async function* follow(socket: WebSocket, signal: AbortSignal): AsyncGenerator<string> {
  const queue: Queue = { values: [], wake() {} };
  queues.set(socket, queue);
  signal.addEventListener("abort", () => queue.wake());
  try {
    while (!signal.aborted) {
      const values = queue.values;
      queue.values = [];
      yield* values;
      if (queue.values.length > 0) continue;
      await new Promise<void>((resolve) => queue.wake = resolve);
    }
  } finally {
    queues.delete(socket);
  }
}

const texts = new Map<number, string>();

function text(size: number): string {
  const known = texts.get(size) ?? Buffer.from(bytes(size)).toString("base64");
  texts.set(size, known);
  return known;
}

function publish(receivers: Iterable<Queue>, [size, count]: readonly [number, number]): void {
  for (let i = 0; i < count; i++) {
    for (const receiver of receivers) receiver.values.push(text(size));
  }
  for (const receiver of receivers) receiver.wake();
}

const burst = procedure.input((value: [size: number, count: number]) => value);
const appRouter = router({
  echo: procedure.input((value: unknown) => value).query(({ input }) => input),
  down: procedure.input((value: [size: number]) => value)
    // Made anew each time: an application has other bytes for each call.
    .query(({ input: [size] }) => ({ data: Buffer.from(bytes(size)).toString("base64") })),
  up: procedure.input((value: string) => value)
    .mutation(({ input }) => Buffer.from(input, "base64").length),
  publish: burst.mutation(({ input, ctx }) => {
    const own = queues.get(ctx.res);
    publish(own ? [own] : [], input);
  }),
  fanout: burst.mutation(({ input }) => publish(queues.values().toArray(), input)),
  topic: procedure.subscription(({ ctx, signal }) => follow(ctx.res, signal)),
});

const wss = new ws.WebSocketServer({ port: 0, host: "127.0.0.1" });
applyWSSHandler({ wss, router: appRouter, createContext: ({ res }) => ({ res }) });
wss.on("listening", () => console.log(JSON.stringify({ port: wss.address().port })));
