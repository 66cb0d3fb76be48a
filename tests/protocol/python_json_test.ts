import { assert, assertEquals, assertThrows } from "@std/assert";
import { ProtocolError } from "../../protocol/mod.ts";
import { parsePythonJson } from "../../protocol/_python_json.ts";
import { Random } from "../../scripts/torture/_random.ts";

const VALUES: [text: string, value: unknown][] = [
  // What JSON.parse reads.
  ["null", null],
  [' { "a" : [ 1 , "b" ] } ', { a: [1, "b"] }],
  ["0.1", 0.1],
  ["-0.0", -0],
  ["1e300", 1e300],
  // Python's bare words.
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
  ["[NaN,Infinity, -Infinity ]", [NaN, Infinity, -Infinity]],
  ['{"NaN":NaN,"Infinity":{"-Infinity":-Infinity}}', {
    NaN,
    Infinity: { "-Infinity": -Infinity },
  }],
  // The same words within strings.
  ['["NaN",NaN]', ["NaN", NaN]],
  ['["a, NaN, b",NaN,"-Infinity"]', ["a, NaN, b", NaN, "-Infinity"]],
  ['["\\"",NaN,"\\""]', ['"', NaN, '"']],
  ['["\\\\",NaN,"\\\\"]', ["\\", NaN, "\\"]],
  ['["\\\\\\",NaN,\\"",NaN]', ['\\",NaN,"', NaN]],
  ['["\\u0022,NaN,",NaN]', ['",NaN,', NaN]],
  ['["","",NaN,""]', ["", "", NaN, ""]],
  ['{"":NaN}', { "": NaN }],
  // Integers: a number where it holds every digit, a bigint where it would lose some.
  ["999999999999999", 999999999999999],
  ["1000000000000000", 1000000000000000],
  ["9007199254740991", 9007199254740991],
  ["-9007199254740991", -9007199254740991],
  ["9007199254740992", 9007199254740992n],
  ["9007199254740993", 9007199254740993n],
  ["-9007199254740993", -9007199254740993n],
  ["[18446744073709551615,-9223372036854775808]", [18446744073709551615n, -9223372036854775808n]],
  ['{"a":9007199254740993}', { a: 9007199254740993n }],
  ['{"a": 9007199254740993 }', { a: 9007199254740993n }],
  ["[1,\n9007199254740993]", [1, 9007199254740993n]],
  ["1" + "0".repeat(400), 10n ** 400n],
  ["-1" + "0".repeat(400), -(10n ** 400n)],
  ['"9007199254740993"', "9007199254740993"],
  ['{"9007199254740993":"c9007199254740993"}', { "9007199254740993": "c9007199254740993" }],
  // Long fractions and exponents are doubles like any other.
  ["0.30000000000000004", 0.1 + 0.2],
  ["0.12345678901234567", 0.12345678901234567],
  ["-0.12345678901234567e-5", -0.12345678901234567e-5],
  ["1234567890123456.5", 1234567890123456.5],
  ["12345678901234567.5", 12345678901234567.5],
  ["12345678901234567e3", 12345678901234567e3],
  ["12345678901234567E+3", 12345678901234567e3],
  ["1234567890123456.1234567890123456", 1234567890123456.1],
  ["1e1234567890123456", Infinity],
  ["1e+1234567890123456", Infinity],
  ["1e-1234567890123456", 0],
  ["[0.30000000000000004,NaN,9007199254740993]", [0.1 + 0.2, NaN, 9007199254740993n]],
  // Large numbers that are no integers in Python: they come with a point or an exponent.
  ["9007199254740992.0", 9007199254740992],
  ["1e+20", 1e20],
];

Deno.test("parsePythonJson() reads JSON as Python writes it", () => {
  for (const [text, value] of VALUES) {
    assertEquals(parsePythonJson(text), value, text);
    assertEquals(parsePythonJson(`[1.5,${text},NaN]`), [1.5, value, NaN], text);
  }
  assert(Object.is(parsePythonJson("-0.0"), -0));
  assert(Object.is(parsePythonJson("0.0"), 0));
});

const MALFORMED = [
  "",
  " ",
  "{",
  "[1,]",
  "{'a':1}",
  "nan",
  "-NaN",
  "+Infinity",
  "--Infinity",
  "- Infinity",
  "inf",
  "NaNNaN",
  "NaN NaN",
  "[NaN",
  "1NaN",
  "1Infinity",
  "xNaN",
  "NaNx",
  "undefined",
  "{NaN:1}",
  "{Infinity : 1}",
  "{-Infinity:1}",
  "{1234567890123456:1}",
  "[0123456789012345678]",
  "[-0123456789012345678]",
  "+1234567890123456",
  "1-1234567890123456",
  "1234567890123456n",
  "0x1234567890123456",
  ".1234567890123456",
  '"\\"',
  '"NaN',
  '["a"NaN]',
  '[NaN"a"]',
  '["\\x",NaN]',
  "\u00a0NaN",
  "9".repeat(5000),
  "[".repeat(100_000) + "NaN",
];

Deno.test("parsePythonJson() refuses what is no JSON with a ProtocolError that doesn't show the text", () => {
  for (const text of MALFORMED) {
    const error = assertThrows(() => parsePythonJson(text), ProtocolError, "", text.slice(0, 40));
    assertEquals([error.code, error.message], ["malformed", "Malformed JSON"]);
  }
});

Deno.test("parsePythonJson() keeps keys such as __proto__ as data", () => {
  for (const tail of ["1", "NaN", "9007199254740993"]) {
    const value = parsePythonJson(`{"__proto__":{"polluted":${tail}},"constructor":2}`);
    assert(typeof value === "object" && value !== null);
    assertEquals(Object.keys(value), ["__proto__", "constructor"]);
    assertEquals(Object.getPrototypeOf(value), Object.prototype);
    assert(!("polluted" in {}));
  }
});

Deno.test("parsePythonJson() reads a megabyte of digits before an exponent in one go", () => {
  assertEquals(parsePythonJson("1".repeat(1_000_000) + "e1"), Infinity);
});

Deno.test("parsePythonJson() reads any nesting of strings and words", () => {
  const random = new Random(1);
  const scraps = [
    '"',
    "\\",
    "NaN",
    "-Infinity",
    "9007199254740993",
    ",",
    ":",
    "[",
    "}",
    " ",
    "é",
    "\n",
  ];
  const string = () => Array.from({ length: random.below(8) }, () => random.pick(scraps)).join("");
  // V8 15's JSON.parse takes one short key with an escape for another that holds a backslash.
  const key = () => string().replaceAll("\\", "/");
  const make = (depth: number): [text: string, value: unknown] => {
    switch (random.below(depth > 0 ? 9 : 7)) {
      case 0:
        return ["NaN", NaN];
      case 1:
        return ["-Infinity", -Infinity];
      case 2:
        return ["18446744073709551615", 18446744073709551615n];
      case 3: {
        const number = random.next() / 3;
        return [String(number), number];
      }
      case 7: {
        const items = Array.from({ length: random.below(5) }, () => make(depth - 1));
        return [`[${items.map(([text]) => text).join(",")}]`, items.map(([, value]) => value)];
      }
      case 8: {
        const items = new Map(
          Array.from({ length: random.below(5) }, () => [key(), make(depth - 1)]),
        );
        const texts = [...items].map(([key, [text]]) => `${JSON.stringify(key)} : ${text}`);
        const values = [...items].map(([key, [, value]]) => [key, value] as const);
        return [`{${texts.join(", ")}}`, Object.fromEntries(values)];
      }
      default: {
        const value = string();
        return [JSON.stringify(value), value];
      }
    }
  };
  for (let i = 0; i < 3000; i++) {
    const [text, value] = make(4);
    assertEquals(parsePythonJson(text), value, text);
  }
});
