// A server whose calls have an effect that is counted, and which reads out a file.
import { createServer, serve } from "@hawser/hawser/server";
import { obey, startArguments } from "./_obey.ts";
import { PIECE, piece } from "./_file.ts";

const [resumeWindow, port] = startArguments();
const runs = new Map<number, number>();
const procedures = {
  "effect.run": async (number: number) => {
    runs.set(number, (runs.get(number) ?? 0) + 1);
    // Some end while their caller is away.
    if (number % 16 === 0) await new Promise((resolve) => setTimeout(resolve, number % 100));
    return number * 2;
  },
  "file.read": async function* (seed: number, size: number) {
    for (let at = 0, i = 0; at < size; at += PIECE, i++) yield piece(seed, i, PIECE);
    return size;
  },
};
const server = createServer({ procedures, resumeWindow: Number(resumeWindow) });
const listening = await serve(server, { port: Number(port ?? 0), hostname: "127.0.0.1" });

obey({ port: listening.port }, {
  runs: () => ({
    distinct: runs.size,
    total: [...runs.values()].reduce((sum, count) => sum + count, 0),
    most: Math.max(0, ...runs.values()),
    clients: server.clients.size,
  }),
});
