/** An empty npm project with the packed npm edition installed in it, as a user would have it. */

import { build, stop } from "esbuild";
import { pathOf } from "../../scripts/_deno.ts";
import { buildHawser } from "../../scripts/build_npm.ts";

/** The built package and the project that has it. */
export interface Project {
  /** What `deno task build:npm` writes. */
  readonly package: string;
  /** What `npm pack` makes of it. */
  readonly tarball: string;
  /** A folder with the tarball installed. */
  readonly folder: string;
}

/** For the tests of TypeScript: the newest one, the one before the native one, the oldest Node's types. */
const tools = ["typescript@7.0.2", "typescript5@npm:typescript@5.9.3", "@types/node@^20.9.0"];

let project: Promise<Project> | undefined;

/**
 * Builds, packs and installs the package, the first time that it is asked for.
 *
 * @returns Where everything is.
 */
export function openProject(): Promise<Project> {
  return project ??= makeProject();
}

async function makeProject(): Promise<Project> {
  const top = pathOf(".cache/npm");
  const [folder, built] = [`${top}/project`, `${top}/hawser`];
  await buildHawser(built);
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  const [{ filename }] = JSON.parse(
    await run("npm", ["pack", "--json", "--pack-destination", top], built),
  );
  const tarball = `${top}/${filename}`;
  await Deno.writeTextFile(`${folder}/package.json`, '{ "private": true, "type": "module" }\n');
  const quiet = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"];
  await run("npm", ["install", ...quiet, tarball, ...tools], folder);
  await bundle("tests/peers/_node_main.ts", `${folder}/cases.js`);
  await bundle("tests/npm/_server_main.ts", `${folder}/server.js`);
  await stop();
  return { package: built, tarball, folder };
}

/** Bundles a module for the project: what it has of the client or the server is the package's own. */
async function bundle(path: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [pathOf(path)],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    logLevel: "error",
    plugins: [{
      name: "the package",
      setup({ onResolve }) {
        onResolve({ filter: /^(?:\.\.\/)+(?:client|server)\.ts$/ }, ({ path }) => ({
          path: `@hawser/hawser/${path.slice(path.lastIndexOf("/") + 1, -".ts".length)}`,
          external: true,
        }));
      },
    }],
  });
}

/**
 * Runs a command.
 *
 * @param command The command.
 * @param args Its arguments.
 * @param cwd Where it runs.
 * @returns What it printed.
 * @throws {Error} If it fails; with all that it printed.
 */
export async function run(command: string, args: string[], cwd: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd, stdin: "null" })
    .output();
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout);
  if (success) return output;
  throw new Error(`${[command, ...args].join(" ")} failed:\n${output}${decoder.decode(stderr)}`);
}
