// Many clients of one process, with the default way back.
import { connect, type Session } from "@hawser/hawser/client";
import { obey, startArguments } from "./_obey.ts";

const [port] = startArguments();
const sessions: Session[] = [];
let open = 0;
let resumed = 0;
let ticks = 0;
let last = 0;

async function watch(session: Session): Promise<void> {
  let was = false;
  let first = true;
  for await (const status of session.statuses()) {
    const is = status.state === "open";
    if (is !== was) open += is ? 1 : -1;
    if (is && !was) {
      last = performance.now();
      if (!first && status.resumed) resumed++;
      first = false;
    }
    was = is;
  }
}

async function join(): Promise<void> {
  const session = await connect(`ws://127.0.0.1:${port}/ws`, {
    wire: "msgpack",
    heartbeat: 0,
    helloTimeout: 60_000,
  });
  session.subscribe("crowd.tick", () => ticks++);
  sessions.push(session);
  watch(session);
}

/** When the cut was, and whether it has been felt. */
let cut = 0;

obey({}, {
  join: async (count: number) => {
    // A few at a time: what is measured is how they come back.
    for (let done = 0; done < count; done += 50) {
      await Promise.all(Array.from({ length: Math.min(50, count - done) }, join));
    }
    return { open };
  },
  expect: () => {
    cut = performance.now();
    resumed = ticks = 0;
  },
  status: () => ({ open, resumed, ticks, ms: last - cut }),
});
