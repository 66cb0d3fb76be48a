/**
 * Checks that imports only go down and form no cycle, from what `deno info` knows of every module:
 * types, dynamic imports and the project's own name included.
 *
 * ```sh
 * deno task layers
 * ```
 *
 * @module
 */

import { root } from "./_deno.ts";
import { type Module, readModules } from "./_modules.ts";

/** From the bottom up; folders in one row never import each other. */
const layers = [
  ["protocol"],
  ["session"],
  ["client", "server"],
  ["adapters", "compat"],
  ["(entry points)"],
  ["examples"],
  ["scripts"],
  ["tests"],
];

function folderOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "(entry points)";
}

function rankOf(folder: string): number {
  return layers.findIndex((row) => row.includes(folder));
}

async function* sources(folder: URL, top = folder): AsyncGenerator<URL> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (name.startsWith(".") || name === "node_modules") continue;
    // What the build writes.
    if (name === "npm" && folder === top) continue;
    if (isDirectory) yield* sources(new URL(`${encodeURIComponent(name)}/`, folder), top);
    else if (name.endsWith(".ts")) yield new URL(encodeURIComponent(name), folder);
  }
}

function edgeProblem(from: string, specifier: string, to: string | undefined): string | undefined {
  if (/^(?:jsr|npm|https?):/.test(specifier)) return "is no bare name: the import map decides";
  // A stand-in is what a package is in the npm edition, so it is as foreign as the package.
  const isStandIn = to?.startsWith("scripts/npm_only/") && !specifier.startsWith(".");
  if (to === undefined || isStandIn) return undefined;
  const [low, high] = [folderOf(to), folderOf(from)];
  if (rankOf(low) < 0) return `is in no layer: add ${low} to the list or move it`;
  if (rankOf(low) > rankOf(high)) return "goes up";
  if (rankOf(low) === rankOf(high) && low !== high) return "goes sideways";
  const folder = to.slice(0, to.lastIndexOf("/") + 1);
  const isPrivate = to.slice(folder.length).startsWith("_");
  if (isPrivate && !from.startsWith(folder) && high !== "tests") {
    return "reaches into another folder's private file";
  }
  if (high === "examples" && low !== "examples" && !specifier.startsWith("@hawser/hawser")) {
    return "passes by the package's name: an example imports what a user would";
  }
  return undefined;
}

function findCycles(modules: Module[]): string[] {
  const byPath = new Map(modules.map((module) => [module.path, module]));
  const done = new Set<string>();
  const cycles: string[] = [];
  function visit(path: string, trail: string[]): void {
    if (trail.includes(path)) {
      cycles.push(`cycle: ${[...trail.slice(trail.indexOf(path)), path].join(" → ")}`);
      return;
    }
    if (done.has(path)) return;
    done.add(path);
    for (const target of byPath.get(path)?.imports ?? []) {
      if (target.path !== undefined) visit(target.path, [...trail, path]);
    }
  }
  for (const { path } of modules) visit(path, []);
  return cycles;
}

/**
 * Checks a tree.
 *
 * @param tree Its top; a `file:` URL that ends with a slash.
 * @returns One sentence for each import that breaks a rule, and for each cycle.
 */
export async function checkLayers(tree: URL): Promise<string[]> {
  const entries: URL[] = [];
  for await (const source of sources(tree)) entries.push(source);
  const modules = await readModules(tree, entries);
  const edges = modules.flatMap(({ path: from, imports }) =>
    imports.flatMap(({ specifier, path: to }) => {
      const problem = edgeProblem(from, specifier, to);
      return problem === undefined ? [] : [`${from}: the import of ${specifier} ${problem}`];
    })
  );
  return [...edges, ...findCycles(modules)];
}

if (import.meta.main) {
  const problems = await checkLayers(root);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) Deno.exit(1);
}
