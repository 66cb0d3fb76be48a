import { Child } from "./_child.ts";
import { count, type Figure, size, type Trial } from "./_figures.ts";
import { Proxy } from "./_proxy.ts";

/** How far memory may grow over the last two thirds: what a garbage collector leaves lying. */
const GROWTH = 0.1;

/** Mixed load for a long time, through a network that breaks now and then. */
export async function soak({ quick, minutes = 20, random, log }: Trial): Promise<Figure[]> {
  const seconds = quick ? 20 : minutes * 60;
  const { child: server, hello } = await Child.start("mixed_server.ts", [0]);
  await using _server = server;
  await using proxy = new Proxy(hello.port ?? 0, random);
  const { child: client } = await Child.start("mixed_client.ts", [proxy.port, 8]);
  await using _client = client;
  await client.ask("start", 4, 1);
  /** Of the server: memory after a collection, and handles. */
  const samples: { time: number; rss: number; heap: number; handles: number }[] = [];
  const start = performance.now();
  const step = Math.max(0.5, seconds / 120) * 1000;
  while (performance.now() - start < seconds * 1000) {
    await pause(step);
    if (random.below(4) === 0) {
      proxy.strike(random.pick(["cut", "cut", "half-close", "black hole"]));
    }
    await client.ask("churn").catch(() => {});
    const { heap = 0 } = await server.ask("collect");
    const time = (performance.now() - start) / 1000;
    samples.push({ time, rss: server.rss, heap, handles: server.handles });
  }
  const hanging = pause(60_000).then(() => undefined);
  const end = await Promise.race([client.ask("stop"), hanging]);
  const ticks = await client.ask("ticks");
  const { silent, twice, disorder, wrong, gaps } = ticks;
  const missed = `${silent} missed in silence, ${gaps} gaps told, ${twice} twice, ` +
    `${disorder} out of order, ${wrong} wrong offsets`;
  const settled = samples.filter(({ time }) => time > seconds / 3);
  const rss = trend(settled.map(({ time, rss }) => [time, rss]));
  const heap = trend(settled.map(({ time, heap }) => [time, heap]));
  const handles = trend(settled.map(({ time, handles }) => [time, handles]));
  const duration = seconds * 2 / 3;
  log(`${proxy.faults} faults, ${count(end?.made ?? 0)} calls, ${samples.length} samples`);
  const figures: Figure[] = [];
  for (const [name, { slope, mean }] of [["memory", rss], ["heap", heap]] as const) {
    figures.push({
      promise: `${seconds / 60 >= 1 ? `${seconds / 60} minutes` : `${seconds} s`} of mixed load: ` +
        `the server's ${name} is flat after the first third`,
      measured: `${size(mean)}, slope ${size(Math.round(slope * 60))}/min`,
      // Seconds say nothing about memory: the first third isn't even over when everything is warm.
      ...(quick ? {} : { kept: slope * duration <= GROWTH * mean }),
    });
  }
  figures.push({
    promise: "its open handles are flat after the first third",
    measured: `${handles.mean.toFixed(1)}, slope ${(handles.slope * 60).toFixed(2)}/min`,
    // Over seconds it matters whose sockets were just cut at either end; what leaks with calls or
    // connections is hundreds by then.
    kept: handles.slope * duration <= Math.max(quick ? 32 : 8, GROWTH * handles.mean),
  }, {
    promise: "no call of the load hangs or ends wrong",
    measured: `${count(end?.made ?? 0)} made: ${count(end?.answered ?? 0)} answered, ` +
      `${end?.closed} closed, ${end?.notSent} not sent, ${end?.wrong} wrong, ${end?.other} other`,
    kept: end !== undefined && end.pending === 0 && end.wrong === 0 && end.other === 0 &&
      end.timeout === 0,
  }, {
    promise: "who listens misses nothing: each publication comes once, in order",
    measured: `${count(ticks.came ?? 0)} came; ${missed}`,
    kept: [silent, twice, disorder, wrong, gaps].every((figure) => figure === 0),
  });
  return figures;
}

/** The line through points that has the least squares. */
function trend(points: readonly (readonly [number, number])[]): { slope: number; mean: number } {
  const n = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n;
  const mean = points.reduce((sum, [, y]) => sum + y, 0) / n;
  const above = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - mean), 0);
  const below = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return { slope: below === 0 ? 0 : above / below, mean };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
