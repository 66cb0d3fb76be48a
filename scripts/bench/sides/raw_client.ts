// A load client that costs as little as a client can: it sends frames that were encoded beforehand
// and counts the messages that come back without reading them. Arguments: port, and what is there:
// "wslink" speaks the 2.x wire (Hawser's server, wslink's own), "bare" is raw_server.ts; then what
// errors call the server.
import { SMALL, type Work } from "../_lines.ts";
import { callFrames, helloFrames } from "./_frames.ts";
import { type Load, obey, type Outcome } from "./_load.ts";

const [port, peer, title] = Deno.args;
const HEADER = 12;

type Frames = (Uint8Array<ArrayBuffer> | string)[];

/** One socket that tells how many messages arrived. */
class Counter {
  readonly socket: WebSocket;
  onMessage: (size: number) => void = () => {};
  /** What has come of messages whose chunks have not all come, by id: others may come in between. */
  readonly #begun = new Map<number, number>();

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      const view = new DataView(data);
      const total = view.getUint32(8, true);
      const size = data.byteLength - HEADER;
      if (size === total) return this.onMessage(total);
      const id = view.getUint32(0, true);
      const come = (this.#begun.get(id) ?? 0) + size;
      if (come < total) this.#begun.set(id, come);
      else {
        this.#begun.delete(id);
        this.onMessage(total);
      }
    };
  }

  send(frames: Frames): void {
    for (const frame of frames) this.socket.send(frame);
  }

  /** Opens the connection that has this number among those of this process, counted from 1. */
  static async open(number: number): Promise<Counter> {
    const counter = new Counter(new WebSocket(`ws://127.0.0.1:${port}/ws`));
    await new Promise<void>((resolve, reject) => {
      const fail = (what: string) =>
        reject(new Error(`Connection ${number} to ${title} (port ${port}) failed: ${what}`));
      counter.socket.onerror = (event) =>
        fail(event instanceof ErrorEvent ? event.message : "error");
      counter.socket.onclose = ({ code, reason }) => fail(`closed with ${code} ${reason}`);
      counter.socket.onopen = () => {
        if (peer !== "wslink") return resolve();
        counter.onMessage = () => resolve();
        counter.send(helloFrames());
      };
    });
    counter.socket.onclose = null;
    return counter;
  }
}

function request(work: Work): Frames {
  if (work.kind === "echo") return callFrames("bench.echo", [SMALL]);
  if (work.kind === "up") return callFrames("bench.up", [new Uint8Array(work.size)]);
  const args = work.kind === "down" ? [work.size] : [work.size, work.count];
  return peer === "bare"
    ? [[work.kind, ...args].join(" ")]
    : callFrames(`bench.${work.kind}`, args);
}

const counters: Counter[] = [];

function run(work: Work, milliseconds: number): Promise<Outcome> {
  const [first] = counters;
  if (first === undefined) throw new Error("There is no connection");
  const frames = request(work);
  const counted = work.kind === "publish"
    ? work.count
    : work.kind === "fanout"
    ? work.count * counters.length
    : 1;
  const isBurst = work.kind === "publish" || work.kind === "fanout";
  const expectedSize = "size" in work && work.kind !== "up" ? work.size : 0;
  const perRound = counted + (isBurst ? 1 : 0); // a burst is followed by its reply
  let inFlight = work.kind === "echo" ? work.inFlight : 1;
  let missing = perRound;
  let count = 0;
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const onMessage = (size: number) => {
      if (size < expectedSize && !isBurst) reject(new Error(`Received ${size} bytes`));
      if (--missing > 0) return;
      count += counted;
      missing = perRound;
      const elapsed = performance.now() - start;
      if (elapsed < milliseconds) first.send(frames);
      else if (--inFlight === 0) resolve({ count, seconds: elapsed / 1000 });
    };
    for (const counter of counters) counter.onMessage = onMessage;
    for (let i = 0; i < inFlight; i++) first.send(frames);
  });
}

const load: Load = {
  async resize(connections) {
    while (counters.length > connections) counters.pop()?.socket.close();
    while (counters.length < connections) {
      const batch = Math.min(50, connections - counters.length);
      const first = counters.length + 1;
      const opened = Array.from({ length: batch }, (_, i) => Counter.open(first + i));
      counters.push(...await Promise.all(opened));
    }
  },
  run,
};

await obey(load);
