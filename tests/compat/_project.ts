/** A project with `@hawser/wslink` installed by the name `wslink`, as a user would have it. */

import { stop } from "esbuild";
import { pathOf } from "../../scripts/_deno.ts";
import { buildWslink, type WslinkLine } from "../../scripts/_wslink_package.ts";
import { openProject, run } from "../npm/_project.ts";
import { requirePeer } from "../peers/_installed.ts";
import { type Packed, startRegistry } from "./_registry.ts";

/** The project. */
export interface WslinkProject {
  /** Its folder. */
  readonly folder: string;
  /** Node. */
  readonly node: string;
  /** What `deno task build:npm` writes. */
  readonly package: string;
  /** What `npm pack` makes of it. */
  readonly tarball: string;
  /** TypeScript's compiler. */
  readonly typescript: string;
}

let project: Promise<WslinkProject> | undefined;

/**
 * Builds, packs and installs both packages, the first time that it is asked for.
 *
 * @returns Where everything is.
 */
export function installWslink(): Promise<WslinkProject> {
  return project ??= install();
}

async function install(): Promise<WslinkProject> {
  const folder = pathOf(".cache/wslink/project");
  const hawser = await openProject();
  const packed = await installInto(folder, hawser);
  return {
    folder,
    package: packed.folder,
    tarball: packed.tarball,
    node: requirePeer(".cache/node22/node_modules/node/bin/node", "Node 22"),
    typescript: `${hawser.folder}/node_modules/typescript5/bin/tsc`,
  };
}

/**
 * Makes an empty folder a project with the one line that moves an application.
 *
 * @param folder The folder; it is emptied first.
 * @param hawser The built and packed `@hawser/hawser`.
 * @returns The built and packed `@hawser/wslink`.
 */
export async function installInto(
  folder: string,
  hawser: { readonly package: string; readonly tarball: string },
): Promise<Packed> {
  const packed = await packWslink(`${folder}.package`, hawser.package);
  await using registry = await startRegistry([
    { folder: hawser.package, tarball: hawser.tarball },
    packed,
  ]);
  await installFrom(registry.url, folder, { wslink: "npm:@hawser/wslink@^2" });
  return packed;
}

/**
 * Builds and packs `@hawser/wslink`.
 *
 * @param folder Where to.
 * @param hawser Where the built `@hawser/hawser` is.
 * @param line Which of wslink's major versions it stands in for.
 * @returns What `npm publish` would take.
 */
export async function packWslink(
  folder: string,
  hawser: string,
  line?: WslinkLine,
): Promise<Packed> {
  await buildWslink(folder, hawser, line);
  await stop();
  const packing = ["pack", "--json", "--pack-destination", pathOf(".cache")];
  const [{ filename }] = JSON.parse(await run("npm", packing, folder));
  return { folder, tarball: pathOf(`.cache/${filename}`) };
}

/**
 * Installs packages into an empty folder.
 *
 * @param registry Where those of `@hawser` come from.
 * @param folder The folder; it is emptied first.
 * @param dependencies The packages.
 * @param flags What else npm is told.
 */
export async function installFrom(
  registry: string,
  folder: string,
  dependencies: Readonly<Record<string, string>>,
  flags: readonly string[] = [],
): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/.npmrc`, `@hawser:registry=${registry}\n`);
  const manifest = { private: true, type: "module", dependencies };
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify(manifest));
  // Another run's packages of the same version are others.
  const cache = ["--cache", `${folder}.cache`];
  const quiet = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"];
  await run("npm", ["install", ...quiet, ...cache, ...flags], folder);
}
