/**
 * Checks the size of the client as a browser loads it, minified and gzipped: what it loads to
 * connect, and what it loads besides when a server is Hawser's, or speaks the 1.x wire.
 *
 * @module
 */

import { build } from "esbuild";
import { gzipSync } from "node:zlib";
import { pathOf } from "./_deno.ts";

/** What it is to weigh, in bytes. */
const goal = 9_000;

/** What it may weigh, in bytes: what it does, with room for 3 %, so that it grows no further. */
export const clientLimit = 14_850;

/** What the drop-in for wslink may add to the client, in bytes. */
export const compatLimit = 6_400;

/** Sizes in bytes. */
export interface Size {
  readonly minified: number;
  readonly gzipped: number;
}

/** What a client weighs, by when it is loaded. */
export interface ClientSize {
  /** To connect; all that a server of wslink 2.x needs. */
  readonly initial: Size;
  /** Besides, once a Hawser server has answered. */
  readonly hawser: Size;
  /** Besides, for the 1.x wire. */
  readonly json: Size;
}

/**
 * Bundles an entry point for browsers, each dynamic import in a file of its own.
 *
 * @param entry The entry point.
 * @returns What the files weigh that are loaded, each compressed by itself as a server does it.
 */
export async function clientSize(entry = "client.ts"): Promise<ClientSize> {
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
  function loadedBy(source: string): Set<string> {
    const loaded = new Set<string>();
    const enter = (name: string) => {
      if (loaded.has(name)) return;
      loaded.add(name);
      for (const { path, kind } of files.get(name)?.imports ?? []) {
        if (kind === "import-statement") enter(path);
      }
    };
    for (const [name, { entryPoint }] of files) if (entryPoint === source) enter(name);
    if (loaded.size === 0) throw new Error(`The bundle has no entry point ${source}`);
    return loaded;
  }
  function weigh(names: ReadonlySet<string>): Size {
    const loaded = outputFiles.filter(({ path }) => [...names].some((name) => path.endsWith(name)));
    return {
      minified: loaded.reduce((sum, { contents }) => sum + contents.length, 0),
      gzipped: loaded.reduce((sum, { contents }) => sum + gzip(contents), 0),
    };
  }
  const initial = loadedBy(entry);
  return {
    initial: weigh(initial),
    hawser: weigh(loadedBy("client/extended.ts").difference(initial)),
    json: weigh(loadedBy("client/_json_wire.ts").difference(initial)),
  };
}

function gzip(contents: Uint8Array): number {
  return gzipSync(contents, { level: 9 }).length;
}

/**
 * Bundles the client, and the drop-in for wslink, and prints their sizes.
 *
 * @returns One sentence for each that is too big.
 */
export async function checkSize(): Promise<string[]> {
  const { initial, hawser, json } = await clientSize();
  console.log(
    `client: ${initial.minified} bytes minified, ${initial.gzipped} gzipped ` +
      `(limit ${clientLimit}, goal ${goal}); a Hawser server adds ${hawser.gzipped}, ` +
      `the 1.x wire ${json.gzipped}`,
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
