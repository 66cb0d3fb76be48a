/**
 * Builds the client for browsers without a bundler: one minified module, `hawser.js`, with a source
 * map and one file of declarations.
 *
 * ```sh
 * deno task build:browser
 * deno task build:browser --out www --no-types
 * ```
 *
 * @module
 */

import { build, stop } from "esbuild";
import { parseArgs } from "node:util";
import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";
import { pathOf } from "./_deno.ts";
import { readManifest } from "./_edition.ts";
import { writeDeclarations } from "./npm_edition/api.ts";

/** What to build. */
export interface BrowserBuildOptions {
  /**
   * Whether the declarations are written, which takes longer than all the rest.
   *
   * @default {true}
   */
  readonly types?: boolean;
}

/**
 * Builds the file.
 *
 * @param outDir Where to.
 * @param options What to build.
 */
export async function buildBrowser(
  outDir: string,
  options: BrowserBuildOptions = {},
): Promise<void> {
  const { types = true } = options;
  const { name, version, license } = await readManifest();
  await build({
    entryPoints: [pathOf("mod.ts")],
    outfile: `${outDir}/hawser.js`,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    // What is imported when it is needed is in the file as well: a service worker may not import.
    splitting: false,
    target: "es2022",
    sourcemap: true,
    banner: { js: `/*! ${name} ${version}, ${license} licence */` },
    logLevel: "error",
  });
  await stop();
  if (types) await writeTypes(`${outDir}/hawser.d.ts`);
}

async function writeTypes(path: string): Promise<void> {
  const folder = pathOf(".cache/declarations");
  writeDeclarations([pathOf("mod.ts")], pathOf("."), folder);
  const bundle = await rollup({ input: `${folder}/mod.d.ts`, plugins: [dts()] });
  await bundle.write({ file: path, format: "es" });
  await bundle.close();
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: { out: { type: "string" }, types: { type: "boolean", default: true } },
    allowNegative: true,
  });
  const outDir = values.out ?? pathOf("dist");
  await Deno.mkdir(outDir, { recursive: true });
  await buildBrowser(outDir, { types: values.types });
  console.log(`hawser.js is in ${outDir}`);
}
