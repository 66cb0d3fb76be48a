/**
 * Builds the npm edition into `npm/`, ready for `npm publish`.
 *
 * ```sh
 * deno task build:npm
 * ```
 *
 * @module
 */

import { build, emptyDir } from "@deno/dnt";
import { stop, transform } from "esbuild";
import { pathOf, root } from "./_deno.ts";
import { readManifest } from "./_edition.ts";
import { buildWslink } from "./_wslink_package.ts";
import { manifestOf, type Places } from "./npm_edition/manifest.ts";

/** Modules of the package that no one imports by name: each is one of two that a condition picks. */
const pickedModules = ["client/_websocket.ts", "scripts/npm_edition/websocket.ts"];

/**
 * Builds `@hawser/hawser`.
 *
 * @param outDir Where to; it is emptied first.
 */
export async function buildHawser(outDir: string): Promise<void> {
  const manifest = await readManifest();
  const { name, version, license, exports } = manifest;
  Deno.chdir(root);
  await emptyDir(outDir);
  await build({
    entryPoints: [
      ...Object.entries(exports).map(([name, path]) => ({ name, path })),
      ...pickedModules.map((path) => ({ name: `./${path}`, path: `./${path}` })),
    ],
    outDir,
    // Nothing is shimmed for everyone: a shim would be in browsers too. What differs between
    // runtimes are whole modules, which package.json tells apart.
    shims: {},
    mappings: { "./client/_websocket.ts": { name: "#websocket" } },
    // `deno task check` has seen all of it, and Node's types know no Deno.
    typeCheck: false,
    test: false,
    scriptModule: false,
    skipSourceOutput: true,
    compilerOptions: { target: "ES2023", sourceMap: "inline", inlineSources: true },
    package: { name, version, license },
  });
  await tidyModules(outDir);
  const written = JSON.parse(await Deno.readTextFile(`${outDir}/package.json`));
  const places = await findPlaces(outDir, [...Object.values(exports), ...pickedModules]);
  await Deno.writeTextFile(
    `${outDir}/package.json`,
    JSON.stringify(manifestOf(manifest, places, written.dependencies), null, 2) + "\n",
  );
  // dnt puts a second package.json there, in which Node would look for what `#websocket` means.
  await Deno.remove(`${outDir}/esm/package.json`).catch(() => {});
  for (const file of ["LICENSE", "README.md", "CHANGELOG.md"]) {
    await Deno.copyFile(file, `${outDir}/${file}`);
  }
}

/**
 * Takes the comments out of the modules: the declarations beside them have the same. Puts each
 * source map into a file of its own, which npm's users needn't load.
 */
async function tidyModules(folder: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory && name !== "node_modules") await tidyModules(path);
    if (name.endsWith(".d.ts")) {
      await Deno.writeTextFile(path, shortenComments(await Deno.readTextFile(path)));
    }
    if (!name.endsWith(".js")) continue;
    // esbuild goes on from the source map that it finds in its input.
    const { code, map } = await transform(await Deno.readTextFile(path), {
      sourcefile: name,
      sourcemap: "external",
      target: "esnext",
      minify: true,
      lineLimit: 120,
      legalComments: "none",
    });
    const { version, names, mappings, sourcesContent } = JSON.parse(map);
    const sources = [name.replace(/js$/, "ts")];
    await Deno.writeTextFile(path, `${code}//# sourceMappingURL=${name}.map\n`);
    const content = { version, sources, sourcesContent, names, mappings };
    await Deno.writeTextFile(`${path}.map`, JSON.stringify(content));
  }
}

/**
 * Takes out of declarations what no editor shows beside a name: the modules' own comments, and the
 * examples, which JSR's pages and the README have.
 *
 * @param declarations The text of a `.d.ts`.
 * @returns The text with the other comments.
 */
export function shortenComments(declarations: string): string {
  return declarations.replaceAll(
    /\/\*\*[\s\S]*?\*\//g,
    (comment) =>
      comment.includes("@module") ? "" : comment.replaceAll(
        /\n\s*\*\s*\n?\s*\*?\s*@example[\s\S]*?(?=\n\s*\* @(?!example)|\n\s*\*\/$)/g,
        "",
      ),
  );
}

/** Finds what became of modules: dnt puts them into a folder of their own, `deno pack` doesn't. */
async function findPlaces(outDir: string, modules: string[]): Promise<Places> {
  const places: Places = new Map();
  for (const module of modules) {
    const path = module.replace(/^\.\//, "").replace(/\.ts$/, "");
    const isInEsm = await Deno.stat(`${outDir}/esm/${path}.js`).then(() => true, () => false);
    places.set(path, isInEsm ? `./esm/${path}` : `./${path}`);
    await Deno.stat(`${outDir}/${places.get(path)}.js`);
  }
  return places;
}

if (import.meta.main) {
  const outDir = pathOf("npm/hawser");
  await buildHawser(outDir);
  await buildWslink(pathOf("npm/wslink"), outDir);
  await stop();
  console.log(`@hawser/hawser and @hawser/wslink are in ${pathOf("npm")}`);
}
