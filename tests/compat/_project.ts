/** A project with `@hawser/wslink` installed by the name `wslink`, as a user would have it. */

import { stop } from "esbuild";
import { pathOf } from "../../scripts/_deno.ts";
import { buildWslink } from "../../scripts/_wslink_package.ts";
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
  const built = `${folder}.package`;
  await buildWslink(built, hawser.package);
  await stop();
  const packing = ["pack", "--json", "--pack-destination", pathOf(".cache")];
  const [{ filename, version }] = JSON.parse(await run("npm", packing, built));
  const packed = { folder: built, tarball: pathOf(`.cache/${filename}`) };
  await using registry = await startRegistry([
    { folder: hawser.package, tarball: hawser.tarball },
    packed,
  ]);
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/.npmrc`, `@hawser:registry=${registry.url}\n`);
  const manifest = {
    private: true,
    type: "module",
    dependencies: { wslink: `npm:@hawser/wslink@^${version}` },
  };
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify(manifest));
  // Another run's packages of the same version are others.
  const cache = ["--cache", `${folder}.cache`];
  const quiet = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"];
  await run("npm", ["install", ...quiet, ...cache], folder);
  return packed;
}
