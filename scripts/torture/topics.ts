import { Child } from "./_child.ts";
import { count, type Figure, type Trial } from "./_figures.ts";
import { Proxy } from "./_proxy.ts";

const SUBSCRIBERS = 5;

/** Publications to subscribers whose connections are cut again and again. */
export async function topics({ quick, random }: Trial): Promise<Figure[]> {
  const total = quick ? 5000 : 200_000;
  const faults = quick ? 5 : 200;
  const { child: server, hello } = await Child.start("topics_server.ts");
  await using _server = server;
  await using proxy = new Proxy(hello.port ?? 0, random);
  const { child: client } = await Child.start("topics_client.ts", [proxy.port, SUBSCRIBERS]);
  await using _client = client;
  // Each has been let in; from here on none of them is safe.
  proxy.plan({ faults, bytes: [1000, total], kinds: ["cut", "cut", "cut", "half-close"] });
  proxy.strike("cut");
  await server.ask("publish", total, quick ? 2500 : 8000);
  let status = await client.ask("status");
  for (let i = 0; i < 100 && status.open !== SUBSCRIBERS; i++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    status = await client.ask("status");
  }
  const { distinct = 0, twice = 0, disorder = 0, open = 0 } = status;
  const all = total * SUBSCRIBERS;
  return [{
    promise: `${count(total)} publications over ${faults} cuts to ${SUBSCRIBERS} subscribers: ` +
      "none comes twice or out of order, and all are back",
    measured: `${count(distinct)} of ${count(all)} came, ${twice} twice, ${disorder} out of ` +
      `order, ${proxy.faults} cuts, ${open} back`,
    kept: twice === 0 && disorder === 0 && open === SUBSCRIBERS && proxy.faults >= faults,
  }, {
    promise: "without a history, what is missed is what was published meanwhile",
    measured: `${((1 - distinct / all) * 100).toFixed(1)} %`,
  }];
}
