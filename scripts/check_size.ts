/**
 * Checks the size of the client as a browser loads it: one bundle, minified and gzipped.
 *
 * @module
 */

import { build } from "esbuild";
import { gzipSync } from "node:zlib";
import { pathOf } from "./_deno.ts";

/** What it is to weigh, in bytes. Not reached yet: both wires' codecs are in it, and one would do. */
const goal = 9_000;

/** What it may weigh, in bytes: what it does, with room for 3 %, so that it grows no further. */
export const clientLimit = 11_200;

/**
 * Bundles the client.
 *
 * @returns Its size in bytes.
 */
export async function clientSize(): Promise<{ minified: number; gzipped: number }> {
  const { outputFiles } = await build({
    entryPoints: [pathOf("client.ts")],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2023",
    write: false,
  });
  const bundle = outputFiles[0]?.contents ?? new Uint8Array();
  return { minified: bundle.length, gzipped: gzipSync(bundle, { level: 9 }).length };
}

/**
 * Bundles the client and prints its size.
 *
 * @returns One sentence if it is too big.
 */
export async function checkSize(): Promise<string[]> {
  const { minified, gzipped } = await clientSize();
  console.log(
    `client: ${minified} bytes minified, ${gzipped} gzipped (limit ${clientLimit}, goal ${goal})`,
  );
  return gzipped <= clientLimit ? [] : [`the client has ${gzipped} bytes, ${clientLimit} at most`];
}
