/**
 * The documents say what the code does, where a machine can tell: every code,
 * every limit, every worked example down to its bytes.
 */
import { assert, assertEquals } from "@std/assert";
import prometheus from "prom-client";
import { metrics } from "@hawser/hawser/metrics";
import { createServer } from "@hawser/hawser/server";
import * as protocol from "../../protocol/mod.ts";
import {
  DEFAULT_LIMITS,
  ErrorCode,
  FEATURES,
  type Frame,
  isMap,
  JsonDecoder,
  type Message,
  MsgpackDecoder,
  MsgpackEncoder,
  type OutgoingMessage,
  ProtocolError,
  type ProtocolErrorCode,
  toWire,
} from "../../protocol/mod.ts";
import { COMPRESSED_METHOD, isCompressed } from "../../protocol/compress.ts";
import { Compressor, zlib } from "../../protocol/compression.ts";
import { bytes, feed, recorded } from "../protocol/_support.ts";

const DOCS = new URL("../../docs/", import.meta.url);
const PROTOCOL = Deno.readTextFileSync(new URL("protocol.md", DOCS));
const ERRORS = Deno.readTextFileSync(new URL("errors.md", DOCS));
const LIMITS = Deno.readTextFileSync(new URL("limits.md", DOCS));
const OPERATIONS = Deno.readTextFileSync(new URL("operations.md", DOCS));
const WSLINK = ["wslink-js-1.12.4", "wslink-py-1.12.4", "wslink-js-2.5.0", "wslink-py-2.5.7"];

/** The rows of all tables under a heading, deeper headings included, as cells without backquotes. */
function rows(page: string, heading: string, first: RegExp): string[][] {
  const [, level = "", rest = ""] = page.split(new RegExp(`^(#+) ${heading}\n`, "m"));
  assert(level !== "", `the page has no heading "${heading}"`);
  const [section = ""] = rest.split(new RegExp(`^#{1,${level.length}} `, "m"));
  // A table's head is the line before its rule.
  const [, ...bodies] = section.split(/^\|.*\n\|[ |:-]+\|$/m);
  return bodies.flatMap((body) =>
    Array.from(
      body.matchAll(/^\|(.+)\|$/gm),
      ([, row = ""]) => row.split("|").map((cell) => cell.trim().replaceAll("`", "")),
    )
  ).filter(([cell = ""]) => first.test(cell));
}

/** A worked example: the frames, and the message that they are. */
interface Example {
  readonly wire: string;
  readonly frames: Frame[];
  readonly message: unknown;
}

/** Every block of frames, with the JSON that comes after it. */
function examples(): Example[] {
  const blocks = PROTOCOL.matchAll(/^```(frames json|frames msgpack|json)\n([^]*?)^```$/gm);
  const found: Example[] = [];
  let open: Omit<Example, "message"> | undefined;
  for (const [, kind = "", text = ""] of blocks) {
    if (kind === "json") {
      assert(open, "a JSON block stands for no frames");
      found.push({ ...open, message: JSON.parse(text) });
      open = undefined;
    } else {
      assert(!open, "frames are not followed by what they say");
      open = { wire: kind.slice("frames ".length), frames: framesOf(text) };
    }
  }
  assert(!open, "frames are not followed by what they say");
  return found;
}

/** `text` and the text, or `binary` and hex digits that may go on in further lines; `#` begins a comment. */
function framesOf(text: string): Frame[] {
  return text.trimEnd().split(/\n(?=\S)/).map((frame) => {
    if (frame.startsWith("text ")) return frame.slice("text ".length).trim();
    assert(frame.startsWith("binary "), `no frame: ${frame}`);
    return bytes(frame.slice("binary ".length).replaceAll(/#.*$/gm, "").replaceAll(/\s/g, ""));
  });
}

/** A message as the page writes it: binary is `<01 02>`. */
function written(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return `<${Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join(" ")}>`;
  }
  if (Array.isArray(value)) return value.map(written);
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, written(child)]));
}

/** A message that one peer may send to another. */
function outgoing(message: Message | undefined): OutgoingMessage {
  if (!message || message.type === "invalid") throw new TypeError("The frames are no message");
  return message;
}

/** A 2.x message whatever its chunks: the id, the total, and the content. */
function joined(frames: Frame[]): string {
  const [first, ...others] = frames.map((frame) => {
    if (typeof frame === "string") throw new TypeError("A 2.x frame is binary");
    return frame.toHex();
  });
  if (first === undefined) throw new TypeError("There are no frames");
  return first.slice(0, 8) + first.slice(16) + others.map((frame) => frame.slice(24)).join("");
}

Deno.test("docs/protocol.md has examples of both wires", () => {
  const wires = examples().map(({ wire }) => wire);
  assert(wires.filter((wire) => wire === "json").length >= 4);
  assert(wires.filter((wire) => wire === "msgpack").length >= 4);
});

for (const [index, { wire, frames, message }] of examples().entries()) {
  Deno.test(`example ${index} of docs/protocol.md decodes to what the page says (${wire})`, () => {
    const decoder = wire === "json" ? new JsonDecoder() : new MsgpackDecoder();
    const messages = feed(decoder, frames).map((message) => toWire(outgoing(message)));
    assertEquals(messages.map(written), [message]);
  });

  const isExtension = isMap(message) && message.method === COMPRESSED_METHOD;
  // wslink's peers don't send it.
  if (isExtension) {
    Deno.test(`example ${index} of docs/protocol.md is what a server compresses`, () => {
      assert(zlib);
      const [decoded] = feed(new MsgpackDecoder(), frames);
      assert(decoded && isCompressed(decoded));
      const compressor = new Compressor("server", 256, zlib);
      const opened = compressor.open(decoded, DEFAULT_LIMITS, "msgpack");
      assertEquals(opened, { type: "result", id: "rpc:c0:17", result: "far ".repeat(40) });
    });
  } else {
    Deno.test(`example ${index} of docs/protocol.md was recorded from a peer (${wire})`, () => {
      const tape = WSLINK.flatMap(recorded).map((recording) => recording.frames);
      const isSame = wire === "json"
        ? (other: Frame[]) => JSON.stringify(other) === JSON.stringify(frames)
        : (other: Frame[]) => typeof other[0] !== "string" && joined(other) === joined(frames);
      assert(tape.some(isSame), "no recording has these frames");
    });
  }

  if (wire === "msgpack") {
    Deno.test(`example ${index} of docs/protocol.md is what Hawser writes as well`, () => {
      const [first] = frames;
      assert(first instanceof Uint8Array);
      const encoder = new MsgpackEncoder({
        frameSize: first.length,
        firstId: new DataView(first.buffer).getUint32(0, true),
      });
      const [decoded] = feed(new MsgpackDecoder(), frames);
      assertEquals(encoder.encode(outgoing(decoded)), frames);
    });

    Deno.test(`example ${index} of docs/protocol.md decodes in any order of its chunks`, () => {
      const messages = feed(new MsgpackDecoder(), [...frames].reverse());
      assertEquals(messages.map((message) => written(toWire(outgoing(message)))), [message]);
    });
  }
}

Deno.test("the headers in docs/protocol.md were recorded, with the numbers that the page reads from them", () => {
  const headers = rows(PROTOCOL, "Cutting a message", /^[0-9a-f]{8}( [0-9a-f]{8}){2}$/);
  assertEquals(headers.length, 4);
  const tape = WSLINK.flatMap(recorded).flatMap(({ frames }) => frames);
  for (const [header = "", id, offset, total, content = ""] of headers) {
    const start = header.replaceAll(" ", "");
    const frame = tape.find((frame) =>
      typeof frame !== "string" && frame.toHex().startsWith(start)
    );
    assert(frame instanceof Uint8Array, `no recording has a frame ${header}`);
    const view = new DataView(frame.buffer);
    assertEquals(`0x${view.getUint32(0, true).toString(16)}`, id);
    assertEquals(`${view.getUint32(4, true)}`, offset);
    assertEquals(`${view.getUint32(8, true)}`, total);
    assertEquals(`${frame.length - 12} bytes`, content);
  }
});

Deno.test("docs/protocol.md has every limit with its default, and no other", () => {
  const documented = rows(PROTOCOL, "Limits", /^[a-z][a-zA-Z]+$/)
    .map(([name = "", number = ""]) => [name, Number(number.replaceAll(",", ""))]);
  assertEquals(Object.fromEntries(documented), { ...DEFAULT_LIMITS });
});

Deno.test("docs/limits.md has every limit with its default, and no other", () => {
  const documented = rows(LIMITS, "What a server does at each", /^[a-z][a-zA-Z]+$/)
    .map(([name = "", number = ""]) => [name, Number(number.replaceAll(",", ""))]);
  assertEquals(Object.fromEntries(documented), { ...DEFAULT_LIMITS });
});

Deno.test("docs/operations.md names every metric, and no other", async () => {
  const server = createServer();
  const answer = metrics(server, prometheus);
  const text = await (await answer(new Request("http://localhost/metrics"))).text();
  await server.close();
  const known = Array.from(text.matchAll(/^# TYPE (\S+)/gm), ([, name = ""]) => name);
  const documented = rows(OPERATIONS, "Metrics", /^hawser_/).flatMap(([names = ""]) => {
    const [first = "", ...rest] = names.split(", ");
    return [first, ...rest.map((name) => name.replace(/^_/, "hawser_publications_"))];
  });
  assertEquals(documented.sort(), known.sort());
});

Deno.test("docs/errors.md has every error code with its name, and no other", () => {
  const documented = rows(ERRORS, "Error codes", /^-?\d+$/)
    .filter(([, name = ""]) => /^[a-zA-Z]+$/.test(name))
    .map(([code, name = ""]) => [name, Number(code)]);
  assertEquals(Object.fromEntries(documented), { ...ErrorCode });
});

Deno.test("docs/errors.md has every protocol error with its close codes, and no other", () => {
  // A record over the union: a new code does not compile until it stands here.
  const known: Record<ProtocolErrorCode, true> = {
    "malformed": true,
    "bad-message": true,
    "bad-chunk": true,
    "frame-kind": true,
    "too-large": true,
    "policy": true,
  };
  const documented = rows(ERRORS, "Protocol errors", /^[a-z-]+$/)
    .map(([code = "", server, client]) => [code, [Number(server), Number(client)]]);
  assertEquals(documented.map(([code]) => code), Object.keys(known));
  for (const code of Object.keys(known)) {
    assert(isKnown(code));
    const { closeCode } = new ProtocolError(code, "");
    assertEquals(Object.fromEntries(documented)[code], [closeCode, closeCode + 3000]);
  }
  function isKnown(code: string): code is ProtocolErrorCode {
    return Object.hasOwn(known, code);
  }
});

Deno.test("docs/errors.md lists every close code that the source closes with", () => {
  const listed = new Set(rows(ERRORS, "Close codes", /^\d{4}$/).map(([code]) => Number(code)));
  const protocolErrors = rows(ERRORS, "Protocol errors", /^[a-z-]+$/);
  for (const [, server, client] of protocolErrors) {
    assert(listed.has(Number(server)), `${server} is not in the table of close codes`);
    assert(listed.has(Number(client)), `${client} is not in the table of close codes`);
  }
  for (const folder of ["client", "server", "protocol"]) {
    for (const { name } of Deno.readDirSync(new URL(`../../${folder}/`, import.meta.url))) {
      const source = Deno.readTextFileSync(new URL(`../../${folder}/${name}`, import.meta.url));
      for (const [, code] of source.matchAll(/(?:\.close\(|SLOW_CONSUMER = )(\d{4})\b/g)) {
        assert(listed.has(Number(code)), `${folder}/${name} closes with ${code}`);
      }
    }
  }
});

Deno.test("docs/errors.md describes every error class that is exported", () => {
  const classes = Object.keys(protocol).filter((name) => /^[A-Z]\w+Error$/.test(name));
  assertEquals(
    rows(ERRORS, "Error classes", /^[A-Z]\w+Error$/).slice(0, classes.length).map(([name]) =>
      name ?? ""
    ).sort(),
    classes.sort(),
  );
  for (const name of classes) assert(ERRORS.includes(`\n### ${name}\n`), `${name} has no heading`);
});

Deno.test("every promise of docs/delivery.md names a test that there is", () => {
  const page = Deno.readTextFileSync(new URL("delivery.md", DOCS));
  const paths = new Map<string, string>();
  let last = "";
  let names = 0;
  for (
    const [, cell = ""] of page.matchAll(
      /^\| [^|]+ \| ((?:\[\w+_test\]|the same|\w+_test)[^|]*)\|$/gm,
    )
  ) {
    // [file](path): one test; another one – the same: one more – file: a third
    const [, linked, path, known, tests = ""] =
      /^(?:\[(\w+)\]\(([^)]+)\)|(?:the same|(\w+)))(?:: (.*))?$/.exec(cell.trim()) ?? [];
    if (linked !== undefined && path !== undefined) paths.set(linked, last = path);
    else if (known !== undefined) last = paths.get(known) ?? "";
    assert(last !== "", `no link says where ${known} is`);
    const source = Deno.readTextFileSync(new URL(last, DOCS));
    const own = Array.from(
      source.matchAll(/Deno\.test\(\s*(["`])(.*?)\1,/g),
      ([, , name = ""]) => name,
    );
    for (const test of tests.split("; ").filter((test) => test !== "")) {
      assert(own.some((name) => name.includes(test)), `${last} has no test "${test}"`);
      names++;
    }
  }
  assert(names > 25, `the page names ${names} tests`);
});

Deno.test("every row of docs/features.md names tests that there are", () => {
  const page = Deno.readTextFileSync(new URL("features.md", DOCS));
  const rows = page.split("\n").filter((line) => /^\| (?!feature |-)/.test(line));
  const agreed = new Set<string>();
  for (const row of rows) {
    const [, feature = "", name = "", , , , tests = ""] = row.split("|").map((it) => it.trim());
    if (name !== "plain") agreed.add(name.replaceAll("`", ""));
    assert(tests.startsWith("["), `no test shows "${feature}"`);
    let own: readonly string[] = [];
    let path = "";
    // [file](path): a test; another one; [file](path): a third
    for (const part of tests.split("; ")) {
      const [, link, test = ""] = /^(?:\[[\w/]+\]\(([^)]+)\): )?(.+)$/.exec(part) ?? [];
      if (link !== undefined) {
        path = link;
        // A test's own name, or its name in a table of cases.
        own = Array.from(
          Deno.readTextFileSync(new URL(path, DOCS)).matchAll(
            /(?:Deno\.test\(\s*(["`])(.*?)\1,|^ +"([^"]+)": )/gm,
          ),
          ([, , name, key]) => name ?? key ?? "",
        );
      }
      assert(test !== "" && own.some((name) => name.includes(test)), `${path} has no "${test}"`);
    }
  }
  assertEquals([...agreed].sort(), [...FEATURES].sort(), "each extension has a row");
});

Deno.test("every link within the documents leads somewhere", () => {
  for (
    const name of [
      "protocol.md",
      "features.md",
      "delivery.md",
      "errors.md",
      "migrating.md",
      "limits.md",
      "operations.md",
      "security.md",
    ]
  ) {
    const page = Deno.readTextFileSync(new URL(name, DOCS));
    for (const [, target = ""] of page.matchAll(/\]\(((?!https:)[^)]+)\)/g)) {
      const [path = "", anchor] = target.split("#");
      const url = new URL(path === "" ? name : path, DOCS);
      assert(Deno.statSync(url), `${name} links to ${target}`);
      if (anchor === undefined) continue;
      const headings = Deno.readTextFileSync(url).matchAll(/^#+ (.+)$/gm);
      const anchors = Array.from(
        headings,
        ([, heading = ""]) =>
          heading.toLowerCase().replaceAll(/[^\w\- ]/g, "").replaceAll(" ", "-"),
      );
      assert(anchors.includes(anchor), `${name} links to ${target}: there is no such heading`);
    }
  }
});
