/** What `deno task build:browser` makes, in a page and in every kind of worker, under a strict policy. */

import { assertEquals } from "@std/assert";
import { build, stop } from "esbuild";
import { chromium } from "playwright-core";
import { buildBrowser } from "../../scripts/build_browser.ts";
import { describeModule } from "../../scripts/npm_edition/api.ts";
import { pathOf } from "../../scripts/_deno.ts";
import { findChromium } from "../../scripts/setup.ts";
import { hawserClientCases, type ServerUnderTest } from "../peers/_hawser_client_cases.ts";
import { startHawserUnderTest } from "../peers/_hawser_servers.ts";
import { PYTHON_VERSIONS, startPythonUnderTest } from "../peers/_python.ts";
import { clientRow, report } from "../peers/_results.ts";
import type { Answer, Places } from "./build/page.ts";

const folder = pathOf(".cache/pages/build");

/** No inline code, no text that becomes code, no connection but to the servers under test. */
const policy = "default-src 'self'; connect-src ws://127.0.0.1:* ws://localhost:*";

/** The places, and how the table calls them. */
const places: Record<keyof Places, string> = {
  page: "Chromium (hawser.js)",
  worker: "Chromium (worker)",
  sharedWorker: "Chromium (shared worker)",
  serviceWorker: "Chromium (service worker)",
};

let built: Promise<void> | undefined;

function buildOnce(): Promise<void> {
  return built ??= buildAll();
}

/** Builds the file, and beside it the cases, which load it as it is. */
async function buildAll(): Promise<void> {
  await buildBrowser(folder);
  await build({
    entryPoints: ["page.ts", "context.ts"].map((name) => pathOf(`tests/browser/build/${name}`)),
    outdir: folder,
    bundle: true,
    format: "esm",
    platform: "browser",
    logLevel: "error",
    plugins: [{
      name: "the built client",
      setup({ onResolve }) {
        onResolve({ filter: /^(?:\.\.\/)+client\.ts$/ }, () => ({
          path: "./hawser.js",
          external: true,
        }));
      },
    }],
  });
  await stop();
  const html =
    '<!doctype html><link rel="icon" href="icon.svg"><script type="module" src="page.js"></script>';
  await Deno.writeTextFile(`${folder}/index.html`, html);
  await Deno.writeTextFile(`${folder}/icon.svg`, '<svg xmlns="http://www.w3.org/2000/svg"/>');
}

const types: Record<string, string> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript",
  map: "application/json",
  svg: "image/svg+xml",
};

async function serveFile(request: Request): Promise<Response> {
  const path = new URL(request.url).pathname.slice(1) || "index.html";
  const type = types[path.slice(path.lastIndexOf(".") + 1)] ?? "application/octet-stream";
  const headers = { "content-type": type, "content-security-policy": policy };
  return new Response(await Deno.readFile(`${folder}/${path}`), { headers });
}

async function inChromium(place: keyof Places, server: ServerUnderTest): Promise<Answer> {
  await buildOnce();
  const executablePath = await findChromium();
  if (executablePath === undefined) {
    throw new Error('Chromium is missing: "deno task setup" installs it');
  }
  const http = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, serveFile);
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    // Sockets that break, as some cases want, are told of as well; what the policy refuses is not.
    page.on("console", (message) => {
      if (/Content Security Policy/i.test(message.text())) errors.push(message.text());
    });
    await page.goto(`http://127.0.0.1:${http.addr.port}/`);
    const answer = await page.evaluate<Answer>(`places.${place}(${JSON.stringify(server)})`);
    assertEquals(errors.filter((error) => !/unsafe-eval/.test(error)), []);
    return answer;
  } finally {
    await browser.close();
    await http.shutdown();
  }
}

async function prove(t: Deno.TestContext, server: ServerUnderTest): Promise<void> {
  for (const place of ["page", "worker", "sharedWorker", "serviceWorker"] as const) {
    const { outcomes, canEval } = await inChromium(place, server);
    assertEquals(canEval, false, "The policy is not in force");
    const names = Object.keys(hawserClientCases(server));
    await report(t, clientRow(server, places[place]), names, outcomes);
  }
}

/** The browser's connection and its timers belong to the driver, which ends them in its own time. */
function test(name: string, fn: (t: Deno.TestContext) => Promise<void>): void {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn });
}

test("the browser's file has no imports and declares what the package does", async () => {
  await buildOnce();
  const source = await Deno.readTextFile(`${folder}/hawser.js`);
  assertEquals(source.match(/\bimport\b[^;]{0,40}/g), null);
  const path = `${folder}/hawser.d.ts`;
  const declarations = (await Deno.readTextFile(path)).replaceAll(/\/\*[\s\S]*?\*\//g, "");
  assertEquals(declarations.match(/\bfrom\s*["'].*/g), null);
  const own = pathOf(".cache/declarations/mod.d.ts");
  const namesOf = (path: string) => [...describeModule(path).keys()].sort();
  assertEquals(namesOf(path), namesOf(own));
});

for (const wire of ["json", "msgpack"] as const) {
  test(`hawser.js in pages and workers uses Hawser's server on ${wire}`, async (t) => {
    await using server = await startHawserUnderTest(wire);
    await prove(t, server);
  });
}

for (const version of PYTHON_VERSIONS) {
  test(`hawser.js in pages and workers uses wslink ${version} for Python`, async (t) => {
    await using server = await startPythonUnderTest(version);
    await prove(t, server);
  });
}
