/** The `package.json` of the npm edition. */

import type { Manifest } from "../_edition.ts";

/** Where the build put each module: `client` → `./client`, without extensions. */
export type Places = Map<string, string>;

/** What a condition leads to; each may have conditions of its own. */
export type Target = string | { readonly [condition: string]: Target };

/**
 * Which entry point `./server` is in each runtime, in the order in which they are asked: Deno and
 * Bun answer to `node` as well. Whoever bundles for some other runtime gets Node's.
 */
const servers: readonly (readonly [condition: string, subpath: string])[] = [
  ["deno", "./server"],
  ["bun", "./bun"],
  ["workerd", "./workers"],
  ["default", "./node"],
];

/**
 * Writes the `package.json`.
 *
 * @param manifest The project's `deno.json`.
 * @param places Where the modules are.
 * @param dependencies What the build found the modules to import.
 * @returns Its content.
 */
export function manifestOf(
  manifest: Manifest,
  places: Places,
  dependencies: Record<string, string>,
): Record<string, unknown> {
  const { name, version, description, license, exports } = manifest;

  function placeOf(module: string): string {
    const path = module.replace(/^\.\//, "").replace(/\.ts$/, "");
    const place = places.get(path);
    if (place === undefined) throw new Error(`${module} was not built`);
    return place;
  }
  function entryOf(subpath: string, module: string): Target {
    const own = { types: `${placeOf(module)}.d.ts`, default: `${placeOf(module)}.js` };
    if (subpath !== "./server") return own;
    return Object.fromEntries(servers.flatMap(([condition, name]) => {
      const target = exports[name];
      if (target === undefined) return [];
      const place = placeOf(target);
      // Types that need no runtime's own: all have these names, but that a worker can't listen.
      const types = condition === "workerd" ? `${place}.d.ts` : own.types;
      return [[condition, { types, default: `${place}.js` }]];
    }));
  }

  const ownSocket = `${placeOf("client/_websocket.ts")}.js`;
  return {
    name,
    version,
    description,
    keywords: ["wslink", "rpc", "websocket", "pubsub", "binary", "vtk", "trame"],
    license,
    ...repository(),
    type: "module",
    sideEffects: false,
    engines: { node: ">=20" },
    exports: {
      ...Object.fromEntries(
        Object.entries(exports).map(([subpath, module]) => [subpath, entryOf(subpath, module)]),
      ),
      "./package.json": "./package.json",
    },
    imports: {
      "#websocket": {
        ...{ browser: ownSocket, deno: ownSocket, bun: ownSocket, workerd: ownSocket },
        node: `${placeOf("scripts/npm_edition/websocket.ts")}.js`,
        default: ownSocket,
      },
    },
    // Types are needed where the package's own declarations mention them, and they don't.
    dependencies: Object.fromEntries(
      Object.entries(dependencies).filter(([name]) => !name.startsWith("@types/")),
    ),
  };
}

/** npm takes a provenance statement only if the package names the repository that it was built in. */
function repository(): { repository?: { type: string; url: string } } {
  const [server, path] = [Deno.env.get("GITHUB_SERVER_URL"), Deno.env.get("GITHUB_REPOSITORY")];
  if (server === undefined || path === undefined) return {};
  return { repository: { type: "git", url: `git+${server}/${path}.git` } };
}
