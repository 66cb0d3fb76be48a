/**
 * Stands in for `@deno/dnt` where JSR can't be reached: `build` over `deno pack`, which is built
 * into Deno, and `emptyDir`. Only the options that the project's build uses are known.
 *
 * @module
 */

import { deno, pathOf } from "../_deno.ts";
import { readNpmImports, standIn, writeEdition } from "../_edition.ts";

/** One way into the package. */
export interface EntryPoint {
  /** Its name in `exports`: `.` or `./client`. */
  name?: string;
  /** The module's path. */
  path: string;
}

/** What to build: a part of dnt's options with the same meaning. */
export interface BuildOptions {
  entryPoints: EntryPoint[];
  outDir: string;
  /** Deno's own namespace is never shimmed here. */
  shims: Record<string, never>;
  /** @default {"single"} */
  typeCheck?: "both" | "single" | false;
  /** Tests are never built here. */
  test: false;
  /** CommonJS is never built here. */
  scriptModule: false;
  /** @default {false} */
  skipNpmInstall?: boolean;
  /** Fields of the package's `package.json`. */
  package: { name: string; version: string; [field: string]: unknown };
}

/**
 * Empties a folder, or makes it.
 *
 * @param dir Its path.
 */
export async function emptyDir(dir: string): Promise<void> {
  await Deno.remove(dir, { recursive: true }).catch(() => {});
  await Deno.mkdir(dir, { recursive: true });
}

async function run(command: string, args: string[], cwd: string): Promise<void> {
  const { success } = await new Deno.Command(command, { args, cwd }).output();
  if (!success) throw new Error(`${command} ${args.join(" ")} failed`);
}

/**
 * `deno pack` keeps the names that `deno.json` maps to a file, and Node doesn't know them.
 *
 * @param folder A folder of the package.
 * @param up The way from there to the package's top.
 */
async function replaceMappedNames(folder: string, up = "./"): Promise<void> {
  const names = Object.entries(await readNpmImports())
    .filter(([, target]) => target.startsWith("./") && standIn.endsWith(target.slice(1)))
    .map(([name]) => name);
  for await (const { name: file, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${file}`;
    if (isDirectory) await replaceMappedNames(path, up === "./" ? "../" : `../${up}`);
    if (!file.endsWith(".js")) continue;
    let source = await Deno.readTextFile(path);
    for (const name of names) {
      source = source.replaceAll(`"${name}"`, `"${up}${standIn.replace(/ts$/, "js")}"`);
    }
    await Deno.writeTextFile(path, source);
  }
}

/**
 * Builds the package into `outDir`.
 *
 * @param options What to build.
 */
export async function build(options: BuildOptions): Promise<void> {
  const { entryPoints, outDir, typeCheck = "single", skipNpmInstall = false } = options;
  const { name, version } = options.package;
  const paths = entryPoints.map(({ path }) => path);
  if (typeCheck !== false) {
    const { success } = await deno(["check", "--quiet", ...paths]).spawn().status;
    if (!success) throw new Error("The types don't check");
  }
  const folder = pathOf(".cache/pack");
  const exports = entryPoints.map(({ name = ".", path }) => [name, path] as const);
  await writeEdition(folder, { name, version, exports: Object.fromEntries(exports) });
  const tarball = `${folder}/package.tgz`;
  await run(Deno.execPath(), ["pack", "--quiet", "--allow-dirty", "-o", tarball], folder);
  await Deno.mkdir(outDir, { recursive: true });
  await run("tar", ["-xzf", tarball, "-C", outDir, "--strip-components=1"], folder);

  await replaceMappedNames(outDir);

  const manifest = `${outDir}/package.json`;
  const packed = JSON.parse(await Deno.readTextFile(manifest));
  await Deno.writeTextFile(manifest, JSON.stringify({ ...packed, ...options.package }, null, 2));
  if (!skipNpmInstall) {
    await run("npm", ["install", "--no-package-lock", "--no-audit", "--no-fund"], outDir);
  }
}
