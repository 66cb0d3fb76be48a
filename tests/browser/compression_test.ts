/** Compressed messages in Chromium, whose streams take a while where other runtimes have zlib. */

import { assertEquals } from "@std/assert";
import { build, stop } from "esbuild";
import { createServer, procedure, serve, topic } from "@hawser/hawser/server";
import { pathOf } from "../../scripts/_deno.ts";
import { launch } from "./_chromium.ts";

/** What the page runs; the server's address and the wire stand in its own. */
const PAGE = `
import { connect } from "./client.ts";
const [url, wire] = decodeURIComponent(location.hash.slice(1)).split(" ");
const table = (n) => ({ n, rows: Array.from({ length: 400 }, (_, i) => "row " + i + " of " + n) });
const session = await connect(url, { wire });
const published = [];
const { promise: all, resolve } = Promise.withResolvers();
await session.subscribe("tables", ({ n }) => {
  published.push(n);
  if (n === 49) resolve();
}).ready;
await session.call("table.publish");
await all;
const uploads = async function* () {
  for (let n = 0; n < 50; n++) yield n % 3 ? table(n) : { n };
};
const uploaded = await session.call("table.sum", [uploads()], { compress: true });
const { sent, received } = session.stats().compression;
await session.close();
globalThis.answer = { published, uploaded, sent, received };
`;

Deno.test({
  name: "a page in Chromium reads and sends compressed messages in their order, on both wires",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const { outputFiles: [script] } = await build({
      stdin: { contents: PAGE, resolveDir: pathOf("."), loader: "js" },
      bundle: true,
      format: "esm",
      platform: "browser",
      write: false,
      logLevel: "error",
    });
    await stop();
    const rows = Array.from({ length: 400 }, (_, i) => `row ${i}`);
    const server = createServer({
      topics: { tables: topic<unknown>({ compress: true }) },
      procedures: {
        "table.publish": () => {
          for (let n = 0; n < 50; n++) server.publish("tables", n % 3 ? { n, rows } : { n });
        },
        "table.sum": procedure(async (_call, values: AsyncIterable<{ n: number }>) => {
          const seen: number[] = [];
          for await (const { n } of values) seen.push(n);
          return seen;
        }),
      },
    });
    await using listening = await serve(server, { port: 0 });
    const http = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
      const isScript = new URL(request.url).pathname === "/page.js";
      const type = isScript ? "text/javascript" : "text/html";
      const html = '<!doctype html><script type="module" src="page.js"></script>';
      return new Response(isScript ? script?.text : html, { headers: { "content-type": type } });
    });
    const browser = await launch();
    try {
      for (const wire of ["json", "msgpack"]) {
        const page = await browser.newPage();
        const hash = encodeURIComponent(`${listening.webSocketUrl} ${wire}`);
        await page.goto(`http://127.0.0.1:${http.addr.port}/#${hash}`);
        await page.waitForFunction("globalThis.answer");
        const numbers = Array.from({ length: 50 }, (_, n) => n);
        assertEquals(await page.evaluate("globalThis.answer"), {
          published: numbers,
          uploaded: numbers,
          sent: 33,
          received: 33,
        });
        await page.close();
      }
    } finally {
      await browser.close();
      await http.shutdown();
    }
  },
});
