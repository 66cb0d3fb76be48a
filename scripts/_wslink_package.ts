/**
 * Builds `@hawser/wslink`: the paths and names of npm's `wslink`, on the drop-in of
 * `@hawser/hawser/compat`.
 */

import { build } from "esbuild";
import { pathOf } from "./_deno.ts";
import { readManifest } from "./_edition.ts";

const source = "scripts/wslink_package";

/** The folders of `src/`, each of which is a module of npm's wslink. */
const classes = [
  "CompositeClosureHelper",
  "ProcessLauncher",
  "SmartConnect",
  "WebsocketConnection",
];

/** The major versions of npm's wslink that `@hawser/wslink` has a version for. */
export const wslinkLines = [1, 2] as const;

/** One of them. */
export type WslinkLine = typeof wslinkLines[number];

/**
 * The version of `@hawser/wslink` for a version of Hawser. Its major number is wslink's, since npm
 * compares it with what others ask of their peer `wslink`. Hawser's is in the second, in thousands from
 * 1000 on, so that every version is newer than those of wslink's own.
 *
 * @param line Which of wslink's major versions it stands in for.
 * @param version Hawser's version.
 * @returns The version, as `2.2004.1` for Hawser 1.4.1.
 */
export function wslinkVersion(line: WslinkLine, version: string): string {
  const [, major, minor, rest] = /^(\d+)\.(\d+)\.(.+)$/.exec(version) ?? [];
  if (rest === undefined) throw new TypeError(`${version} is no version`);
  return `${line}.${(Number(major) + 1) * 1000 + Number(minor)}.${rest}`;
}

/** npm's wslink has no `exports`, so that bundlers find a folder's `index.js`; here each way to write it is named. */
function exportsOf(): Record<string, unknown> {
  const entries = ["src", ...classes.map((name) => `src/${name}`)].flatMap((folder) => {
    const target = {
      types: `./${folder}/index.d.ts`,
      default: `./${folder}/index.js`,
    };
    return [
      [`./${folder}`, target],
      [`./${folder}/index`, target],
      [`./${folder}/index.js`, target],
    ];
  });
  return {
    ".": { types: "./src/index.d.ts", default: "./src/index.js" },
    ...Object.fromEntries(entries),
    "./dist/wslink.js": { types: "./dist/wslink.d.ts", default: "./dist/wslink.js" },
    "./package.json": "./package.json",
  };
}

const scriptTypes = `declare const wslink: typeof import("../src/index.js", {
  with: { "resolution-mode": "import" },
});
export = wslink;
`;

/** What a page gets that loads `dist/wslink.js` with a script tag: the global `wslink`, or a module of its loader's. */
const wrapper = {
  banner: `(function (root, make) {
  if (typeof module === "object" && module.exports) module.exports = make();
  else if (typeof define === "function" && define.amd) define([], make);
  else root.wslink = make();
})(typeof self === "undefined" ? globalThis : self, function () {`,
  // The last line is never run: it tells Node, which only reads it, the names to import.
  footer: `return wslink;
});
0 && (module.exports = { ${classes.join(", ")} });`,
};

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/**
 * Writes the package.
 *
 * @param outDir Where to; it is emptied first.
 * @param hawser Where the built `@hawser/hawser` is.
 * @param line Which of wslink's major versions it stands in for: the code is the same.
 */
export async function buildWslink(
  outDir: string,
  hawser: string,
  line: WslinkLine = 2,
): Promise<void> {
  const { version, license } = await readManifest();
  await Deno.remove(outDir, { recursive: true }).catch(() => {});
  await copyFolder(pathOf(source), outDir);
  await Deno.copyFile(pathOf("LICENSE"), `${outDir}/LICENSE`);
  const manifest = {
    name: "@hawser/wslink",
    version: wslinkVersion(line, version),
    description: "npm's wslink, by file and by name, on Hawser's client",
    keywords: ["wslink", "rpc", "websocket", "pubsub", "binary", "vtk", "trame"],
    license,
    type: "module",
    sideEffects: false,
    engines: { node: ">=20" },
    main: "./src/index.js",
    types: "./src/index.d.ts",
    exports: exportsOf(),
    files: ["src", "dist", "README.md", "LICENSE"],
    dependencies: { "@hawser/hawser": `^${version}` },
    // Who names no version gets the newer line.
    publishConfig: { access: "public", tag: line === 2 ? "latest" : `wslink-${line}` },
  };
  await Deno.writeTextFile(`${outDir}/package.json`, JSON.stringify(manifest, null, 2) + "\n");
  const { exports } = JSON.parse(await Deno.readTextFile(`${hawser}/package.json`));
  await build({
    entryPoints: [`${outDir}/src/index.js`],
    outfile: `${outDir}/dist/wslink.js`,
    bundle: true,
    minify: true,
    format: "iife",
    globalName: "wslink",
    target: "es2023",
    conditions: ["browser"],
    alias: { "@hawser/hawser/compat": `${hawser}/${exports["./compat"].default}` },
    banner: { js: wrapper.banner },
    footer: { js: wrapper.footer },
    logLevel: "error",
  });
  await Deno.writeTextFile(`${outDir}/dist/wslink.d.ts`, scriptTypes);
  // What a script tag or require() loads is no module.
  await Deno.writeTextFile(`${outDir}/dist/package.json`, '{ "type": "commonjs" }\n');
}
