import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  checkProcedureName,
  checkTopic,
  isMap,
  type Message,
  type OutgoingMessage,
  parseMessage,
  ProtocolError,
  toWire,
} from "../../protocol/mod.ts";

const request = (fields: Partial<Extract<Message, { type: "request" }>> = {}): Message => ({
  type: "request",
  id: "rpc:c1:0",
  method: "m",
  args: [],
  kwargs: {},
  ...fields,
});

const MESSAGES: [name: string, wire: unknown, message: Message][] = [
  [
    "a call",
    { wslink: "1.0", id: "rpc:c1:0", method: "m", args: [1], kwargs: { a: 2 } },
    request({
      args: [1],
      kwargs: { a: 2 },
    }),
  ],
  ["a call with nothing else", { id: "rpc:c1:0", method: "m" }, request()],
  ["a call of no name", { id: "rpc:c1:0", method: "" }, request({ method: "" })],
  ["a call with unknown fields", { id: "rpc:c1:0", method: "m", wslink: 7, more: {} }, request()],
  ["a call with a result", { id: "rpc:c1:0", method: "m", result: 1 }, request()],
  ["a call with any id", { id: "é 漢:", method: "m" }, request({ id: "é 漢:" })],
  [
    "a system call",
    { id: "system:c0:0", method: "wslink.hello", args: [{ secret: "s" }] },
    request({
      id: "system:c0:0",
      method: "wslink.hello",
      args: [{ secret: "s" }],
    }),
  ],
  ...[null, true, 1, "text", {}, { length: 1 }, new Uint8Array(2), new Date(0)].map(
    (args): typeof MESSAGES[number] => [
      "args that are no list count as absent",
      { id: "rpc:c1:0", method: "m", args },
      request(),
    ],
  ),
  ...[null, true, 1, "text", [], [["a", 1]], new Uint8Array(2), new Date(0)].map(
    (kwargs): typeof MESSAGES[number] => [
      "kwargs that are no map count as absent",
      { id: "rpc:c1:0", method: "m", kwargs },
      request(),
    ],
  ),
  ["a result", { id: "rpc:c1:0", result: [1] }, { type: "result", id: "rpc:c1:0", result: [1] }],
  ["an empty result", { id: "rpc:c1:0", result: null }, {
    type: "result",
    id: "rpc:c1:0",
    result: null,
  }],
  ["a result beside no error", { id: "rpc:c1:0", result: 1, error: null }, {
    type: "result",
    id: "rpc:c1:0",
    result: 1,
  }],
  ["an error", { id: "rpc:c1:0", error: { code: -32601, message: "no", data: [1] } }, {
    type: "error",
    id: "rpc:c1:0",
    error: { code: -32601, message: "no", data: [1] },
  }],
  ["an error without data", { id: "rpc:c1:0", error: { code: 1, message: "" } }, {
    type: "error",
    id: "rpc:c1:0",
    error: { code: 1, message: "" },
  }],
  ["an error with more", { id: "rpc:c1:0", error: { code: 1, message: "no", stack: "at" } }, {
    type: "error",
    id: "rpc:c1:0",
    error: { code: 1, message: "no" },
  }],
  ["an error beside a result", { id: "rpc:c1:0", result: 1, error: { code: 1, message: "no" } }, {
    type: "error",
    id: "rpc:c1:0",
    error: { code: 1, message: "no" },
  }],
  ...[
    false,
    0,
    "no",
    [],
    {},
    { code: 1 },
    { message: "no" },
    { code: "1", message: "no" },
    { code: 1, message: 1 },
    { code: 1n, message: "no" },
  ].map((error): typeof MESSAGES[number] => [
    "an error of another shape is an error still",
    { id: "rpc:c1:0", error },
    {
      type: "error",
      id: "rpc:c1:0",
      error: { code: 0, message: "The peer sent an error without code and message", data: error },
    },
  ]),
  [
    "a publication's selection is the number behind its topic",
    { id: "publish:image:12", result: 1 },
    { type: "publication", topic: "image", result: 1, selection: 12 },
  ],
  [
    "what a Hawser peer says about a call is read where it is of its type",
    {
      id: "rpc:c1:0",
      method: "m",
      hawser: { timeout: 5, progress: true, stream: true, streams: [0, "1"], traceparent: "00-1" },
    },
    {
      type: "request",
      id: "rpc:c1:0",
      method: "m",
      args: [],
      kwargs: {},
      meta: { timeout: 5, progress: true, stream: true, streams: [0], traceparent: "00-1" },
    },
  ],
  [
    "what is not of its type counts as absent",
    {
      id: "rpc:c1:0",
      method: "m",
      hawser: { timeout: -1, progress: 1, stream: {}, streams: {}, traceparent: "x".repeat(257) },
    },
    { type: "request", id: "rpc:c1:0", method: "m", args: [], kwargs: {}, meta: {} },
  ],
  [
    "a result may be a stream that begins",
    { id: "rpc:c1:0", result: null, hawser: { stream: true } },
    { type: "result", id: "rpc:c1:0", result: null, stream: true },
  ],
  ...[
    ["publish:topic:0", "topic"],
    ["publish:a.dotted.topic:0", "a.dotted.topic"],
    ["publish:a:b:0", "a:b"],
    ["publish: :0", " "],
    ["publish:topic:", "topic"],
    ["publish:topic:x", "topic"],
    ["publish:__proto__:0", "__proto__"],
  ].map(([id, topic = ""]): typeof MESSAGES[number] => [
    "a publication's topic is what stands between the first and the last colon",
    { id, result: 1 },
    { type: "publication", topic, result: 1 },
  ]),
  ["a publication of nothing", { id: "publish:topic:0" }, {
    type: "publication",
    topic: "topic",
    result: null,
  }],
  ...["publish:", "publish::", "publish::0", "publish:topic"].map(
    (id): typeof MESSAGES[number] => ["a publication without topic", { id, result: 1 }, {
      type: "invalid",
      id,
      reason: "a publication's id is publish:<topic>:<n>",
    }],
  ),
  ["an id that only begins like a publication's", { id: "published:topic:0", result: 1 }, {
    type: "result",
    id: "published:topic:0",
    result: 1,
  }],
  ["neither method nor result nor error", { id: "rpc:c1:0", args: [] }, {
    type: "invalid",
    id: "rpc:c1:0",
    reason: "there is no method, no result and no error",
  }],
  ...([
    [null, "null"],
    [1, "a number"],
    [1n, "a bigint"],
    [true, "a boolean"],
    [[], "a list"],
    [{}, "a map"],
    [new Uint8Array(), "binary"],
  ] as const).map(([method, kind]): typeof MESSAGES[number] => [
    "a method that is no string",
    { id: "rpc:c1:0", method, result: 1 },
    { type: "invalid", id: "rpc:c1:0", reason: `method is ${kind}, not a string` },
  ]),
];

Deno.test("parseMessage() tells messages apart", () => {
  for (const [name, wire, message] of MESSAGES) {
    assertEquals(parseMessage(wire), message, `${name}: ${Deno.inspect(wire)}`);
  }
});

Deno.test("parseMessage() refuses what has no id to answer under, and doesn't show it", () => {
  const ids = [undefined, null, 0, 1n, true, "", "x".repeat(1025), [], {}, ["rpc:c1:0"]];
  const wires = [undefined, null, true, 1, 1n, "secret", [], [{ id: "rpc:c1:0" }], new Date(0)];
  const values = [
    ...wires,
    new Uint8Array(1),
    {},
    ...ids.map((id) => ({ id, method: "m", args: ["secret"] })),
  ];
  for (const value of values) {
    const error = assertThrows(() => parseMessage(value), ProtocolError, "", Deno.inspect(value));
    assertEquals([error.code, error.closeCode], ["bad-message", 1002]);
    assert(error.message.length < 120 && !error.message.includes("secret"), error.message);
  }
  assertEquals(
    parseMessage({ id: "x".repeat(1024), method: "m" }),
    request({
      id: "x".repeat(1024),
    }),
  );
});

Deno.test("parseMessage() takes no field from a prototype", () => {
  const wire = JSON.parse('{"id":"rpc:c1:0","__proto__":{"method":"m","result":1}}');
  assertEquals(parseMessage(wire).type, "invalid");
  const kwargs = JSON.parse('{"__proto__":{"admin":true}}');
  const message = parseMessage({ id: "rpc:c1:0", method: "m", kwargs });
  assert(message.type === "request");
  assertEquals(message.kwargs.admin, undefined);
});

const WIRE: [message: OutgoingMessage, wire: unknown][] = [
  [{ type: "request", id: "rpc:c1:0", method: "m", args: [1], kwargs: { a: 1 } }, {
    wslink: "1.0",
    id: "rpc:c1:0",
    method: "m",
    args: [1],
    kwargs: { a: 1 },
  }],
  [{ type: "result", id: "rpc:c1:0", result: 1 }, { wslink: "1.0", id: "rpc:c1:0", result: 1 }],
  [{ type: "result", id: "rpc:c1:0", result: undefined }, {
    wslink: "1.0",
    id: "rpc:c1:0",
    result: null,
  }],
  [{ type: "error", id: "rpc:c1:0", error: { code: 1, message: "no" } }, {
    wslink: "1.0",
    id: "rpc:c1:0",
    error: { code: 1, message: "no" },
  }],
  [{ type: "publication", topic: "a.topic", result: 1 }, {
    wslink: "1.0",
    id: "publish:a.topic:0",
    result: 1,
  }],
];

Deno.test("toWire() makes the map that parseMessage() reads", () => {
  for (const [message, wire] of WIRE) {
    assertEquals(toWire(message), wire);
    const back = "result" in message ? { ...message, result: message.result ?? null } : message;
    assertEquals(parseMessage(wire), back);
  }
});

Deno.test("isMap() tells maps from lists, binary and dates", () => {
  for (const value of [{}, { a: 1 }, Object.create(null)]) assert(isMap(value));
  const others = [null, undefined, 1, "a", [], new Uint8Array(), new DataView(new ArrayBuffer(1))];
  for (const value of [...others, new Date(0), () => 1]) assert(!isMap(value));
});

Deno.test("checkProcedureName() takes the names that wslink takes", () => {
  for (const name of ["a", "add", "math.add", "a1_.b_2.c", "viewport.image.push"]) {
    assertEquals(checkProcedureName(name), name);
  }
  const bad = [
    "",
    ".",
    "a.",
    ".a",
    "a..b",
    "A",
    "math.Add",
    "1a",
    "_a",
    "a.1",
    "a-b",
    "a b",
    "é",
    "a\n",
    "a.b\n",
    " a",
    "__proto__",
  ];
  for (const name of bad) {
    assertThrows(() => checkProcedureName(name), TypeError, `received "${name}"`);
  }
});

Deno.test("checkTopic() takes the topics that wslink's clients take", () => {
  for (const topic of ["a", "A", "1", "_", "a.topic", "Viewport.Image_1.push", "__proto__"]) {
    assertEquals(checkTopic(topic), topic);
  }
  for (const topic of ["", ".", "a.", ".a", "a..b", "a:b", "a b", "a-b", "é", "a\n", "*"]) {
    assertThrows(() => checkTopic(topic), TypeError, `received "${topic}"`);
  }
});
