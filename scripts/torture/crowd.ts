import { Child } from "./_child.ts";
import { count, type Figure, size, type Trial } from "./_figures.ts";

/** The longest delay of the default backoff, in ms. */
const BOUND = 30_000;

/** Many connections that are all cut at once. */
export async function crowd({ quick, random, log }: Trial): Promise<Figure[]> {
  const total = quick ? 1000 : 10_000;
  const processes = quick ? 2 : 4;
  const { child: server, hello } = await Child.start("crowd_server.ts");
  await using _server = server;
  await using stack = new AsyncDisposableStack();
  const proxies: Child[] = [];
  const clients: Child[] = [];
  for (let i = 0; i < processes; i++) {
    const proxy = await Child.start("proxy.ts", [hello.port, random.next()]);
    proxies.push(stack.use(proxy.child));
    clients.push(stack.use((await Child.start("crowd_client.ts", [proxy.hello.port])).child));
  }
  await clients[0]?.ask("join", 100); // the first ones load code that is no connection's cost
  await server.ask("gc");
  const before = server.rss;
  const share = total / processes;
  await Promise.all(clients.map((client, i) => client.ask("join", i === 0 ? share - 100 : share)));
  await server.ask("gc");
  const each = (server.rss - before) / (total - 100);
  log(`${count(total)} connections, ${size(server.rss)} at the server`);

  for (const client of clients) await client.ask("expect");
  const start = performance.now();
  const cut = (await Promise.all(proxies.map((proxy) => proxy.ask("cut"))))
    .reduce((sum, answer) => sum + (answer.cut ?? 0), 0);
  await pause(500); // until the last has noticed
  let open = 0;
  let resumed = 0;
  let slowest = 0;
  while (performance.now() - start < BOUND * 2) {
    const answers = await Promise.all(clients.map((client) => client.ask("status")));
    open = answers.reduce((sum, answer) => sum + (answer.open ?? 0), 0);
    resumed = answers.reduce((sum, answer) => sum + (answer.resumed ?? 0), 0);
    slowest = Math.max(...answers.map(({ ms }) => ms ?? 0));
    if (open === total && resumed > 0) break;
    await pause(100);
  }
  await server.ask("tick");
  let ticks = 0;
  for (let i = 0; i < 100 && ticks < total; i++) {
    await pause(100);
    const answers = await Promise.all(clients.map((client) => client.ask("status")));
    ticks = answers.reduce((sum, answer) => sum + (answer.ticks ?? 0), 0);
  }
  return [{
    promise: `${count(total)} connections cut at once: all back within the backoff's ` +
      `${BOUND / 1000} s`,
    measured: `${count(cut)} cut, ${count(open)} back after ${(slowest / 1000).toFixed(1)} s, ` +
      `${count(resumed)} resumed`,
    kept: cut === total && open === total && slowest <= BOUND,
  }, {
    promise: "each hears the next publication, once",
    measured: `${count(ticks)} of ${count(total)}`,
    kept: ticks === total,
  }, {
    promise: "the server's memory for a connection",
    measured: size(Math.round(each)),
  }];
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
