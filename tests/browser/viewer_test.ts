/** The demo in two windows of Chromium, one as on a desk and one as on a phone. */

import { assert, assertEquals } from "@std/assert";
import { serve } from "@hawser/hawser/server";
import type { Browser, Locator, Page } from "playwright-core";
import { bundlePage } from "../../examples/_bundle.ts";
import { createViewer } from "../../examples/viewer/main.ts";
import { collectErrors, launch, overflowOf } from "./_chromium.ts";

/** The canvas' pixels, whatever size it is shown in. */
async function pictureOf(page: Page): Promise<string> {
  return await page.evaluate("document.querySelector('#picture').toDataURL()");
}

/** The canvas' pixels as numbers; `place` picks one, in fractions of the sides. */
async function pixelsOf(page: Page, ...place: [x: number, y: number] | []): Promise<number[]> {
  return await page.evaluate(
    `createImageBitmap(document.querySelector("#picture")).then((image) => {
    const { width, height } = image, [x, y] = ${JSON.stringify(place)};
    const context = new OffscreenCanvas(width, height).getContext("2d");
    context.drawImage(image, 0, 0);
    const all = x === undefined ? [0, 0, width, height] : [x * width, y * height, 1, 1];
    return [...new Uint32Array(context.getImageData(...all).data.buffer)];
  })`,
  );
}

/** Waits until both windows show the same picture, and another one than before. */
async function agree(one: Page, other: Page, before?: string): Promise<string> {
  while (true) {
    const [here, there] = await Promise.all([pictureOf(one), pictureOf(other)]);
    if (here === there && here !== before) return here;
  }
}

function press(page: Page, name: string): Promise<void> {
  return page.getByRole("button", { name, exact: true }).click();
}

async function pressed(page: Page, name: string, on: boolean): Promise<void> {
  await page.getByRole("button", { name, exact: true, pressed: on }).waitFor();
}

/** Waits until a slider stands at a value. */
async function stands(page: Page, id: string, value: number): Promise<void> {
  await page.waitForFunction(`document.querySelector("#${id}").valueAsNumber === ${value}`);
}

/** Moves the mouse over the picture; places are fractions of its sides. */
async function point(page: Page, x: number, y: number): Promise<void> {
  const picture = page.locator("#picture");
  await picture.scrollIntoViewIfNeeded(); // a phone's window is shorter than the page
  const { width = NaN, height = NaN } = await picture.boundingBox() ?? {};
  await picture.hover({ position: { x: x * width, y: y * height } });
}

function cursor(page: Page, name: string): Locator {
  return page.locator("main span.tag", { hasText: name });
}

/** The figures by their names, once the one named is more than 0. */
async function figures(page: Page, awaited: string): Promise<Map<string, number>> {
  while (true) {
    const pairs: [string, string][] = await page.evaluate(
      "[...document.querySelectorAll('dt')].map((it) => [it.textContent, it.nextSibling.textContent])",
    );
    const found = new Map(pairs.map(([name, text]) => [name, Number(text)]));
    if ((found.get(awaited) ?? 0) > 0) return found;
  }
}

async function open(browser: Browser, width: number, height: number): Promise<Page> {
  const page = await browser.newPage({ viewport: { width, height } });
  page.setDefaultTimeout(120_000);
  // The delay before it comes back is random, up to 6 s: here it is 1.2 s.
  await page.addInitScript("Math.random = () => 0.2");
  return page;
}

// The browser's connection and its timers belong to the driver, which ends them in its own time.
Deno.test({
  name: "two windows of the demo show the same picture, steer it together, and come back when cut",
  sanitizeOps: false,
  sanitizeResources: false,
}, async () => {
  const content = await bundlePage(new URL("../../examples/viewer/", import.meta.url));
  const server = createViewer();
  await using listening = await serve(server, { port: 0, content });
  const browser = await launch();
  try {
    const errors: string[] = [];
    const desk = await open(browser, 1280, 800);
    const phone = await open(browser, 390, 844);
    for (const page of [desk, phone]) {
      collectErrors(page, errors);
      await page.goto(listening.url);
      await page.locator("#status.open", { hasText: "Connected" }).waitFor();
    }
    for (
      const [page, you, other] of [[desk, "Heron", "Otter"], [phone, "Otter", "Heron"]] as const
    ) {
      await page.locator("#viewers .tag").nth(1).waitFor();
      const names = await page.locator("#viewers .tag").allTextContents();
      assertEquals(names.sort(), [`${you} (you)`, other].sort());
    }

    // While it runs: the figures.
    for (const page of [desk, phone]) {
      const shown = await figures(page, "ms trip");
      assertEquals([...shown.keys()], [
        "frames/s",
        "MB/s",
        "ms trip",
        "dropped",
        "MB waiting",
        "s late",
      ]);
      assert((shown.get("dropped") ?? -1) >= 0);
      assert(await page.locator("#figures polyline").count() === 6);
      const moving = await figures(page, "frames/s");
      assert((moving.get("MB/s") ?? 0) > 0);
    }

    // A slow link, and what helps against it: fewer cells.
    await press(desk, "4 Mbit/s");
    const behind = await figures(desk, "dropped");
    while (((await figures(desk, "dropped")).get("dropped") ?? 0) <= (behind.get("dropped") ?? 0));
    await press(desk, "128²");
    await desk.getByRole("img", { name: "128 × 128 cells" }).waitFor();
    await press(desk, "512²");
    await desk.getByRole("img", { name: "512 × 512 cells" }).waitFor();
    await press(desk, "No limit");

    // What takes its time can be watched, and stopped; what came until then is there.
    await press(desk, "Survey all patterns");
    await desk.waitForFunction(`document.querySelector("#survey-progress").value > 0.03`);
    await desk.locator("#survey").getByRole("button", { name: "Cancel" }).click();
    await desk.locator("#survey-progress").waitFor({ state: "hidden" });
    await press(phone, "Record 90 frames");
    await phone.waitForFunction(`document.querySelector("#film-progress").value > 0.03`);
    await phone.locator("#film").getByRole("button", { name: "Cancel" }).click();
    await phone.locator("#film-save", { hasText: /^Save \d+ frames/ }).waitFor();

    // One picture for both.
    await press(desk, "Pause");
    await pressed(phone, "Pause", true);
    const paused = await agree(desk, phone);
    const colours = new Set(await pixelsOf(desk)).size;
    assert(colours > 50, `the picture has ${colours} colours`);
    await press(phone, "Step");
    const stepped = await agree(desk, phone, paused);

    // What one does reaches the other.
    await desk.locator("#feed").fill("0.03");
    await stands(phone, "feed", 0.03);
    await press(phone, "Maze");
    await pressed(desk, "Maze", true);
    await stands(desk, "feed", 0.029);
    await stands(desk, "kill", 0.057);
    assertEquals(await desk.locator("#kill-value").textContent(), "0.0570");
    await pressed(desk, "Coral", false);
    const sprinkled = await agree(desk, phone, stepped);
    await point(phone, 0.3, 0.3);
    await phone.mouse.down();
    await agree(desk, phone, sprinkled);
    const [ink] = await pixelsOf(desk, 0.3, 0.3);
    await point(phone, 0.6, 0.7);
    await phone.mouse.up();
    for (const page of [desk, phone]) {
      while ((await pixelsOf(page, 0.6, 0.7))[0] !== ink);
    }

    // Where the other one points.
    await desk.waitForFunction(`[...document.querySelectorAll("main span.tag")].some((it) =>
      it.textContent === "Otter" && Math.abs(parseFloat(it.style.left) - 60) < 1 &&
      Math.abs(parseFloat(it.style.top) - 70) < 1)`);
    await point(desk, 0.99, 0.5);
    await cursor(phone, "Heron").waitFor();
    assertEquals(await cursor(phone, "Otter").count(), 0, "one's own cursor is the system's");
    assertEquals(await overflowOf(phone), 0, "The page is wider than a phone");

    // Colours are one's own.
    const common = await agree(desk, phone);
    await press(desk, "Ink");
    await desk.waitForFunction(`document.querySelector("#picture").toDataURL() !== "${common}"`);
    assertEquals(await pictureOf(phone), common);
    await press(desk, "Viridis");
    await agree(desk, phone);

    // Cut, and back as somebody new.
    const [first] = server.clients.keys();
    await press(desk, "Cut the socket");
    await desk.locator("#status.waiting", { hasText: "Cut off" }).waitFor();
    await desk.locator("#notice", { hasText: "Back in" }).waitFor();
    await cursor(phone, "Heron").waitFor({ state: "detached" });
    await press(phone, "Sprinkle"); // what happens meanwhile is not missed
    await desk.locator("#status.open").waitFor();
    await desk.locator("#viewers .tag", { hasText: "Lynx (you)" }).waitFor();
    await phone.locator("#viewers .tag", { hasText: "Lynx" }).waitFor();
    assert(first !== undefined && !server.clients.has(first));
    const back = await agree(desk, phone, common);
    assertEquals(await desk.locator("#notice").textContent(), "");
    await press(desk, "Pause");
    await pressed(phone, "Pause", false);
    for (const page of [desk, phone]) {
      await page.waitForFunction(`document.querySelector("#picture").toDataURL() !== "${back}"`);
    }
    assertEquals(errors, []);
  } finally {
    await browser.close();
  }
});
