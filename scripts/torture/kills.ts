import { Child } from "./_child.ts";
import { count, type Figure, type Trial } from "./_figures.ts";

/** How long a client's calls and its way back may take, in ms. */
const PATIENCE = 30_000;

/** The server killed and restarted under load. */
export async function kills({ quick, random, log }: Trial): Promise<Figure[]> {
  const times = quick ? 3 : 20;
  const clients = 8;
  let { child: server, hello } = await Child.start("mixed_server.ts", [0]);
  const port = hello.port;
  const { child: client } = await Child.start("mixed_client.ts", [port, clients]);
  await using _client = client;
  let back = 0;
  try {
    await client.ask("start", 8, 0);
    for (let i = 0; i < times; i++) {
      await pause(random.between(300, 1000));
      await server[Symbol.asyncDispose]();
      await pause(random.between(0, 300));
      ({ child: server } = await Child.start("mixed_server.ts", [port]));
      const before = await client.ask("status");
      const after = await until(async () => {
        const { open, answered = 0 } = await client.ask("status");
        const { leastRestarts, last = 0 } = await client.ask("ticks");
        return open === clients && answered > (before.answered ?? 0) &&
          leastRestarts === i + 1 && last > 0;
      });
      if (after) back++;
      else {
        const [status, ticks] = [await client.ask("status"), await client.ask("ticks")];
        log(`not back after kill ${i + 1}: ${JSON.stringify({ ...status, ...ticks })}`);
      }
    }
    const hanging = pause(PATIENCE).then(() => undefined);
    const end = await Promise.race([client.ask("stop"), hanging]);
    const last = end ?? await client.ask("status");
    const ticks = await client.ask("ticks");
    const { silent, twice, disorder, wrong } = ticks;
    return [{
      promise:
        `the server killed under load ${times} times: ${clients} clients come back each time`,
      measured: `back after ${back} of ${times}; ${last.anew} sessions begun anew`,
      kept: back === times,
    }, {
      promise: "each is told of each restart, once, by a gap from what it heard last to what it " +
        "hears next; all else comes once, in order",
      measured: `${ticks.leastRestarts} to ${ticks.mostRestarts} told to each, ${wrong} ` +
        `wrong offsets or epochs; ${count(ticks.came ?? 0)} came, ${ticks.gaps} other gaps, ` +
        `${silent} missed in silence, ${twice} twice, ${disorder} out of order`,
      kept: ticks.leastRestarts === times && ticks.mostRestarts === times && ticks.gaps === 0 &&
        [silent, twice, disorder, wrong].every((figure) => figure === 0),
    }, {
      promise: "no call hangs, and each ends in its result or an error of a known class",
      measured: `${count(last.made ?? 0)} made: ${count(last.answered ?? 0)} answered, ` +
        `${last.closed} closed, ${last.notSent} not sent, ${last.timeout} timed out, ` +
        `${last.wrong} wrong, ${last.other} other, ${last.pending} hang`,
      kept: end !== undefined && last.pending === 0 && last.wrong === 0 && last.other === 0,
    }];
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

async function until(good: () => Promise<boolean>): Promise<boolean> {
  const end = performance.now() + PATIENCE;
  while (performance.now() < end) {
    if (await good()) return true;
    await pause(50);
  }
  return false;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
