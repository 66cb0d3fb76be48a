/** A client in a runtime without `node:zlib`, as browsers are: what it finds goes back to the test. */
const hasProcess = () => "process" in globalThis;
Reflect.deleteProperty(globalThis, "process");
const { connect, ConnectionClosedError } = await import("../../client.ts");

interface Table {
  readonly n: number;
}

function table(n: number): Table & Record<string, unknown> {
  return { n, rows: Array.from({ length: 400 }, (_, i) => `row ${i} of ${n}`) };
}

async function* tables(): AsyncGenerator<Table> {
  for (let n = 0; n < 100; n++) yield n % 3 ? table(n) : { n };
}

async function run(url: string, wire: "json" | "msgpack"): Promise<Record<string, unknown>> {
  const session = await connect(url, { wire });
  const published: number[] = [];
  const { promise: all, resolve } = Promise.withResolvers<void>();
  await session.subscribe<Table>("tables", ({ n }) => {
    published.push(n);
    if (n === 99) resolve();
  }).ready;
  await session.call("table.publish");
  await all;
  const items: number[] = [];
  for await (const { n } of session.stream<Table>("table.all", [100])) items.push(n);
  const uploaded = await session.call("table.sum", [tables()], { compress: true });
  const got = await session.call("table.get", [7]);
  const compression = session.stats().compression;
  const sent = compression?.sent;
  const before = compression !== undefined && compression.bytes > compression.compressedBytes * 2;
  await session.close();
  const limits = { messageSize: 1_000_000 };
  const bounded = await connect(url, { wire, limits, reconnect: false });
  const bomb = await bounded.call("test.bomb").catch((error: unknown) =>
    error instanceof ConnectionClosedError ? error.closeCode : error
  );
  await bounded.close();
  return { process: hasProcess(), published, items, uploaded, got, bomb, sent, before };
}

globalThis.addEventListener("message", async (event) => {
  if (!(event instanceof MessageEvent)) return;
  const { url, wire } = event.data;
  Reflect.get(globalThis, "postMessage")(await run(url, wire));
});
