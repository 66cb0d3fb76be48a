/** What `deno info` knows of a tree's modules. */

import { deno } from "./_deno.ts";

/** One module, and what it imports: types, dynamic imports and the project's own name included. */
export interface Module {
  /** Relative to the tree's top. */
  path: string;
  /** The specifier as written, and the file it means if that is in the tree. */
  imports: { specifier: string; path: string | undefined }[];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

/**
 * Reads the modules of a tree that some entries reach.
 *
 * @param tree The tree's top; a `file:` URL that ends with a slash.
 * @param entries Where to start.
 * @returns The modules within the tree, the entries included.
 */
export async function readModules(tree: URL, entries: URL[]): Promise<Module[]> {
  // `deno info` takes a single entry, so this is a module that imports all of them.
  const source = entries.map(({ href }) => `import ${JSON.stringify(href)};`).join("\n");
  const entry = `data:application/typescript,${encodeURIComponent(source)}`;
  const { success, stdout, stderr } = await deno(["info", "--json", entry], { cwd: tree }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`deno info failed: ${decoder.decode(stderr)}`);

  const info: unknown = JSON.parse(decoder.decode(stdout));
  function within(specifier: unknown): string | undefined {
    const inside = typeof specifier === "string" && specifier.startsWith(tree.href);
    return inside ? decodeURIComponent(specifier.slice(tree.href.length)) : undefined;
  }
  return listOf(isRecord(info) ? info["modules"] : []).flatMap(({ specifier, dependencies }) => {
    const path = within(specifier);
    if (path === undefined) return [];
    const imports = listOf(dependencies).map(({ specifier, code, type }) => {
      const target = isRecord(code) ? code : isRecord(type) ? type : {};
      return { specifier: String(specifier), path: within(target["specifier"]) };
    });
    return [{ path, imports }];
  });
}
