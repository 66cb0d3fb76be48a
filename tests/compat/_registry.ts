/** A registry with the packages of this project alone, as npm's will be once they are published. */

import { createHash } from "node:crypto";

/** One packed package. */
export interface Packed {
  /** The folder that was packed. */
  readonly folder: string;
  /** What `npm pack` made of it. */
  readonly tarball: string;
}

interface Content {
  readonly manifest: object;
  readonly tarball: Uint8Array;
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
  const content = new Map<string, Map<string, Content>>();
  for (const { folder, tarball } of packages) {
    const manifest = JSON.parse(await Deno.readTextFile(`${folder}/package.json`));
    const versions = content.get(manifest.name) ?? new Map<string, Content>();
    content.set(manifest.name, versions);
    versions.set(manifest.version, { manifest, tarball: await Deno.readFile(tarball) });
  }
  const http = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const { origin, pathname } = new URL(request.url);
    const path = decodeURIComponent(pathname.slice(1));
    const [, name = path, wanted] = /^(.+)\/(.+)\.tgz$/.exec(path) ?? [];
    const found = content.get(name);
    const file = wanted === undefined ? undefined : found?.get(wanted);
    if (file) return new Response(new Uint8Array(file.tarball));
    if (found === undefined) return new Response("not found", { status: 404 });
    const versions = [...found].map(([version, { manifest, tarball }]) => {
      const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
      const dist = { tarball: `${origin}/${name}/${version}.tgz`, integrity };
      return [version, { ...manifest, dist }] as const;
    });
    const latest = versions.at(-1)?.[0];
    return Response.json({ name, "dist-tags": { latest }, versions: Object.fromEntries(versions) });
  });
  return {
    url: `http://127.0.0.1:${http.addr.port}/`,
    [Symbol.asyncDispose]: () => http.shutdown(),
  };
}
