import { Child } from "./_child.ts";
import { type Figure, size, type Trial } from "./_figures.ts";
import { Proxy } from "./_proxy.ts";

const RATE = 30;
const PICTURE = 200_000;
const BUDGET = 64 * 1024 * 1024;

/** How often it is tried: what a busy machine takes from the viewers is no fault of the server's. */
const TRIES = 3;

/** Many viewers of one film. */
export async function viewers(trial: Trial): Promise<Figure[]> {
  for (let tries = 1;; tries++) {
    const figures = await show(trial);
    if (tries === TRIES || figures.every(({ kept }) => kept !== false)) return figures;
    trial.log(
      `missed at try ${tries} of ${TRIES}: ${figures.map((one) => one.measured).join("; ")}`,
    );
  }
}

/** Many viewers of one film, of whom one stands still and some have slow links. */
async function show({ quick, random, log }: Trial): Promise<Figure[]> {
  const seconds = quick ? 8 : 60;
  const total = quick ? 20 : 50;
  const slow = 3;
  const { child: server, hello } = await Child.start("viewers_server.ts", [BUDGET]);
  await using _server = server;
  const port = hello.port ?? 0;
  await using stalling = new Proxy(port, random);
  // 2 MB/s, a third of what the film has.
  await using link = new Proxy(port, random, { rate: 2e6, delay: 40 });
  const groups: Child[] = [];
  await using stack = new AsyncDisposableStack();
  for (let i = 0; i < 4; i++) {
    groups.push(stack.use((await Child.start("viewers_client.ts")).child));
  }
  const [first, second, stalled, crawling] = groups;
  if (!first || !second || !stalled || !crawling) throw new Error("no clients");
  const good = total - 1 - slow;
  await first.ask("open", port, Math.ceil(good / 2));
  await second.ask("open", port, Math.floor(good / 2));
  await stalled.ask("open", stalling.port, 1);
  await crawling.ask("open", link.port, slow);

  async function rate(duration: number): Promise<{ rate: number; late: number; rss: number }> {
    const before = (await server.ask("number")).number ?? 0;
    for (const group of groups) await group.ask("reset");
    let rss = 0;
    for (let passed = 0; passed < duration; passed++) {
      await pause(1000);
      rss = Math.max(rss, server.rss);
    }
    const shown = ((await server.ask("number")).number ?? 0) - before;
    const answers = await Promise.all([first?.ask("seen"), second?.ask("seen")]);
    const least = Math.min(...answers.map((answer) => answer?.least ?? 0));
    const late = Math.max(...answers.map((answer) => answer?.late ?? 0));
    return { rate: least / shown, late, rss };
  }

  // Before anybody stands still: what this machine can do at all, and its memory for that.
  await server.ask("show", PICTURE, RATE);
  await pause(4000);
  const before = await rate(quick ? 4 : 10);
  const start = performance.now();
  stalling.strike("stall");
  const during = await rate(seconds);
  stalling.release();
  const stalledFor = (performance.now() - start) / 1000;
  const woken = await stalled.ask("fresh", 500);
  const seen = await crawling.ask("seen");
  const { queued } = await server.ask("hide");
  log(`rate before ${before.rate.toFixed(3)}, stalled for ${stalledFor.toFixed(0)} s`);
  const grown = during.rss - before.rss;
  return [{
    promise: `${total} viewers of ${RATE} pictures/s of ${size(PICTURE)}, one stalled ` +
      `${seconds} s, ${slow} on slow links: the others keep 0.95 of what they saw before`,
    measured: `the least of them saw ${during.rate.toFixed(3)}, before the stall ` +
      `${before.rate.toFixed(3)}; at most ${during.late} ms late`,
    kept: during.rate >= 0.95 * Math.min(1, before.rate),
  }, {
    promise: `memory stays within the queues' budget of ${size(BUDGET)} plus 10 %`,
    measured: `${size(grown)} above ${size(before.rss)}; at most ${size(queued ?? 0)} queued`,
    kept: grown <= BUDGET * 1.1 && (queued ?? 0) <= BUDGET * 1.1,
  }, {
    promise: "the stalled one sees the newest picture within a second of waking",
    measured: `${(woken.ms ?? 0).toFixed(0)} ms`,
    kept: (woken.ms ?? Infinity) <= 1000,
  }, {
    promise: "those on slow links see what their links carry",
    measured: `${((seen.sum ?? 0) / slow / seconds).toFixed(1)} pictures/s each`,
  }];
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
