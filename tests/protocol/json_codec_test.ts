import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  DEFAULT_LIMITS,
  type Frame,
  JsonDecoder,
  JsonEncoder,
  type Message,
  type OutgoingMessage,
  ProtocolError,
  type ProtocolErrorCode,
} from "../../protocol/mod.ts";
import { bytes, feed, recorded } from "./_support.ts";

const header = (...keys: string[]) =>
  `{"wslink":"1.0","method":"wslink.binary.attachment","args":${JSON.stringify(keys)}}`;

const text = (result: string) => `{"wslink":"1.0","id":"rpc:c1:0","result":${result}}`;

const result = (value: unknown) => ({ type: "result", id: "rpc:c1:0", result: value } as const);

/** Messages and their frames, to the letter, in both directions. */
const MESSAGES: [name: string, message: OutgoingMessage, frames: Frame[]][] = [
  ["a hello", {
    type: "request",
    id: "system:c0:0",
    method: "wslink.hello",
    args: [{ secret: "wslink-secret" }],
    kwargs: {},
  }, [
    '{"wslink":"1.0","id":"system:c0:0","method":"wslink.hello","args":[{"secret":"wslink-secret"}],"kwargs":{}}',
  ]],
  ["a call with arguments by name", {
    type: "request",
    id: "rpc:c1:7",
    method: "math.add",
    args: [1, "two", [3], null, true],
    kwargs: { deep: { er: [] } },
  }, [
    '{"wslink":"1.0","id":"rpc:c1:7","method":"math.add","args":[1,"two",[3],null,true],"kwargs":{"deep":{"er":[]}}}',
  ]],
  ["a result", result({ a: 1 }), [text('{"a":1}')]],
  ["an empty result", result(null), [text("null")]],
  ["an error", {
    type: "error",
    id: "rpc:c1:0",
    error: { code: -32601, message: "Unregistered method called", data: "no.such" },
  }, [
    '{"wslink":"1.0","id":"rpc:c1:0","error":{"code":-32601,"message":"Unregistered method called","data":"no.such"}}',
  ]],
  ["an error without data", {
    type: "error",
    id: "rpc:c1:0",
    error: { code: -32000, message: "Authentication failed" },
  }, [
    '{"wslink":"1.0","id":"rpc:c1:0","error":{"code":-32000,"message":"Authentication failed"}}',
  ]],
  ["a publication", { type: "publication", topic: "a.topic", result: [1] }, [
    '{"wslink":"1.0","id":"publish:a.topic:0","result":[1]}',
  ]],
  ["numbers as Python writes them", result([NaN, Infinity, -Infinity, -0, 0, 1e300, 2 ** 53]), [
    text("[NaN,Infinity,-Infinity,-0.0,0,1e+300,9.007199254740992e+15]"),
  ]],
  ["long integers", result([2n ** 53n + 1n, -(2n ** 63n), 2n ** 64n - 1n]), [
    text("[9007199254740993,-9223372036854775808,18446744073709551615]"),
  ]],
  ["text with NaN in it", result(['"NaN"', NaN, "\\", -Infinity, '\\"']), [
    text('["\\"NaN\\"",NaN,"\\\\",-Infinity,"\\\\\\""]'),
  ]],
  ["binary as the whole result", result(bytes("0102")), [
    header("wslink_bin0"),
    bytes("0102"),
    text('"wslink_bin0"'),
  ]],
  ["no bytes", result([new Uint8Array()]), [
    header("wslink_bin0"),
    bytes(""),
    text('["wslink_bin0"]'),
  ]],
  ["binary nested", result({ a: [bytes("01")], b: { c: bytes("02") } }), [
    header("wslink_bin0"),
    bytes("01"),
    header("wslink_bin1"),
    bytes("02"),
    text('{"a":["wslink_bin0"],"b":{"c":"wslink_bin1"}}'),
  ]],
  ["binary as argument", {
    type: "request",
    id: "rpc:c1:0",
    method: "m",
    args: [bytes("01")],
    kwargs: { data: bytes("02") },
  }, [
    header("wslink_bin0"),
    bytes("01"),
    header("wslink_bin1"),
    bytes("02"),
    '{"wslink":"1.0","id":"rpc:c1:0","method":"m","args":["wslink_bin0"],"kwargs":{"data":"wslink_bin1"}}',
  ]],
  ["text that looks like the key of binary behind it", result(["wslink_bin0", bytes("01")]), [
    header("wslink_bin1"),
    bytes("01"),
    text('["wslink_bin0","wslink_bin1"]'),
  ]],
  ["text that looks like the key of binary before it", result([bytes("01"), "wslink_bin0"]), [
    header("wslink_bin1"),
    bytes("01"),
    text('["wslink_bin1","wslink_bin0"]'),
  ]],
  ["keys of maps that look like an attachment's", result({ wslink_bin0: bytes("01") }), [
    header("wslink_bin0"),
    bytes("01"),
    text('{"wslink_bin0":"wslink_bin0"}'),
  ]],
  ["binary in an error's data", {
    type: "error",
    id: "rpc:c1:0",
    error: { code: 1, message: "no", data: bytes("01") },
  }, [
    header("wslink_bin0"),
    bytes("01"),
    '{"wslink":"1.0","id":"rpc:c1:0","error":{"code":1,"message":"no","data":"wslink_bin0"}}',
  ]],
];

Deno.test("JsonEncoder and JsonDecoder agree with the wire to the letter", () => {
  for (const [name, message, frames] of MESSAGES) {
    assertEquals(new JsonEncoder().encode(message), frames, name);
    assertEquals(feed(new JsonDecoder(), frames), [message], name);
  }
});

Deno.test("JsonEncoder sends the same buffer twice under two keys, since peers take an attachment away once it is used", () => {
  const twice = bytes("0102");
  assertEquals(new JsonEncoder().encode(result([twice, twice])), [
    header("wslink_bin0"),
    bytes("0102"),
    header("wslink_bin1"),
    bytes("0102"),
    text('["wslink_bin0","wslink_bin1"]'),
  ]);
});

Deno.test("JsonEncoder counts its keys up from message to message", () => {
  const encoder = new JsonEncoder();
  const keys = [[], [bytes("01")], ["wslink_bin2", bytes("02"), bytes("03")], [bytes("04")]]
    .map((value) => encoder.encode(result(value)).at(-1));
  assertEquals(keys, [
    text("[]"),
    text('["wslink_bin0"]'),
    text('["wslink_bin2","wslink_bin1","wslink_bin3"]'),
    text('["wslink_bin4"]'),
  ]);
});

/** What only arrives. */
const RECEIVED: [name: string, frames: Frame[], messages: unknown[]][] = [
  ["Python's spaces", ['{"wslink": "1.0", "id": "rpc:c1:0", "result": [1, NaN]}'], [
    result([1, NaN]),
  ]],
  ["a call without args and kwargs", ['{"id":"rpc:c1:0","method":"m"}'], [
    { type: "request", id: "rpc:c1:0", method: "m", args: [], kwargs: {} },
  ]],
  ["one header with several keys, filled in order", [
    header("wslink_bin5", "wslink_bin3", "wslink_bin4"),
    bytes("05"),
    bytes("03"),
    bytes("04"),
    text('["wslink_bin3","wslink_bin4","wslink_bin5"]'),
  ], [result([bytes("03"), bytes("04"), bytes("05")])]],
  ["all headers before all bytes", [
    header("wslink_bin1"),
    header("wslink_bin2"),
    bytes("01"),
    bytes("02"),
    text('["wslink_bin2","wslink_bin1"]'),
  ], [result([bytes("02"), bytes("01")])]],
  ["a header without keys", [header(), text("1")], [result(1)]],
  ["two messages' attachments before either", [
    header("wslink_bin1"),
    bytes("01"),
    header("wslink_bin2"),
    bytes("02"),
    text('"wslink_bin2"'),
    text('"wslink_bin1"'),
  ], [result(bytes("02")), result(bytes("01"))]],
  ["another message between a header and its bytes", [
    header("wslink_bin1"),
    text("1"),
    bytes("01"),
    text('"wslink_bin1"'),
  ], [result(1), result(bytes("01"))]],
  ["an attachment that an earlier message brought along", [
    header("wslink_bin1"),
    bytes("01"),
    header("wslink_bin10"),
    bytes("10"),
    text('"wslink_bin10"'),
    text('"wslink_bin1"'),
  ], [result(bytes("10")), result(bytes("01"))]],
  ["an error keeps the attachments that wait", [
    header("wslink_bin1"),
    bytes("01"),
    '{"id":"rpc:c1:1","error":{"code":1,"message":"no"}}',
    text('"wslink_bin1"'),
  ], [
    { type: "error", id: "rpc:c1:1", error: { code: 1, message: "no" } },
    result(bytes("01")),
  ]],
  ["keys without an attachment stay text", [text('["wslink_bin1",{"a":"wslink_bin1"}]')], [
    result(["wslink_bin1", { a: "wslink_bin1" }]),
  ]],
  ["other text stays text while an attachment waits", [
    header("wslink_bin1"),
    bytes("01"),
    text('["wslink_bin","wslink_bin10","a wslink_bin1","wslink_bin1 ","WSLINK_BIN1"]'),
  ], [result(["wslink_bin", "wslink_bin10", "a wslink_bin1", "wslink_bin1 ", "WSLINK_BIN1"])]],
  ["a map's keys stay text while an attachment waits", [
    header("wslink_bin1"),
    bytes("01"),
    text('{"wslink_bin1":"wslink_bin1"}'),
  ], [result({ wslink_bin1: bytes("01") })]],
  ["a key is used once", [
    header("wslink_bin1"),
    bytes("01"),
    text('["wslink_bin1","wslink_bin1"]'),
    text('"wslink_bin1"'),
  ], [result([bytes("01"), "wslink_bin1"]), result("wslink_bin1")]],
  ["a key that comes again stands for the newer bytes", [
    header("wslink_bin1"),
    bytes("01"),
    header("wslink_bin1"),
    bytes("02"),
    text('["wslink_bin1"]'),
  ], [result([bytes("02")])]],
  ["an escaped key is a key", [
    header("wslink_bin1"),
    bytes("01"),
    text('["\\u0077slink_bin1"]'),
  ], [result([bytes("01")])]],
  ["a call of the header's name with an id is a call", [
    '{"id":"rpc:c1:0","method":"wslink.binary.attachment","args":["wslink_bin1"]}',
  ], [{
    type: "request",
    id: "rpc:c1:0",
    method: "wslink.binary.attachment",
    args: ["wslink_bin1"],
    kwargs: {},
  }]],
];

Deno.test("JsonDecoder puts attachments in their places", () => {
  for (const [name, frames, messages] of RECEIVED) {
    assertEquals<unknown>(feed(new JsonDecoder(), frames), messages, name);
  }
});

Deno.test("JsonDecoder takes an ArrayBuffer as well as a view of one", () => {
  const decoder = new JsonDecoder();
  const { buffer } = bytes("00010203");
  feed(decoder, [header("wslink_bin0", "wslink_bin1")]);
  decoder.decode(buffer);
  decoder.decode(new Uint8Array(buffer, 1, 2));
  assertEquals(
    decoder.decode(text('["wslink_bin0","wslink_bin1"]')),
    result([
      bytes("00010203"),
      bytes("0102"),
    ]),
  );
});

Deno.test("JsonDecoder fills __proto__ and other odd keys without touching a prototype", () => {
  const message = feed(new JsonDecoder(), [
    header("wslink_bin0", "wslink_bin1"),
    bytes("00"),
    bytes("01"),
    text('{"__proto__":"wslink_bin0","constructor":{"prototype":"wslink_bin1"}}'),
  ])[0];
  assert(message?.type === "result" && typeof message.result === "object" && message.result);
  assertEquals(Object.entries(message.result), [
    ["__proto__", bytes("00")],
    ["constructor", { prototype: bytes("01") }],
  ]);
  assertStrictEquals(Object.getPrototypeOf(message.result), Object.prototype);
});

const LIMITS = { ...DEFAULT_LIMITS, messageSize: 1000, attachments: 3, depth: 4, values: 20 };

const many = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => `wslink_bin${from + i}`);

/** What ends the connection; all but the last frame are in order. */
const REFUSED: [name: string, frames: Frame[], code: ProtocolErrorCode][] = [
  ["no JSON", ["hello"], "malformed"],
  ["nothing", [""], "malformed"],
  ["a cut message", ['{"id":"rpc:c1:0","result":'], "malformed"],
  ["two messages in one frame", ["{}{}"], "malformed"],
  ["a list", ["[]"], "bad-message"],
  ["a number", ["1"], "bad-message"],
  ["null", ["null"], "bad-message"],
  ["a text", ['"wslink"'], "bad-message"],
  [
    "an attachment as the message",
    [header("wslink_bin1"), bytes("01"), '"wslink_bin1"'],
    "bad-message",
  ],
  ["an attachment as the id", [
    header("wslink_bin1"),
    bytes("01"),
    '{"id":"wslink_bin1","result":1}',
  ], "bad-message"],
  ["no id", ['{"result":1}'], "bad-message"],
  ["an id that is a number", ['{"id":1,"result":1}'], "bad-message"],
  ["binary without a header", [bytes("01")], "frame-kind"],
  ["more binary than announced", [header("wslink_bin1"), bytes("01"), bytes("02")], "frame-kind"],
  ["a header without a list", ['{"method":"wslink.binary.attachment"}'], "bad-message"],
  [
    "a header with a map",
    ['{"method":"wslink.binary.attachment","args":{"0":"wslink_bin0"}}'],
    "bad-message",
  ],
  ["a header with another key", [header("__proto__")], "bad-message"],
  ["a header with a key without number", [header("wslink_bin")], "bad-message"],
  ["a header with an endless key", [header("wslink_bin" + "1".repeat(17))], "bad-message"],
  [
    "a header with a number",
    ['{"method":"wslink.binary.attachment","args":[1]}'],
    "bad-message",
  ],
  ["too many announced", [header(...many(4))], "policy"],
  ["too many announced one by one", many(4).map((key) => header(key)), "policy"],
  ["a text over the limit", [text(`"${"x".repeat(1000)}"`)], "too-large"],
  ["binary over the limit", [header("wslink_bin0"), new Uint8Array(1001)], "too-large"],
  [
    "attachments that are too large together",
    many(2).flatMap((key) => [header(key), new Uint8Array(501)]),
    "too-large",
  ],
  [
    "more attachments than one message may have",
    many(4).flatMap((key) => [header(key), bytes("")]),
    "too-large",
  ],
  ["values nested too deep", [text("[[[[]]]]")], "malformed"],
  ["values nested much too deep", ["[".repeat(20) + " ".repeat(900)], "malformed"],
  // Values: the message's own map has 6 of 20.
  ["too many elements", [text(`[${Array(15).fill("null")}]`)], "too-large"],
  ["too many numbers", [text(`[${"1,".repeat(14)}1]`)], "too-large"],
  [
    "too many elements behind a text",
    [text(`["\\\\\\"\\\\",${Array(14).fill("null")}]`)],
    "too-large",
  ],
  [
    "too many keys and values",
    [text(`{${Array.from({ length: 8 }, (_, i) => `"k${i}":0`)}}`)],
    "too-large",
  ],
  ["too many empty lists", [text(`[${Array(8).fill("[]")}]`)], "too-large"],
  ["too many lists in lists", ["[".repeat(999)], "too-large"],
];

Deno.test("JsonDecoder refuses what the wire doesn't allow", () => {
  for (const [name, frames, code] of REFUSED) {
    const decoder = new JsonDecoder(LIMITS);
    const last = frames.at(-1);
    assert(last !== undefined);
    assertEquals(feed(decoder, frames.slice(0, -1)), [], name);
    const error = assertThrows(() => decoder.decode(last), ProtocolError, "", name);
    assertEquals(error.code, code, name);
  }
});

Deno.test("JsonDecoder allows as much as its limits say", () => {
  const frames = [
    ...many(2).flatMap((key) => [header(key), new Uint8Array(500)]),
    header("wslink_bin2"),
    bytes(""),
    text('[["wslink_bin0","wslink_bin1","wslink_bin2"]]'),
  ];
  assertEquals(feed(new JsonDecoder(LIMITS), frames).length, 1);
  assertEquals(feed(new JsonDecoder(LIMITS), [text("[[[1]]]")]).length, 1);
  assertEquals(feed(new JsonDecoder(LIMITS), [text(`[${Array(14).fill("null")}]`)]).length, 1);
  // What stands in a text is no value.
  const odd = text(JSON.stringify(`,:[{${'\\",'.repeat(50)}\\`));
  assertEquals(feed(new JsonDecoder(LIMITS), [odd]).length, 1);
  const long = text(`"${"x".repeat(1000 - text('""').length)}"`);
  assertEquals(long.length, 1000);
  assertEquals(feed(new JsonDecoder(LIMITS), [long]).length, 1);
});

Deno.test("JsonDecoder survives deep nesting by default, with bare words too", () => {
  for (const word of ["1", "NaN"]) {
    for (const depth of [300, 100_000, 1_000_000]) {
      const decoder = new JsonDecoder();
      const error = assertThrows(
        () => decoder.decode(text("[".repeat(depth) + word + "]".repeat(depth))),
        ProtocolError,
      );
      assertEquals(error.code, "malformed");
    }
  }
});

Deno.test("JsonDecoder lets the oldest attachments go that no message refers to", () => {
  const decoder = new JsonDecoder(LIMITS);
  for (let i = 0; i < 100; i++) {
    const frames = [header(`wslink_bin${i}`), new Uint8Array(300).fill(i), text(String(i))];
    assertEquals(feed(decoder, frames), [result(i)]);
  }
  assertEquals(
    decoder.decode(text(JSON.stringify(many(4, 96)))),
    result([
      "wslink_bin96",
      ...[97, 98, 99].map((i) => new Uint8Array(300).fill(i)),
    ]),
  );
});

Deno.test("JsonDecoder makes room for a message's own attachments", () => {
  const decoder = new JsonDecoder(LIMITS);
  const leftOver = [header("wslink_bin0"), new Uint8Array(900), text("1")];
  const frames = [
    header("wslink_bin1"),
    new Uint8Array(900),
    text('["wslink_bin0","wslink_bin1"]'),
  ];
  assertEquals(feed(decoder, [...leftOver, ...frames]), [
    result(1),
    result(["wslink_bin0", new Uint8Array(900)]),
  ]);
});

Deno.test("JsonDecoder keeps its limits as they are raised", () => {
  const decoder = new JsonDecoder(LIMITS);
  assertEquals(feed(new JsonDecoder(LIMITS), [text(`[${Array(14).fill("null")}]`)]).length, 1);
  // What stands in a text is no value.
  const odd = text(JSON.stringify(`,:[{${'\\",'.repeat(50)}\\`));
  assertEquals(feed(new JsonDecoder(LIMITS), [odd]).length, 1);
  const long = text(`"${"x".repeat(1000)}"`);
  assertThrows(() => decoder.decode(long), ProtocolError);
  decoder.limits = DEFAULT_LIMITS;
  assertEquals(decoder.decode(long), result("x".repeat(1000)));
});

/** An id without what differs between recordings. */
function anonymous(message: Message): unknown {
  return "id" in message ? { ...message, id: message.id.replace(/c[0-9a-f]{32}/, "c1") } : message;
}

Deno.test("JsonDecoder reads every message that wslink's own 1.x peers sent", () => {
  for (const peer of ["wslink-js-1.12.4", "wslink-py-1.12.4"]) {
    const recordings = recorded(peer);
    assert(recordings.length > 30);
    const decoder = new JsonDecoder();
    for (const { name, frames } of recordings) {
      assertEquals(feed(decoder, frames).length, 1, `${peer}: ${name}`);
    }
  }
});

Deno.test("JsonEncoder writes what wslink's own 1.x client wrote", () => {
  for (const { name, frames } of recorded("wslink-js-1.12.4")) {
    const [message] = feed(new JsonDecoder(), frames);
    assert(message && message.type !== "invalid");
    // wslink's client counts its keys from 1 for the life of the page.
    const [, first] = frames.length > 1 ? /wslink_bin(\d+)/.exec(String(frames[0])) ?? [] : [];
    const counted = first === undefined
      ? frames
      : frames.map((frame) =>
        typeof frame === "string"
          ? frame.replaceAll(/wslink_bin(\d+)/g, (_, n) => `wslink_bin${Number(n) - Number(first)}`)
          : frame
      );
    assertEquals(new JsonEncoder().encode(message), counted, name);
  }
});

Deno.test("JsonDecoder gives a Python server's values their exact meaning", () => {
  const decoder = new JsonDecoder();
  const answers = new Map(
    recorded("wslink-py-1.12.4").map(({ name, frames }) => {
      const [message] = feed(decoder, frames);
      assert(message);
      return [name, anonymous(message)] as const;
    }),
  );
  const expected: [name: string, result: unknown][] = [
    ["numbers", 2.5],
    ["integers beyond 2^53 from Python", [
      9007199254740991,
      9007199254740993n,
      9223372036854775807n,
      18446744073709551615n,
      -9007199254740993n,
      -9223372036854775808n,
    ]],
    ["infinities and NaN from Python", [Infinity, NaN, -Infinity]],
    ["strings that look like attachments", {
      args: ["wslink_bin3", { wslink_bin4: "wslink_bin5" }],
      kwargs: {},
    }],
    ["two binaries nested", { args: [[bytes("010203"), { deep: bytes("0405") }]], kwargs: {} }],
    ["binary in a named argument", { args: [], kwargs: { data: bytes("0607") } }],
    ["no bytes", bytes("")],
    ["one byte", bytes("00")],
    ["wslink_bin10 while wslink_bin1 waits", bytes("000102")],
  ];
  for (const [name, value] of expected) {
    const message = answers.get(`answer: ${name}`);
    assert(typeof message === "object" && message && "result" in message, name);
    assertEquals(message.result, value, name);
  }
  assertEquals(answers.get("hello refused"), {
    type: "error",
    id: "system:c0:0",
    error: { code: -32000, message: "Authentication failed" },
  });
  assertEquals(answers.get("publication with binary"), {
    type: "publication",
    topic: "a.topic",
    result: { number: 0, data: bytes("0001020304") },
  });
});
