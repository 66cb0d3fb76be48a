// Parts of pages that a script makes, between two comments.

/**
 * Reads a made part of a text.
 *
 * @param text The text.
 * @param name The part's name: it is between `<!-- name -->` and `<!-- end of name -->`.
 * @returns The part.
 * @throws {Error} If there is none.
 */
export function readPart(text: string, name: string): string {
  const part = text.match(partOf(name))?.[1];
  if (part === undefined) throw new Error(`The text has no part ${name}`);
  return part;
}

/**
 * Puts a made part into a text.
 *
 * @param text The text.
 * @param name The part's name.
 * @param part What it is to be.
 * @returns The new text.
 */
export function writePart(text: string, name: string, part: string): string {
  readPart(text, name);
  const made = `<!-- ${name} -->\n\n${part}\n\n<!-- end of ${name} -->`;
  return text.replace(partOf(name), () => made);
}

function partOf(name: string): RegExp {
  return new RegExp(`<!-- ${name} -->\\n\\n([\\s\\S]*?)\\n\\n<!-- end of ${name} -->`);
}
