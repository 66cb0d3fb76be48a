/**
 * Builds an example's page: browsers read no TypeScript.
 *
 * @module
 */

const root = new URL("../", import.meta.url);

/**
 * Bundles `page.ts` and everything it imports, Hawser's client included, into `page.js`, and puts
 * it beside the page's HTML (as `index.html`) and style sheets.
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
  const script = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform=browser", new URL("page.ts", folder).href],
    cwd: root,
  }).output();
  if (!script.success) {
    const reason = new TextDecoder().decode(script.stderr).trim();
    throw new Error(`The page of examples/${name} could not be bundled:\n${reason}`);
  }
  await Deno.writeFile(new URL("page.js", site), script.stdout);
  return site;
}
