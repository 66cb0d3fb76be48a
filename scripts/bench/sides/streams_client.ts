// Moves bytes through a stream, or as bare frames, and says how long it took. Argument: port.
// Each line of its input is a command, `{ kind, way, size, count }`; each of its output an answer.
import { connect } from "@hawser/hawser/client";

/** What is moved, and how. */
interface Command {
  readonly kind: "stream" | "raw" | "fanout";
  readonly way: "down" | "up";
  /** Of one item or frame, in bytes. */
  readonly size: number;
  readonly count: number;
}

const WINDOW = 4 * 1024 * 1024;
const [port] = Deno.args;
const session = await connect(`ws://127.0.0.1:${port}/ws`, { wire: "msgpack", callTimeout: 0 });
const socket = new WebSocket(`ws://127.0.0.1:${port}/raw`);
socket.binaryType = "arraybuffer";
await new Promise((resolve) => socket.onopen = resolve);

async function* items(size: number, count: number): AsyncGenerator<Uint8Array> {
  const item = new Uint8Array(size);
  for (let i = 0; i < count; i++) yield await item;
}

async function stream({ way, size, count }: Command): Promise<number> {
  if (way === "up") return session.call<number>("bench.up", [items(size, count)]);
  let bytes = 0;
  for await (const { length } of session.stream<Uint8Array>("bench.down", [size, count])) {
    bytes += length;
  }
  return bytes;
}

async function raw({ way, size, count }: Command): Promise<number> {
  const total = size * count;
  const done = Promise.withResolvers<number>();
  let bytes = 0;
  socket.onmessage = ({ data }) => {
    if (typeof data === "string") return done.resolve(total);
    bytes += data.byteLength;
    if (bytes >= total) done.resolve(bytes);
  };
  socket.send(way === "down" ? `down ${size} ${count}` : `up ${total}`);
  const frame = new Uint8Array(size);
  for (let i = 0; way === "up" && i < count; i++) {
    while (socket.bufferedAmount > WINDOW) await new Promise((go) => setTimeout(go, 0));
    socket.send(frame);
  }
  return await done.promise;
}

/** So many clients, each with one of so many filters: what one publication costs. */
async function fanout({ size: filters, count: clients }: Command): Promise<unknown> {
  const sessions = await Promise.all(
    Array.from({ length: clients }, () => connect(`ws://127.0.0.1:${port}/ws`)),
  );
  const parts = sessions.map((session, i) =>
    session.subscribe<Uint8Array>("scene", { filter: { view: i % filters } })
  );
  await Promise.all(parts.map(({ ready }) => ready));
  const published = await session.call("bench.publish");
  const lengths = await Promise.all(parts.map(async (part) => {
    for await (const { length } of part) return length;
    throw new Error("A subscription ended before it was published to");
  }));
  await Promise.all(sessions.map((session) => session.close()));
  return { published, right: lengths.every((length, i) => length === i % filters + 1) };
}

async function obey(command: Command): Promise<Record<string, unknown>> {
  if (command.kind === "fanout") return { fanout: await fanout(command) };
  const start = performance.now();
  const bytes = await (command.kind === "stream" ? stream : raw)(command);
  const seconds = (performance.now() - start) / 1000;
  if (bytes !== command.size * command.count) throw new Error(`${bytes} bytes came`);
  return { seconds };
}

console.log(JSON.stringify({ ready: true }));
let rest = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + text).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) console.log(JSON.stringify(await obey(JSON.parse(line))));
}
