// Viewers of the film, all of one process.
import { connect, type Session } from "@hawser/hawser/client";
import { obey } from "./_obey.ts";

interface Picture {
  readonly number: number;
  readonly time: number;
  readonly bytes: Uint8Array;
}

interface Viewer {
  readonly session: Session;
  seen: number;
  last: number;
  /** Of the picture that came last, when it was published. */
  time: number;
}

let viewers: Viewer[] = [];
let late = 0;

async function open(port: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    // The stalled one must be taken for a slow one, not for a lost one.
    const session = await connect(`ws://127.0.0.1:${port}/ws`, { wire: "msgpack", heartbeat: 0 });
    const viewer: Viewer = { session, seen: 0, last: 0, time: 0 };
    session.subscribe<Picture>("film", ({ number, time }) => {
      viewer.seen++;
      viewer.last = number;
      viewer.time = time;
      late = Math.max(late, Date.now() - time);
    });
    viewers.push(viewer);
  }
}

obey({}, {
  open,
  close: async () => {
    const leaving = viewers;
    viewers = [];
    await Promise.all(leaving.map(({ session }) => session.close()));
  },
  reset: () => {
    late = 0;
    for (const viewer of viewers) viewer.seen = 0;
  },
  seen: () => ({
    least: Math.min(...viewers.map(({ seen }) => seen)),
    sum: viewers.reduce((sum, { seen }) => sum + seen, 0),
    late,
  }),
  /** Resolves when each has seen a picture that is at most so many ms old, or a while has passed. */
  fresh: async (age: number) => {
    const start = performance.now();
    while (performance.now() - start < 20_000) {
      if (viewers.every(({ time }) => Date.now() - time <= age)) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return { ms: performance.now() - start };
  },
});
