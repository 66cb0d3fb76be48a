import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Frame, MsgpackDecoder, MsgpackEncoder, ProtocolError } from "../../protocol/mod.ts";
import { SendBudget } from "../../protocol/send_budget.ts";
import { SendQueue, type SendQueueOptions, type Socket } from "../../protocol/send_queue.ts";

/** Stands in for the global timers and the clock while it lives; time passes when the test says so. */
class FakeTimers {
  readonly #real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
  readonly #timers = new Map<number, { readonly callback: () => void; readonly ms: number }>();
  #next = 1;
  now = 0;

  constructor() {
    Object.assign(globalThis, {
      setTimeout: (callback: () => void, ms = 0) => {
        this.#timers.set(this.#next, { callback, ms });
        return this.#next++;
      },
      clearTimeout: (timer: number) => void this.#timers.delete(timer),
    });
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** How long the next timer was set for, in ms. */
  get delay(): number {
    return Math.min(...[...this.#timers.values()].map(({ ms }) => ms));
  }

  /** Runs every timer that is set now, after the time of the longest. */
  tick(): void {
    const due = [...this.#timers.values()];
    this.#timers.clear();
    this.now += Math.max(0, ...due.map(({ ms }) => ms));
    for (const { callback } of due) callback();
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

const KIB = 1024;
const MIB = 1024 * KIB;
/** More than the socket is ever given at once. */
const STUCK = 64 * MIB;

class Fixture {
  readonly timers = new FakeTimers();
  readonly socket: FakeSocket;
  readonly queue: SendQueue;
  readonly drops: (string | undefined)[] = [];
  full = 0;

  constructor(bytes = MIB, options: SendQueueOptions = {}, socket = new FakeSocket()) {
    this.socket = socket;
    this.queue = new SendQueue(this.socket, {
      bytes,
      now: () => this.timers.now,
      onFull: () => this.full++,
      onDrop: (order) => this.drops.push(order),
      ...options,
    });
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

  /** The network takes nothing; a first message waits for it, with an order of its own. */
  stick(): void {
    this.socket.bufferedAmount = STUCK;
    this.queue.send(["first"]);
  }

  /** What has gone out, put together again as a wslink client does: messages as they are complete. */
  arrived(): string[] {
    const decoder = new MsgpackDecoder();
    return this.socket.sent.flatMap((frame) => {
      const message = decoder.decode(frame);
      return message && "id" in message ? [message.id] : message ? [nameOf(message)] : [];
    });
  }

  [Symbol.dispose](): void {
    this.queue.clear();
    assertEquals(this.timers.pending, 0, "a cleared queue leaves no timer");
    this.timers[Symbol.dispose]();
  }
}

const encoder = new MsgpackEncoder({ frameSize: 512 * KIB });

/** A reply of the 2.x wire of about this size. */
const reply = (id: string, size: number) =>
  encoder.encode({ type: "result", id, result: new Uint8Array(size) });

/** A publication of the 2.x wire, whose name is in it. */
const publication = (topic: string, name: string, size = 0) =>
  encoder.encode({
    type: "publication",
    topic,
    result: { name, bytes: new Uint8Array(size) },
  });

function nameOf(message: unknown): string {
  const { result } = message as { result: { name: string } };
  return result.name;
}

const text = (letter: string, size: number) => letter.repeat(size);
const settled = () => new Promise<void>((resolve) => queueMicrotask(() => queueMicrotask(resolve)));

Deno.test("SendQueue hands a message over at once while the socket has room", () => {
  using f = new Fixture();
  f.queue.send(["a"]);
  f.queue.send(["b1", "b2", "b3"]);
  f.queue.send(["c"], { policy: "drop-oldest" });
  f.queue.send(["d"], { policy: "latest", key: "k" });
  assertEquals(f.socket.texts, ["a", "b1", "b2", "b3", "c", "d"]);
  assertEquals([f.queue.held, f.queue.dropped, f.timers.pending], [0, 0, 0]);
});

Deno.test("SendQueue keeps the order while the socket is behind", () => {
  using f = new Fixture();
  f.stick();
  for (const letter of "abcdef") {
    f.queue.send([letter], { policy: letter < "d" ? "keep" : "drop-oldest" });
  }
  f.timers.tick();
  assertEquals(f.socket.texts, []);
  f.flush();
  f.queue.send(["g"]);
  assertEquals(f.socket.texts, ["first", "a", "b", "c", "d", "e", "f", "g"]);
  assertEquals([f.queue.held, f.timers.pending], [0, 0]);
});

Deno.test("SendQueue gives the socket no more than a little at a time, more of it if the link takes it", () => {
  using f = new Fixture(64 * MIB);
  f.queue.send(reply("rpc:c:0", 16 * MIB));
  const given: number[] = [];
  while (f.timers.pending > 0) {
    given.push(f.socket.bufferedAmount);
    f.flush();
  }
  const [first = 0] = given;
  assert(first < 512 * KIB, `${first} bytes at first`);
  assert(Math.max(...given) > MIB && Math.max(...given) < 6 * MIB, String(given));
  assertEquals(f.arrived(), ["rpc:c:0"]);
});

Deno.test("SendQueue puts nothing between the frames of a message of the 1.x wire", () => {
  using f = new Fixture(64 * MIB);
  const large = new Uint8Array(8 * MIB);
  f.queue.send(["head", large, "tail"]);
  f.queue.send(["reply"]);
  f.queue.send(["news"], { policy: "drop-oldest" });
  f.queue.send(["picture"], { policy: "latest" });
  f.flushAll();
  assertEquals(f.socket.texts, ["head", `${8 * MIB} bytes`, "tail", "reply", "news", "picture"]);
  assert(f.socket.sent[1] === large, "an attachment is never cut");
});

Deno.test("SendQueue sends small messages of the 1.x wire between long ones", () => {
  using f = new Fixture(64 * MIB);
  for (const name of ["a", "b", "c"]) f.queue.send([name, new Uint8Array(MIB), `${name} end`]);
  f.queue.send(["small"]);
  f.flushAll();
  const names = f.socket.texts.filter((frame) => !frame.endsWith("bytes"));
  assertEquals(names, ["a", "a end", "small", "b", "b end", "c", "c end"]);
});

Deno.test("SendQueue lets small messages of the 2.x wire overtake a long one", () => {
  using f = new Fixture(64 * MIB);
  f.queue.send(reply("rpc:c:0", 8 * MIB));
  f.flush();
  f.queue.send(reply("rpc:c:1", 10));
  f.queue.send(publication("news", "small"), { policy: "drop-oldest", order: "news" });
  f.flush();
  assertEquals(f.arrived(), ["rpc:c:1", "small"]);
  f.flushAll();
  assertEquals(f.arrived(), ["rpc:c:1", "small", "rpc:c:0"]);
});

Deno.test("SendQueue gives long messages their turns, so that the shortest is there first", () => {
  using f = new Fixture(64 * MIB);
  f.stick();
  f.socket.sent.length = 0;
  f.queue.send(reply("rpc:c:0", 6 * MIB));
  f.queue.send(reply("rpc:c:1", 2 * MIB));
  f.queue.send(reply("rpc:c:2", 4 * MIB));
  f.flush();
  f.socket.sent.shift();
  f.flushAll();
  assertEquals(f.arrived(), ["rpc:c:1", "rpc:c:2", "rpc:c:0"]);
});

Deno.test("SendQueue keeps the order of a topic, whatever the size of its messages", () => {
  using f = new Fixture(64 * MIB);
  const order = { policy: "drop-oldest", order: "mesh" } as const;
  f.queue.send(publication("mesh", "long 1", 3 * MIB), order);
  f.queue.send(publication("mesh", "small", 10), order);
  f.queue.send(publication("mesh", "long 2", MIB), order);
  f.queue.send(publication("mesh", "end", 10), order);
  f.queue.send(publication("other", "other", 10), { policy: "drop-oldest", order: "other" });
  f.flushAll();
  assertEquals(f.arrived(), ["other", "long 1", "small", "long 2", "end"]);
});

Deno.test("SendQueue gives bulk a turn in a flood of small messages", () => {
  using f = new Fixture(64 * MIB);
  f.stick();
  f.socket.sent.length = 0;
  f.queue.send(reply("rpc:c:0", 40 * KIB));
  for (let i = 1; i <= 100; i++) f.queue.send(reply(`rpc:c:${i}`, 8 * KIB));
  f.flush();
  f.socket.sent.shift();
  f.flushAll();
  const arrived = f.arrived();
  const place = arrived.indexOf("rpc:c:0");
  assert(place > 10 && place < 90, `it is number ${place} to arrive`);
  assertEquals(arrived.length, 101);
});

Deno.test("SendQueue interleaves no more than a receiver may hold", () => {
  using f = new Fixture(64 * MIB, { interleaved: MIB });
  f.stick();
  f.queue.send(reply("rpc:c:0", 6 * MIB));
  f.queue.send(reply("rpc:c:1", 2 * MIB));
  f.queue.send(reply("rpc:c:2", MIB / 2));
  f.flush();
  f.socket.sent.shift();
  f.flushAll();
  assertEquals(f.arrived(), ["rpc:c:2", "rpc:c:0", "rpc:c:1"]);
});

Deno.test("SendQueue cuts long frames small where the link is slow", () => {
  using f = new Fixture(64 * MIB);
  const message = reply("rpc:c:0", 2 * MIB);
  const before = message.map((frame) => frame.slice());
  f.queue.send(message);
  // 2 MB/s: 4 kB in each 2 ms.
  const sizes: number[] = [];
  while (f.timers.pending > 0) {
    const { delay } = f.timers;
    const count = f.socket.sent.length;
    f.socket.bufferedAmount = Math.max(0, f.socket.bufferedAmount - delay * 2 * KIB);
    f.timers.tick();
    sizes.push(...f.socket.sent.slice(count).map((frame) => frame.length));
    assert(f.socket.bufferedAmount <= 512 * KIB);
  }
  assert(sizes.slice(-20, -1).every((size) => size <= 24 * KIB), String(sizes));
  assertEquals(f.arrived(), ["rpc:c:0"]);
  assertEquals(message, before, "the frames are shared, and stay as they are");
});

Deno.test("SendQueue cuts frames without a copy where the socket makes its own", () => {
  const socket = new class extends FakeSocket {
    readonly copies = true;
    readonly shared: boolean[] = [];
    override send(frame: Frame): void {
      assert(typeof frame !== "string");
      this.shared.push(frame.buffer === message[0]?.buffer);
      super.send(frame.slice());
    }
  }();
  const message = new MsgpackEncoder({ frameSize: 4 * MIB }).encode({
    type: "result",
    id: "rpc:c:0",
    result: Uint8Array.from({ length: 2 * MIB }, (_, i) => i * 7 + (i >> 8)),
  });
  const before = message.map((frame) => frame.slice());
  using f = new Fixture(64 * MIB, {}, socket);
  f.queue.send(message);
  assertEquals(message, before, "between the pieces the frame is as it was");
  f.flushAll();
  assertEquals(message, before);
  assert(socket.shared.length > 4 && socket.shared.every((shared) => shared));
  const arrived = new MsgpackDecoder();
  const messages = socket.sent.flatMap((frame) => arrived.decode(frame) ?? []);
  assertEquals(messages, [new MsgpackDecoder().decode(before[0] ?? "")]);
});

Deno.test("SendQueue tells once when it is done with frames, sent or dropped or forgotten", () => {
  const copying = () => Object.assign(new FakeSocket(), { copies: true });
  const done: string[] = [];
  {
    using f = new Fixture(MIB, {}, copying());
    assert(f.queue.send(["at once"]), "done at once");
    f.stick();
    for (const name of ["sent", "dropped", "cleared"]) {
      const frames = [name + "x".repeat(400 * KIB)];
      assert(!f.queue.send(frames, { policy: "drop-oldest" }), name);
      f.queue.whenDone(frames, () => done.push(name));
      if (name === "sent") f.flushAll();
      if (name === "sent") f.stick();
    }
    assertEquals(done, ["sent"]);
    f.queue.send(["y".repeat(300 * KIB)]);
    assertEquals(done, ["sent", "dropped"]);
  }
  assertEquals(done, ["sent", "dropped", "cleared"]);
  // Of a socket that doesn't copy nobody knows when it is done.
  using f = new Fixture();
  const frames = ["frame"];
  assert(!f.queue.send(frames));
  f.queue.whenDone(frames, () => done.push("never"));
  f.flushAll();
  assertEquals(done.length, 3);
});

Deno.test("SendQueue sends a frame whole if nothing else waits and the link takes it", () => {
  using f = new Fixture(64 * MIB);
  // The first ones show how fast the link is.
  for (let i = 0; i < 4; i++) {
    f.queue.send(encoder.encode({ type: "result", id: "r", result: new Uint8Array(4 * MIB) }));
    f.flushAll();
  }
  const [frame] = new MsgpackEncoder().encode({
    type: "result",
    id: "r",
    result: new Uint8Array(MIB),
  });
  assert(frame);
  f.socket.sent.length = 0;
  f.queue.send([frame]);
  assertEquals(f.socket.sent, [frame]);
  f.queue.send([frame]);
  assertEquals(f.socket.sent.length, 2);
});

Deno.test("SendQueue asks a stuck socket less and less often", () => {
  using f = new Fixture();
  f.stick();
  const delays: number[] = [];
  for (let i = 0; i < 10; i++) {
    delays.push(f.timers.delay);
    f.timers.tick();
  }
  assertEquals(delays, [2, 4, 8, 16, 32, 64, 128, 128, 128, 128]);
  f.socket.bufferedAmount = STUCK - MIB;
  f.timers.tick();
  assertEquals(f.timers.delay, 2);
});

Deno.test("SendQueue drops the oldest droppable messages past the bound, and no other", () => {
  using f = new Fixture(10_000);
  f.stick();
  for (let i = 0; i < 30; i++) {
    f.queue.send([`reply ${i}`], { policy: "keep" });
    f.queue.send([text(String.fromCharCode(65 + i), 900)], {
      policy: "drop-oldest",
      order: "news",
    });
    assert(f.queue.held <= 10_000, `${f.queue.held} bytes are held`);
  }
  assertEquals(f.full, 0);
  assertEquals(f.drops.length, f.queue.dropped);
  assert(f.drops.every((order) => order === "news"));
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

Deno.test("SendQueue has a bound in messages as well", () => {
  using f = new Fixture(MIB, { messages: 10 });
  f.stick();
  for (let i = 0; i < 25; i++) f.queue.send([`${i}`], { policy: "drop-oldest", order: "news" });
  assert(f.queue.stats().heldMessages <= 11);
  assertEquals(f.full, 0);
  for (let i = 0; i < 11; i++) f.queue.send(["reply"]);
  assert(f.full > 0);
});

Deno.test("SendQueue drops nothing that has begun", () => {
  using f = new Fixture(100 * KIB);
  const order = { policy: "drop-oldest", order: "mesh" } as const;
  f.queue.send(publication("mesh", "begun", MIB), order);
  for (let i = 0; i < 5; i++) f.queue.send(publication("mesh", `${i}`, 50 * KIB), order);
  f.flushAll();
  assertEquals(f.arrived()[0], "begun");
  assertEquals(f.arrived().at(-1), "4");
  assert(f.queue.dropped > 0);
});

Deno.test("SendQueue keeps only the newest message of each key", () => {
  using f = new Fixture();
  f.stick();
  for (let i = 0; i < 5; i++) {
    f.queue.send([`a${i}`], { policy: "latest", key: "a" });
    f.queue.send([`b${i}`], { policy: "latest", key: "b" });
    f.queue.send([`none${i}`], { policy: "latest" });
    f.queue.send([`topic${i}`], { policy: "latest", order: "topic" });
  }
  assertEquals(f.queue.dropped, 16);
  f.flush();
  assertEquals([...f.socket.texts].sort(), ["a4", "b4", "first", "none4", "topic4"]);
  assertEquals(f.queue.held, 0);
});

Deno.test("SendQueue replaces a message of which nothing is on the wire, and no other", () => {
  using f = new Fixture();
  const latest = { policy: "latest", order: "image" } as const;
  f.queue.send(publication("image", "begun", MIB), latest);
  f.queue.send(publication("image", "old", MIB), latest);
  f.queue.send(publication("image", "new", MIB), latest);
  f.flushAll();
  assertEquals(f.arrived(), ["begun", "new"]);
  assertEquals([f.queue.dropped, f.drops], [1, ["image"]]);
});

Deno.test("SendQueue starves no key, though all are published anew before the next has its turn", () => {
  using f = new Fixture(64 * MIB);
  const seen = new Set<string>();
  f.socket.bufferedAmount = STUCK;
  for (let round = 0; round < 8; round++) {
    for (const key of ["a", "b", "c", "d"]) {
      f.queue.send(publication("image", key, MIB), { policy: "latest", order: "image", key });
    }
    // One goes in each round.
    const { sent } = f.queue.stats();
    while (f.queue.stats().sent === sent) f.flush();
    f.socket.bufferedAmount = STUCK;
  }
  for (const name of f.arrived()) seen.add(name);
  assertEquals([...seen].sort(), ["a", "b", "c", "d"]);
});

Deno.test("SendQueue keeps a topic's order where the policies of its messages differ", () => {
  using f = new Fixture();
  f.stick();
  f.queue.send(["picture 1"], { policy: "latest", order: "view" });
  f.queue.send(["news"], { policy: "drop-oldest", order: "view" });
  f.queue.send(["picture 2"], { policy: "latest", order: "view" });
  f.flushAll();
  assertEquals(f.socket.texts, ["first", "news", "picture 2"]);
});

Deno.test("SendQueue decides about the latest message as late as it can", () => {
  using f = new Fixture();
  // The socket has room for a message that is kept, but a picture would be old when it leaves.
  f.socket.bufferedAmount = 128 * KIB;
  f.queue.send(["old picture"], { policy: "latest" });
  f.queue.send(["reply"]);
  f.timers.tick();
  assertEquals(f.socket.texts, ["reply"]);
  f.queue.send(["new picture"], { policy: "latest" });
  f.flush();
  assertEquals(f.socket.texts, ["reply", "new picture"]);
});

Deno.test("SendQueue lets the latest picture take its turn with bulk", () => {
  using f = new Fixture(64 * MIB);
  f.queue.send(reply("rpc:c:0", 16 * MIB));
  f.queue.send(publication("image", "picture", MIB), { policy: "latest", order: "image" });
  f.queue.send(publication("state", "state", 10), { policy: "latest", order: "state" });
  f.flushAll();
  assertEquals(f.arrived(), ["state", "picture", "rpc:c:0"]);
});

Deno.test("SendQueue never says that it is full for what only the newest is kept of", () => {
  using f = new Fixture(10_000);
  f.stick();
  for (let i = 0; i < 40; i++) {
    f.queue.send([text("p", 1000)], { policy: "latest", order: "image", key: `${i}` });
    assert(f.queue.held <= 10_000);
  }
  f.queue.send(["reply"]);
  assertEquals(f.full, 0);
  assert(f.queue.dropped > 30);
});

Deno.test("SendQueue lets the newest message pass though it is larger than the bound", () => {
  for (const policy of ["keep", "drop-oldest", "latest", "close"] as const) {
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
  f.queue.send([text("x", 5000)], { policy: "drop-oldest" });
  f.queue.send(["next"], { policy: "drop-oldest" });
  assertEquals([f.full, f.queue.dropped], [0, 1]);
  f.flushAll();
  assertEquals(f.socket.texts, ["first", "next"]);
});

Deno.test("SendQueue says so when what can't be dropped is more than the bound, and still drops none", () => {
  for (const policy of ["keep", "close"] as const) {
    using f = new Fixture(10_000);
    f.stick();
    f.queue.send([text("n", 1000)], { policy: "drop-oldest" });
    for (let i = 0; i < 8; i++) f.queue.send([text("r", 1000)], { policy });
    assertEquals(f.full, 0);
    for (let i = 0; i < 8; i++) f.queue.send([text("r", 1000)], { policy });
    assert(f.full > 0);
    assertEquals(f.queue.dropped, 1);
    f.flushAll();
    assertEquals(f.socket.sent.length, 17);
  }
});

Deno.test("SendQueue counts what tiny messages cost besides their bytes", () => {
  using f = new Fixture(10_000);
  f.stick();
  for (let i = 0; i < 10_000; i++) f.queue.send([""], { policy: "drop-oldest" });
  assert(f.queue.held <= 10_000);
  assert(f.queue.dropped > 9000);
});

Deno.test("SendQueue.sendWhenRoom() resolves when the message fits among those that may wait", async () => {
  using f = new Fixture(3000);
  await f.queue.sendWhenRoom(["at once"]);
  f.stick();
  const room: string[] = [];
  const waiting = ["a", "b", "c", "d"].map((letter) =>
    f.queue.sendWhenRoom([text(letter, 1000)], { order: "mesh" }).then(() => room.push(letter))
  );
  await settled();
  assertEquals([room, f.full, f.queue.dropped], [["a", "b"], 0, 0]);
  f.queue.send([text("r", 10)]);
  f.flush();
  await Promise.all(waiting);
  assertEquals(room, ["a", "b", "c", "d"]);
  f.flushAll();
  assertEquals(
    f.socket.texts.map((frame) => frame[0]).filter((letter) => "abcd".includes(letter ?? "")),
    ["a", "a", "b", "c", "d"],
  );
});

Deno.test("SendQueue.sendWhenRoom() takes one back when its signal says so, and lets one wait that is larger than the bound", async () => {
  using f = new Fixture(1000);
  f.stick();
  const first = f.queue.sendWhenRoom([text("x", 5000)], { order: "mesh" });
  const abort = new AbortController();
  const second = f.queue.sendWhenRoom(["taken back"], { order: "mesh" }, abort.signal);
  abort.abort(new Error("enough"));
  await assertRejects(() => second, Error, "enough");
  await assertRejects(() => f.queue.sendWhenRoom(["never"], {}, abort.signal), Error, "enough");
  f.flushAll();
  await first;
  assertEquals(f.socket.sent.map((frame) => frame.length), [5, 5000]);
});

Deno.test("SendQueue.sendWhenRoom() waits for nobody who has gone", async () => {
  using f = new Fixture(10);
  f.stick();
  const waiting = f.queue.sendWhenRoom(["a"]);
  f.queue.clear();
  await waiting;
  assertEquals(f.queue.stats().heldMessages, 0);
});

Deno.test("SendQueue counts what it sends, drops and holds", () => {
  using f = new Fixture();
  f.queue.send(["a"]);
  f.stick();
  f.timers.tick();
  f.queue.send(["b"], { policy: "latest" });
  f.queue.send(["c"], { policy: "latest" });
  f.timers.tick();
  const { sent, dropped, heldBytes, heldMessages, oldestAge } = f.queue.stats();
  assertEquals([sent, dropped, heldMessages], [1, 1, 2]);
  assertEquals(heldBytes, f.queue.held);
  assertEquals(oldestAge, f.timers.now);
  f.flushAll();
  assertEquals(f.queue.stats(), {
    sent: 3,
    dropped: 1,
    heldBytes: 0,
    heldMessages: 0,
    oldestAge: 0,
    sentBytes: 7,
    underWay: 6,
    rate: 71,
    roundTrip: undefined,
  });
});

Deno.test("SendQueue shares its frames with other queues and changes none", () => {
  using f = new Fixture(1000);
  const other = new FakeSocket();
  const otherQueue = new SendQueue(other, { bytes: 1000 });
  const frames = Object.freeze(["header", new Uint8Array(2000), "message"]);
  f.socket.bufferedAmount = STUCK;
  for (const queue of [f.queue, otherQueue]) {
    queue.send(["first"]);
    queue.send(frames, { policy: "drop-oldest" });
    queue.send(["next"], { policy: "drop-oldest" });
  }
  f.flushAll();
  assertEquals(f.socket.texts, ["first", "next"]);
  assertEquals(other.sent, ["first", ...frames, "next"]);
  assert(other.sent[2] === frames[1]);
});

Deno.test("SendBudget makes the largest queue drop first, and counts shared frames once", () => {
  const budget = new SendBudget(20_000);
  using f = new Fixture(100_000, { budget });
  const small = new FakeSocket();
  small.bufferedAmount = STUCK;
  const other = new SendQueue(small, { bytes: 100_000, budget, now: () => 0 });
  f.stick();
  const news = { policy: "drop-oldest", order: "news" } as const;
  const shared = [text("s", 5000)];
  f.queue.send(shared, news);
  other.send(shared, news);
  assert(budget.held < 6000, `${budget.held} bytes`);
  for (let i = 0; i < 10; i++) f.queue.send([text("l", 2000)], news);
  assert(budget.held <= 20_000);
  assertEquals(other.dropped, 0);
  assert(f.queue.dropped > 0);
  other.clear();
  f.queue.clear();
  assertEquals(budget.held, 0);
});

Deno.test("SendBudget ends the connection with the most replies when nothing may be dropped", () => {
  const budget = new SendBudget(10_000);
  using f = new Fixture(100_000, {
    budget,
    onFull: () => {
      f.full++;
      f.queue.clear();
    },
  });
  const small = new FakeSocket();
  small.bufferedAmount = STUCK;
  let closed = 0;
  const other = new SendQueue(small, { bytes: 100_000, budget, onFull: () => closed++ });
  other.send([text("r", 2000)]);
  f.stick();
  for (let i = 0; i < 10 && f.full === 0; i++) f.queue.send([text("r", 2000)]);
  assertEquals([f.full, closed], [1, 0]);
  other.clear();
});

Deno.test("SendBudget lets a message of the policy wait in once another queue is done", async () => {
  const budget = new SendBudget(10_000);
  using f = new Fixture(100_000, { budget });
  const socket = new FakeSocket();
  socket.bufferedAmount = STUCK;
  const other = new SendQueue(socket, { bytes: 100_000, budget, now: () => 0 });
  f.stick();
  f.queue.send([text("r", 9000)]);
  let room = false;
  const waiting = other.sendWhenRoom([text("w", 5000)]).then(() => room = true);
  await settled();
  assertEquals(room, false);
  f.flush();
  await waiting;
  other.clear();
  assertEquals(budget.held, 0);
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
    f.queue.send(["waits", "too"], { policy: "drop-oldest" });
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

Deno.test("SendQueue puts the small messages of one turn into one frame for a peer that reads them so", async () => {
  using f = new Fixture();
  f.queue.batch = 4 * MIB;
  const small = (i: number) => reply(`rpc:c:${i}`, 10);
  for (let i = 0; i < 5; i++) f.queue.send(small(i));
  assertEquals(f.socket.sent.length, 0);
  // A caller that awaits an answer goes on some microtasks later.
  await settled();
  f.queue.send(small(5));
  for (let i = 0; i < 40; i++) await settled();
  assertEquals(f.socket.sent.length, 1);
  const decoder = new MsgpackDecoder();
  decoder.batched = true;
  const ids: string[] = [];
  for (const frame of f.socket.sent) {
    for (let m = decoder.decode(frame); m; m = decoder.next()) if ("id" in m) ids.push(m.id);
  }
  assertEquals(ids, [0, 1, 2, 3, 4, 5].map((i) => `rpc:c:${i}`));
});

Deno.test("SendQueue flushes a batch that is full, before what is long, and when it is told to", () => {
  using f = new Fixture(64 * MIB);
  f.queue.batch = 4 * MIB;
  for (let i = 0; i < 100; i++) f.queue.send(reply(`rpc:c:${i}`, 1000));
  const full = f.socket.sent.length;
  assert(full >= 3 && f.socket.sent.every((frame) => frame.length <= 32 * KIB));
  // The last chunk of a long one is short, and still no message of its own.
  f.queue.send(reply("rpc:c:long", 512 * KIB + 20));
  f.queue.send(reply("rpc:c:last", 10));
  f.queue.flush();
  f.flushAll();
  f.queue.flush();
  const decoder = new MsgpackDecoder();
  decoder.batched = true;
  const ids: string[] = [];
  for (const frame of f.socket.sent) {
    for (let m = decoder.decode(frame); m; m = decoder.next()) if ("id" in m) ids.push(m.id);
  }
  assertEquals(ids.length, 102);
  assertEquals(ids.slice(-2).sort(), ["rpc:c:last", "rpc:c:long"]);
});

Deno.test("SendQueue sends of what only the newest counts one in a turn, and keeps room for it", async () => {
  using f = new Fixture();
  f.queue.batch = 1024;
  let made = 0;
  const last = (i: number) => () => {
    made++;
    return reply(`rpc:c:last${i}`, 10);
  };
  for (let i = 0; i < 20; i++) {
    f.queue.sendLast(last(i));
    f.queue.send(reply(`rpc:c:${i}`, 10));
  }
  for (let i = 0; i < 40; i++) await settled();
  f.queue.sendLast(last(20));
  f.queue.sendLast(last(21));
  for (let i = 0; i < 40; i++) await settled();
  const decoder = new MsgpackDecoder();
  decoder.batched = true;
  const ids = f.socket.sent.flatMap((frame) => {
    assert(frame.length <= 1024);
    const ids: string[] = [];
    for (let m = decoder.decode(frame); m; m = decoder.next()) if ("id" in m) ids.push(m.id);
    return ids;
  });
  assertEquals(
    ids.filter((id) => !id.includes("last")),
    Array.from({ length: 20 }, (_, i) => `rpc:c:${i}`),
  );
  // One with each frame that went out.
  assertEquals(ids.filter((id) => id.includes("last")).length, made);
  assertEquals([made, ids.at(-1)], [f.socket.sent.length, "rpc:c:last21"]);
  // A peer that takes no batches gets each.
  f.queue.batch = 0;
  f.queue.sendLast(last(22));
  f.queue.sendLast(last(23));
  assertEquals(made, f.socket.sent.length);
});

Deno.test("SendQueue puts what only the newest counts of into no batch that is full without it", () => {
  for (let count = 1; count < 40; count++) {
    using f = new Fixture();
    f.queue.batch = 1024;
    for (let i = 0; i < count; i++) f.queue.send(reply(`rpc:c:${i}`, 10));
    f.queue.sendLast(() => reply("rpc:c:last", 10));
    f.queue.flush();
    const sizes = f.socket.sent.map(({ length }) => length);
    assert(sizes.every((size) => size <= 1024), `${count}: ${sizes}`);
  }
});

Deno.test("SendQueue goes by what the peer has read once it says so, and asks the socket no more", () => {
  using f = new Fixture(64 * MIB);
  f.queue.acknowledge(0);
  f.queue.send(reply("rpc:c:0", 4 * MIB));
  const first = f.socket.sent.length;
  // The kernel takes everything at once; the peer has read nothing.
  f.socket.bufferedAmount = 0;
  assertEquals(f.timers.pending, 0);
  assertEquals(f.socket.sent.length, first);
  let read = 0;
  let most = 0;
  for (let i = 0; i < f.socket.sent.length; i++) {
    const written = f.socket.sent.reduce((sum, frame) => sum + frame.length, 0);
    most = Math.max(most, written - read);
    // 2.5 MB/s, and a round trip of 2 ms on top.
    const { length } = f.socket.sent[i] ?? "";
    f.timers.now += length / 2500 + (i === 0 ? 2 : 0);
    read += length;
    f.queue.acknowledge(read);
  }
  assertEquals(f.arrived(), ["rpc:c:0"]);
  assert(most <= 384 * KIB, `${most} bytes were on their way`);
});

/** A link to a peer that acknowledges each frame when it has come. */
class Link {
  /** What passes, in bytes per ms, and how late it comes on either way, in ms. */
  rate: number;
  delay: number;
  /** How late the next acknowledgement is on top of that, in ms. */
  hiccup = 0;
  underWay = 0;
  /** The sizes of the frames that were sent. */
  sizes: number[] = [];
  readonly #f: Fixture;
  readonly #coming: { readonly size: number; readonly at: number }[] = [];
  #free = 0;
  #read = 0;
  #last = 0;

  constructor(f: Fixture, rate: number, delay: number) {
    this.#f = f;
    this.rate = rate;
    this.delay = delay;
    f.queue.acknowledge(0);
  }

  /** Goes on to the next acknowledgement; `false` if nothing is under way. */
  step(): boolean {
    this.#take();
    const next = this.#coming.shift();
    if (!next) return false;
    this.#f.timers.now = next.at;
    this.underWay -= next.size;
    this.#f.queue.acknowledge(this.#read += next.size);
    this.#take();
    return true;
  }

  #take(): void {
    const { socket, timers } = this.#f;
    for (const { length } of socket.sent.splice(0)) {
      this.#free = Math.max(this.#free, timers.now) + length / this.rate;
      this.#last = Math.max(this.#last, this.#free + 2 * this.delay + this.hiccup);
      this.hiccup = 0;
      this.#coming.push({ size: length, at: this.#last });
      this.underWay += length;
      this.sizes.push(length);
    }
    socket.bufferedAmount = 0;
  }

  /** Lets a message through, and tells the most that was under way. */
  carry(size: number): number {
    let most = 0;
    this.#f.queue.send(reply("rpc:c:0", size));
    while (this.step()) most = Math.max(most, this.underWay);
    return most;
  }
}

Deno.test("SendQueue has little on its way where the way is short and small messages go beside bulk", () => {
  using f = new Fixture(512 * MIB);
  const link = new Link(f, 500 * KIB, 0.1);
  link.carry(16 * MIB);
  link.sizes = [];
  const alone = link.carry(16 * MIB);
  assert(alone > MIB && alone <= 3 * MIB, `${alone} bytes alone`);
  assert(link.sizes.length < 300, `${link.sizes.length} pieces: what a piece costs counts`);

  f.queue.send(reply("rpc:c:0", 64 * MIB));
  link.step();
  f.queue.send(reply("rpc:c:1", 64));
  const before = link.underWay;
  // What was under way when the first small message came can't be called back.
  for (let bytes = 0; bytes < before; bytes += link.sizes.at(-1) ?? 0) link.step();
  let most = 0;
  for (let i = 2; i < 50; i++) {
    link.step();
    most = Math.max(most, link.underWay);
    f.queue.send(reply(`rpc:c:${i}`, 64));
  }
  assert(most > 128 * KIB && most <= 1024 * KIB, `${most} bytes beside small messages`);
  while (link.step());

  f.timers.now += 300;
  const again = link.carry(16 * MIB);
  assert(again > MIB, `${again} bytes once they are over`);
});

Deno.test("SendQueue fills a long way, after a while also one that was taken for short", () => {
  using f = new Fixture(512 * MIB);
  const link = new Link(f, 50 * KIB, 0.2);
  for (let i = 0; i < 4; i++) link.carry(4 * MIB);
  link.delay = 20;
  let time = 0;
  // Each begins with the link idle, and shows that it isn't just late for once.
  for (let i = 0; i < 12; i++) {
    const begun = f.timers.now;
    link.carry(8 * MIB);
    time = f.timers.now - begun;
  }
  const least = 8 * MIB / (50 * KIB) + 2 * link.delay;
  assert(time < 2 * least, `${time} ms where ${least} are the least`);
});

Deno.test("SendQueue's window is within a window's transfer what a link can take that is slow at once", () => {
  using f = new Fixture(512 * MIB);
  const link = new Link(f, 500 * KIB, 0.1);
  link.carry(16 * MIB);
  f.queue.send(reply("rpc:c:0", 16 * MIB));
  while (f.queue.stats().heldBytes > 12 * MIB) link.step();
  // 20 Mbit/s
  link.rate = 2500;
  const before = link.underWay;
  const since = f.timers.now;
  while (f.timers.now - since < before / link.rate + 150) link.step();
  assert(link.underWay <= 80 * KIB, `${link.underWay} bytes after ${before}`);
  // And a piece is no longer than what a small message may wait for.
  link.sizes = [];
  for (let i = 0; i < 20; i++) link.step();
  assert(link.sizes.length > 5 && link.sizes.every((size) => size <= 24 * KIB), `${link.sizes}`);
});

Deno.test("SendQueue's window doesn't grow because a program was busy for once", () => {
  using f = new Fixture(512 * MIB);
  const link = new Link(f, 500 * KIB, 0.1);
  link.carry(16 * MIB);
  link.hiccup = 200;
  link.carry(100 * KIB);
  link.carry(MIB);
  const most = link.carry(16 * MIB);
  assert(most <= 3 * MIB, `${most} bytes`);
});

Deno.test("SendQueue doesn't take a link for slow that had nothing to carry for a while", () => {
  using f = new Fixture(512 * MIB);
  const link = new Link(f, 500 * KIB, 0.1);
  for (let i = 0; i < 12; i++) {
    f.queue.send(reply(`rpc:c:${i}`, 4 * MIB));
    // The next one comes before the last pieces are acknowledged, and after a pause.
    while (f.queue.stats().heldMessages > 0) link.step();
    f.timers.now += 40;
  }
  const { rate } = f.queue.stats();
  assert(rate > 250 * KIB * 1000, `${rate} bytes/s`);
});

Deno.test("SendQueue finds out by itself that a first round trip was a busy program's", () => {
  using f = new Fixture(512 * MIB);
  const link = new Link(f, 20 * KIB, 0.1);
  link.hiccup = 300;
  f.queue.send(reply("rpc:c:0", 64 * MIB));
  let most = 0;
  for (let i = 0; f.timers.now < 20_000; i++) {
    // The link is never idle, so nothing else shows how long the way is.
    if (f.queue.stats().heldBytes < 32 * MIB) f.queue.send(reply(`rpc:c:${i}`, 32 * MIB));
    assert(link.step(), "the link is never idle");
    if (f.timers.now > 10_000) most = Math.max(most, link.underWay);
  }
  assert(most <= 512 * KIB, `${most} bytes`);
});

Deno.test("SendQueue lets the latest picture go when the peer has nearly read the one before", () => {
  using f = new Fixture(64 * MIB);
  const latest = { policy: "latest", order: "image" } as const;
  f.queue.acknowledge(0);
  let read = 0;
  let onTheWay = 0;
  for (let i = 0; i < 50; i++) {
    f.socket.bufferedAmount = 0;
    f.queue.send(publication("image", `${i}`, 200_000), latest);
    // The link takes a sixth of what is published.
    f.timers.now += 33;
    const written = f.socket.sent.reduce((sum, frame) => sum + frame.length, 0);
    read = Math.min(written, read + 33 * 1000);
    f.queue.acknowledge(read);
    onTheWay = Math.max(onTheWay, written - read);
  }
  // One picture, and a window of others' at most.
  assert(onTheWay < 300_000, `${onTheWay} bytes on their way`);
  assert(f.queue.dropped > 30);
  const { heldMessages } = f.queue.stats();
  assert(heldMessages <= 2, `${heldMessages} wait`);
});

Deno.test("SendQueue.acknowledge() refuses what can't be", () => {
  using f = new Fixture();
  f.queue.send(["12345"]);
  for (const bytes of [6, -1, NaN, "5", null, undefined, Object.create(null), { toString: 1 }]) {
    assertThrows(() => f.queue.acknowledge(bytes), ProtocolError, "acknowledgement");
  }
  f.queue.acknowledge(5);
  assertThrows(() => f.queue.acknowledge(4), ProtocolError, "acknowledgement");
});
