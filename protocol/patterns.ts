/**
 * Patterns of topics: `*` is any word, and `>` at the end any word or more.
 *
 * @module
 */

/**
 * Tells whether a name stands for many topics: `*` is any word, and `>` at the
 * end any word or more.
 *
 * @param name A topic or a pattern.
 * @returns Whether it is a pattern.
 */
export function isPattern(name: string): boolean {
  return name.includes("*") || name.endsWith(">");
}

/**
 * Tells whether there may be a topic that two interests have in common; where
 * one is a topic, whether the other one covers it.
 *
 * @param a A topic or a pattern.
 * @param b A topic or a pattern.
 * @returns Whether they overlap.
 */
export function overlaps(a: string, b: string): boolean {
  if (a === b) return true;
  const left = a.split(".");
  const right = b.split(".");
  for (let i = 0; i < left.length || i < right.length; i++) {
    const x = left[i];
    const y = right[i];
    if (x === undefined || y === undefined) return false;
    if (x === ">" || y === ">") return true;
    if (x !== y && x !== "*" && y !== "*") return false;
  }
  return true;
}
