// A server under mixed load: calls, publications on a topic, streams. Prints nothing of its own.
import { createServer, procedure, serve, topic } from "@hawser/hawser/server";
import { obey, startArguments } from "./_obey.ts";

const [port, resumeWindow = 30_000] = startArguments();
const server = createServer({
  resumeWindow: Number(resumeWindow),
  limits: { suspendedSessions: 20_000 },
  topics: { "mixed.tick": topic<number>({ history: {} }) },
  procedures: {
    "mixed.echo": (value: unknown) => value,
    "mixed.slow": async (ms: number) => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return ms;
    },
    "mixed.rows": async function* (count: number) {
      for (let i = 0; i < count; i++) yield { i, bytes: new Uint8Array(i % 1000) };
      return count;
    },
    "mixed.progress": procedure(async (call) => {
      for (let i = 0; i < 10; i++) call.progress(i);
      await Promise.resolve();
      return 10;
    }),
    "mixed.publish": (topic: string, size: number) =>
      server.publish(topic, { time: Date.now(), bytes: new Uint8Array(size) }, {
        policy: "latest",
      }),
  },
});
const listening = await serve(server, { port: Number(port ?? 0), hostname: "127.0.0.1" });
// A clock that all hear, so that there is something to miss: its numbers are the history's offsets.
let tick = 0;
setInterval(() => server.publish("mixed.tick", ++tick), 20);

obey({ port: listening.port }, {
  clients: () => {
    const sessions = [...server.clients.values()];
    return {
      clients: sessions.length,
      connected: sessions.filter(({ connected }) => connected).length,
    };
  },
  collect: () => {
    const { gc } = globalThis as { gc?: () => void };
    gc?.();
    return { heap: Deno.memoryUsage().heapUsed, clients: server.clients.size };
  },
});
