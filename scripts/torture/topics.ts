import { type Answer, Child } from "./_child.ts";
import { count, type Figure, type Trial } from "./_figures.ts";
import { Proxy } from "./_proxy.ts";

const SUBSCRIBERS = 5;

/** How long a session waits for its client, in ms: some come back in time, and others too late. */
const WINDOW = 100;

/** How many publications the short history keeps: some cuts last longer, and others don't. */
const SHORT = 100;

/** How long what still has to come may take, in ms. */
const PATIENCE = 60_000;

/** Publications to subscribers whose connections are cut again and again. */
export async function topics({ quick, random, log }: Trial): Promise<Figure[]> {
  const total = quick ? 5000 : 200_000;
  const faults = quick ? 10 : 200;
  const start = [WINDOW, total, SHORT];
  const { child: server, hello } = await Child.start("topics_server.ts", start);
  await using _server = server;
  await using proxy = new Proxy(hello.port ?? 0, random);
  const { child: client } = await Child.start("topics_client.ts", [proxy.port, SUBSCRIBERS]);
  await using _client = client;
  // Each has been let in; from here on none of them is safe.
  proxy.plan({
    faults,
    bytes: [1000, quick ? 20_000 : 400_000],
    kinds: [...Array(6).fill("cut"), "half-close", "black hole"],
  });
  const publishing = server.ask("publish", total, quick ? 2500 : 8000);
  proxy.strike("cut");
  // So long a silence is a gap in the short history, whatever else happens.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  proxy.strike("black hole");
  await publishing;
  let status: Answer = {};
  let all: Answer = {};
  let last: Answer = {};
  const end = performance.now() + PATIENCE;
  do {
    [status, all, last] = await Promise.all(
      (["status", "all", "last"] as const).map((command) => client.ask(command)),
    ) as [Answer, Answer, Answer];
    if (status.open === SUBSCRIBERS && all.last === total && last.last === total / 4) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  } while (performance.now() < end);
  log([...proxy.kinds].map(([kind, times]) => `${times} ${kind}`).join(", "));
  const cuts = `${proxy.faults} cuts (${status.resumed} sessions resumed, ${status.anew} anew)`;
  return [{
    promise: `${count(total)} publications over ${faults} cuts to ${SUBSCRIBERS} subscribers, ` +
      "the history long enough: each gets each exactly once, in order",
    measured: `${report(all, total)}; ${cuts}`,
    kept: clean(all) && all.came === total * SUBSCRIBERS && all.gaps === 0 &&
      proxy.faults >= faults,
  }, {
    promise: `beside them ${count(total / 4)} with a history of ${SHORT}: each gets each exactly ` +
      "once, in order, or just the gap that it is told of, with both offsets",
    measured: report(last, total / 4),
    kept: clean(last) && (last.came ?? 0) + (last.told ?? 0) === total / 4 * SUBSCRIBERS &&
      (last.gaps ?? 0) > 0,
  }];
}

function clean({ twice, disorder, silent, wrong, mostRestarts }: Answer): boolean {
  return [twice, disorder, silent, wrong, mostRestarts].every((figure) => figure === 0);
}

function report(answer: Answer, total: number): string {
  const { came = 0, told = 0, gaps, twice, disorder, silent, wrong } = answer;
  return `${count(came)} of ${count(total * SUBSCRIBERS)} came, ${count(told)} in ${gaps} gaps ` +
    `told; ${silent} missed in silence, ${twice} twice, ${disorder} out of order, ` +
    `${wrong} wrong offsets`;
}
