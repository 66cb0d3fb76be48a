// Asks one question of one library, in a process of its own: a bad answer may well be a crash.
// Arguments: path of the bundle, name of the probe. Prints one line of JSON.
import type { Msgpack } from "./_libraries.ts";

/** What a library did when it was asked. */
export interface Finding {
  /** In a few words, for the table. */
  outcome: string;
  /** Whether that is what the wire needs. */
  fits: boolean;
}

type Probe = (library: Msgpack) => Finding;

const text = new TextEncoder();

function yes(outcome: string): Finding {
  return { outcome, fits: true };
}

function no(outcome: string): Finding {
  return { outcome, fits: false };
}

function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.length > 48 ? `${message.slice(0, 45)}…` : message;
}

/** Runs `action`, giving its value or what it threw. */
function attempt(
  action: () => unknown,
): { value: unknown } | { error: unknown } {
  try {
    return { value: action() };
  } catch (error) {
    return { error };
  }
}

function mapWithKey(key: string): Uint8Array {
  const name = text.encode(key); // { [key]: { polluted: 7 } }
  return Uint8Array.of(
    0x81,
    0xa0 | name.length,
    ...name,
    0x81,
    0xa8,
    ...text.encode("polluted"),
    7,
  );
}

function keyIsData(library: Msgpack, key: string): Finding {
  const result = attempt(() => library.decode(mapWithKey(key)));
  if ("error" in result) return no(`refused: ${describe(result.error)}`);
  const value = result.value;
  if (typeof value !== "object" || value === null) {
    return no(`became ${typeof value}`);
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    return no("replaces the prototype");
  }
  const keys = Object.keys(value);
  if (keys.length !== 1 || keys[0] !== key) {
    return no(`renamed or lost: [${keys.join()}]`);
  }
  return yes("own data");
}

function keyIsSent(library: Msgpack, key: string): Finding {
  const source: unknown = JSON.parse(`{"${key}":{"polluted":7}}`);
  const result = attempt(() => library.encode(source));
  if ("error" in result) return no(`refused: ${describe(result.error)}`);
  const sent = result.value instanceof Uint8Array ? result.value : new Uint8Array();
  return sent.toString() === mapWithKey(key).toString() ? yes("sent") : no("not sent as it is");
}

function depthBomb(library: Msgpack, opening: number[]): Finding {
  const levels = 200_000;
  const bomb = new Uint8Array(levels * opening.length + 1);
  for (let level = 0; level < levels; level++) {
    bomb.set(opening, level * opening.length);
  }
  bomb[bomb.length - 1] = 0xc0;
  const result = attempt(() => library.decode(bomb));
  if (!("error" in result)) return no("accepted, 200,000 levels");
  const { error } = result;
  if (error instanceof RangeError && /call stack/i.test(error.message)) {
    return no("stack overflow");
  }
  return yes(`refused: ${describe(error)}`);
}

function cycle(library: Msgpack): Finding {
  const value: Record<string, unknown> = {};
  value.self = value;
  const result = attempt(() => library.encode(value));
  if (!("error" in result)) return no("accepted");
  const { error } = result;
  if (error instanceof RangeError && /call stack/i.test(error.message)) {
    return no("stack overflow");
  }
  return yes(`refused: ${describe(error)}`);
}

/** A few bytes that announce four thousand million things. */
function hugeLength(library: Msgpack, type: number): Finding {
  const input = type === 0xc9
    ? Uint8Array.of(type, 0xff, 0xff, 0xff, 0xff, 5)
    : Uint8Array.of(type, 0xff, 0xff, 0xff, 0xff);
  const before = Deno.memoryUsage().rss;
  const start = performance.now();
  const result = attempt(() => library.decode(input));
  const elapsed = performance.now() - start;
  const grown = (Deno.memoryUsage().rss - before) / 1e6;
  if (!("error" in result)) return no("accepted");
  if (elapsed > 200 || grown > 50) {
    return no(
      `refused after ${Math.round(elapsed)} ms, ${Math.round(grown)} MB`,
    );
  }
  return yes("refused at once");
}

const WHOLE = Uint8Array.of(
  ...[0x85, 0xa1, 0x61, 0xc4, 4, 1, 2, 3, 4], // a: bin
  ...[0xa1, 0x62, 0xd9, 3, 0x78, 0x79, 0x7a], // b: str8
  ...[0xa1, 0x63, 0x93, 0xcd, 1, 2, 0xd2, 1, 2, 3, 4, 0xc3], // c: [uint16, int32, true]
  ...[0xa1, 0x64, 0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0], // d: 1.5
  ...[0xa1, 0x65, 0xcf, 0, 0x20, 0, 0, 0, 0, 0, 1], // e: 2^53 + 1
);

function truncated(library: Msgpack): Finding {
  const accepted: number[] = [];
  for (let length = 0; length < WHOLE.length; length++) {
    // A copy: some libraries read on in the buffer below a view.
    if (!("error" in attempt(() => library.decode(WHOLE.slice(0, length))))) {
      accepted.push(length);
    }
  }
  if (accepted.length === 0) return yes(`all ${WHOLE.length} prefixes refused`);
  return no(`${accepted.length} of ${WHOLE.length} prefixes accepted`);
}

function readsBeyondTheView(library: Msgpack): Finding {
  const length = WHOLE.length - 5;
  const view = WHOLE.subarray(0, length);
  return "error" in attempt(() => library.decode(view))
    ? yes("stays within")
    : no("reads the bytes behind it");
}

function trailing(library: Msgpack): Finding {
  const result = attempt(() => library.decode(Uint8Array.of(1, 2, 3)));
  return "error" in result ? yes("refused") : no("ignored");
}

function int64(type: number, value: bigint): Uint8Array {
  const bytes = new Uint8Array(9);
  bytes[0] = type;
  new DataView(bytes.buffer).setBigUint64(1, BigInt.asUintN(64, value));
  return bytes;
}

function integersIn(library: Msgpack): Finding {
  const cases: [number, bigint, number | bigint][] = [
    [0xcf, 5n, 5],
    [0xcf, 2n ** 53n - 1n, 2 ** 53 - 1],
    [0xcf, 2n ** 53n + 1n, 2n ** 53n + 1n],
    [0xcf, 2n ** 64n - 1n, 2n ** 64n - 1n],
    [0xd3, -5n, -5],
    [0xd3, -(2n ** 53n) - 1n, -(2n ** 53n) - 1n],
    [0xd3, -(2n ** 63n), -(2n ** 63n)],
  ];
  const wrong: string[] = [];
  for (const [type, value, expected] of cases) {
    const result = attempt(() => library.decode(int64(type, value)));
    const got = "error" in result ? "error" : result.value;
    if (got !== expected) wrong.push(`${value} → ${typeof got} ${String(got)}`);
  }
  const [first] = wrong;
  return first === undefined ? yes("number if exact, else bigint") : no(first);
}

function integersOut(library: Msgpack): Finding {
  const cases: [unknown, Uint8Array][] = [
    [2n ** 64n - 1n, int64(0xcf, 2n ** 64n - 1n)],
    [-(2n ** 63n), int64(0xd3, -(2n ** 63n))],
    [2 ** 53 - 1, int64(0xcf, 2n ** 53n - 1n)],
  ];
  for (const [value, expected] of cases) {
    const result = attempt(() => library.encode(value));
    if ("error" in result) {
      return no(`${typeof value} refused: ${describe(result.error)}`);
    }
    const sent = result.value instanceof Uint8Array ? result.value : new Uint8Array();
    if (sent.toString() !== expected.toString()) {
      return no(`${typeof value} ${value} sent as 0x${sent[0]?.toString(16)}`);
    }
  }
  const tooLarge = attempt(() => library.encode(2n ** 64n));
  return "error" in tooLarge ? yes("exact, 2^64 refused") : no("2^64 sent with digits lost");
}

function unsendable(library: Msgpack, value: unknown): Finding {
  const result = attempt(() => library.encode({ result: { mesh: { points: value } } }));
  if (!("error" in result)) {
    const back = attempt(() =>
      library.decode(
        result.value instanceof Uint8Array ? result.value : new Uint8Array(),
      )
    );
    return no(
      `sent as ${"error" in back ? "something unreadable" : JSON.stringify(back.value)}`,
    );
  }
  const message = result.error instanceof Error ? result.error.message : String(result.error);
  return /result\.mesh\.points/.test(message)
    ? yes("names result.mesh.points")
    : no(`no path: ${describe(result.error)}`);
}

function binaryKinds(library: Msgpack): Finding {
  const kinds: [string, unknown][] = [
    ["Uint8Array", Uint8Array.of(1, 2, 3, 4)],
    ["ArrayBuffer", Uint8Array.of(1, 2, 3, 4).buffer],
    ["DataView", new DataView(Uint8Array.of(1, 2, 3, 4).buffer)],
    ["Int16Array", new Int16Array(Uint8Array.of(1, 2, 3, 4).buffer)],
    ["Float32Array", new Float32Array(Uint8Array.of(1, 2, 3, 4).buffer)],
    [
      "Uint8ClampedArray",
      new Uint8ClampedArray(Uint8Array.of(1, 2, 3, 4).buffer),
    ],
    ["BigInt64Array", new BigInt64Array(1)],
  ];
  const wrong: string[] = [];
  for (const [name, value] of kinds) {
    const expected = name === "BigInt64Array"
      ? Uint8Array.of(0xc4, 8, 0, 0, 0, 0, 0, 0, 0, 0)
      : Uint8Array.of(0xc4, 4, 1, 2, 3, 4);
    const result = attempt(() => library.encode(value));
    if ("error" in result || String(result.value) !== String(expected)) {
      wrong.push(name);
    }
  }
  return wrong.length === 0 ? yes("all as bin") : no(`not ${wrong.join(", ")}`);
}

function zeroCopy(library: Msgpack): Finding {
  const input = new Uint8Array(70_005);
  input.set([0xc6, 0, 1, 0x11, 0x70]);
  const result = attempt(() => library.decode(input));
  if ("error" in result) return no(`refused: ${describe(result.error)}`);
  if (!(result.value instanceof Uint8Array)) return no("not a Uint8Array");
  return result.value.buffer === input.buffer ? yes("a view") : no("a copy");
}

function floats(library: Msgpack): Finding {
  const values = [NaN, Infinity, -Infinity, 1.5];
  for (const value of values) {
    const result = attempt(() => library.decode(library.encode([value])));
    const got: unknown = "value" in result && Array.isArray(result.value) ? result.value[0] : null;
    if (!Object.is(got, value)) return no(`${value} → ${got}`);
  }
  return yes("kept");
}

function negativeZero(library: Msgpack): Finding {
  const result = attempt(() => library.decode(library.encode(-0)));
  return "value" in result && Object.is(result.value, -0) ? yes("kept") : no("becomes 0");
}

function invalidText(library: Msgpack): Finding {
  const result = attempt(() => library.decode(Uint8Array.of(0xa2, 0xc3, 0x28)));
  return "error" in result ? yes("refused") : no(`read as ${JSON.stringify(result.value)}`);
}

function undefinedValue(library: Msgpack): Finding {
  const result = attempt(() => library.encode({ a: undefined }));
  if ("error" in result) return yes(`refused: ${describe(result.error)}`);
  const bytes = result.value instanceof Uint8Array ? result.value : new Uint8Array();
  if (String(bytes) === String(Uint8Array.of(0x81, 0xa1, 0x61, 0xc0))) {
    return yes("nil");
  }
  if (String(bytes) === String(Uint8Array.of(0x80))) return yes("left out");
  return no("an extension Python cannot read");
}

function strictPolicy(library: Msgpack): Finding {
  // The process runs with code generation from strings switched off, as under a strict CSP.
  let attempts = 0;
  const count = () => {
    attempts++;
    throw new EvalError("Refused to evaluate a string as JavaScript");
  };
  Object.defineProperty(globalThis, "Function", { value: count });
  Object.defineProperty(globalThis, "eval", { value: count });
  const value = { a: [1, 2.5, "x", null, true], b: Uint8Array.of(1, 2) };
  const result = attempt(() => {
    for (let round = 0; round < 50; round++) {
      library.decode(library.encode(value));
    }
  });
  if ("error" in result) return no(`fails: ${describe(result.error)}`);
  return attempts === 0 ? yes("no eval") : no(`${attempts} attempts at eval`);
}

/** What is asked of every library; the key is the row's title. */
export const PROBES: Record<string, Probe> = {
  "`__proto__` received": (library) => keyIsData(library, "__proto__"),
  "`constructor` received": (library) => keyIsData(library, "constructor"),
  "`__proto__` sent": (library) => keyIsSent(library, "__proto__"),
  "int64 / uint64 received": integersIn,
  "int64 / uint64 sent": integersOut,
  "function deep inside": (library) => unsendable(library, () => 1),
  "symbol deep inside": (library) => unsendable(library, Symbol("s")),
  "200,000 nested lists": (library) => depthBomb(library, [0x91]),
  "200,000 nested maps": (library) => depthBomb(library, [0x81, 0xa0]),
  "cyclic value": cycle,
  "4 GB bin in 5 bytes": (library) => hugeLength(library, 0xc6),
  "4 GB str in 5 bytes": (library) => hugeLength(library, 0xdb),
  "list of 2^32 in 5 bytes": (library) => hugeLength(library, 0xdd),
  "map of 2^32 in 5 bytes": (library) => hugeLength(library, 0xdf),
  "4 GB ext in 6 bytes": (library) => hugeLength(library, 0xc9),
  "cut off at every byte": truncated,
  "cut off inside a larger buffer": readsBeyondTheView,
  "bytes left over": trailing,
  "typed arrays sent": binaryKinds,
  "binary received": zeroCopy,
  "NaN, ±Infinity": floats,
  "`undefined` sent": undefinedValue,
  "strict CSP": strictPolicy,
};

/** Worth knowing, but nothing that the wire asks for. */
export const ASIDES: Record<string, Probe> = {
  "invalid UTF-8": invalidText,
  "-0": negativeZero,
};

if (import.meta.main) {
  const [path, name] = Deno.args;
  if (path === undefined || name === undefined) {
    throw new TypeError("Usage: _probe.ts BUNDLE PROBE");
  }
  // The bundle is made for browsers: take away what Deno adds, so that it cannot lean on Node.
  for (const extra of ["Buffer", "process", "global"]) {
    Reflect.deleteProperty(globalThis, extra);
  }
  const library: Msgpack = await import(path);
  const probe = PROBES[name] ?? ASIDES[name];
  if (probe === undefined) throw new TypeError(`No probe is called ${name}`);
  console.log(JSON.stringify(probe(library)));
}
