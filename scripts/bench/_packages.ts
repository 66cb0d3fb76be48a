import { gzipSync } from "node:zlib";
import { pathOf } from "../_deno.ts";

// Packages of other projects that the benchmark measures. They are installed with exact versions
// into the git-ignored `.cache/`, so Hawser itself keeps depending on none of them.

/** The repository's root directory, without a trailing slash. */
export const ROOT = pathOf("").replace(/\/$/, "");

const decoder = new TextDecoder();

/** What a finished command left behind. */
export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs a command to its end.
 *
 * @param command The program.
 * @param args Its arguments.
 * @param options Where to run it, and the milliseconds after which it is killed.
 * @returns Exit status (`-1` when it had to be killed) and what it printed.
 */
export async function run(
  command: string,
  args: string[],
  options: { cwd?: string; timeout?: number } = {},
): Promise<CommandResult> {
  const { cwd = ROOT, timeout = 300_000 } = options;
  const child = new Deno.Command(command, {
    args,
    cwd,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), timeout);
  const output = await child.output();
  clearTimeout(timer);
  return {
    code: output.signal === null ? output.code : -1,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
  };
}

/**
 * Installs npm packages into `.cache/<name>` unless exactly these are there already.
 *
 * @param name The folder's name.
 * @param dependencies Package name to exact version.
 * @returns The folder, whose `node_modules` holds the packages.
 * @throws {Error} If npm fails; the message carries what npm said.
 */
export async function installPackages(
  name: string,
  dependencies: Record<string, string>,
): Promise<string> {
  const folder = `${ROOT}/.cache/${name}`;
  const manifest = JSON.stringify(
    { private: true, type: "module", dependencies },
    null,
    2,
  );
  const stamp = `${folder}/installed.json`;
  const installed = await Deno.readTextFile(stamp).catch(() => "");
  if (installed === manifest) return folder;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/package.json`, manifest);
  console.log(
    `installing ${Object.keys(dependencies).join(", ")} into .cache/${name}`,
  );
  const result = await run("npm", [
    "install",
    "--no-audit",
    "--no-fund",
    "--no-package-lock",
  ], {
    cwd: folder,
  });
  if (result.code !== 0) {
    throw new Error(
      `Cannot install the benchmark's packages: npm said ${result.stderr.trim()}`,
    );
  }
  await Deno.writeTextFile(stamp, manifest);
  return folder;
}

/**
 * Bundles one module, minified.
 *
 * @param esbuildFolder A folder from {@linkcode installPackages} that has esbuild.
 * @param entry The module's path.
 * @param outfile Where the bundle goes: an ES module, or CommonJS if it ends in `.cjs`.
 * @param platform What runs it.
 * @param packages Whether packages are bundled as well, or imported from beside the bundle.
 * @returns Its size in bytes, plain and gzipped (level 9).
 * @throws {Error} If the bundle cannot be made, for example because it needs Node's modules.
 */
export async function bundle(
  esbuildFolder: string,
  entry: string,
  outfile: string,
  platform: "browser" | "node" = "browser",
  packages: "bundle" | "external" = "bundle",
): Promise<{ minified: number; gzipped: number }> {
  const result = await run(`${esbuildFolder}/node_modules/.bin/esbuild`, [
    entry,
    "--bundle",
    "--minify",
    `--format=${outfile.endsWith(".cjs") ? "cjs" : "esm"}`,
    `--platform=${platform}`,
    `--packages=${packages}`,
    "--target=es2023",
    "--log-level=error",
    `--outfile=${outfile}`,
  ], { cwd: esbuildFolder });
  if (result.code !== 0) {
    throw new Error(`Cannot bundle ${entry}: ${result.stderr.trim()}`);
  }
  const bytes = await Deno.readFile(outfile);
  return {
    minified: bytes.length,
    gzipped: gzipSync(bytes, { level: 9 }).length,
  };
}
