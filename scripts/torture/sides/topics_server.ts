// A server that publishes numbers, each to everybody who listens.
import { createServer, serve, topic } from "@hawser/hawser/server";
import { obey } from "./_obey.ts";

const server = createServer({ topics: { "numbers.all": topic({}) } });
const listening = await serve(server, { port: 0, hostname: "127.0.0.1" });

obey({ port: listening.port }, {
  publish: async (count: number, perSecond: number) => {
    const start = performance.now();
    for (let number = 1; number <= count; number++) {
      await server.publish("numbers.all", number, { policy: "wait" });
      const ahead = start + number / perSecond * 1000 - performance.now();
      if (ahead > 1) await new Promise((resolve) => setTimeout(resolve, ahead));
    }
    return { ms: performance.now() - start };
  },
});
