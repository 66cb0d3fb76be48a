/**
 * Checks that the package can be published, and that it holds nothing but what its user needs:
 * modules that an entry point reaches, and the four documents.
 *
 * @module
 */

import { chosenRegistry, pathOf } from "./_deno.ts";
import { readManifest, standIn, writeEdition } from "./_edition.ts";
import { readModules } from "./_modules.ts";

const documents = ["deno.json", "LICENSE", "README.md", "CHANGELOG.md"];

/**
 * Runs `deno publish --dry-run`.
 *
 * @returns One sentence for each thing that is wrong.
 */
export async function checkPublish(): Promise<string[]> {
  const folder = chosenRegistry() === "npm" ? pathOf(".cache/publish") : pathOf(".");
  if (chosenRegistry() === "npm") await writeEdition(folder);
  // Not deno(): the folder's own deno.json has to do.
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty"],
    cwd: folder,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout) + decoder.decode(stderr);
  if (!success) return [output.trim()];

  const tree = new URL(`file://${folder.replace(/\/?$/, "/")}`);
  const published = [...output.matchAll(/^ +(file:\S+) \(/gm)].flatMap(([, url]) =>
    url?.startsWith(tree.href) ? [url.slice(tree.href.length)] : []
  ).filter((path) => path !== standIn);
  const entries = Object.values((await readManifest()).exports).map((path) => new URL(path, tree));
  const reached = new Set((await readModules(tree, entries)).map(({ path }) => path));
  const surplus = published.filter((path) => !documents.includes(path) && !reached.has(path));
  const missing = [...documents, ...reached].filter((path) => !published.includes(path));
  return [
    ...surplus.map((path) => `${path} is published, and no entry point needs it`),
    ...missing.map((path) => `${path} is not published`),
  ];
}
