import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { bundlePage } from "../../examples/_bundle.ts";
import { createChatServer } from "../../examples/chat/server.ts";
import { createSimpleServer } from "../../examples/simple/server.ts";
import { serve, type Server } from "@hawser/hawser/server";
import { collectErrors, launch, overflowOf } from "./_chromium.ts";

const examples = new URL("../../examples/", import.meta.url);

/**
 * Tests an example's page in Chromium. Whatever the page prints as an error,
 * or throws, fails the test.
 */
function testPage(
  name: string,
  folder: string,
  server: () => Server,
  body: (page: Page) => Promise<void>,
): void {
  // The browser's connection and its timers belong to the driver, which ends them in its own time.
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false }, async () => {
    const content = await bundlePage(new URL(folder, examples));
    await using listening = await serve(server(), { port: 0, content });
    const browser = await launch();
    try {
      const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
      const errors: string[] = [];
      collectErrors(page, errors);
      await page.goto(listening.url);
      await page.locator("#status[data-state=open]").waitFor();
      assertEquals(await page.locator("button:disabled").count(), 0);
      await body(page);
      assertEquals(await overflowOf(page), 0, "The page is wider than a phone");
      assertEquals(errors, []);
    } finally {
      await browser.close();
    }
  });
}

testPage(
  "every button of the simple example's page does what it says",
  "simple/",
  () => createSimpleServer({ interval: 50 }),
  async (page) => {
    const press = (name: string) => page.locator(`button[value="${name}"]`).click();
    const logged = (kind: string, text: string) =>
      page.locator(`#log li.${kind}`, { hasText: text }).first().waitFor();
    /** Waits until a picture is shown in full, and returns its size. */
    const shown = async (source: string) => {
      await page.locator("#caption", { hasText: `from ${source},` }).waitFor();
      await page.waitForFunction("document.querySelector('#image').naturalWidth === 300");
    };

    await press("add");
    await logged("answer", "add → 10");
    await page.locator("#numbers").fill("2, 0.5, 6");
    await press("mult");
    await logged("answer", "mult → 6");
    await page.locator("#numbers").fill("1, two");
    await press("add");
    await logged("answer", "add → NaN");

    const day = await Deno.readFile(new URL("simple/day.png", examples));
    const night = await Deno.readFile(new URL("simple/night.png", examples));
    await press("image");
    await logged("answer", `image → { blob: ‹${day.length} bytes› }`);
    await shown("image");
    await page.locator("#alt").check();
    await press("unwrapped.image");
    await logged("answer", `unwrapped.image → ‹${night.length} bytes›`);
    await shown("unwrapped.image");
    await press("nested.image");
    await logged("answer", "bytesList: [‹4 bytes›, ‹6 bytes›] }");
    await shown("nested.image");

    await press("postbinary");
    await logged("answer", 'postbinary → "received binary data of length 5"');
    await press("special");
    await logged("answer", "special → [Infinity, NaN, -Infinity]");

    await press("stream");
    await logged("answer", 'stream → { subscribed: "image" }');
    await logged("topic", `published { blob: ‹${night.length} bytes› }`);
    await logged("topic", `published { blob: ‹${day.length} bytes› }`);
    await shown("stream");
    await press("stop");
    await logged("answer", 'stop → { unsubscribed: "image" }');
  },
);

testPage(
  "the chat example's page shows the conversation, and lets one join in",
  "chat/",
  () => createChatServer({ interval: 50 }),
  async (page) => {
    const said = (kind: string, text: string) =>
      page.locator(`#messages li${kind}`, { hasText: text }).first().waitFor();

    await said("", "Mine is wslink.py");
    await said("", "Nice to meet you");
    await page.locator("#stop").click();
    await said(".note", "The server is silent");

    await page.locator("#text").fill("Ahoy <b>there</b>");
    await page.locator("#text").press("Enter");
    await said(".own", "Ahoy <b>there</b>");
    await said("", "py server: Ahoy <b>there</b>");
    assertEquals(await page.locator("#text").inputValue(), "");

    const before = await page.locator("#messages li").count();
    await page.locator("#start").click();
    await said(".note", "You asked the server to talk");
    await page.locator(`#messages li >> nth=${before + 3}`).waitFor();
    assert(await page.locator("#messages b").count() === 0, "A message is text, not markup");
  },
);
