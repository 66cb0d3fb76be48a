/**
 * JSON as Python's `json` writes it: what `JSON.parse` reads, and besides bare
 * `NaN`, `Infinity` and `-Infinity`, and integers of any length.
 */
import { ProtocolError } from "./errors.ts";

/** 16 digits are the fewest that a double may not hold; as a fraction's digits they are no concern. */
const LONG_INTEGER = /(?:^|[[:,\s-])[1-9]\d{15}/;

/**
 * What `JSON.parse` can't read, or not exactly, outside of strings: bare words
 * and long integers, not the digits of a fraction or an exponent, and no keys.
 */
const TOKEN = /(?<![\d.eE+-])(?:NaN|-?Infinity|-?[1-9]\d{15,}(?![\d.eE]))(?!\s*:)/g;

/** What Python itself reads and writes (its `sys.int_info.default_max_str_digits`): more costs much time. */
const MAX_DIGITS = 4300;

/**
 * Parses JSON.
 *
 * @throws {ProtocolError} `malformed` if it is none.
 */
export function parsePythonJson(text: string): unknown {
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
 * Replaces each token by a string with a mark, lets the engine parse that, and
 * puts the values in their places.
 */
function parseMarked(text: string): unknown {
  // Nobody can have guessed it, escaped or not. (randomUUID is missing on pages without TLS.)
  const mark = crypto.getRandomValues(new Uint32Array(4)).join();
  const marked = text.split('"');
  // Pieces between quotes are alternately outside and inside of a string; an escaped quote changes nothing.
  let inside = false;
  for (let i = 0; i < marked.length; i++) {
    const piece = marked[i] ?? "";
    if (!inside) {
      marked[i] = piece.replaceAll(TOKEN, (token) => `"${mark}${token}"`);
      inside = true;
    } else inside = /(?:^|[^\\])(?:\\\\)*\\$/.test(piece);
  }
  try {
    return JSON.parse(marked.join('"'), (_, value: unknown) => {
      return typeof value === "string" && value.startsWith(mark)
        ? unmark(value.slice(mark.length))
        : value;
    });
  } catch (cause) {
    throw malformed(cause);
  }
}

function unmark(token: string): number | bigint {
  const number = Number(token);
  if (Number.isSafeInteger(number) || /^-?[NI]/.test(token)) return number;
  if (token.length > MAX_DIGITS + 1) throw new RangeError("An integer has too many digits");
  return BigInt(token);
}

function malformed(cause: unknown): ProtocolError {
  return new ProtocolError("malformed", "Malformed JSON", { cause });
}
