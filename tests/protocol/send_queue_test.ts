import { assert, assertEquals } from "@std/assert";
import type { Frame } from "../../protocol/mod.ts";
import { SendQueue, type Socket } from "../../protocol/send_queue.ts";

/** Stands in for the global timers while it lives; time passes when the test says so. */
class FakeTimers {
  readonly #real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
  readonly #timers = new Map<number, () => void>();
  #next = 1;

  constructor() {
    Object.assign(globalThis, {
      setTimeout: (callback: () => void) => {
        this.#timers.set(this.#next, callback);
        return this.#next++;
      },
      clearTimeout: (timer: number) => void this.#timers.delete(timer),
    });
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** Runs every timer that is set now. */
  tick(): void {
    const due = [...this.#timers.values()];
    this.#timers.clear();
    for (const callback of due) callback();
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, this.#real);
  }
}

/** A socket whose network takes what the test lets it. */
class FakeSocket implements Socket {
  readyState = 1;
  bufferedAmount = 0;
  readonly sent: Frame[] = [];

  send(frame: Frame): void {
    this.sent.push(frame);
    this.bufferedAmount += frame.length;
  }

  close(): void {
    this.readyState = 2;
  }

  /** What was sent, without what is only there for its size. */
  get texts(): string[] {
    return this.sent.map((frame) => typeof frame === "string" ? frame : `${frame.length} bytes`);
  }
}

const MIB = 1024 * 1024;
/** More than the socket is ever given at once. */
const STUCK = 64 * MIB;

class Fixture {
  readonly timers = new FakeTimers();
  readonly socket = new FakeSocket();
  readonly queue: SendQueue;
  full = 0;

  constructor(bound = MIB) {
    this.queue = new SendQueue(this.socket, bound, () => this.full++);
  }

  /** The network has nothing left. */
  flush(): void {
    this.socket.bufferedAmount = 0;
    this.timers.tick();
  }

  /** Lets everything out. */
  flushAll(): void {
    while (this.timers.pending > 0) this.flush();
  }

  /** The network takes nothing; a first message, which counts as being sent, waits for it. */
  stick(): void {
    this.socket.bufferedAmount = STUCK;
    this.queue.send(["first"]);
  }

  [Symbol.dispose](): void {
    this.queue.clear();
    assertEquals(this.timers.pending, 0, "a cleared queue leaves no timer");
    this.timers[Symbol.dispose]();
  }
}

const text = (letter: string, size: number) => letter.repeat(size);
const settled = () => new Promise<void>((resolve) => queueMicrotask(() => queueMicrotask(resolve)));

Deno.test("SendQueue hands a message over at once while the socket has room", () => {
  using f = new Fixture();
  f.queue.send(["a"]);
  f.queue.send(["b1", "b2", "b3"]);
  f.queue.send(["c"], { policy: "drop" });
  f.queue.send(["d"], { policy: "latest", key: "k" });
  assertEquals(f.socket.texts, ["a", "b1", "b2", "b3", "c", "d"]);
  assertEquals([f.queue.held, f.queue.dropped, f.timers.pending], [0, 0, 0]);
});

Deno.test("SendQueue keeps the order while the socket is behind", () => {
  using f = new Fixture();
  f.stick();
  for (const letter of "abcdef") {
    f.queue.send([letter], { policy: letter < "d" ? "keep" : "drop" });
  }
  f.timers.tick();
  assertEquals(f.socket.texts, []);
  f.flush();
  f.queue.send(["g"]);
  assertEquals(f.socket.texts, ["first", "a", "b", "c", "d", "e", "f", "g"]);
  assertEquals([f.queue.held, f.timers.pending], [0, 0]);
});

Deno.test("SendQueue gives the socket no more than some MiB at a time, and goes on where it stopped", () => {
  using f = new Fixture(64 * MIB);
  const frames = Array.from({ length: 10 }, () => new Uint8Array(4 * MIB));
  f.queue.send(frames);
  assertEquals(f.socket.sent.length, 2);
  f.timers.tick();
  assertEquals(f.socket.sent.length, 2);
  f.flush();
  assertEquals(f.socket.sent.length, 4);
  f.flushAll();
  assertEquals(f.socket.sent.length, 10);
  assert(f.socket.sent.every((frame, i) => frame === frames[i]), "the same frames in order");
});

Deno.test("SendQueue puts nothing between the frames of a message", () => {
  using f = new Fixture(64 * MIB);
  const large = new Uint8Array(8 * MIB);
  f.queue.send(["head", large, "tail"]);
  f.queue.send(["reply"]);
  f.queue.send(["news"], { policy: "drop" });
  f.queue.send(["picture"], { policy: "latest" });
  assertEquals(f.socket.sent.length, 2);
  f.flushAll();
  assertEquals(f.socket.texts, ["head", `${8 * MIB} bytes`, "tail", "reply", "news", "picture"]);
});

Deno.test("SendQueue drops the oldest droppable messages past the bound, and no other", () => {
  using f = new Fixture(10_000);
  f.stick();
  for (let i = 0; i < 30; i++) {
    f.queue.send([`reply ${i}`], { policy: "keep" });
    f.queue.send([text(String.fromCharCode(65 + i), 900)], { policy: "drop" });
    assert(f.queue.held <= 10_000, `${f.queue.held} bytes are held`);
  }
  assertEquals(f.full, 0);
  f.flushAll();
  const replies = f.socket.texts.filter((frame) => frame.startsWith("reply"));
  assertEquals(replies, Array.from({ length: 30 }, (_, i) => `reply ${i}`));
  const news = f.socket.texts.filter((frame) => frame.length === 900).map((frame) => frame[0]);
  assertEquals(news.length + f.queue.dropped, 30);
  assert(news.length > 0);
  assertEquals(
    news,
    Array.from({ length: 30 }, (_, i) => String.fromCharCode(65 + i)).slice(-news.length),
  );
});

Deno.test("SendQueue keeps only the newest message of each key", () => {
  using f = new Fixture();
  f.stick();
  for (let i = 0; i < 5; i++) {
    f.queue.send([`a${i}`], { policy: "latest", key: "a" });
    f.queue.send([`b${i}`], { policy: "latest", key: "b" });
    f.queue.send([`none${i}`], { policy: "latest" });
  }
  assertEquals(f.queue.dropped, 12);
  f.flush();
  assertEquals(f.socket.texts, ["first", "a4", "b4", "none4"]);
  assertEquals(f.queue.held, 0);
});

Deno.test("SendQueue decides about the latest message as late as it can", () => {
  using f = new Fixture();
  // The socket has room for a message that is kept, but a picture would be old when it leaves.
  f.socket.bufferedAmount = MIB;
  f.queue.send(["old picture"], { policy: "latest" });
  f.queue.send(["reply"]);
  f.timers.tick();
  assertEquals(f.socket.texts, ["reply"]);
  f.queue.send(["new picture"], { policy: "latest" });
  f.flush();
  assertEquals(f.socket.texts, ["reply", "new picture"]);
});

Deno.test("SendQueue lets the newest message pass though it is larger than the bound", () => {
  for (const policy of ["keep", "drop", "latest"] as const) {
    using f = new Fixture(1000);
    f.stick();
    f.queue.send(["one small reply"]);
    f.queue.send([text("x", 5000)], { policy });
    assertEquals([f.full, f.queue.dropped], [0, 0], policy);
    f.flushAll();
    assertEquals(f.socket.sent.map((frame) => frame.length), [5, 15, 5000], policy);
  }
});

Deno.test("SendQueue drops a message larger than the bound for the next one", () => {
  using f = new Fixture(1000);
  f.stick();
  f.queue.send([text("x", 5000)], { policy: "drop" });
  f.queue.send(["next"], { policy: "drop" });
  assertEquals([f.full, f.queue.dropped], [0, 1]);
  f.flushAll();
  assertEquals(f.socket.texts, ["first", "next"]);
});

Deno.test("SendQueue says so when replies alone are more than the bound, and still drops none", () => {
  using f = new Fixture(10_000);
  f.stick();
  f.queue.send([text("n", 1000)], { policy: "drop" });
  for (let i = 0; i < 8; i++) f.queue.send([text("r", 1000)]);
  assertEquals(f.full, 0);
  for (let i = 0; i < 8; i++) f.queue.send([text("r", 1000)]);
  assert(f.full > 0);
  assertEquals(f.queue.dropped, 1);
  f.flushAll();
  assertEquals(f.socket.sent.length, 17);
});

Deno.test("SendQueue counts what frameless and tiny messages cost besides their bytes", () => {
  using f = new Fixture(10_000);
  f.stick();
  for (let i = 0; i < 10_000; i++) f.queue.send([""], { policy: "drop" });
  assert(f.queue.held <= 10_000);
  assert(f.queue.dropped > 9000);
});

Deno.test("SendQueue shares its frames with other queues and changes none", () => {
  using f = new Fixture(1000);
  const other = new FakeSocket();
  const otherQueue = new SendQueue(other, 1000, () => f.full++);
  const frames = Object.freeze(["header", new Uint8Array(2000), "message"]);
  f.socket.bufferedAmount = STUCK;
  for (const queue of [f.queue, otherQueue]) {
    queue.send(["first"]);
    queue.send(frames, { policy: "drop" });
    queue.send(["next"], { policy: "drop" });
  }
  f.flushAll();
  assertEquals(f.socket.texts, ["first", "next"]);
  assertEquals(other.sent, ["first", ...frames, "next"]);
  assert(other.sent[2] === frames[1]);
});

Deno.test("SendQueue.drained() resolves when the queue and the socket are empty", async () => {
  using f = new Fixture();
  await f.queue.drained();
  f.stick();
  f.queue.send(["second"]);
  let drained = false;
  const promise = f.queue.drained().then(() => drained = true);
  f.timers.tick();
  await settled();
  assertEquals(drained, false);
  // The socket takes the rest, but has not sent it.
  f.socket.bufferedAmount = 0;
  f.timers.tick();
  assertEquals(f.socket.texts, ["first", "second"]);
  await settled();
  assertEquals(drained, false);
  f.flush();
  await promise;
  assertEquals(f.timers.pending, 0);
});

Deno.test("SendQueue.clear() forgets what waits, in the middle of a message too, and ends drained()", async () => {
  using f = new Fixture();
  const frame = new Uint8Array(8 * MIB);
  f.queue.send(["header", frame, "never sent"]);
  f.queue.send(["never sent"]);
  f.queue.send(["never sent"], { policy: "latest" });
  const drained = f.queue.drained();
  f.queue.clear();
  await drained;
  assertEquals([f.queue.held, f.timers.pending], [0, 0]);
  f.socket.bufferedAmount = 0;
  f.queue.send(["a", "b", "c"]);
  assertEquals(f.socket.texts.slice(2), ["a", "b", "c"]);
});

Deno.test("SendQueue sends nothing unless the socket is open", () => {
  for (const readyState of [0, 2, 3]) {
    using f = new Fixture();
    f.stick();
    f.queue.send(["waits"]);
    f.queue.send(["waits", "too"], { policy: "drop" });
    f.socket.readyState = readyState;
    f.queue.send(["late"]);
    f.flushAll();
    f.queue.send(["later"]);
    f.queue.send(["later", "still"]);
    assertEquals(f.socket.sent, [], `readyState ${readyState}`);
    assertEquals(f.queue.held, 0);
  }
});

Deno.test("SendQueue lets go of every message that it has sent", () => {
  using f = new Fixture(STUCK);
  for (let i = 0; i < 200; i++) {
    f.queue.send(["header", new Uint8Array(16 * MIB)]);
    f.flushAll();
    f.socket.sent.length = 0;
  }
  // 3.1 GiB went through.
  assert(Deno.memoryUsage().external < 1024 * MIB);
});
