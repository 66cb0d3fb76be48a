// A load client that costs as little as a client can: it sends frames that were encoded beforehand
// and counts the messages that come back without reading them. Arguments: port, and what is there:
// "wslink" speaks the 2.x wire (Hawser's server, wslink's own), "batch" the same with Hawser's
// batches both ways, "bare" is raw_server.ts; then what errors call the server.
import { SMALL, type Work } from "../_lines.ts";
import { callFrames, helloFrames } from "./_frames.ts";
import { type Load, obey, type Outcome } from "./_load.ts";

const [port, peer, title] = Deno.args;
const HEADER = 12;
/** What Deno's client hands to the system in one write, in bytes: longer frames wait (docs/runtimes.md). */
const BATCH = 1024;

type Frame = Uint8Array<ArrayBuffer> | string;

/** One socket that tells how many messages arrived. */
class Counter {
  readonly socket: WebSocket;
  /** Is told of each message, and whether its frame has no more. */
  onMessage: (size: number, isLast: boolean) => void = () => {};
  /** What has come of messages whose chunks have not all come, by id: others may come in between. */
  readonly #begun = new Map<number, number>();

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => this.#read(new DataView(data));
  }

  #read(view: DataView): void {
    for (let at = 0; at < view.byteLength;) {
      const total = view.getUint32(at + 8, true);
      const rest = view.byteLength - at - HEADER;
      if (rest < total) return this.#readChunk(view.getUint32(at, true), rest, total);
      at += HEADER + total;
      this.onMessage(total, at >= view.byteLength);
    }
  }

  #readChunk(id: number, size: number, total: number): void {
    const come = (this.#begun.get(id) ?? 0) + size;
    if (come < total) this.#begun.set(id, come);
    else {
      this.#begun.delete(id);
      this.onMessage(total, true);
    }
  }

  send(frames: readonly Frame[]): void {
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
        if (peer === "bare") return resolve();
        counter.onMessage = () => resolve();
        counter.send(helloFrames(peer === "batch" ? ["batch"] : []));
      };
    });
    counter.socket.onclose = null;
    return counter;
  }

  close(): void {
    this.socket.close();
  }
}

function request(work: Work): Frame[] {
  if (work.kind === "echo" || work.kind === "connect") return callFrames("bench.echo", [SMALL]);
  if (work.kind === "up") return callFrames("bench.up", [new Uint8Array(work.size)]);
  const args = work.kind === "down" ? [work.size] : [work.size, work.count];
  return peer === "bare"
    ? [[work.kind, ...args].join(" ")]
    : callFrames(`bench.${work.kind}`, args);
}

/** Sends a request so many times: one by one, or as many in a frame as may be. */
function sender(counter: Counter, frames: Frame[]): (times: number) => void {
  const [frame] = frames;
  if (peer !== "batch" || frames.length > 1 || typeof frame !== "object") {
    return (times) => {
      for (let i = 0; i < times; i++) counter.send(frames);
    };
  }
  const most = Math.max(1, Math.floor(BATCH / frame.length));
  const batch = new Uint8Array(most * frame.length);
  for (let i = 0; i < most; i++) batch.set(frame, i * frame.length);
  return (times) => {
    for (let rest = times; rest > 0; rest -= most) {
      counter.socket.send(batch.subarray(0, Math.min(rest, most) * frame.length));
    }
  };
}

const counters: Counter[] = [];
let opened = 0;

async function connections(inFlight: number, milliseconds: number): Promise<Outcome> {
  let count = 0;
  const start = performance.now();
  await Promise.all(Array.from({ length: inFlight }, async () => {
    do {
      (await Counter.open(++opened)).close();
      count++;
    } while (performance.now() - start < milliseconds);
  }));
  return { count, seconds: (performance.now() - start) / 1000 };
}

function run(work: Work, milliseconds: number): Promise<Outcome> {
  const [first] = counters;
  if (first === undefined) throw new Error("There is no connection");
  if (work.kind === "connect") return connections(work.inFlight, milliseconds);
  const send = sender(first, request(work));
  const isBurst = work.kind === "publish" || work.kind === "fanout";
  const counted = isBurst ? work.count * (work.kind === "fanout" ? counters.length : 1) : 1;
  const expectedSize = "size" in work && work.kind !== "up" ? work.size : 0;
  const perRound = counted + (isBurst ? 1 : 0); // a burst is followed by its reply
  let inFlight = work.kind === "echo" ? work.inFlight : 1;
  let missing = perRound;
  let count = 0;
  let due = 0;
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const onMessage = (size: number, isLast: boolean) => {
      if (size < expectedSize && !isBurst) reject(new Error(`Received ${size} bytes`));
      if (--missing <= 0) {
        count += counted;
        missing = perRound;
        due++;
      }
      if (!isLast || due === 0) return;
      const elapsed = performance.now() - start;
      if (elapsed < milliseconds) send(due);
      else if ((inFlight -= due) === 0) resolve({ count, seconds: elapsed / 1000 });
      due = 0;
    };
    for (const counter of counters) counter.onMessage = onMessage;
    send(inFlight);
  });
}

const load: Load = {
  async resize(connections) {
    while (counters.length > connections) counters.pop()?.close();
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
