/**
 * Which names procedures and topics may have.
 *
 * @module
 */

const COMPONENT = /^[a-z][a-z0-9_]*$/;

/** What wslink's clients accept as a topic: they drop the rest in silence (wslink `session.js`). */
const TOPIC = /^\w+(?:\.\w+)*$/;

/**
 * Checks a procedure's name as wslink does at registration (wslink `uri.py`):
 * dot-separated components, each a lowercase letter followed by lowercase
 * letters, digits and underscores.
 *
 * @param name The name to check.
 * @returns The name.
 * @throws {TypeError} If the name is no such string.
 *
 * @example
 * ```ts
 * import { checkProcedureName } from "@hawser/hawser/protocol";
 * import { assertThrows } from "@std/assert";
 *
 * checkProcedureName("viewport.image.push");
 * assertThrows(() => checkProcedureName("Viewport.push"), TypeError, "Viewport.push");
 * ```
 */
export function checkProcedureName(name: string): string {
  if (!name.split(".").every((component) => COMPONENT.test(component))) {
    throw new TypeError(
      `A procedure's name is dot-separated words of a-z, 0-9 and _, each starting with a letter: received "${name}"`,
    );
  }
  return name;
}

/**
 * Checks a topic's name: dot-separated words, since wslink's clients drop
 * publications on any other in silence.
 *
 * @param topic The name to check.
 * @returns The name.
 * @throws {TypeError} If the name is no such string.
 *
 * @example
 * ```ts
 * import { checkTopic } from "@hawser/hawser/protocol";
 * import { assertThrows } from "@std/assert";
 *
 * checkTopic("viewport.image.push.subscription");
 * assertThrows(() => checkTopic("left view"), TypeError, "left view");
 * ```
 */
export function checkTopic(topic: string): string {
  // A caller without types may pass anything, and test() would read undefined as a word.
  if (typeof topic !== "string" || !TOPIC.test(topic)) {
    throw new TypeError(
      `A topic's name is dot-separated words: received "${topic}"`,
    );
  }
  return topic;
}
