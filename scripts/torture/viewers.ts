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

/** What some seconds of the film were like for those who are neither slow nor stalled. */
interface Phase {
  /** How much of the film the one that saw least has seen. */
  readonly rate: number;
  /** How old a picture was at most when it came, in ms. */
  readonly late: number;
  /** The server's memory at most, in bytes. */
  readonly rss: number;
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

  async function watch(duration: number): Promise<Phase> {
    const before = (await server.ask("number")).number ?? 0;
    for (const group of groups) await group.ask("reset");
    let rss = 0;
    for (let passed = 0; passed < duration * 4; passed++) {
      await pause(250);
      rss = Math.max(rss, server.rss);
    }
    const shown = ((await server.ask("number")).number ?? 0) - before;
    const answers = await Promise.all([first?.ask("seen"), second?.ask("seen")]);
    const least = Math.min(...answers.map((answer) => answer?.least ?? 0));
    const late = Math.max(...answers.map((answer) => answer?.late ?? 0));
    return { rate: least / shown, late, rss };
  }

  // Before anybody is slow, and again once they have left: what this machine can do at all.
  await server.ask("show", PICTURE, RATE);
  for (let i = 0; i < 10 && (await watch(1)).rate < 0.97; i++);
  const before = await watch(quick ? 4 : 15);
  await stalled.ask("open", stalling.port, 1);
  await crawling.ask("open", link.port, slow);
  await pause(1000); // until each has seen something
  const start = performance.now();
  stalling.strike("stall");
  const during = await watch(seconds);
  const seen = await crawling.ask("seen");
  stalling.release();
  const stalledFor = (performance.now() - start) / 1000;
  const woken = await stalled.ask("fresh", 500);
  const { queued } = await server.ask("number");
  await Promise.all([stalled.ask("close"), crawling.ask("close")]);
  const after = await watch(quick ? 4 : 15);
  await server.ask("hide");
  log(`stalled for ${stalledFor.toFixed(0)} s`);
  const alone = Math.min(1, (before.rate + after.rate) / 2);
  const grown = during.rss - before.rss;
  return [{
    promise: `${total} viewers of ${RATE} pictures/s of ${size(PICTURE)}, one stalled ` +
      `${seconds} s, ${slow} on slow links: the others keep 0.95 of what they see without those`,
    measured: `the least of them saw ${during.rate.toFixed(3)} of the pictures, at most ` +
      `${during.late} ms late; without those ${before.rate.toFixed(3)} before and ` +
      `${after.rate.toFixed(3)} after: ${(during.rate / alone).toFixed(3)} of it`,
    kept: during.rate >= 0.95 * alone,
  }, {
    promise: `the server's memory (RSS, four times a second, above the most that it was before ` +
      `them) stays within its totalQueueBytes of ${size(BUDGET)} plus 10 %`,
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
