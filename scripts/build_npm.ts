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
import { build as bundle, stop } from "esbuild";
import { Buffer } from "node:buffer";
import { pathOf, root } from "./_deno.ts";
import { readManifest } from "./_edition.ts";
import { buildWslink, wslinkLines } from "./_wslink_package.ts";
import { rollUpDeclarations } from "./npm_edition/declarations.ts";
import { manifestOf, type Places } from "./npm_edition/manifest.ts";

/** What comes before a source map in a module. */
const inlineMap = "//# sourceMappingURL=data:application/json;base64,";

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
  const written = JSON.parse(await Deno.readTextFile(`${outDir}/package.json`));
  const places = await findPlaces(outDir, [...Object.values(exports), ...pickedModules]);
  const modules = [...places.values()].map((place) => place.slice("./".length));
  const typed = Object.values(exports).map((module) => placeOf(places, module).slice("./".length));
  await replaceFiles(outDir, /\.d\.ts(?:\.map)?$/, await rollUpDeclarations(outDir, typed));
  await replaceFiles(outDir, /\.js(?:\.map)?$/, await bundleModules(outDir, modules));
  await Deno.writeTextFile(
    `${outDir}/package.json`,
    JSON.stringify(manifestOf(manifest, places, written.dependencies), null, 2) + "\n",
  );
  // dnt puts a second package.json there, in which Node would look for what `#websocket` means.
  await Deno.remove(`${outDir}/esm/package.json`).catch(() => {});
  // npm shows no changelog; it is beside the source, and each release has its part.
  await Deno.remove(`${outDir}/CHANGELOG.md`).catch(() => {});
  await Deno.copyFile("LICENSE", `${outDir}/LICENSE`);
  await Deno.writeTextFile(
    `${outDir}/README.md`,
    shortReadme(await Deno.readTextFile("README.md")),
  );
}

/**
 * Bundles the modules: each entry point is a file, and what several of them need, or what is loaded
 * later, are files beside them. Their comments are in the source maps, which npm's users needn't
 * load.
 */
async function bundleModules(folder: string, entries: string[]): Promise<Map<string, string>> {
  const { outputFiles } = await bundle({
    entryPoints: entries.map((entry) => `${folder}/${entry}.js`),
    absWorkingDir: folder,
    outbase: folder,
    outdir: folder,
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    packages: "external",
    external: ["#websocket"],
    format: "esm",
    platform: "neutral",
    target: "esnext",
    minify: true,
    lineLimit: 120,
    legalComments: "none",
    sourcemap: "linked",
    write: false,
    logLevel: "error",
    plugins: [{ name: "sources", setup: ({ onLoad }) => onLoad({ filter: /\.js$/ }, load) }],
  });
  return new Map(outputFiles.map(({ path, text }) => [path.slice(folder.length + 1), text]));
}

/** esbuild goes on from the source map in its input, whose source had its place in a folder of the build's. */
async function load({ path }: { path: string }): Promise<{ contents: string }> {
  const [code = "", encoded] = (await Deno.readTextFile(path)).split(inlineMap);
  if (encoded === undefined) return { contents: code };
  const map = JSON.parse(Buffer.from(encoded, "base64").toString());
  const sources = [path.slice(path.lastIndexOf("/") + 1).replace(/js$/, "ts")];
  const own = Buffer.from(JSON.stringify({ ...map, sourceRoot: "", sources })).toString("base64");
  return { contents: `${code}${inlineMap}${own}` };
}

/** Puts files in the place of those with a certain name. */
async function replaceFiles(
  folder: string,
  pattern: RegExp,
  files: ReadonlyMap<string, string>,
): Promise<void> {
  await removeFiles(folder, pattern);
  for (const [name, text] of files) {
    const path = `${folder}/${name}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, text);
  }
}

/** Removes files, and the folders that have no others. */
async function removeFiles(folder: string, pattern: RegExp): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) {
      await removeFiles(path, pattern);
      const [some] = await Array.fromAsync(Deno.readDir(path));
      if (some === undefined) await Deno.remove(path);
    } else if (pattern.test(name)) await Deno.remove(path);
  }
}

/** The parts of the README that npm's page of the package shows; the rest is beside the source. */
const readmeSections = [
  "Three ways to import",
  "A server in ten lines",
  "A client in ten lines",
  "Moving from wslink",
];

/**
 * Shortens the README for the package.
 *
 * @param readme The project's README.
 * @returns Its start, and the sections that say how to use the package.
 */
export function shortReadme(readme: string): string {
  const [start = "", ...sections] = readme.split(/^(?=## )/m);
  const found = readmeSections.map((title) => {
    const section = sections.find((section) => section.startsWith(`## ${title}\n`));
    if (section === undefined) throw new Error(`The README has no section ${title}`);
    return section;
  });
  return [start.replaceAll(/^!\[.*\n+/gm, ""), ...found].join("").trimEnd() + "\n";
}

function placeOf(places: Places, module: string): string {
  const place = places.get(module.replace(/^\.\//, "").replace(/\.ts$/, ""));
  if (place === undefined) throw new Error(`${module} was not built`);
  return place;
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
  for (const line of wslinkLines) await buildWslink(pathOf(`npm/wslink-${line}`), outDir, line);
  await stop();
  console.log(`@hawser/hawser and @hawser/wslink are in ${pathOf("npm")}`);
}
