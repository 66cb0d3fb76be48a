/** vtk.js' own remote rendering, unmodified, bundled by Vite with the drop-in in wslink's place, in Chromium. */

import { assert, assertEquals } from "@std/assert";
import { type Browser, chromium, type Page } from "playwright-core";
import { pathOf } from "../../../scripts/_deno.ts";
import { findChromium } from "../../../scripts/setup.ts";
import { serve } from "../../../server.ts";
import { openProject, run } from "../../npm/_project.ts";
import { requirePeer } from "../../peers/_installed.ts";
import { installInto } from "../_project.ts";
import { createVtkServer } from "./_server.ts";

/** What can be seen of a picture, as the page tells it. */
interface Seen {
  readonly width: number;
  readonly height: number;
  readonly blue: Place | null;
  readonly green: Place | null;
  readonly orange: Place | null;
  readonly corner: number;
}

interface Place {
  readonly count: number;
  readonly x: number;
  readonly y: number;
}

/** Where vtk.js and Vite are, with the npm wslink that vtk.js asks for beside them. */
const TOP = pathOf(".cache/vtk");

const bundles = new Map<string, Promise<URL>>();

/** Bundles an application, the first time that it is asked for. */
function bundleOnce(name: string, wslink: boolean): Promise<URL> {
  const known = bundles.get(name) ?? bundle(name, wslink);
  bundles.set(name, known);
  return known;
}

/** An application like a user's: vtk.js, and `wslink` in the one line. */
async function bundle(name: string, wslink: boolean): Promise<URL> {
  requirePeer(".cache/vtk/node_modules/@kitware/vtk.js/package.json", "vtk.js");
  const node = requirePeer(".cache/node22/node_modules/node/bin/node", "Node 22");
  const folder = `${TOP}/${name}`;
  if (wslink) await installInto(folder, await openProject());
  else await Deno.mkdir(folder, { recursive: true });
  await Deno.copyFile(new URL("application.html", import.meta.url), `${folder}/index.html`);
  const vite = `${TOP}/node_modules/vite/bin/vite.js`;
  await run(node, [vite, "build", "--base", "./", "--logLevel", "error"], folder);
  return new URL(`file://${folder}/dist/`);
}

async function launch(): Promise<Browser> {
  const executablePath = await findChromium();
  assert(executablePath, 'Chromium is missing: "deno task setup" installs it');
  return await chromium.launch({ executablePath, args: ["--no-sandbox"] });
}

/** Looks at a picture again and again until it is as it should be. */
async function until(
  page: Page,
  selector: string,
  what: string,
  good: (seen: Seen) => boolean,
): Promise<Seen> {
  let last: Seen | null = null;
  const end = performance.now() + 30_000;
  while (performance.now() < end) {
    last = await page.evaluate(`app.look(${JSON.stringify(selector)})`);
    if (last && good(last)) return last;
    await page.evaluate("new Promise(requestAnimationFrame)");
  }
  throw new Error(`${what}: never seen, but ${JSON.stringify(last)}`);
}

function isNear(place: Place | null, x: number, y: number): boolean {
  return place !== null && Math.hypot(place.x - x, place.y - y) <= 3;
}

/** The view shows its pictures in an image behind its canvas. */
const VIEW = "#view img";

const subjects = [
  { name: "npm's wslink 2.5.0", folder: "npm", isOurs: false, query: "" },
  { name: "the drop-in", folder: "drop-in", isOurs: true, query: "" },
  {
    name: "the drop-in on the 1.x wire",
    folder: "drop-in",
    isOurs: true,
    query: "?wire=json",
  },
];

for (const { name, folder, isOurs, query } of subjects) {
  // The browser's connection and its timers belong to the driver, which ends them in its own time.
  const options = { sanitizeOps: false, sanitizeResources: false };
  Deno.test(`vtk.js shows moving pictures, and steers them, through ${name}`, options, async () => {
    const content = await bundleOnce(folder, isOurs);
    const { server, called } = createVtkServer();
    const listening = await serve(server, { port: 0, content });
    const browser = await launch();
    try {
      const page = await browser.newPage({ viewport: { width: 640, height: 560 } });
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(error.message));
      page.on("console", (message) => {
        if (message.type() === "error") errors.push(message.text());
      });
      await page.goto(listening.url + query);
      await page.waitForFunction("globalThis.app");

      // Pictures come, in the size of their views.
      const first = await until(
        page,
        VIEW,
        "a picture",
        ({ width, height, blue }) => width === 400 && height === 300 && blue !== null,
      );
      assertEquals(first.corner, 200);
      const second = await until(
        page,
        "#second",
        "a second view's picture",
        ({ width }) => width === 200,
      );
      assert(isNear(second.blue, 145, 75), JSON.stringify(second.blue));

      // They move.
      await page.evaluate("app.stream.setServerAnimationFPS(40)");
      await page.evaluate("app.view.getViewStream().startAnimation()");
      let angle = 0;
      for (let stop = 0; stop < 4; stop++) {
        const seen = await until(
          page,
          VIEW,
          "the next picture",
          ({ blue }) =>
            blue !== null && !isNear(blue, first.blue?.x ?? 0, first.blue?.y ?? 0) &&
            Math.atan2(blue.y - 150, blue.x - 200) !== angle,
        );
        angle = Math.atan2((seen.blue?.y ?? 0) - 150, (seen.blue?.x ?? 0) - 200);
      }
      await page.evaluate("app.view.getViewStream().stopAnimation()");
      assert(await page.evaluate<number>("app.view.getViewStream().getFps().length") > 4);

      // The mouse steers them, at the quality of an interaction.
      const box = await page.locator("#view").boundingBox();
      assert(box);
      await page.mouse.move(box.x + 100, box.y + 80);
      await page.mouse.down();
      await page.mouse.move(box.x + 150, box.y + 100, { steps: 5 });
      await until(page, VIEW, "the quality of an interaction", ({ corner }) => corner === 120);
      // vtk.js leaves out what comes within 33 ms, so the last move may have to come again.
      let steered: Seen | null = null;
      for (let tries = 0; tries < 100 && !isNear(steered?.orange ?? null, 300, 60); tries++) {
        await page.mouse.move(box.x + 300 + tries % 2, box.y + 60);
        steered = await until(page, VIEW, "the square", ({ orange }) => orange !== null);
      }
      assert(isNear(steered?.orange ?? null, 300, 60), JSON.stringify(steered));
      await page.screenshot({ path: pathOf(`.cache/vtk/${folder}${query.slice(1)}.png`) });
      await page.mouse.up();
      await until(
        page,
        VIEW,
        "no square, at full quality",
        ({ orange, corner }) => orange === null && corner === 200,
      );

      // The wheel zooms.
      const before = await until(page, VIEW, "the disc", ({ blue }) => blue !== null);
      await page.mouse.wheel(0, -100);
      await until(
        page,
        VIEW,
        "a disc of another size",
        ({ blue }) => blue !== null && Math.abs(blue.count - (before.blue?.count ?? 0)) > 200,
      );

      // A change of size, and calls of the application's own.
      await page.evaluate("document.querySelector('#view').style.width = '320px'");
      await page.evaluate("app.view.resize()");
      await until(page, VIEW, "a smaller picture", ({ width }) => width === 320);
      await page.evaluate("app.busy.length = 0");
      await page.evaluate("app.client.getRemote().Scene.colour('1', 'green')");
      await until(page, VIEW, "another colour", ({ green, blue }) => green !== null && !blue);
      const failure = "app.client.getRemote().Scene.fail().catch((error) => error)";
      assertEquals(await page.evaluate(failure), {
        code: 1001,
        message: "No such scene",
        data: { scene: 7 },
      });
      const upload = "app.client.getRemote().Scene.upload(Uint8Array.of(1, 2, 3).buffer)";
      assertEquals(await page.evaluate(upload), 6);
      await page.waitForFunction("app.busy.at(-1) === 0");
      // Whether it is idle for a moment in between depends on how long the pictures take.
      const busy: number[] = await page.evaluate("app.busy");
      assertEquals(busy.filter((count) => count > 0), [1, 1, 1]);

      assertEquals(await page.evaluate("app.events"), ["ready"]);
      await listening.close();
      await page.waitForFunction("app.events.includes('close')");
      assertEquals(errors, []);
      for (const method of ["push", "push.observer.add", "push.quality", "push.original.size"]) {
        assert(called.has(`viewport.image.${method}`), method);
      }
      assert(called.has("viewport.image.push.invalidate.cache"));
      assert(called.has("viewport.image.animation.fps.max"));
    } finally {
      await browser.close();
      await listening.close();
    }
  });
}
