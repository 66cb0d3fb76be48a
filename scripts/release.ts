/**
 * Refuses a release whose tag, versions and changelog differ; else prints the release's notes.
 *
 * ```sh
 * deno task release v1.2.3
 * ```
 *
 * The version is written in `deno.json` alone: the builds take it from there.
 *
 * @module
 */

import { pathOf } from "./_deno.ts";
import { readManifest } from "./_edition.ts";
import { wslinkLines, wslinkVersion } from "./_wslink_package.ts";

/** A number as semantic versioning has it, with a pre-release but without a build. */
const semver = /^\d+\.\d+\.\d+(?:-[\w.-]+)?$/;

/** What a release is checked by. */
export interface Release {
  /** The tag, as in `v1.2.3`. */
  readonly tag: string;
  /** The version of each package, by the file that says so. */
  readonly versions: Readonly<Record<string, string>>;
  /** The text of `CHANGELOG.md`. */
  readonly changelog: string;
}

/**
 * Checks that everything in a release has one version.
 *
 * @param release The release.
 * @returns One sentence for each thing that is wrong.
 */
export function checkRelease({ tag, versions, changelog }: Release): string[] {
  const version = tag.replace(/^v/, "");
  if (!tag.startsWith("v") || !semver.test(version)) {
    return [`The tag ${tag} is no version with a v before it`];
  }
  const problems = Object.entries(versions)
    .filter(([, other]) => other !== version)
    .map(([file, other]) => `${file} has version ${other}, the tag is ${tag}`);
  const newest = sectionsOf(changelog).filter(({ title }) => title !== "Unreleased")[0];
  if (newest?.version !== version) {
    problems.push(`CHANGELOG.md starts with ${newest?.title ?? "nothing"}, the tag is ${tag}`);
  } else {
    if (newest.date === undefined) problems.push(`CHANGELOG.md has no date beside ${version}`);
    if (newest.text === "") problems.push(`CHANGELOG.md says nothing of ${version}`);
  }
  const unreleased = sectionsOf(changelog).find(({ title }) => title === "Unreleased");
  if (unreleased && unreleased.text !== "") {
    problems.push("CHANGELOG.md has changes that are not released");
  }
  return problems;
}

/**
 * Finds what the changelog says of a version.
 *
 * @param changelog The text of `CHANGELOG.md`.
 * @param version The version.
 * @returns The text below its heading.
 * @throws {Error} If there is none.
 */
export function notesOf(changelog: string, version: string): string {
  const section = sectionsOf(changelog).find((section) => section.version === version);
  if (section === undefined) throw new Error(`CHANGELOG.md has no section of ${version}`);
  return section.text;
}

interface Section {
  readonly title: string;
  readonly version: string | undefined;
  readonly date: string | undefined;
  readonly text: string;
}

/** The sections of a changelog: `## Unreleased`, or `## 1.2.3 - 2026-11-24`. */
function sectionsOf(changelog: string): Section[] {
  return changelog.split(/^## /m).slice(1).map((section) => {
    const [title = "", ...lines] = section.split("\n");
    const [version, date] = title.split(" - ");
    const isDate = date !== undefined && /^\d{4}-\d\d-\d\d$/.test(date);
    return {
      title,
      version: title === "Unreleased" ? undefined : version,
      date: isDate ? date : undefined,
      text: lines.join("\n").trim(),
    };
  });
}

/** The version of every package: JSR's, and those that `deno task build:npm` has written. */
async function readVersions(): Promise<Record<string, string>> {
  const versions: Record<string, string> = { "deno.json": (await readManifest()).version };
  const hawser = "npm/hawser/package.json";
  const version = await readVersion(hawser);
  versions[hawser] = version;
  for (const line of wslinkLines) {
    const path = `npm/wslink-${line}/package.json`;
    const own = await readVersion(path);
    versions[path] = own === wslinkVersion(line, version) ? version : own;
  }
  return versions;
}

async function readVersion(path: string): Promise<string> {
  return JSON.parse(await Deno.readTextFile(pathOf(path))).version;
}

if (import.meta.main) {
  const [tag] = Deno.args;
  if (tag === undefined) {
    console.error("deno task release TAG");
    Deno.exit(2);
  }
  const changelog = await Deno.readTextFile(pathOf("CHANGELOG.md"));
  const problems = checkRelease({ tag, versions: await readVersions(), changelog });
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) Deno.exit(1);
  console.log(notesOf(changelog, tag.slice(1)));
}
