/** What the tests of pages have in common. */

import { type Browser, chromium, type Page } from "playwright-core";
import { findChromium } from "../../scripts/setup.ts";

/** Starts the browser that the setup found or installed. */
export async function launch(): Promise<Browser> {
  const executablePath = await findChromium();
  if (executablePath === undefined) {
    throw new Error('Chromium is missing: "deno task setup" installs it');
  }
  return await chromium.launch({ executablePath, args: ["--no-sandbox"] });
}

/**
 * Collects what goes wrong in a page.
 *
 * @param page The page, before it goes anywhere.
 * @param errors Gets whatever the page prints as an error, or throws.
 */
export function collectErrors(page: Page, errors: string[]): void {
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
}

/** By how many pixels a page is wider than its window. */
export async function overflowOf(page: Page): Promise<number> {
  return await page.evaluate(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
}
