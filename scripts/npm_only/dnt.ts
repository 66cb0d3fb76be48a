/**
 * Stands in for `@deno/dnt` where JSR can't be reached: `build` over `deno pack`, which is built
 * into Deno, and `emptyDir`. Only the options that the project's build uses are known.
 *
 * @module
 */

import { pathOf } from "../_deno.ts";
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
  /** Nothing is shimmed here. */
  shims: Record<string, never>;
  /** Modules, and the specifier that takes the place of each. */
  mappings?: Record<string, { name: string }>;
  /** The types were checked before. */
  typeCheck: false;
  /** Tests are never built here. */
  test: false;
  /** CommonJS is never built here. */
  scriptModule: false;
  /** The sources are in the source maps. */
  skipSourceOutput: true;
  /** `deno pack` takes the types out, adds the source map, and leaves the rest alone. */
  compilerOptions: { target: "ES2023"; sourceMap: "inline"; inlineSources: true };
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
  const { success, stderr } = await new Deno.Command(command, { args, cwd }).output();
  if (success) return;
  throw new Error(`${command} ${args.join(" ")} failed:\n${new TextDecoder().decode(stderr)}`);
}

async function* modules(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* modules(path);
    else if (name.endsWith(".js")) yield path;
  }
}

/** The specifier by which a module imports another one of the package. */
function specifierOf(from: string, to: string): string {
  const up = "../".repeat(from.split("/").length - 1);
  return (up === "" ? "./" : up) + to.replace(/ts$/, "js");
}

/**
 * Builds the package into `outDir`.
 *
 * @param options What to build.
 */
export async function build(options: BuildOptions): Promise<void> {
  const { entryPoints, outDir, mappings = {} } = options;
  const { name, version } = options.package;
  const folder = pathOf(".cache/pack");
  const exports = entryPoints.map(({ name = ".", path }) => [name, path] as const);
  const extra = entryPoints.map(({ path }) => path.replace(/^\.\//, ""))
    .filter((path) => path.startsWith("scripts/"));
  await writeEdition(folder, { name, version, exports: Object.fromEntries(exports) }, extra);
  const tarball = `${folder}/package.tgz`;
  await run(Deno.execPath(), ["pack", "--quiet", "--allow-dirty", "-o", tarball], folder);
  await Deno.mkdir(outDir, { recursive: true });
  await run("tar", ["-xzf", tarball, "-C", outDir, "--strip-components=1"], folder);

  // `deno pack` keeps the names that `deno.json` maps to a file, and Node doesn't know them.
  const standIns = Object.entries(await readNpmImports())
    .filter(([, target]) => target.startsWith("./") && standIn.endsWith(target.slice(1)))
    .map(([name]) => name);
  for await (const path of modules(outDir)) {
    const file = path.slice(outDir.length + 1);
    let source = await Deno.readTextFile(path);
    for (const name of standIns) {
      source = source.replaceAll(`"${name}"`, `"${specifierOf(file, standIn)}"`);
    }
    for (const [module, { name }] of Object.entries(mappings)) {
      const target = module.replace(/^\.\//, "");
      const isNeighbour = file.slice(0, file.lastIndexOf("/")) ===
        target.slice(0, target.lastIndexOf("/"));
      const specifier = isNeighbour
        ? `./${target.slice(target.lastIndexOf("/") + 1).replace(/ts$/, "js")}`
        : specifierOf(file, target);
      source = source.replaceAll(`"${specifier}"`, `"${name}"`);
    }
    await Deno.writeTextFile(path, source);
  }

  const manifest = `${outDir}/package.json`;
  const packed = JSON.parse(await Deno.readTextFile(manifest));
  await Deno.writeTextFile(manifest, JSON.stringify({ ...packed, ...options.package }, null, 2));
}
