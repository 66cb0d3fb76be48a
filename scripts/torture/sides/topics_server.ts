// A server that publishes numbers on topics with histories: each number is its own offset.
import { createServer, serve, topic } from "@hawser/hawser/server";
import { obey, startArguments } from "./_obey.ts";

const [resumeWindow, count, short] = startArguments();
const server = createServer({
  resumeWindow: Number(resumeWindow),
  topics: {
    // One whose history reaches back to the beginning, and one that hardly lasts a cut.
    "numbers.all": topic<number>({ history: { count: Number(count), bytes: Infinity } }),
    "numbers.last": topic<number>({ history: { count: Number(short) } }),
  },
});
const listening = await serve(server, { port: 0, hostname: "127.0.0.1" });

/** How many are published before anything else gets a turn. */
const AT_ONCE = 64;

obey({ port: listening.port }, {
  /** Publishes so many on the one topic, and beside them a quarter of them on the other. */
  publish: async (count: number, perSecond: number) => {
    const start = performance.now();
    for (let number = 1; number <= count; number++) {
      server.publish("numbers.all", number);
      if (number % 4 === 0) server.publish("numbers.last", number / 4);
      const ahead = start + number / perSecond * 1000 - performance.now();
      if (ahead > 1 || number % AT_ONCE === 0) {
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, ahead)));
      }
    }
    return { ms: performance.now() - start };
  },
});
