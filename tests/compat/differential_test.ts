/**
 * npm's wslink and the drop-in, side by side: one script, the same servers, and
 * no difference but those that docs/migrating.md lists.
 *
 * `UPDATE_DIFFERENCES=1` writes what is found to `differences.json`, to be read
 * before it is committed.
 */

import { assert, assertEquals } from "@std/assert";
import { chromium, type Page } from "playwright-core";
import { bundlePage } from "../../examples/_bundle.ts";
import { findChromium } from "../../scripts/setup.ts";
import { createServer, serve } from "../../server.ts";
import type { Script } from "./page/page.ts";
import { openHawser, type OpenPlace, openPython } from "./_places.ts";
import { type Place, runScript, type Transcript } from "./_script.ts";
import { dropIn, ORIGINALS, VERSIONS, type Wire } from "./_subjects.ts";

/** For each place and wire, for each step that differs: what npm's wslink shows, and the drop-in. */
type Differences = Record<string, Record<string, readonly [string, string]>>;

const KEPT = new URL("differences.json", import.meta.url);
const WIRES: readonly Wire[] = ["json", "msgpack"];
const isUpdate = Deno.env.get("UPDATE_DIFFERENCES") === "1";

function compare(
  original: Transcript,
  ours: Transcript,
): Record<string, readonly [string, string]> {
  assertEquals(Object.keys(ours), Object.keys(original));
  const pairs = Object.keys(original).map((step): [string, [string, string]] => [
    step,
    [original[step] ?? "", ours[step] ?? ""],
  ]);
  return Object.fromEntries(pairs.filter(([, [one, other]]) => one !== other));
}

function readKept(): Differences {
  return JSON.parse(Deno.readTextFileSync(KEPT));
}

/** Compares what was found with what was intended; an update keeps it instead. */
function check(where: string, found: Record<string, readonly [string, string]>): void {
  const kept = readKept();
  if (isUpdate) {
    Deno.writeTextFileSync(KEPT, JSON.stringify({ ...kept, [where]: found }, null, 2) + "\n");
  } else assertEquals(found, { ...kept[where] }, where);
}

/** A server of its own for each run: what one run leaves behind isn't met by the next. */
async function run(
  open: () => Promise<OpenPlace>,
  work: (place: Place) => Promise<Transcript>,
): Promise<Transcript> {
  await using place = await open();
  return await work(place);
}

/** What a page can't be given stays behind. */
function plain({ url, nobody, launcher, nap }: Place): Place {
  return { url, nobody, nap, ...launcher === undefined ? {} : { launcher } };
}

// wslink leaves timers and sockets behind after its destroy(), so nothing is counted here; the
// drop-in's own tests count.
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn });
}

for (const wire of WIRES) {
  const version = VERSIONS[wire];

  test(`the drop-in does as npm's wslink ${version} does with wslink for Python`, async () => {
    const open = () => openPython(wire);
    const original = await run(open, (place) => runScript(ORIGINALS[wire], place));
    const ours = await run(open, (place) => runScript(dropIn(wire), place));
    check(`Python ${wire}`, compare(original, ours));
    // What an application gets that names no wire.
    assertEquals(await run(open, (place) => runScript(dropIn("auto"), place)), ours);
  });

  test(`the drop-in does as npm's wslink ${version} does with Hawser`, async () => {
    // Deno has no XMLHttpRequest for npm's launcher; Chromium has.
    const without = (subject: Parameters<typeof runScript>[0]) => (place: Place) =>
      runScript(subject, { url: place.url, nobody: place.nobody, nap: place.nap });
    const original = await run(openHawser, without(ORIGINALS[wire]));
    const ours = await run(openHawser, without(dropIn(wire)));
    check(`Hawser ${wire}`, compare(original, ours));
  });

  test(`the drop-in does as npm's wslink ${version} does in Chromium`, async () => {
    const executablePath = await findChromium();
    assert(executablePath, 'Chromium is missing: "deno task setup" installs it');
    const content = await bundlePage(new URL("page/", import.meta.url));
    await using listening = await serve(createServer(), { port: 0, content });
    const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    async function inPage<Name extends keyof Script>(name: Name, wire: Wire, place: Place) {
      const page: Page = await browser.newPage();
      await page.goto(listening.url);
      const args = JSON.stringify([wire, plain(place)]);
      const transcript: Transcript = await page.evaluate(`script.${name}(...${args})`);
      await page.close();
      return transcript;
    }
    try {
      const original = await run(openHawser, (place) => inPage("original", wire, place));
      const ours = await run(openHawser, (place) => inPage("dropIn", wire, place));
      check(`Chromium ${wire}`, compare(original, ours));
    } finally {
      await browser.close();
    }
  });
}

Deno.test("docs/migrating.md lists the differences that the script found, and no other", () => {
  const page = Deno.readTextFileSync(new URL("../../docs/migrating.md", import.meta.url));
  const [, after = ""] = page.split("<!-- differences -->\n");
  const [table = ""] = after.split("<!-- end -->");
  const listed = Array.from(
    table.matchAll(/^\| ([^|]+) \| ([^|]+) \| ([^|]*) \| ([^|]*) \|$/gm),
    ([, step = "", versions = ""]) => [step.trim(), versions.trim()],
  ).filter(([step = ""]) => !/^(Step|-+)$/.test(step));
  const found = new Map<string, Set<string>>();
  for (const [where, steps] of Object.entries(readKept())) {
    const wire = where.endsWith("json") ? "1.x" : "2.x";
    for (const step of Object.keys(steps)) {
      found.set(step, (found.get(step) ?? new Set()).add(wire));
    }
  }
  const expected = Array.from(found, ([step, wires]) => [step, [...wires].sort().join(", ")]);
  assertEquals(Object.fromEntries(listed), Object.fromEntries(expected));
});
