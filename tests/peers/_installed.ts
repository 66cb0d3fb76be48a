/** Finds the peers that `deno task setup` installs into the project's cache. */

import { pathOf } from "../../scripts/_deno.ts";

/**
 * The path of an installed peer.
 *
 * @param path Relative to the project's top.
 * @param name What it is, for the message.
 * @returns The path as the operating system takes it.
 * @throws {Error} If it is not installed: a test never passes without its peer.
 */
export function requirePeer(path: string, name: string): string {
  const found = pathOf(path);
  try {
    Deno.statSync(found);
  } catch (cause) {
    throw new Error(`${name} is missing (${path}): "deno task setup" installs it`, { cause });
  }
  return found;
}
