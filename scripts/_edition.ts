/**
 * The package's npm edition: its published files in a folder of their own, with a `deno.json` that
 * maps the stand-ins. `deno publish` and `deno pack` read nothing but that file, and resolve every
 * `jsr:` import in it even when an import map is given.
 */

import { npmImportMap, pathOf } from "./_deno.ts";

/** What the project's own `deno.json` says, as far as it is needed here. */
export interface Manifest {
  name: string;
  version: string;
  description: string;
  license: string;
  exports: Record<string, string>;
  imports: Record<string, string>;
  publish: { include: string[] };
}

/** The one stand-in that the package itself needs. */
export const standIn = "scripts/npm_only/file_server.ts";

/** Reads the project's `deno.json`. */
export async function readManifest(): Promise<Manifest> {
  return JSON.parse(await Deno.readTextFile(pathOf("deno.json")));
}

/** Reads the import map of the npm edition: names to `npm:` specifiers or files beside it. */
export async function readNpmImports(): Promise<Record<string, string>> {
  return JSON.parse(await Deno.readTextFile(pathOf(npmImportMap))).imports;
}

async function copy(from: string, to: string): Promise<void> {
  const info = await Deno.stat(from);
  if (!info.isDirectory) return await Deno.copyFile(from, to);
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) await copy(`${from}/${name}`, `${to}/${name}`);
}

/**
 * Writes the npm edition into a folder, which is emptied first.
 *
 * @param folder Its path.
 * @param changes Replace fields of `deno.json`.
 * @param extra Files that are not published elsewhere.
 */
export async function writeEdition(
  folder: string,
  changes: Partial<Manifest> = {},
  extra: string[] = [],
): Promise<void> {
  const manifest = await readManifest();
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  const files = [...manifest.publish.include, standIn, ...extra];
  for (const path of files) {
    const target = `${folder}/${path}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await copy(pathOf(path), target);
  }
  const imports = Object.entries(await readNpmImports()).map(([name, target]) =>
    [name, target.replace(/^\.\//, "./scripts/npm_only/")] as const
  );
  const edition = {
    ...manifest,
    ...changes,
    imports: Object.fromEntries(imports),
    publish: { include: files },
  };
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(edition, null, 2));
}
