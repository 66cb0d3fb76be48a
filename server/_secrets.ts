/**
 * Compares without telling, by the time it takes, how much of the secret is
 * right or how long it is: the work depends on what was given alone.
 */
export function equalSecrets(given: unknown, secret: string): boolean {
  if (typeof given !== "string") return false;
  let difference = given.length ^ secret.length;
  for (let i = 0; i < given.length; i++) {
    difference |= given.charCodeAt(i) ^ secret.charCodeAt(i % Math.max(secret.length, 1));
  }
  return difference === 0;
}
