/**
 * Takes one mechanism after the other out of a copy of the tree and runs the tests that are there
 * for it: tests that still pass prove nothing. Prints a table of what caught what, and ends with 1
 * if a mutation is survived; `--write` puts it into docs/delivery.md.
 *
 *     deno run -A scripts/torture/mutations.ts [--only WORDS | --write]
 *
 * @module
 */
import { chooseRegistry, chosenRegistry, deno, npmImportMap, pathOf } from "../_deno.ts";
import { writePart } from "../_parts.ts";

interface Mutation {
  /** The mechanism that is taken out. */
  readonly name: string;
  readonly file: string;
  /** What is there, exactly once, and what comes in its place. */
  readonly find: string;
  readonly replace: string;
  readonly tests: readonly string[];
}

const resume = "tests/session/resume_test.ts";
const retry = "tests/session/retry_test.ts";
const model = "tests/session/model_test.ts";
const queue = "tests/protocol/send_queue_test.ts";
const streams = "tests/session/streams_test.ts";
const history = "tests/session/history_test.ts";
const sessions = "tests/server/session_test.ts";
const msgpack = "tests/protocol/msgpack_codec_test.ts";
const json = "tests/protocol/json_codec_test.ts";

const MUTATIONS: readonly Mutation[] = [
  {
    name: "recovery: the client sends nothing again",
    file: "client/extended.ts",
    find: "for (const { frames, order } of missing) link.transmit(frames, order);",
    replace: "",
    tests: [resume, model],
  },
  {
    name: "recovery: the server sends nothing again",
    file: "server/session.ts",
    find: "for (const { frames, order } of missing) this.#connection.transmit(frames, order);",
    replace: "",
    tests: [resume, model],
  },
  {
    name: "recovery: what was let go of counts as held",
    file: "session/reliable.ts",
    find: "      this.#lost = oldest.seq;\n",
    replace: "",
    tests: [resume],
  },
  {
    name: "dedupe: what comes twice is taken twice",
    file: "session/reliable.ts",
    find: "if (seq <= this.#received || this.#ahead.has(seq)) return false;",
    replace: "",
    tests: [resume, model],
  },
  {
    name: "recovery: a session is taken up that only the server has",
    file: "client/extended.ts",
    find: "return isResumed ? false : undefined;",
    replace: "return undefined;",
    tests: [resume],
  },
  {
    name: "acknowledgements: nothing is ever let go of",
    file: "session/reliable.ts",
    find: "if (++this.#unacknowledged >= ACK_MESSAGES || this.#unacknowledgedBytes >= ACK_BYTES) {",
    replace: "if (++this.#unacknowledged < 0) {",
    tests: [resume],
  },
  {
    name: "tickets: any text takes a session",
    file: "server/session.ts",
    find: "return this.#tickets.map((own) => equalSecrets(ticket, own)).includes(true);",
    replace: "return ticket.length > 0;",
    tests: [resume],
  },
  {
    name: "tickets: an old one stays good",
    file: "server/session.ts",
    find: "if (this.#tickets.length > 1) this.#tickets.shift();",
    replace: "",
    tests: [resume],
  },
  {
    name: "window: a session without a connection is kept for ever",
    file: "server/session.ts",
    find: "this.#windowTimer = setTimeout(() => this.#end(close), resumeWindow);",
    replace: "",
    tests: [resume],
  },
  {
    name: "limit: suspended sessions",
    file: "server/server.ts",
    find: "if (this.#suspended.size <= limits.suspendedSessions) return;",
    replace: "if (this.#suspended.size > 0) return;",
    tests: [resume],
  },
  {
    name: "limit: bytes held for a session",
    file: "session/reliable.ts",
    find: "while (this.#heldBytes > this.#host.bound && this.#held.length > 1) {",
    replace: "while (this.#heldBytes < 0) {",
    tests: [resume],
  },
  {
    name: "safe calls: the record is never read",
    file: "session/safe_calls.ts",
    find: "return this.#calls.get(key)?.outcome.promise;",
    replace: "return undefined;",
    tests: [retry, model],
  },
  {
    name: "safe calls: made again with a server that was restarted",
    file: "client/_late_calls.ts",
    find: "if (begun && caller.epoch !== begun.epoch) {",
    replace: 'if (begun?.epoch === "") {',
    tests: [retry],
  },
  {
    name: "safe calls: never made again",
    file: "client/_late_calls.ts",
    find: 'if (options.retry === "safe") return callSafely(method, args, options);',
    replace: "",
    tests: [retry, model],
  },
  {
    name: "limit: safe calls remembered",
    file: "session/safe_calls.ts",
    find: "if (this.#calls.size >= this.#count && !this.#forget()) return false;",
    replace: "",
    tests: [retry],
  },
  {
    name: "histories: nothing that was missed is sent",
    file: "server/subscriptions.ts",
    find: "this.#host.replay(session, history, selection?.number ?? 0, from + 1);",
    replace: "",
    tests: [history],
  },
  {
    name: "histories: an offset of another run counts",
    file: "server/subscriptions.ts",
    find: "else if (known.epoch !== epoch || known.offset > history.last) {",
    replace: "else if (known.offset > history.last) {",
    tests: [history],
  },
  {
    name: "histories: a gap is not told",
    file: "server/subscriptions.ts",
    find: "if (from > known.offset) gap = known;",
    replace: "",
    tests: [history],
  },
  {
    name: "histories: no bound",
    file: "server/_history.ts",
    find: "if (this.#size <= this.#count && this.#held <= this.#bytes && entry.at > oldest) break;",
    replace: "break;",
    tests: [history],
  },
  {
    name: "histories: an offset that has come is taken again",
    file: "client/_remote_subscriptions.ts",
    find: "if (place === undefined || offset <= place.offset) return false;",
    replace: "if (place === undefined) return false;",
    tests: [history],
  },
  {
    name: "histories: a place from before the break is believed after it",
    file: "client/_remote_subscriptions.ts",
    find: "if (places === undefined || this.#recovering.has(interest) || !isMap(about)) return;",
    replace: "if (places === undefined || !isMap(about)) return;",
    tests: [history],
  },
  {
    name: "histories: an answer from before the break ends the asking",
    file: "client/_remote_subscriptions.ts",
    find: "if (this.#recovering.get(interest) === token) this.#recovering.delete(interest);",
    replace: "this.#recovering.delete(interest);",
    tests: [history],
  },
  {
    name: "histories: who is behind is skipped instead of read on",
    file: "server/_replay.ts",
    find: "if (!session.offer(frames, history.order)) {\n      this.from(",
    replace: "if (!session.offer(frames, history.order) && offset < 0) {\n      this.from(",
    tests: [history],
  },
  {
    name: "heartbeat: a dead server is never given up",
    file: "client/extended.ts",
    find: 'else if (this.#asked) return this.#link.lose("No sign of life");',
    replace: "else if (this.#asked) return;",
    tests: [retry],
  },
  {
    name: "queue: no bound",
    file: "protocol/send_queue.ts",
    find: "if (this.#held > this.#bytes || this.#counted > this.#messages) {",
    replace: "if (this.#held < 0) {",
    tests: [queue],
  },
  {
    name: "queue: a full one closes nobody",
    file: "protocol/send_queue.ts",
    find: "if (this.#held - size > this.#bytes || this.#counted - 1 > this.#messages) {",
    replace: "if (this.#held < 0) {",
    tests: [queue],
  },
  {
    name: "queue: the bound of all together",
    file: "protocol/send_queue.ts",
    find: "this.#budget?.enforce(newest.counted ? newest.cost : 0);",
    replace: "",
    tests: [queue],
  },
  {
    name: "streams: the producer doesn't wait for its reader",
    file: "session/streams.ts",
    find: "if (!producer.hasCredit) await producer.moreCredit();",
    replace: "await Promise.resolve();",
    tests: [streams],
  },
  {
    name: "streams: what comes without credit is taken",
    file: "session/streams.ts",
    find: "this.#items >= WINDOW_ITEMS || this.#bytes >= WINDOW_BYTES ||",
    replace: "this.#items < 0 ||",
    tests: [streams],
  },
  {
    name: "limit: calls in flight",
    file: "session/incoming.ts",
    find: "if (this.#running.size >= callsInFlight) {",
    replace: "if (this.#running.size < 0) {",
    tests: [sessions],
  },
  {
    name: "limit: hellos with a wrong secret",
    file: "server/connection.ts",
    find: "if (tries >= this.#host.limits.helloAttempts) {",
    replace: "if (tries < 0) {",
    tests: [sessions],
  },
  {
    name: "limit: a message's size (2.x)",
    file: "protocol/_chunks.ts",
    find: "if (total > limits.messageSize) {",
    replace: "if (total < 0) {",
    tests: [msgpack],
  },
  {
    name: "limit: what incomplete messages hold (2.x)",
    file: "protocol/_chunks.ts",
    find: "if (this.#held > messageSize) {",
    replace: "if (this.#held < 0) {",
    tests: [msgpack],
  },
  {
    name: "limit: depth (1.x)",
    file: "protocol/json_codec.ts",
    find: "checkShape(value, this.limits.depth, this.limits.keys);",
    replace: "checkShape(value, 1e9, this.limits.keys);",
    tests: [json],
  },
];

/** A test that a mutation makes hang has caught it, too. */
const PATIENCE = 90_000;

/** What the tests need of the tree. */
const PARTS =
  /^(?:[\w]+\.ts|deno\.json|(?:protocol|session|client|server|adapters|compat|tests|scripts)\/.*)$/;

async function copyTree(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "hawser-mutations-" });
  const { stdout } = await new Deno.Command("git", { args: ["ls-files"], cwd: pathOf("") })
    .output();
  for (const path of new TextDecoder().decode(stdout).split("\n")) {
    if (!PARTS.test(path)) continue;
    await Deno.mkdir(`${folder}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.copyFile(pathOf(path), `${folder}/${path}`);
  }
  return folder;
}

/** The names of the tests that failed; `undefined` if all passed. */
async function run(folder: string, tests: readonly string[]): Promise<string[] | undefined> {
  const map = chosenRegistry() === "npm" ? [`--import-map=${npmImportMap}`] : [];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", ...map, ...tests],
    cwd: folder,
    env: { NO_COLOR: "1", HAWSER_MODEL_RUNS: "100" },
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
  const { success, stdout } = await child.output();
  clearTimeout(timer);
  if (success) return undefined;
  const lines = new TextDecoder().decode(stdout).split("\n");
  const failed = lines.flatMap((line) => /^(.*) \.\.\. FAILED/.exec(line)?.[1] ?? []);
  // A test that never ends is the last one that began.
  const last = lines.findLast((line) => line.includes(" ..."))?.replace(/ \.\.\..*/, "");
  return failed.length > 0 ? failed : [`${last}, which never ends`];
}

await chooseRegistry();
const only = Deno.args[0] === "--only" ? Deno.args[1] ?? "" : "";
const chosen = MUTATIONS.filter(({ name }) => name.includes(only));
const folder = await copyTree();
let survived = 0;
const lines = ["| taken out | caught by | and as many more |", "| - | - | - |"];
try {
  const moved = chosen.filter(({ file, find }) =>
    Deno.readTextFileSync(`${folder}/${file}`).split(find).length !== 2
  );
  for (const { file, find } of moved) console.error(`${file} doesn't have once: ${find}`);
  if (moved.length > 0) throw new Error(`${moved.length} mutations don't fit the source`);
  const all = [...new Set(chosen.flatMap(({ tests }) => tests))];
  const before = await run(folder, all);
  if (before) throw new Error(`Without a mutation fail already: ${before.join("; ")}`);
  console.log(lines.join("\n"));
  for (const { name, file, find, replace, tests } of chosen) {
    const source = await Deno.readTextFile(`${folder}/${file}`);
    await Deno.writeTextFile(`${folder}/${file}`, source.replace(find, () => replace));
    const failed = await run(folder, tests);
    await Deno.writeTextFile(`${folder}/${file}`, source);
    if (failed === undefined) survived++;
    const [first, ...rest] = failed ?? ["NOTHING"];
    const line = `| ${name} | ${first} | ${rest.length} |`;
    lines.push(line);
    console.log(line);
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
const outcome = `${chosen.length - survived} of ${chosen.length} mutations caught`;
console.log(`\n${outcome}`);
if (Deno.args.includes("--write") && chosen.length === MUTATIONS.length) {
  const path = pathOf("docs/delivery.md");
  const part = `${lines.join("\n")}\n\n${outcome}.`;
  await Deno.writeTextFile(path, writePart(await Deno.readTextFile(path), "mutations", part));
  await deno(["fmt", "--quiet", path]).output();
}
Deno.exit(survived > 0 ? 1 : 0);
