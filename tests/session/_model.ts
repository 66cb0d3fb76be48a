/**
 * A session against a model of it: whatever is called, cancelled, cut, lost,
 * streamed and subscribed to in whatever order, a model of a few lines says how
 * it may end. fast-check finds the order, and the shortest one that fails.
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ConnectionClosedError, type Session, type Subscription } from "@hawser/hawser/client";
import { createServer, procedure } from "@hawser/hawser/server";
import { defer, type Deferred } from "../../protocol/deferred.ts";
import type { Wire } from "../../protocol/mod.ts";
import { pair } from "./_pair.ts";

/** How a call or a stream's reader may end, given what has happened to it. */
interface Expected {
  readonly number: number;
  readonly safe: boolean;
  /** Whether there was a connection when it was made. */
  readonly sent: boolean;
  /** Whether its session was lost before it ended. */
  lost: boolean;
  cancelled: boolean;
  settled: boolean;
}

interface MadeCall extends Expected {
  readonly controller: AbortController;
  readonly outcome: Promise<PromiseSettledResult<unknown>>;
}

interface OpenStream {
  readonly length: number;
  readonly iterator: AsyncIterator<unknown, unknown>;
  readonly sent: boolean;
  read: number;
  lost: boolean;
  over: boolean;
}

interface Listening {
  readonly topic: string;
  readonly subscription: Subscription<unknown>;
  readonly heard: unknown[];
}

/** What the model knows. */
interface Model {
  calls: number;
  streams: number;
  subscriptions: number;
}

class Real {
  readonly gates = new Map<number, Deferred<void>>();
  readonly runs = new Map<number, number>();
  readonly calls: MadeCall[] = [];
  readonly streams: OpenStream[] = [];
  readonly listening: Listening[] = [];
  published = 0;
  session!: Session;
  cut!: () => void;
  readonly server = createServer({
    // What a lost session aborts has nobody to hear of it.
    onError() {},
    procedures: {
      "model.now": (number: number) => this.#ran(number),
      "model.held": procedure(async (_call, number: number) => {
        const gate = this.gates.get(number) ?? defer<void>();
        this.gates.set(number, gate);
        this.#ran(number);
        await gate.promise;
        return number;
      }),
      "model.rows": async function* (length: number) {
        for (let i = 0; i < length; i++) yield i;
        return length;
      },
    },
  });

  #ran(number: number): number {
    this.runs.set(number, (this.runs.get(number) ?? 0) + 1);
    return number;
  }

  async start(wire: Wire): Promise<this> {
    const { session, cut } = await pair(this.server, { wire, reconnect: { initialDelay: 0 } });
    this.session = session;
    this.cut = cut;
    return this;
  }

  get open(): boolean {
    return this.session.status.state === "open";
  }

  /** Waits for a connection and for what is under way. */
  async settle(): Promise<void> {
    for await (const { state } of this.session.statuses()) {
      assert(state !== "closed", "the session has ended");
      if (state === "open") break;
    }
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 0));
    if (!this.open) await this.settle();
  }

  /** The server throws its client out: nothing of the session goes on. */
  async lose(): Promise<void> {
    // A client that is on its way back is thrown out once it is there.
    await this.settle();
    for (const call of this.calls) if (!call.settled) call.lost = true;
    for (const stream of this.streams) if (!stream.over) stream.lost = true;
    this.server.clients.get(this.session.clientId)?.close(4000, "Thrown out");
    await this.settle();
  }

  /** Everything comes to its end, and the model says whether it was the right one. */
  async finish(): Promise<void> {
    await this.settle();
    for (const { number } of this.calls) this.gates.get(number)?.resolve();
    for (const call of this.calls) check(call, await soon(call.outcome), this.runs);
    for (const stream of this.streams) while (!stream.over) await readOne(stream);
    for (const { subscription } of this.listening) subscription.unsubscribe();
    await this.settle();
    assertEquals(this.server.clients.size, 1, "one client, one session");
    await this.session.close();
    await this.server.close({ drain: 0 });
  }
}

function check(
  { number, safe, sent, lost, cancelled }: Expected,
  outcome: PromiseSettledResult<unknown>,
  ran: ReadonlyMap<number, number>,
): void {
  const runs = ran.get(number) ?? 0;
  const what = `call ${number}: ${JSON.stringify({ safe, sent, lost, cancelled, runs })}`;
  assert(runs <= 1, `${what} ran twice`);
  if (outcome.status === "fulfilled") {
    assertEquals(outcome.value, number, what);
    assertEquals(runs, 1, what);
    assert(sent || safe, what);
  } else if (cancelled && outcome.reason === CANCELLED) {
    // It may have run or not: who gives up doesn't learn it.
  } else {
    const { reason } = outcome;
    assert(reason instanceof ConnectionClosedError, `${what} rejected with ${reason}`);
    assert(!safe, `${what} is safe, and was lost`);
    assert(!sent || lost, `${what} was lost, though its session was not`);
    assertEquals(reason.sent, sent, what);
    if (!sent) assertEquals(runs, 0, what);
  }
}

async function readOne(stream: OpenStream): Promise<void> {
  const { length, sent, lost } = stream;
  const what = `stream of ${length} at ${stream.read}: ${JSON.stringify({ sent, lost })}`;
  try {
    const step = await soon(stream.iterator.next());
    assert(sent, what);
    if (step.done) {
      stream.over = true;
      assertEquals([stream.read, step.value], [length, length], what);
    } else assertEquals(step.value, stream.read++, what);
  } catch (error) {
    if (!(error instanceof ConnectionClosedError)) throw error;
    stream.over = true;
    assert(lost || !sent, `${what} was lost, though its session was not`);
  }
}

/** What hangs is found, too; nothing here takes long. */
async function soon<T>(promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("It hangs")), 20_000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

const CANCELLED = new Error("cancelled");
const TOPICS = ["model.a", "model.b"];

type Command = fc.AsyncCommand<Model, Real>;

/** A command in few words. */
function command(
  name: string,
  possible: (model: Model) => boolean,
  run: (real: Real, model: Model) => void | Promise<void>,
): Command {
  return {
    check: possible,
    run: async (model, real) => await run(real, model),
    toString: () => name,
  };
}

const always = () => true;

function call(method: "model.now" | "model.held", safe: boolean): Command {
  return command(`${method}${safe ? ", safe" : ""}`, always, (real, model) => {
    const number = model.calls++;
    const controller = new AbortController();
    const options = { signal: controller.signal, ...(safe ? { retry: "safe" as const } : {}) };
    const sent = real.open;
    const promise = real.session.call(method, [number], options);
    const made: MadeCall = {
      number,
      safe,
      sent,
      lost: false,
      cancelled: false,
      settled: false,
      controller,
      outcome: Promise.allSettled([promise]).then(([outcome]) => {
        made.settled = true;
        return outcome;
      }),
    };
    real.calls.push(made);
  });
}

function pick<T>(list: readonly T[], which: number): T {
  const found = list[which % list.length];
  assert(found !== undefined);
  return found;
}

const commands = [
  fc.constantFrom(
    call("model.now", false),
    call("model.now", true),
    call("model.held", false),
    call("model.held", true),
  ),
  fc.nat(20).map((which) =>
    command(`release ${which}`, ({ calls }) => calls > 0, (real) => {
      const { number } = pick(real.calls, which);
      const gate = real.gates.get(number) ?? defer<void>();
      real.gates.set(number, gate);
      gate.resolve();
    })
  ),
  fc.nat(20).map((which) =>
    command(`cancel ${which}`, ({ calls }) => calls > 0, (real) => {
      const made = pick(real.calls, which);
      made.cancelled = true;
      made.controller.abort(CANCELLED);
    })
  ),
  fc.nat(12).map((ticks) =>
    command(`cut after ${ticks} microtasks`, always, async (real) => {
      for (let i = 0; i < ticks; i++) await Promise.resolve();
      real.cut();
    })
  ),
  fc.constant(command("settle", always, (real) => real.settle())),
  fc.constant(command("lose the session", always, (real) => real.lose())),
  fc.nat(200).map((length) =>
    command(`stream ${length}`, always, (real, model) => {
      model.streams++;
      const sent = real.open;
      const iterator = real.session.stream("model.rows", [length])[Symbol.asyncIterator]();
      real.streams.push({ length, iterator, sent, read: 0, lost: false, over: false });
    })
  ),
  fc.tuple(fc.nat(20), fc.nat(80)).map(([which, count]) =>
    command(`read ${count} of stream ${which}`, ({ streams }) => streams > 0, async (real) => {
      const stream = pick(real.streams, which);
      for (let i = 0; i < count && !stream.over; i++) await readOne(stream);
    })
  ),
  fc.nat(20).map((which) =>
    command(`stop stream ${which}`, ({ streams }) => streams > 0, async (real) => {
      const stream = pick(real.streams, which);
      if (!stream.over) await stream.iterator.return?.();
      stream.over = true;
    })
  ),
  fc.constantFrom(...TOPICS).map((topic) =>
    command(`subscribe to ${topic}`, always, (real, model) => {
      model.subscriptions++;
      const heard: unknown[] = [];
      const subscription = real.session.subscribe(topic, (value) => heard.push(value));
      real.listening.push({ topic, subscription, heard });
    })
  ),
  fc.nat(20).map((which) =>
    command(`unsubscribe ${which}`, ({ subscriptions }) => subscriptions > 0, (real, model) => {
      model.subscriptions--;
      const [listening] = real.listening.splice(which % real.listening.length, 1);
      listening?.subscription.unsubscribe();
    })
  ),
  fc.constantFrom(...TOPICS).map((topic) =>
    command(`publish on ${topic}`, always, async (real) => {
      // Who is connected and subscribed hears it; what others miss is another matter.
      await real.settle();
      const value = ++real.published;
      real.server.publish(topic, value);
      await real.settle();
      for (const { topic: other, heard } of real.listening) {
        assertEquals(heard.filter((one) => one === value).length, other === topic ? 1 : 0);
      }
    })
  ),
];

/**
 * Tries orders of commands until one fails.
 *
 * @param wire The wire.
 * @param numRuns How many orders.
 * @param seed Where they come from; random if absent.
 */
export async function tryModel(wire: Wire, numRuns: number, seed?: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 40 }), async (orders) => {
      const real = await new Real().start(wire);
      try {
        const model: Model = { calls: 0, streams: 0, subscriptions: 0 };
        await fc.asyncModelRun(() => ({ model, real }), orders);
        await real.finish();
      } finally {
        await real.session.close();
        await real.server.close({ drain: 0 });
      }
    }),
    { numRuns, ...(seed === undefined ? {} : { seed }) },
  );
}
