// Clients under mixed load that count how everything ended.
import {
  connect,
  ConnectionClosedError,
  RpcError,
  type Session,
  TimeoutError,
} from "@hawser/hawser/client";
import { Reading, sumOf } from "./_history.ts";
import { obey, startArguments } from "./_obey.ts";

const [port, clients] = startArguments();
const sessions: Session[] = [];
/** What each of them hears of the server's clock. */
const readings: Reading[] = [];
const ends = { made: 0, answered: 0, closed: 0, notSent: 0, timeout: 0, other: 0, wrong: 0 };
let pending = 0;
let resumed = 0;
let anew = 0;
let working = false;
let workers: Promise<void>[] = [];

async function open(reading: Reading): Promise<Session> {
  const session = await connect(`ws://127.0.0.1:${port}/ws`, {
    wire: "msgpack",
    heartbeat: 1000,
    helloTimeout: 3000,
    reconnect: { initialDelay: 50, maxDelay: 1000 },
  });
  session.subscribe<number>("mixed.tick", (tick) => reading.take(tick), {
    onGap: (gap) => reading.miss(gap),
  });
  watch(session);
  return session;
}

async function watch(session: Session): Promise<void> {
  let first = true;
  for await (const status of session.statuses()) {
    if (status.state !== "open") continue;
    if (!first) status.resumed ? resumed++ : anew++;
    first = false;
  }
}

for (let i = 0; i < Number(clients); i++) {
  const reading = new Reading();
  readings.push(reading);
  sessions.push(await open(reading));
}

async function one(session: Session, number: number): Promise<boolean> {
  switch (number % 8) {
    case 0: {
      let rows = 0;
      for await (const { i } of session.stream<{ i: number }>("mixed.rows", [200])) {
        if (i !== rows++) return false;
      }
      return rows === 200;
    }
    case 1:
      return await session.call("mixed.slow", [number % 50]) === number % 50;
    case 2: {
      const seen: unknown[] = [];
      const onProgress = (value: unknown) => seen.push(value);
      const result = await session.call("mixed.progress", [], { onProgress });
      return result === seen.length;
    }
    case 3:
      await session.call("mixed.publish", ["mixed.picture", 10_000]);
      return true;
    case 4: {
      // Given up on purpose.
      const signal = AbortSignal.timeout(1 + number % 5);
      try {
        await session.call("mixed.slow", [1000], { signal });
        return false;
      } catch (error) {
        if (error === signal.reason) return true;
        throw error;
      }
    }
    case 5:
      return await session.call("mixed.echo", [number], { retry: "safe" }) === number;
    default:
      return await session.call("mixed.echo", [number]) === number;
  }
}

async function work(session: Session, pause: number): Promise<void> {
  for (let number = 0; working; number++) {
    ends.made++;
    pending++;
    try {
      if (await one(session, number)) ends.answered++;
      else ends.wrong++;
    } catch (error) {
      if (error instanceof ConnectionClosedError) error.sent ? ends.closed++ : ends.notSent++;
      else if (error instanceof TimeoutError) ends.timeout++;
      else {
        ends.other++;
        if (!(error instanceof RpcError)) console.error(error);
      }
    }
    pending--;
    // Nobody asks again and again what has just been refused for want of a connection.
    const wait = session.status.state === "open" ? pause : 20;
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

const status = () => ({
  ...ends,
  pending,
  resumed,
  anew,
  open: sessions.filter(({ status }) => status.state === "open").length,
});

obey({}, {
  status,
  ticks: () => sumOf(readings),
  start: (atOnce: number, pause: number) => {
    working = true;
    workers = sessions.flatMap((session) =>
      Array.from({ length: atOnce }, () => work(session, pause))
    );
  },
  // Answers when every call has ended, so never if one hangs.
  stop: async () => {
    working = false;
    await Promise.all(workers);
    return status();
  },
  collect: () => {
    const { gc } = globalThis as { gc?: () => void };
    gc?.();
    return { heap: Deno.memoryUsage().heapUsed };
  },
  churn: async () => {
    // One leaves and another comes, as pages do.
    const session = await open(new Reading());
    await session.call("mixed.echo", [1]);
    await session.close();
  },
});
