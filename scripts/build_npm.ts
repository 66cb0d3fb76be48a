/**
 * Builds the npm package into `npm/hawser`, ready for `npm publish`.
 *
 * ```sh
 * deno task build:npm
 * ```
 *
 * @module
 */

import { build, emptyDir } from "@deno/dnt";
import { pathOf, root } from "./_deno.ts";
import { readManifest } from "./_edition.ts";

const { name, version, license, exports } = await readManifest();
const outDir = pathOf("npm/hawser");

Deno.chdir(root);
await emptyDir(outDir);
await build({
  entryPoints: Object.entries(exports).map(([name, path]) => ({ name, path })),
  outDir,
  // Nothing is shimmed: the client uses what every runtime has, and where the server needs Deno
  // it says so itself.
  shims: {},
  // `deno task check` has seen all of it, and Node's types know no Deno.
  typeCheck: false,
  test: false,
  scriptModule: false,
  package: {
    name,
    version,
    license,
    description: "wslink for TypeScript: calls, publications and binary data over one WebSocket",
    keywords: ["wslink", "rpc", "websocket", "pubsub", "binary"],
    engines: { node: ">=22" },
  },
});
for (const file of ["LICENSE", "README.md", "CHANGELOG.md"]) {
  await Deno.copyFile(file, `${outDir}/${file}`);
}
console.log(`${name} ${version} is in ${outDir}`);
