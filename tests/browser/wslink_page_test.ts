/** wslink's own JavaScript clients, and Hawser's, in a page in Chromium. */

import { chromium, type Page } from "playwright-core";
import { bundlePage } from "../../examples/_bundle.ts";
import { findChromium } from "../../scripts/setup.ts";
import { createServer, serve } from "../../server.ts";
import type { Outcome } from "../peers/_check.ts";
import { hawserClientCases, type ServerUnderTest } from "../peers/_hawser_client_cases.ts";
import { startHawser, startHawserUnderTest } from "../peers/_hawser_servers.ts";
import { PYTHON_VERSIONS, startPythonUnderTest } from "../peers/_python.ts";
import { clientRow, report, wslinkRow } from "../peers/_results.ts";
import { JS_VERSIONS } from "../peers/_wslink.ts";
import { bothWiresCases, wslinkCases } from "../peers/_wslink_cases.ts";
import type { Peers } from "./peers/page.ts";

const runtime = "Chromium";

/** Nothing that looks for updates or keeps anything. */
const args = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

/** Opens the page, served by Hawser, and calls one of its functions. */
async function inChromium<Name extends keyof Peers>(
  name: Name,
  ...values: Parameters<Peers[Name]>
): Promise<Outcome[]> {
  const executablePath = await findChromium();
  if (executablePath === undefined) {
    throw new Error('Chromium is missing: "deno task setup" installs it');
  }
  const content = await bundlePage(new URL("peers/", import.meta.url));
  await using listening = await serve(createServer(), { port: 0, content });
  const browser = await chromium.launch({ executablePath, args });
  try {
    const page: Page = await browser.newPage();
    await page.goto(listening.url);
    return await page.evaluate(`peers.${name}(...${JSON.stringify(values)})`);
  } finally {
    await browser.close();
  }
}

/** The browser's connection and its timers belong to the driver, which ends them in its own time. */
function test(name: string, fn: (t: Deno.TestContext) => Promise<void>): void {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn });
}

async function proveClient(t: Deno.TestContext, server: ServerUnderTest): Promise<void> {
  const outcomes = await inChromium("hawser", server);
  await report(t, clientRow(server, runtime), Object.keys(hawserClientCases(server)), outcomes);
}

for (const version of JS_VERSIONS) {
  test(`wslink ${version} for JavaScript in Chromium uses Hawser's server`, async (t) => {
    await using servers = await startHawser();
    const names = Object.keys(wslinkCases(version, servers));
    const outcomes = await inChromium("wslink", version, servers);
    await report(t, wslinkRow(version, runtime), names, outcomes);
    await servers.exited;
  });
}

test("wslink's JavaScript clients of both wires in Chromium share Hawser's server", async (t) => {
  await using servers = await startHawser();
  const names = Object.keys(bothWiresCases(servers));
  await report(t, wslinkRow("both", runtime), names, await inChromium("bothWires", servers));
});

for (const wire of ["json", "msgpack"] as const) {
  test(`Hawser's client in Chromium uses Hawser's server on ${wire}`, async (t) => {
    await using server = await startHawserUnderTest(wire);
    await proveClient(t, server);
  });
}

for (const version of PYTHON_VERSIONS) {
  test(`Hawser's client in Chromium uses wslink ${version} for Python`, async (t) => {
    await using server = await startPythonUnderTest(version);
    await proveClient(t, server);
  });
}
