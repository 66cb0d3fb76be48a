import { createServer, serve, topic } from "@hawser/hawser/server";
import { obey, startArguments } from "./_obey.ts";

const [history] = startArguments();
const runs = new Map<number, number>();
const server = createServer({
  topics: { "losses.number": topic<number>(history ? { history: {} } : {}) },
  procedures: {
    "losses.run": (number: number) => {
      runs.set(number, (runs.get(number) ?? 0) + 1);
      return number;
    },
  },
});
const listening = await serve(server, { port: 0, hostname: "127.0.0.1" });

obey({ port: listening.port }, {
  publish: async (count: number, perSecond: number) => {
    const start = performance.now();
    for (let number = 1; number <= count; number++) {
      server.publish("losses.number", number);
      const ahead = start + number / perSecond * 1000 - performance.now();
      if (ahead > 0) await new Promise((resolve) => setTimeout(resolve, ahead));
    }
  },
  runs: () => ({ distinct: runs.size, total: [...runs.values()].reduce((a, b) => a + b, 0) }),
});
