/**
 * Asks npm whether any package of the project, or one that it needs in turn, has a known hole:
 * high and critical ones fail the check. So does a package that its authors have given up, as they
 * do with versions that have holes: that much every registry says, a mirror without audits too.
 *
 * @module
 */

import { readNpmImports } from "./_edition.ts";

/** What npm answered. */
export interface Audit {
  /** One sentence for each hole of severity high or critical. */
  readonly problems: string[];
  /** Why nothing is known, where npm didn't answer. */
  readonly unknown?: string;
}

/**
 * The packages of an import map, as `package.json` lists them.
 *
 * @param imports Names to specifiers.
 * @returns Names to versions; two versions of one package have names of their own.
 */
export function dependenciesOf(imports: Record<string, string>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, target] of Object.entries(imports)) {
    const [, specifier] = target.match(/^npm:(.+?)(?:\/[^@/]+)?$/) ?? [];
    const [, packageName = "", version = ""] = specifier?.match(/^(@?[^@]+)@([^/]+)/) ?? [];
    if (version === "") continue;
    const isTaken = packageName in found && found[packageName] !== version;
    found[isTaken ? name : packageName] = isTaken ? `npm:${packageName}@${version}` : version;
  }
  return found;
}

/**
 * Reads what `npm audit --json` printed.
 *
 * @param output The text.
 * @returns What it says.
 */
export function readAudit(output: string): Audit {
  let report: Record<string, unknown>;
  try {
    report = JSON.parse(output);
  } catch {
    return { problems: [], unknown: "npm audit printed no JSON" };
  }
  const { vulnerabilities, message, statusCode } = report;
  if (typeof vulnerabilities !== "object" || vulnerabilities === null) {
    return { problems: [], unknown: String(message ?? statusCode ?? "npm audit said nothing") };
  }
  const problems = Object.entries(vulnerabilities).flatMap(([name, found]) => {
    const { severity, via, range } = Object(found);
    if (severity !== "high" && severity !== "critical") return [];
    const titles = Array.isArray(via)
      ? via.map((cause) => typeof cause === "string" ? cause : Object(cause).title)
      : [];
    return [`${name} ${range}: ${severity}: ${titles.join("; ")}`];
  });
  return { problems };
}

/**
 * Finds the packages that their authors advise against.
 *
 * @param lock What `npm install` wrote into `package-lock.json`.
 * @returns One sentence for each.
 */
export function readDeprecated(lock: string): string[] {
  const { packages } = JSON.parse(lock);
  return Object.entries(Object(packages)).flatMap(([path, found]) => {
    const { version, deprecated } = Object(found);
    if (typeof deprecated !== "string") return [];
    const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    return [`${name} ${version} is deprecated: ${deprecated}`];
  });
}

async function npm(folder: string, ...args: string[]): Promise<string> {
  const command = new Deno.Command("npm", { args, cwd: folder, stdin: "null" });
  // Exits with 1 for holes as for failures: the text tells which.
  return new TextDecoder().decode((await command.output()).stdout);
}

/**
 * Asks npm about the project's packages.
 *
 * @returns One sentence for each hole and each deprecated package. Where npm's registry has no audits,
 * as a mirror of it, that is printed, and is no problem: nothing in the project can mend it.
 */
export async function checkAudit(): Promise<string[]> {
  const folder = await Deno.makeTempDir();
  try {
    const dependencies = dependenciesOf(await readNpmImports());
    await Deno.writeTextFile(
      `${folder}/package.json`,
      JSON.stringify({ name: "audited", version: "1.0.0", private: true, dependencies }),
    );
    // Peers that disagree are no concern here: each version is asked about.
    await npm(folder, "install", "--package-lock-only", "--ignore-scripts", "--legacy-peer-deps");
    const deprecated = readDeprecated(await Deno.readTextFile(`${folder}/package-lock.json`));
    const { problems, unknown } = readAudit(await npm(folder, "audit", "--json"));
    if (unknown !== undefined) {
      console.log(
        `NOT AUDITED: the registry doesn't say which packages have holes (${unknown}); ` +
          `deprecated ones: ${deprecated.length}`,
      );
    }
    return [...problems, ...deprecated];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
