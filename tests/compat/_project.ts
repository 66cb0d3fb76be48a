/** A project with the packed `@hawser/wslink` installed by the name `wslink`, as a user would have it. */

import { stop } from "esbuild";
import { pathOf } from "../../scripts/_deno.ts";
import { buildWslink } from "../../scripts/_wslink_package.ts";
import { openProject, run } from "../npm/_project.ts";
import { requirePeer } from "../peers/_installed.ts";

/** The project. */
export interface WslinkProject {
  /** Its folder. */
  readonly folder: string;
  /** Node. */
  readonly node: string;
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
  const top = pathOf(".cache/wslink");
  const [folder, built] = [`${top}/project`, `${top}/package`];
  const hawser = await openProject();
  await Deno.mkdir(top, { recursive: true });
  await buildWslink(built, hawser.package);
  await stop();
  const packed = await run("npm", ["pack", "--json", "--pack-destination", top], built);
  const [{ filename }] = JSON.parse(packed);
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  const manifest = {
    private: true,
    type: "module",
    // What "npm:@hawser/wslink@^1" is once it is published.
    dependencies: { wslink: `file:${top}/${filename}` },
    overrides: { "@hawser/hawser": `file:${hawser.tarball}` },
  };
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify(manifest));
  const quiet = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"];
  await run("npm", ["install", ...quiet], folder);
  return {
    folder,
    node: requirePeer(".cache/node22/node_modules/node/bin/node", "Node 22"),
    typescript: `${hawser.folder}/node_modules/typescript5/bin/tsc`,
  };
}
