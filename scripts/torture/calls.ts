import { Child } from "./_child.ts";
import { count, type Figure, size, type Trial } from "./_figures.ts";
import { Proxy } from "./_proxy.ts";

/** What breaks without a word is found by the client's heartbeat, in about a second: it is rare. */
const KINDS = [...Array(8).fill("cut"), "half-close", "black hole"] as const;

/**
 * Safe calls through cuts: half of them with sessions that can be resumed, half without, and some
 * more over a long way on which each byte travels alone.
 */
export async function safeCalls({ quick, random, log }: Trial): Promise<Figure[]> {
  const half = quick ? 250 : 10_000;
  const cuts = quick ? 5 : 100;
  const figures: Figure[] = [];
  // Hardly any session is there still after 1 ms: their calls are made again by their keys.
  const trials = [
    { name: "sessions resumed", window: 30_000, calls: half, faults: cuts, way: {} },
    { name: "sessions lost", window: 1, calls: half, faults: cuts, way: {} },
    {
      name: "split at every byte",
      window: 30_000,
      calls: half / (quick ? 1 : 10),
      faults: cuts / (quick ? 1 : 10),
      way: { split: 1, delay: 5 },
    },
  ];
  for (const { name, window, calls, faults, way } of trials) {
    const { child: server, hello } = await Child.start("calls_server.ts", [window]);
    await using _server = server;
    await using proxy = new Proxy(hello.port ?? 0, random, way);
    const most = calls * 100 / faults;
    proxy.plan({ faults, bytes: [300, most], kinds: KINDS });
    const { child: client } = await Child.start("calls_client.ts", [proxy.port, 4]);
    await using _client = client;
    const { answered, wrong, failed, resumed, anew } = await client.ask("call", calls, 16);
    const { distinct, total, most: twice } = await server.ask("runs");
    log(`${[...proxy.kinds].map(([kind, times]) => `${times} ${kind}`).join(", ")}`);
    figures.push({
      promise: `${count(calls)} safe calls over ${faults} cuts, ${name}: ` +
        "each executed once, each answered",
      measured: `${count(answered ?? 0)} answered, ${wrong} wrong, ${failed} failed; ` +
        `${count(distinct ?? 0)} executed, ${(total ?? 0) - (distinct ?? 0)} again; ` +
        `${proxy.faults} cuts: ${resumed} resumed, ${anew} begun anew`,
      kept: answered === calls && distinct === calls && total === distinct &&
        twice === 1 && proxy.faults >= faults,
    });
  }
  return figures;
}

/** A long stream through cuts. */
export async function longStream({ quick, random }: Trial): Promise<Figure[]> {
  const bytes = (quick ? 50 : 1024) * 1024 * 1024;
  const faults = quick ? 4 : 20;
  const { child: server, hello } = await Child.start("calls_server.ts", [30_000]);
  await using _server = server;
  await using proxy = new Proxy(hello.port ?? 0, random);
  const most = Math.floor(bytes / faults * 0.9);
  proxy.plan({ faults, bytes: [1000, most], kinds: KINDS });
  const { child: client } = await Child.start("calls_client.ts", [proxy.port, 1]);
  await using _client = client;
  const answer = await client.ask("read", random.next(), bytes);
  const seconds = (answer.ms ?? 0) / 1000;
  return [{
    promise: `a stream of ${size(bytes)} over ${faults} cuts: its hash is right`,
    measured: `${size(answer.bytes ?? 0)}, hash ${answer.same ? "right" : "WRONG"}, ` +
      `${proxy.faults} cuts, ${answer.resumed} resumed; ${size(bytes / seconds)}/s`,
    kept: answer.same === 1 && answer.bytes === bytes && proxy.faults >= faults,
  }];
}
