/**
 * Checks the size of the client as a browser loads it, minified and gzipped: what it loads to
 * connect, and what it loads besides when a server speaks the 1.x wire.
 *
 * @module
 */

import { build } from "esbuild";
import { gzipSync } from "node:zlib";
import { pathOf } from "./_deno.ts";

/** What it is to weigh, in bytes. */
const goal = 9_000;

/** What it may weigh, in bytes: what it does, with room for 3 %, so that it grows no further. */
export const clientLimit = 14_750;

/** What the drop-in for wslink may add to the client, in bytes. */
export const compatLimit = 6_000;

/** Sizes in bytes. */
export interface Size {
  readonly minified: number;
  readonly gzipped: number;
}

/**
 * Bundles an entry point for browsers, each dynamic import in a file of its own.
 *
 * @param entry The entry point.
 * @returns What the files weigh that are loaded at once, and the others.
 */
export async function clientSize(
  entry = "client.ts",
): Promise<{ initial: Size; later: Size }> {
  const { outputFiles, metafile } = await build({
    entryPoints: [pathOf(entry)],
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    target: "es2023",
    outdir: pathOf(".cache/size"),
    absWorkingDir: pathOf("."),
    metafile: true,
    write: false,
  });
  const files = new Map(Object.entries(metafile.outputs));
  const initial = new Set<string>();
  const enter = (name: string) => {
    if (initial.has(name)) return;
    initial.add(name);
    for (const { path, kind } of files.get(name)?.imports ?? []) {
      if (kind === "import-statement") enter(path);
    }
  };
  for (const [name, { entryPoint }] of files) if (entryPoint === entry) enter(name);
  if (initial.size === 0) throw new Error(`The bundle has no entry point ${entry}`);
  const sizes = { initial: { minified: 0, gzipped: 0 }, later: { minified: 0, gzipped: 0 } };
  for (const { path, contents } of outputFiles) {
    const isInitial = [...initial].some((name) => path.endsWith(name));
    const size = sizes[isInitial ? "initial" : "later"];
    size.minified += contents.length;
    // A server compresses each file by itself.
    size.gzipped += gzipSync(contents, { level: 9 }).length;
  }
  return sizes;
}

/**
 * Bundles the client, and the drop-in for wslink, and prints their sizes.
 *
 * @returns One sentence for each that is too big.
 */
export async function checkSize(): Promise<string[]> {
  const { initial, later } = await clientSize();
  console.log(
    `client: ${initial.minified} bytes minified, ${initial.gzipped} gzipped ` +
      `(limit ${clientLimit}, goal ${goal}); the 1.x codec: ${later.gzipped} gzipped, when it is needed`,
  );
  const compat = (await clientSize("compat.ts")).initial;
  const added = compat.gzipped - initial.gzipped;
  console.log(
    `compat: ${compat.minified} bytes minified, ${compat.gzipped} gzipped with the client in it, ` +
      `to which it adds ${added} (limit ${compatLimit})`,
  );
  return [
    ...initial.gzipped <= clientLimit
      ? []
      : [`the client has ${initial.gzipped} bytes, ${clientLimit} at most`],
    ...added <= compatLimit ? [] : [`compat adds ${added} bytes, ${compatLimit} at most`],
  ];
}
