/**
 * Checks what JSR's score asks for and no other check looks at: a description, the runtimes, and a
 * release that JSR can trace back. The rest of the score is `check_docs.ts` (a module comment with
 * an example on every entry point, every symbol documented) and `check_publish.ts` (no slow types,
 * nothing superfluous).
 *
 * @module
 */

import { pathOf } from "./_deno.ts";
import { readManifest } from "./_edition.ts";

/** The longest description that JSR takes, in characters. */
const longest = 250;

/** What JSR is told of, by the name that it has for each, and the entry point made for it. */
const runtimes: Record<string, string> = {
  deno: "./server",
  node: "./node",
  bun: "./bun",
  workerd: "./workers",
  browser: "./client",
};

/** What the score is computed from. */
export interface JsrPackage {
  readonly description: string | undefined;
  readonly exports: Readonly<Record<string, string>>;
  /** The text of the release workflow. */
  readonly workflow: string;
  readonly readme: string;
}

/**
 * Checks a package.
 *
 * @param jsrPackage The package.
 * @returns One sentence for each thing that is wrong.
 */
export function checkScore({ description, exports, workflow, readme }: JsrPackage): string[] {
  const problems: string[] = [];
  if (description === undefined || description === "") problems.push("There is no description");
  else if (description.length > longest) {
    problems.push(`The description has ${description.length} characters, ${longest} at most`);
  }
  for (const [runtime, entry] of Object.entries(runtimes)) {
    if (!(entry in exports)) problems.push(`${runtime} has no entry point ${entry}`);
  }
  // JSR takes the statement from GitHub, which makes one only where it may.
  if (!/^\s+id-token: write$/m.test(workflow)) problems.push("The release can't prove its origin");
  if (!/\bdeno(?:@[\d.]+)? publish\b/.test(workflow)) {
    problems.push("The release doesn't publish to JSR");
  }
  if (!readme.includes("```ts")) problems.push("README.md has no example");
  return problems;
}

/**
 * Checks the project.
 *
 * @returns One sentence for each thing that is wrong.
 */
export async function checkJsr(): Promise<string[]> {
  const { description, exports } = await readManifest();
  const workflow = await Deno.readTextFile(pathOf(".github/workflows/release.yml"));
  const readme = await Deno.readTextFile(pathOf("README.md"));
  return checkScore({ description, exports, workflow, readme });
}
