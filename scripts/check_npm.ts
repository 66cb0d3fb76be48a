/**
 * Checks the npm edition that `deno task build:npm` wrote: its entry points against `deno.json` and
 * the source, its form by `publint` and `@arethetypeswrong/core`, its size, and what of it comes
 * into a browser's bundle.
 *
 * @module
 */

import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { build } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { pathOf } from "./_deno.ts";
import { readManifest } from "./_edition.ts";
import { describeModule, writeDeclarations } from "./npm_edition/api.ts";

/** What the package is to take on a disk, in bytes, its source maps not counted. Not reached yet. */
const sizeGoal = 150_000;

/** What it may take, in bytes: what it does, with room for 3 %, so that it grows no further. */
const sizeLimit = 370_000;

/** What a package's `package.json` says, as far as it is needed here. */
interface PackageJson {
  name: string;
  exports: Record<string, Conditions>;
  dependencies?: Record<string, string>;
  scripts?: Record<string, string>;
}

type Conditions = string | { readonly [condition: string]: Conditions };

async function readPackage(folder: string): Promise<PackageJson> {
  return JSON.parse(await Deno.readTextFile(`${folder}/package.json`));
}

/** The file that conditions lead to, or `undefined` if none of them holds. */
function resolve(target: Conditions, conditions: readonly string[]): string | undefined {
  if (typeof target === "string") return target;
  for (const [condition, next] of Object.entries(target)) {
    if (condition !== "default" && !conditions.includes(condition)) continue;
    const found = resolve(next, conditions);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Compares the package's entry points with those of `deno.json`: the subpaths, and for each of them
 * the names and the types that it exports, with those of the source.
 *
 * @param folder The package.
 * @returns One sentence for each difference.
 */
export async function checkEntryPoints(folder: string): Promise<string[]> {
  const wanted = (await readManifest()).exports;
  const { exports } = await readPackage(folder);
  const problems: string[] = [];
  const declarations = pathOf(".cache/declarations");
  writeDeclarations(Object.values(wanted).map(pathOf), pathOf("."), declarations);
  for (const subpath of Object.keys(exports)) {
    if (!(subpath in wanted) && subpath !== "./package.json") {
      problems.push(`${subpath} is no entry point of deno.json`);
    }
  }
  for (const [subpath, source] of Object.entries(wanted)) {
    const target = exports[subpath];
    // Deno's edition is the one that the source's own entry point is.
    const types = target && resolve(target, ["types", "import", "deno"]);
    if (types === undefined) problems.push(`${subpath} is missing in package.json`);
    else {
      const own = `${declarations}/${source.replace(/ts$/, "d.ts")}`;
      const packed = `${folder}/${types}`;
      problems.push(...compareApis(subpath, describeModule(own), describeModule(packed)));
    }
  }
  return problems;
}

/**
 * Compares what two modules export.
 *
 * @param subpath Their name, for the messages.
 * @param source What the source exports.
 * @param packed What the package exports.
 * @returns One sentence for each difference.
 */
export function compareApis(
  subpath: string,
  source: ReadonlyMap<string, string>,
  packed: ReadonlyMap<string, string>,
): string[] {
  const problems: string[] = [];
  for (const [name, description] of source) {
    const other = packed.get(name);
    if (other === undefined) problems.push(`${subpath} lacks ${name}`);
    else if (other !== description) {
      problems.push(`${subpath}: ${name} is\n${other}\nwhere the source has\n${description}`);
    }
  }
  for (const name of packed.keys()) {
    if (!source.has(name)) problems.push(`${subpath} has ${name}, which the source lacks`);
  }
  return problems;
}

async function* files(folder: string, below = ""): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${below}`)) {
    if (isDirectory && name !== "node_modules") yield* files(folder, `${below}${name}/`);
    else if (!isDirectory) yield `${below}${name}`;
  }
}

/**
 * Measures the package.
 *
 * @param folder The package.
 * @returns Its size in bytes, its source maps not counted.
 */
export async function unpackedSize(folder: string): Promise<number> {
  let size = 0;
  for await (const file of files(folder)) {
    if (!file.endsWith(".map")) size += (await Deno.stat(`${folder}/${file}`)).size;
  }
  return size;
}

/**
 * Checks the package's form.
 *
 * @param folder The package.
 * @param tarball What `npm pack` made of it.
 * @returns One sentence for each thing that is wrong.
 */
export async function checkForm(folder: string, tarball: string): Promise<string[]> {
  const { name, scripts = {} } = await readPackage(folder);
  const { messages, pkg } = await publint({ pkgDir: folder, pack: false, strict: true });
  const problems = messages.map((message) => `publint: ${formatMessage(message, pkg)}`);
  for (const script of Object.keys(scripts)) problems.push(`${name} has a script: ${script}`);

  const analysis = await checkPackage(createPackageFromTarballData(await Deno.readFile(tarball)));
  if (!analysis.types) problems.push(`${name} has no types`);
  else {
    for (const problem of analysis.problems) {
      // The package is ESM alone, which is what these two resolutions can't take.
      const resolution = "resolutionKind" in problem ? problem.resolutionKind : undefined;
      if (resolution === "node10" || resolution === "node16-cjs") continue;
      problems.push(`@arethetypeswrong: ${JSON.stringify(problem)}`);
    }
  }
  const size = await unpackedSize(folder);
  console.log(
    `${name}: ${size} bytes unpacked without source maps (limit ${sizeLimit}, goal ${sizeGoal})`,
  );
  if (size > sizeLimit) problems.push(`${name} has ${size} bytes unpacked, ${sizeLimit} at most`);
  return problems;
}

/** The runtimes, by the conditions that they ask with, the most particular first. */
const runtimes: Record<string, string[]> = {
  deno: ["deno", "node"],
  bun: ["bun", "node"],
  workerd: ["workerd", "worker", "browser"],
  node: ["node"],
  browser: ["browser"],
};

/**
 * Bundles one entry point as a runtime would load it.
 *
 * @param folder The package.
 * @param subpath The entry point.
 * @param runtime Whose conditions hold.
 * @param names What is imported from it.
 * @returns The code, the sources that something of is in it, what is imported from other packages, and what is
 * exported.
 */
export async function bundleOf(
  folder: string,
  subpath: string,
  runtime: string,
  names = "*",
): Promise<{ code: string; modules: string[]; imports: string[]; exports: string[] }> {
  const { name } = await readPackage(folder);
  const what = names === "*" ? "*" : `{ ${names} }`;
  const { outputFiles, metafile } = await build({
    // The package finds itself by its own name.
    stdin: { contents: `export ${what} from "${name}${subpath.slice(1)}";`, resolveDir: folder },
    absWorkingDir: folder,
    bundle: true,
    splitting: true,
    outdir: "out",
    format: "esm",
    platform: "neutral",
    conditions: ["import", ...runtimes[runtime] ?? []],
    external: ["node:*", "cloudflare:*", ...await dependenciesOf(folder)],
    metafile: true,
    minify: true,
    sourcemap: "external",
    write: false,
  });
  const outputs = Object.values(metafile.outputs);
  const imports = outputs.flatMap(({ imports }) =>
    imports.filter(({ external }) => external).map(({ path }) => path)
  );
  return {
    code: outputFiles.filter(({ path }) => path.endsWith(".js")).map(({ text }) => text).join("\n"),
    modules: outputFiles.filter(({ path }) => path.endsWith(".map"))
      .flatMap(({ text }) => sourcesIn(text)),
    imports: [...new Set(imports)],
    exports: outputs.find(({ entryPoint }) => entryPoint !== undefined)?.exports ?? [],
  };
}

/**
 * Finds the sources that something of is left in a bundle, by its source map.
 *
 * @param sourceMap The source map, as JSON.
 * @returns Their paths.
 */
export function sourcesIn(sourceMap: string): string[] {
  const { sources, mappings }: { sources: string[]; mappings: string } = JSON.parse(sourceMap);
  const found = new Set<number>();
  let index = 0;
  for (const segment of mappings.split(/[,;]/)) {
    const [, step] = readNumbers(segment);
    if (step === undefined) continue;
    index += step;
    found.add(index);
  }
  return sources.filter((_, index) => found.has(index));
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Five bits a digit, the lowest first; the sixth says that there are more, and the first of all is the sign. */
function readNumbers(segment: string): number[] {
  const numbers: number[] = [];
  let [value, shift] = [0, 0];
  for (const digit of segment) {
    const bits = digits.indexOf(digit);
    value |= (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    numbers.push(value & 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return numbers;
}

async function dependenciesOf(folder: string): Promise<string[]> {
  const names = Object.keys((await readPackage(folder)).dependencies ?? {});
  return names.flatMap((name) => [name, `${name}/*`]);
}

/**
 * Checks what each runtime gets: Deno's own names only where Deno asks, and in browsers neither
 * other packages, nor the server, nor a codec that isn't imported.
 *
 * @param folder The package.
 * @returns One sentence for each thing that is wrong.
 */
export async function checkBundles(folder: string): Promise<string[]> {
  const problems: string[] = [];
  const { exports } = await readPackage(folder);
  const subpaths = Object.keys(exports).filter((subpath) => subpath !== "./package.json");
  for (const subpath of subpaths) {
    if (["./bun", "./workers"].includes(subpath)) continue;
    const { code } = await bundleOf(folder, subpath, "node");
    // In a text it would be a word, as in "Deno says"; in code it is looked something up in.
    if (/\bDeno\s*[.?[]/.test(code)) problems.push(`${subpath} uses the namespace Deno in Node`);
  }
  const names = async (runtime: string) => (await bundleOf(folder, "./server", runtime)).exports;
  const wanted = await names("deno");
  for (const runtime of ["node", "bun"]) {
    const found = await names(runtime);
    for (const name of wanted) {
      if (!found.includes(name)) problems.push(`./server has no ${name} in ${runtime}`);
    }
  }
  for await (const file of files(folder)) {
    if (!file.endsWith(".d.ts")) continue;
    const text = (await Deno.readTextFile(`${folder}/${file}`)).replaceAll(/\/\*[\s\S]*?\*\//g, "");
    if (/\bDeno\b/.test(text)) problems.push(`${file} has a type of Deno's`);
  }
  for (const subpath of [".", "./client", "./protocol"]) {
    const { modules, imports } = await bundleOf(folder, subpath, "browser");
    for (const name of imports) problems.push(`${subpath} imports ${name} in a browser`);
    const surplus = modules.filter((path) =>
      /(?:^|\/)(?:server|adapters|scripts)[/.]/.test(path) ||
      (subpath === "./protocol" && /(?:^|\/)client[/.]/.test(path))
    );
    for (const path of surplus) problems.push(`${subpath} brings ${path} into a browser`);
  }
  return problems;
}
