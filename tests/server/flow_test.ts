import { assert, assertEquals } from "@std/assert";
import { connect } from "@hawser/hawser/client";
import { createServer, serve } from "@hawser/hawser/server";
import { Proxy } from "../_proxy.ts";

/** 20 Mbit/s, in bytes per ms. */
const RATE = 2500;

const PICTURE = 200_000;

/** What passes while one picture comes after the other, 30 in a second. */
const PERIOD = RATE * 1000 / 30;

Deno.test("behind a slow link a viewer sees a picture that is two transfers old at most", async () => {
  const server = createServer();
  await using listening = await serve(server, { port: 0 });
  await using proxy = new Proxy(listening.webSocketUrl, { rate: RATE });
  await using session = await connect(proxy.url);
  let published = 0;
  const publish = () => {
    const picture = { n: ++published, blob: new Uint8Array(PICTURE) };
    server.publish("image", picture, { policy: "latest" });
  };
  // Time is what the link has passed on: no clock, and a slow machine changes nothing.
  let passed = 0;
  proxy.onForward = (direction, size) => {
    if (direction !== "down") return;
    for (passed += size; passed >= PERIOD; passed -= PERIOD) publish();
  };
  const ages: number[] = [];
  const pictures = session.subscribe<{ n: number }>("image");
  await pictures.ready;
  publish();
  for await (const { n } of pictures) {
    ages.push(published - n);
    if (ages.length === 25) break;
    // The link never stands still for want of a picture.
    publish();
  }
  // In periods: two transfers take 4.8, and one more is published here at each arrival.
  const oldest = Math.max(...ages.slice(1));
  assert(oldest <= 2 * PICTURE / PERIOD + 2, `ages in periods: ${ages}`);
  const [client] = server.clients.values();
  assert(client && client.dropped > 0);
});

Deno.test("behind a slow link a small call is answered long before a mesh is there", async () => {
  const server = createServer({
    procedures: {
      "mesh.get": () => new Uint8Array(3_000_000),
      "small.get": (n: number) => n,
    },
  });
  await using listening = await serve(server, { port: 0 });
  await using proxy = new Proxy(listening.webSocketUrl, { rate: RATE * 4 });
  await using session = await connect<typeof server>(proxy.url);
  let there = false;
  const mesh = session.call("mesh.get").then(({ length }) => {
    there = true;
    return length;
  });
  let answered = 0;
  const before = proxy.forwarded.down;
  assertEquals(await session.call("small.get", [1]), 1);
  const waited = proxy.forwarded.down - before;
  while (!there) assertEquals(await session.call("small.get", [answered]), answered++);
  assertEquals(await mesh, 3_000_000);
  assert(answered >= 5, `${answered} calls were answered meanwhile`);
  assert(waited < 600_000, `the first waited for ${waited} bytes`);
});

Deno.test("a publisher that waits goes at the slowest receiver's pace, and nothing is dropped", async () => {
  const server = createServer({ limits: { queueBytes: 300_000 } });
  await using listening = await serve(server, { port: 0 });
  await using proxy = new Proxy(listening.webSocketUrl, { rate: RATE * 4 });
  await using slow = await connect(proxy.url);
  await using quick = await connect(listening.webSocketUrl);
  const seen: Record<"slow" | "quick", number[]> = { slow: [], quick: [] };
  const done = Promise.withResolvers<void>();
  for (const [name, session] of [["slow", slow], ["quick", quick]] as const) {
    const pieces = session.subscribe<{ n: number }>("mesh", ({ n }) => {
      seen[name].push(n);
      if (seen.slow.length === 20 && seen.quick.length === 20) done.resolve();
    });
    await pieces.ready;
  }
  const all = Array.from({ length: 20 }, (_, n) => n);
  for (const n of all) {
    const value = { n, blob: new Uint8Array(100_000) };
    assertEquals(await server.publish("mesh", value, { policy: "wait" }), 2);
    for (const client of server.clients.values()) {
      assert(client.queueStats().heldBytes <= 400_000);
    }
  }
  await done.promise;
  assertEquals(seen, { slow: all, quick: all });
  const { published, delivered, dropped } = server.topicStats().get("mesh") ?? {};
  assertEquals([published, delivered, dropped], [20, 40, 0]);
});
