/**
 * Builds an example's page: browsers read no TypeScript.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);

/** What a page imports the client as, and what it loads in its place. */
const [client, file] = ['"@hawser/hawser/client"', '"./hawser.js"'];

/**
 * Bundles `page.ts` and everything it imports but Hawser's client into `page.js`, and puts it beside
 * the page's HTML (as `index.html`), its style sheets, and the client as browsers load it, the
 * `hawser.js` that `deno task build:browser` makes.
 *
 * @param folder Where `page.html` and `page.ts` are; ends with a slash.
 * @returns The directory to serve.
 * @throws {Error} If the page can't be bundled; the message has the bundler's own words.
 */
export async function bundlePage(folder: URL): Promise<URL> {
  const name = folder.pathname.split("/").at(-2);
  const site = new URL(`.cache/pages/${name}/`, root);
  await Deno.mkdir(site, { recursive: true });
  for await (const { name } of Deno.readDir(folder)) {
    if (!/\.(html|css)$/.test(name)) continue;
    const target = name === "page.html" ? "index.html" : name;
    await Deno.copyFile(new URL(name, folder), new URL(target, site));
  }
  // Deno fetches the bundler (esbuild) from npm when it is first used.
  const page = new URL("page.ts", folder).href;
  const script = await runDeno(
    "bundle",
    "--quiet",
    "--platform=browser",
    `--external=${JSON.parse(client)}`,
    page,
  );
  if (script.includes(client)) {
    await runDeno("task", "--quiet", "build:browser", "--no-types", "--out", fileURLToPath(site));
  }
  await Deno.writeTextFile(new URL("page.js", site), script.replaceAll(client, file));
  return site;
}

async function runDeno(...args: string[]): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), { args, cwd: root, stdin: "null" });
  const { success, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  if (success) return decoder.decode(stdout);
  throw new Error(`The page could not be bundled:\n${decoder.decode(stderr).trim()}`);
}
