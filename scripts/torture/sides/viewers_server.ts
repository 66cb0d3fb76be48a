// A server that shows a film: each picture has its number and the time of its publication.
import { createServer, serve } from "@hawser/hawser/server";
import { obey, startArguments } from "./_obey.ts";

const [budget] = startArguments();
const server = createServer({ limits: { totalQueueBytes: Number(budget) }, heartbeat: 0 });
const listening = await serve(server, { port: 0, hostname: "127.0.0.1" });
let number = 0;
let timer: ReturnType<typeof setInterval> | undefined;
/** Above it something else than the pictures' queues would be growing. */
let queued = 0;

function show(size: number, rate: number): void {
  const start = performance.now();
  const first = number;
  const bytes = new Uint8Array(size);
  timer = setInterval(() => {
    // As many as are due: a timer that comes late must not make the film slower.
    const due = Math.floor((performance.now() - start) / 1000 * rate);
    while (number - first < due) {
      number++;
      server.publish("film", { number, time: Date.now(), bytes }, { policy: "latest" });
    }
    let sum = 0;
    for (const client of server.clients.values()) sum += client.queueStats().heldBytes;
    queued = Math.max(queued, sum);
  }, 5);
}

obey({ port: listening.port }, {
  show,
  hide: () => {
    clearInterval(timer);
    return { number, queued };
  },
  number: () => ({ number, queued }),
});
