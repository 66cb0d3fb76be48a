/**
 * Checks that `deno.json` and the import map of the npm edition name the same packages: npm's own
 * in the same version, and a stand-in for each of JSR's.
 *
 * @module
 */

import { readManifest, readNpmImports } from "./_edition.ts";

type Imports = Record<string, string>;

/**
 * Compares the two lists.
 *
 * @param jsr The imports of `deno.json`.
 * @param npm The imports of the npm edition.
 * @returns One sentence for each thing that is wrong.
 */
export function compareImports(jsr: Imports, npm: Imports): string[] {
  const problems: string[] = [];
  const fromJsr = Object.keys(jsr).filter((name) => jsr[name]?.startsWith("jsr:"));
  for (const [name, target] of Object.entries(jsr)) {
    if (target.startsWith("jsr:")) {
      const found = Object.keys(npm).some((key) => key === name || key.startsWith(`${name}/`));
      if (!found) problems.push(`${name} comes from JSR, and no stand-in is mapped`);
    } else if (npm[name] !== target) {
      problems.push(`${name} is ${target} in one list and ${npm[name]} in the other`);
    }
    if (target.startsWith("npm:") && !/.@\d+\.\d+\.\d+(?:-[\w.]+)?(?:\/|$)/.test(target)) {
      problems.push(`${name} has no exact version: ${target}`);
    }
  }
  for (const name of Object.keys(npm)) {
    const known = name in jsr || fromJsr.some((key) => name.startsWith(`${key}/`));
    if (!known) problems.push(`${name} is only in the npm edition's list`);
  }
  return problems;
}

/**
 * Compares the project's two lists.
 *
 * @returns One sentence for each thing that is wrong.
 */
export async function checkImports(): Promise<string[]> {
  return compareImports((await readManifest()).imports, await readNpmImports());
}
