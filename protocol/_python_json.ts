/**
 * JSON as Python's `json` writes it: what `JSON.parse` reads, and besides bare
 * `NaN`, `Infinity` and `-Infinity`, and integers of any length.
 */
import { ProtocolError } from "./errors.ts";
import { tooManyValues } from "./_values.ts";

/** 16 digits are the fewest that a double may not hold; as a fraction's digits they are no concern. */
const LONG_INTEGER = /(?:^|[[:,\s-])[1-9]\d{15}/;

/**
 * What `JSON.parse` can't read, or not exactly, outside of strings: bare words
 * and long integers, not the digits of a fraction or an exponent, and no keys.
 */
const TOKEN = /(?<![\d.eE+-])(?:NaN|-?Infinity|-?[1-9]\d{15,}(?![\d.eE]))(?!\s*:)/g;

/** What stands behind the mark for a bare word. */
const LETTERS = new Map([["NaN", "N"], ["Infinity", "I"], ["-Infinity", "-"]]);
const WORDS = new Map([["N", NaN], ["I", Infinity], ["-", -Infinity]]);

/** What Python itself reads and writes (its `sys.int_info.default_max_str_digits`): more costs much time. */
const MAX_DIGITS = 4300;

/**
 * Parses JSON.
 *
 * @param text The text.
 * @param maxValues How many values it may be made of: list elements, keys, and values.
 * @throws {ProtocolError} `malformed` if it is none, `too-large` if it has more values.
 */
export function parsePythonJson(text: string, maxValues = Infinity): unknown {
  // A value has a character, and another one that ends it: only a long text can have too many.
  if (text.length > maxValues * 2) checkValues(text, maxValues);
  if (!LONG_INTEGER.test(text)) {
    try {
      return JSON.parse(text);
    } catch (cause) {
      // The engine says where the error is and quotes the text: that stays on this side.
      if (!/NaN|Infinity/.test(text)) throw malformed(cause);
    }
  }
  return parseMarked(text);
}

/**
 * Counts values before they are made: what begins a list or map, or ends a
 * value that another follows, outside of strings.
 */
function checkValues(text: string, maxValues: number): void {
  let values = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === 0x2c || code === 0x3a || code === 0x5b || code === 0x7b) {
      if (++values > maxValues) throw tooManyValues(maxValues);
    }
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Where the string ends that begins with the quote at `start`: at its other quote, or at the text's end. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i;
    if (code === BACKSLASH) i++;
  }
  return text.length;
}

/**
 * Replaces each token by a string with a mark, lets the engine parse that, and
 * puts the values in their places.
 */
function parseMarked(text: string): unknown {
  // No text begins like this by accident; who does it on purpose gets the number
  // that they could have sent. With a letter it is so short that the engine makes
  // one string for all that are equal. (randomUUID is missing on pages without TLS.)
  const mark = `~${(crypto.getRandomValues(new Uint32Array(1))[0] ?? 0).toString(36)}`;
  const token = new RegExp(TOKEN);
  const marked: string[] = [];
  let copied = 0;
  let quote = text.indexOf('"');
  for (let match = token.exec(text); match; match = token.exec(text)) {
    // Skip the strings before it: it may be in the last of them.
    let end = -1;
    while (quote >= 0 && quote < match.index) {
      end = endOfString(text, quote);
      quote = text.indexOf('"', end + 1);
    }
    if (end > match.index) token.lastIndex = end;
    else {
      const [word] = match;
      marked.push(text.slice(copied, match.index), '"', mark, LETTERS.get(word) ?? word, '"');
      copied = token.lastIndex;
    }
  }
  try {
    marked.push(text.slice(copied));
    return unmarkAll(JSON.parse(marked.join("")), mark);
  } catch (cause) {
    throw malformed(cause);
  }
}

/** Walks the value itself: the engine's own walk, with a function for it, takes several times the memory. */
function unmarkAll(value: unknown, mark: string): unknown {
  if (typeof value === "string") {
    return value.startsWith(mark) ? unmark(value.slice(mark.length)) : value;
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = unmarkAll(value[i], mark);
  } else if (typeof value === "object" && value !== null) {
    for (const key of Object.keys(value)) {
      const child: unknown = Reflect.get(value, key);
      const unmarked = unmarkAll(child, mark);
      // Only what changes is written: `__proto__` is an own property here, but assigning would miss it.
      if (unmarked !== child) Object.defineProperty(value, key, { value: unmarked });
    }
  }
  return value;
}

function unmark(token: string): number | bigint {
  const word = WORDS.get(token);
  if (word !== undefined) return word;
  const number = Number(token);
  if (Number.isSafeInteger(number)) return number;
  if (token.length > MAX_DIGITS + 1) throw new RangeError("An integer has too many digits");
  return BigInt(token);
}

function malformed(cause: unknown): ProtocolError {
  return new ProtocolError("malformed", "Malformed JSON", { cause });
}
