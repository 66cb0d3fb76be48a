/**
 * Checks that `scripts/npm_only/deno.lock` holds every package from npm, with the hash of each and
 * of all that they need in turn, so that CI gets the very bytes that were looked at.
 *
 * ```sh
 * deno task lock
 * ```
 *
 * writes it anew, after a package was added or raised. Packages from JSR aren't in it: it is made
 * and used where only npm answers too.
 *
 * @module
 */

import { chosenRegistry, deno, npmImportMap, pathOf, root } from "./_deno.ts";
import { readNpmImports } from "./_edition.ts";

const lockFile = "scripts/npm_only/deno.lock";

/**
 * What makes a command take the locked packages and no others.
 *
 * @returns Options for `deno`; none where packages come from JSR, or nobody set `HAWSER_FROZEN`.
 */
export function frozenFlags(): string[] {
  const isFrozen = Deno.env.get("HAWSER_FROZEN") === "1" && chosenRegistry() === "npm";
  return isFrozen ? [`--lock=${pathOf(lockFile)}`, "--frozen"] : [];
}

async function resolveAll(frozen: boolean): Promise<string[]> {
  const names = Object.entries(await readNpmImports())
    .filter(([, target]) => target.startsWith("npm:"))
    .map(([name]) => name);
  // Inside the project: an import map's bare names are for its own modules.
  const main = await Deno.makeTempFile({ dir: pathOf("scripts/npm_only"), suffix: ".ts" });
  try {
    await Deno.writeTextFile(
      main,
      names.map((name) => `import ${JSON.stringify(name)};\n`).join(""),
    );
    const { success, stderr } = await deno([
      "cache",
      "--quiet",
      `--lock=${pathOf(lockFile)}`,
      `--frozen=${frozen}`,
      ...(chosenRegistry() === "npm" ? [] : [`--import-map=${pathOf(npmImportMap)}`]),
      main,
    ], { cwd: root }).output();
    return success ? [] : [new TextDecoder().decode(stderr).trim()];
  } finally {
    await Deno.remove(main);
  }
}

/**
 * Checks the lock file.
 *
 * @returns One text for each thing that is wrong.
 */
export async function checkLock(): Promise<string[]> {
  const problems = await resolveAll(true);
  return problems.map((problem) => `${lockFile} is not up to date (deno task lock): ${problem}`);
}

if (import.meta.main) {
  await Deno.remove(pathOf(lockFile)).catch(() => {});
  const problems = await resolveAll(false);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) Deno.exit(1);
}
