/**
 * Checks the documentation of what is exported: every symbol has some (`deno doc --lint`), and
 * every entry point starts with a `@module` comment, which that command doesn't ask for.
 *
 * @module
 */

import { deno, pathOf, root } from "./_deno.ts";
import { readManifest } from "./_edition.ts";

/**
 * Checks that an entry point starts with a comment that has `@module` and an example.
 *
 * @param path Its path, for the message.
 * @param source Its text.
 * @returns One sentence for each thing that is wrong.
 */
export function checkModuleComment(path: string, source: string): string[] {
  const comment = source.match(/^\/\*\*[\s\S]*?\*\//)?.[0];
  if (!comment?.includes("@module")) return [`${path} doesn't start with a @module comment`];
  return comment.includes("```ts") ? [] : [`${path}: the @module comment has no example`];
}

/**
 * Checks every entry point of the package.
 *
 * @returns One sentence for each thing that is wrong.
 */
export async function checkDocs(): Promise<string[]> {
  const paths = Object.values((await readManifest()).exports);
  const problems: string[] = [];
  for (const path of paths) {
    problems.push(...checkModuleComment(path, await Deno.readTextFile(pathOf(path))));
  }
  const { success, stdout, stderr } = await deno(["doc", "--lint", ...paths], { cwd: root })
    .output();
  if (success) return problems;
  const decoder = new TextDecoder();
  return [...problems, (decoder.decode(stdout) + decoder.decode(stderr)).trim()];
}
