/**
 * Records what wslink's own peers put on the wire, into tests/fixtures/: wslink's JavaScript
 * clients talk to wslink's Python servers, and a WebSocket between them keeps every frame.
 *
 * Run it with `deno run -A tests/peers/record.ts` after `deno task setup`. Client ids, chunk ids
 * and the milliseconds of dates differ from one recording to the next; nothing else should.
 */

import { pathOf } from "../../scripts/_deno.ts";
import { type PythonVersion, startPython } from "./_python.ts";
import { type JsVersion, link, type WslinkSession } from "./_wslink.ts";

/** One WebSocket frame as recorded. */
type Frame = { text: string } | { hex: string };

/** One message as recorded, with all of its frames. */
interface Recording {
  name: string;
  peer: string;
  direction: "client→server" | "server→client";
  frames: Frame[];
  note?: string;
}

type Direction = Recording["direction"];
type Data = string | ArrayBuffer | ArrayBufferView<ArrayBuffer> | Blob;

/** What has passed since it was last taken; a frame's bytes may still be on their way. */
let tape: { direction: Direction; frame: Promise<Frame> }[] = [];

async function frameOf(data: Data): Promise<Frame> {
  if (typeof data === "string") return { text: data };
  return { hex: new Uint8Array(await new Blob([data]).arrayBuffer()).toHex() };
}

class TapedWebSocket extends WebSocket {
  constructor(url: string | URL) {
    super(url);
    this.addEventListener("message", (event) => {
      tape.push({ direction: "server→client", frame: frameOf(event.data) });
    });
  }
  override send(data: Data): void {
    tape.push({ direction: "client→server", frame: frameOf(data) });
    super.send(data);
  }
}

/** The frames of one direction, message by message. */
function messagesOf(frames: Frame[]): Frame[][] {
  const messages: Frame[][] = [];
  const open = new Map<string, Frame[]>();
  for (const frame of frames) {
    // 2.x: frames with the same chunk id. 1.x: attachments belong to the next message with an id.
    const isText = "text" in frame;
    const key = !isText && !open.has("1.x") ? frame.hex.slice(0, 8) : "1.x";
    let message = open.get(key);
    if (message === undefined) {
      message = [];
      messages.push(message);
      open.set(key, message);
    }
    message.push(frame);
    if (isText && Object.hasOwn(JSON.parse(strict(frame.text)), "id")) {
      open.delete(key);
    }
  }
  return messages;
}

/** Python's JSON without the three bare words that JavaScript does not read. */
function strict(text: string): string {
  return text.replace(/(?<=[[,:]\s*)(?:NaN|-?Infinity)/g, "null");
}

/** Hides where the project lies on this machine, at the same length so that the bytes stay valid. */
function anonymous(frame: Frame): Frame {
  const home = pathOf(".").replace(/\/$/, "");
  const other = "/".padEnd(home.length, "x");
  if ("text" in frame) return { text: frame.text.replaceAll(home, other) };
  return { hex: frame.hex.replaceAll(hexOf(home), hexOf(other)) };
}

function hexOf(text: string): string {
  return new TextEncoder().encode(text).toHex();
}

/** One exchange to record. */
interface Step {
  /** What the client sends; without a name it is not the peer's own, and not kept. */
  name?: string;
  /** What the server sends, in the order in which it begins each message. */
  answers: string[];
  note?: string;
  run(session: WslinkSession): Promise<unknown>;
}

/** Keeps what two peers say to each other. */
class Recorder {
  readonly recordings: Recording[] = [];
  readonly #peers: Record<Direction, string>;

  constructor(js: JsVersion, python: PythonVersion) {
    this.#peers = {
      "client→server": `wslink-js ${js}`,
      "server→client": `wslink-py ${python}`,
    };
  }

  /** Files what has passed on the wire under the given names. */
  async file({ name, answers, note }: Omit<Step, "run">): Promise<void> {
    const taken = tape;
    tape = [];
    const names = { "client→server": [name], "server→client": answers };
    for (const direction of ["client→server", "server→client"] as const) {
      const frames = taken.filter((entry) => entry.direction === direction);
      const messages = messagesOf(
        await Promise.all(frames.map((entry) => entry.frame)),
      );
      if (messages.length !== names[direction].length) {
        throw new Error(
          `"${name}": ${messages.length} messages ${direction}, not as named`,
        );
      }
      for (const [index, message] of messages.entries()) {
        const title = names[direction][index];
        if (title === undefined) continue;
        this.recordings.push({
          name: title,
          peer: this.#peers[direction],
          direction,
          ...(note === undefined ? {} : { note }),
          frames: message.map(anonymous),
        });
      }
    }
  }
}

/** A call and its answer. */
function exchange(
  name: string,
  method: string,
  args?: unknown[] | ((session: WslinkSession) => unknown[]),
  { kwargs, note }: { kwargs?: Record<string, unknown>; note?: string } = {},
): Step {
  return {
    name: `call: ${name}`,
    answers: [`answer: ${name}`],
    ...(note === undefined ? {} : { note }),
    run: (session) =>
      session.call(
        method,
        typeof args === "function" ? args(session) : args,
        kwargs,
      ),
  };
}

/** Makes a call and waits for as many publications as it causes. */
async function callAndHear(
  session: WslinkSession,
  count: number,
  method: string,
  ...args: unknown[]
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let heard = 0;
  const subscription = session.subscribe("a.topic", () => {
    heard += 1;
    if (heard === count) resolve();
  });
  await Promise.all([
    session.call(method, ["a.topic", count, ...args]),
    promise,
  ]);
  await subscription.unsubscribe();
}

const bytes = (...values: number[]) => Uint8Array.from(values);

const STEPS: Step[] = [
  exchange("numbers", "myprotocol.add", [[1, 2, 3.5, -4]]),
  exchange("no arguments", "test.echo"),
  exchange("positional and named arguments", "test.echo", [
    1,
    "two",
    [3],
    null,
    true,
  ], {
    kwargs: { name: "é漢😀", empty: {}, list: [] },
  }),
  exchange("integers of every width", "test.echo", [
    [
      0,
      127,
      128,
      255,
      256,
      65535,
      65536,
      4294967295,
      4294967296,
      9007199254740991,
    ],
    [
      -1,
      -32,
      -33,
      -128,
      -129,
      -32768,
      -32769,
      -2147483648,
      -2147483649,
      -9007199254740991,
    ],
  ]),
  exchange("fractions", "test.echo", [0.5, -0.1, 1e300, 5e-324]),
  exchange("integers beyond 2^53 from Python", "test.integers"),
  exchange("infinities and NaN from Python", "myprotocol.special", [[1, 2]]),
  exchange("infinities and NaN from JavaScript", "test.echo", [
    Infinity,
    NaN,
    -Infinity,
  ]),
  exchange("undefined", "test.echo", [undefined, { a: undefined }, [
    undefined,
  ]]),
  exchange("dates", "test.types", [new Date(0), new Date(1.5e12 + 1)]),
  exchange("strings that look like attachments", "test.echo", [
    "wslink_bin3",
    { wslink_bin4: "wslink_bin5" },
  ]),
  exchange("nested lists and maps", "test.echo", [{
    a: [{ b: [[], {}, [[1]]] }],
  }]),
  exchange("image", "myprotocol.image"),
  exchange("unwrapped image", "myprotocol.unwrapped.image", [true]),
  exchange("nested image", "myprotocol.nested.image"),
  exchange("no bytes", "test.bytes", [0]),
  exchange("one byte", "test.bytes", [1]),
  exchange(
    "binary through addAttachment",
    "myprotocol.postbinary",
    (session) => [
      session.addAttachment(bytes(1, 2, 3).buffer),
    ],
  ),
  exchange("two binaries nested", "test.echo", (session) => [
    [session.addAttachment(bytes(1, 2, 3)), {
      deep: session.addAttachment(bytes(4, 5)),
    }],
  ]),
  {
    ...exchange("binary in a named argument", "test.echo"),
    run: (session) =>
      session.call("test.echo", [], {
        data: session.addAttachment(bytes(6, 7).buffer),
      }),
  },
  exchange(
    "an empty binary",
    "test.measure",
    (session) => [session.addAttachment(bytes())],
  ),
  exchange("unknown method", "test.nothing", ["ignored"]),
  exchange("exception", "test.fail", ["made to fail"], {
    note: "the recording machine's folder is written as /xx…",
  }),
  exchange("result that cannot be sent", "test.unserializable"),
  {
    name: "call: publish two maps",
    answers: ["answer: publish two maps", "publication 0", "publication 1"],
    run: (session) => callAndHear(session, 2, "test.publish"),
  },
  {
    name: "call: publish binary",
    answers: ["answer: publish binary", "publication with binary"],
    run: (session) => callAndHear(session, 1, "test.publish.binary", 5),
  },
];

/** The 2.x client takes binary as it is. */
const PLAIN_BINARY: Step[] = [
  exchange("a plain ArrayBuffer", "test.echo", [bytes(1, 2, 3).buffer]),
  exchange("plain views", "test.echo", [
    bytes(1, 2),
    Float32Array.of(1.5),
    new DataView(bytes(3, 4, 5).buffer, 1),
    { nested: [bytes()] },
  ]),
];

/** For a server whose chunks are 256 bytes long, headers included. */
const CHUNKS: Step[] = [
  exchange("longer than a chunk both ways", "test.echo", [
    "0123456789".repeat(60),
  ]),
  exchange("binary in several chunks", "test.bytes", [700]),
];

/** For a 1.x server: what it attaches to a message goes by how names begin. */
const LEFTOVERS: Step[] = [
  exchange("one byte as wslink_bin0", "test.bytes", [1]),
  exchange("an attachment that no message refers to", "test.forget", [2]),
  ...Array.from(
    { length: 8 },
    (_, index) => exchange(`one byte as wslink_bin${index + 2}`, "test.bytes", [1]),
  ),
  exchange("wslink_bin10 while wslink_bin1 waits", "test.bytes", [3], {
    note: "the bytes of wslink_bin1 come along, though this message does not refer to them",
  }),
];

/** Connects, runs the steps and files what passes. */
async function converse(
  recorder: Recorder,
  url: string,
  js: JsVersion,
  hello: string,
  steps: Step[],
): Promise<void> {
  const { session, connection, closed } = await link(js, url);
  await recorder.file({ name: hello, answers: [`${hello} answered`] });
  for (const { run, ...names } of steps) {
    await run(session).catch(() => {}); // an error is an answer like any other
    await recorder.file(names);
  }
  await session.close();
  await closed;
  connection.destroy(0);
}

/** A wrong secret, and the answers to two messages that wslink's client never sends. */
async function misbehave(
  recorder: Recorder,
  url: string,
  js: JsVersion,
): Promise<void> {
  const hello = recorder.recordings[0]?.frames[0];
  if (hello === undefined) throw new Error("record a good hello first");
  await link(js, url, "a wrong secret").catch(() => {});
  await recorder.file({
    name: "hello with a wrong secret",
    answers: ["hello refused"],
  });

  // The good hello with a word changed; the lengths stay, and with them a 2.x frame's header.
  const changes = [
    { from: "wslink.hello", to: "wslink.hullo", name: "unknown system method" },
    { from: "system:c0:0", to: "rpc:early:0", name: "call before hello" },
  ];
  for (const { from, to, name } of changes) {
    const socket = new TapedWebSocket(url);
    await new Promise((resolve) => socket.addEventListener("open", resolve));
    const answer = new Promise((resolve) => socket.addEventListener("message", resolve));
    socket.send(
      "text" in hello
        ? hello.text.replace(from, to)
        : Uint8Array.fromHex(hello.hex.replace(hexOf(from), hexOf(to))),
    );
    await answer;
    await recorder.file({ answers: [`answer: ${name}`] });
    const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
    socket.close();
    await closed;
  }
}

/** What `destroy` with a timeout says before it closes the socket. */
async function leave(
  recorder: Recorder,
  url: string,
  js: JsVersion,
): Promise<void> {
  const { connection } = await link(js, url);
  tape = [];
  connection.destroy(5);
  await recorder.file({ name: "destroy with a timeout", answers: [] });
}

async function record(js: JsVersion, python: PythonVersion): Promise<void> {
  const recorder = new Recorder(js, python);
  {
    await using server = await startPython(python);
    const steps = python === "2.5.7" ? [...STEPS, ...PLAIN_BINARY] : STEPS;
    await converse(recorder, server.url, js, "hello", steps);
    await misbehave(recorder, server.url, js);
    await leave(recorder, server.url, js);
  }
  if (python === "2.5.7") {
    await using server = await startPython(python, {
      WSLINK_MAX_MSG_SIZE: "256",
    });
    await converse(
      recorder,
      server.url,
      js,
      "hello, chunks of 256 bytes",
      CHUNKS,
    );
  } else {
    await using server = await startPython(python);
    await converse(recorder, server.url, js, "another hello", LEFTOVERS);
  }
  for (const peer of [`wslink-js ${js}`, `wslink-py ${python}`]) {
    const recordings = recorder.recordings.filter((recording) => recording.peer === peer);
    const path = `tests/fixtures/${peer.replace(" ", "-")}.json`;
    await Deno.writeTextFile(
      pathOf(path),
      JSON.stringify(recordings, null, 2) + "\n",
    );
    console.log(`${path}: ${recordings.length} messages`);
  }
}

Object.assign(globalThis, { WebSocket: TapedWebSocket });
await record("1.12.4", "1.12.4");
await record("2.5.0", "2.5.7");
Deno.exit(); // wslink's clients leave timers behind
