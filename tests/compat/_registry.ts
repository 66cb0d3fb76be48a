/** A registry with the packages of this project alone, as npm's will be once they are published. */

import { createHash } from "node:crypto";

/** One packed package. */
export interface Packed {
  /** The folder that was packed. */
  readonly folder: string;
  /** What `npm pack` made of it. */
  readonly tarball: string;
}

/**
 * Starts the registry.
 *
 * @param packages What it has.
 * @returns Its address, for `@hawser:registry=…` in an `.npmrc`.
 */
export async function startRegistry(
  packages: readonly Packed[],
): Promise<AsyncDisposable & { readonly url: string }> {
  const content = new Map<string, { manifest: { version: string }; tarball: Uint8Array }>();
  for (const { folder, tarball } of packages) {
    const manifest = JSON.parse(await Deno.readTextFile(`${folder}/package.json`));
    content.set(manifest.name, { manifest, tarball: await Deno.readFile(tarball) });
  }
  const http = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const { origin, pathname } = new URL(request.url);
    const path = decodeURIComponent(pathname.slice(1));
    const name = path.replace(/\.tgz$/, "");
    const found = content.get(name);
    if (found === undefined) return new Response("not found", { status: 404 });
    if (path.endsWith(".tgz")) return new Response(new Uint8Array(found.tarball));
    const integrity = `sha512-${createHash("sha512").update(found.tarball).digest("base64")}`;
    const { version } = found.manifest;
    const dist = { tarball: `${origin}/${name}.tgz`, integrity };
    const versions = { [version]: { ...found.manifest, dist } };
    return Response.json({ name, "dist-tags": { latest: version }, versions });
  });
  return {
    url: `http://127.0.0.1:${http.addr.port}/`,
    [Symbol.asyncDispose]: () => http.shutdown(),
  };
}
