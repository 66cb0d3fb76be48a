// Clients that call, all of one process.
import { createHash } from "node:crypto";
import { connect, type Session } from "@hawser/hawser/client";
import { obey, startArguments } from "./_obey.ts";
import { PIECE, piece } from "./_file.ts";

const [port, clients] = startArguments();
const sessions: Session[] = [];
let resumed = 0;
let anew = 0;

async function open(): Promise<Session> {
  for (;;) {
    try {
      return await connect(`ws://127.0.0.1:${port}/ws`, {
        wire: "msgpack",
        heartbeat: 400,
        helloTimeout: 3000,
        reconnect: { initialDelay: 20, maxDelay: 400 },
      });
    } catch {
      // The very first connection may be cut as well, and comes back by nobody's doing but ours.
    }
  }
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
  const session = await open();
  watch(session);
  sessions.push(session);
}

/** Makes calls, so many at a time in each session, and counts how they end. */
async function call(count: number, atOnce: number) {
  let next = 0;
  let answered = 0;
  let wrong = 0;
  const failed = new Map<string, number>();
  async function work(session: Session): Promise<void> {
    while (next < count) {
      const number = next++;
      try {
        const result = await session.call("effect.run", [number], {
          retry: "safe",
          timeout: 120_000,
        });
        if (result === number * 2) answered++;
        else wrong++;
      } catch (error) {
        const what = String(error);
        failed.set(what, (failed.get(what) ?? 0) + 1);
      }
    }
  }
  const workers = sessions.flatMap((session) =>
    Array.from({ length: atOnce }, () => work(session))
  );
  await Promise.all(workers);
  for (const [what, times] of failed) console.error(`${times} times ${what}`);
  const lost = [...failed.values()].reduce((sum, times) => sum + times, 0);
  return { answered, wrong, failed: lost, resumed, anew };
}

/** Reads the file and compares its hash with that of what was sent. */
async function read(seed: number, size: number) {
  const [session] = sessions;
  if (session === undefined) throw new Error("no session");
  const hash = createHash("sha256");
  const expected = createHash("sha256");
  let bytes = 0;
  let pieces = 0;
  const start = performance.now();
  for await (const part of session.stream<Uint8Array>("file.read", [seed, size])) {
    hash.update(part);
    expected.update(piece(seed, pieces++, PIECE));
    bytes += part.length;
  }
  const same = hash.digest("hex") === expected.digest("hex") ? 1 : 0;
  return { bytes, same, resumed, anew, ms: performance.now() - start };
}

obey({}, { call, read });
