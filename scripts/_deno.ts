/**
 * Runs Deno with the packages of the registry that answers. JSR is the default; where only npm can
 * be reached, an import map puts stand-ins from npm in place of the packages from JSR.
 */

/** Where packages come from. */
export type Registry = "jsr" | "npm";

/** The project's top. */
export const root = new URL("../", import.meta.url);

/** The import map of the npm edition, relative to the project's top. */
export const npmImportMap = "scripts/npm_only/import_map.json";

/**
 * The path of a file of the project.
 *
 * @param path Relative to the project's top.
 * @returns The path as the operating system takes it.
 */
export function pathOf(path: string): string {
  return decodeURIComponent(new URL(path, root).pathname);
}

const variable = "HAWSER_REGISTRY";

async function jsrAnswers(): Promise<boolean> {
  try {
    const url = "https://jsr.io/@std/assert/meta.json";
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/**
 * Chooses the registry, says so in one line, and remembers the choice for every process that is
 * started from here.
 *
 * @returns The choice.
 * @throws {TypeError} If the variable `HAWSER_REGISTRY` is neither `jsr` nor `npm`.
 */
export async function chooseRegistry(): Promise<Registry> {
  const wanted = Deno.env.get(variable);
  if (wanted !== undefined && wanted !== "jsr" && wanted !== "npm") {
    throw new TypeError(`${variable} must be "jsr" or "npm": received ${JSON.stringify(wanted)}`);
  }
  const registry = wanted ?? (await jsrAnswers() ? "jsr" : "npm");
  const reason = wanted !== undefined
    ? `${variable}=${wanted}`
    : registry === "jsr"
    ? "JSR answers"
    : "JSR does not answer";
  const packages = registry === "jsr" ? "JSR" : "npm only, with stand-ins for JSR's";
  console.error(`Packages come from ${packages} (${reason})`);
  Deno.env.set(variable, registry);
  return registry;
}

/** The registry that was chosen; JSR where nobody chose. */
export function chosenRegistry(): Registry {
  return Deno.env.get(variable) === "npm" ? "npm" : "jsr";
}

/**
 * A Deno command that runs with the chosen packages, in the executable that runs this.
 *
 * @param args The command line: `["test", "-A"]`.
 * @param options As for `Deno.Command`.
 * @returns The command.
 */
export function deno(
  [subcommand, ...args]: readonly [string, ...string[]],
  options: Omit<Deno.CommandOptions, "args"> = {},
): Deno.Command {
  const resolves = subcommand !== "fmt" && subcommand !== "lint";
  const flags = resolves && chosenRegistry() === "npm"
    ? [`--import-map=${pathOf(npmImportMap)}`]
    : [];
  return new Deno.Command(Deno.execPath(), { args: [subcommand, ...flags, ...args], ...options });
}
