/**
 * Compares secrets without telling, by the time it takes, how much of the
 * expected one is right or how long it is: the work depends on what was given
 * alone. For tokens and passwords in an `authenticate` of your own.
 *
 * @param given What a client sent; anything but a string is wrong.
 * @param secret What it is to be.
 * @returns Whether they are equal.
 *
 * @example
 * ```ts
 * import { equalSecrets } from "@hawser/hawser/server";
 *
 * console.assert(equalSecrets("wslink-secret", "wslink-secret"));
 * console.assert(!equalSecrets(undefined, "wslink-secret"));
 * ```
 */
export function equalSecrets(given: unknown, secret: string): boolean {
  if (typeof given !== "string") return false;
  let difference = given.length ^ secret.length;
  for (let i = 0; i < given.length; i++) {
    difference |= given.charCodeAt(i) ^ secret.charCodeAt(i % Math.max(secret.length, 1));
  }
  return difference === 0;
}
