/**
 * The bounded queue between a session and its socket.
 *
 * @module
 */
import type { Frame } from "./codec.ts";
import { defer, type Deferred } from "./deferred.ts";
import { ProtocolError } from "./errors.ts";
import { HEADER_SIZE } from "./_chunks.ts";
import { joinFrames, lendChunk } from "./_regroup.ts";
import { Entry, Lanes } from "./_lanes.ts";
import { List } from "./_list.ts";
import { Pace } from "./_pace.ts";
import type { BudgetMember, SendBudget } from "./send_budget.ts";

/** What a session needs of a socket; a standard `WebSocket` has it. */
export interface Socket {
  /** 1 while it is open, as in `WebSocket.OPEN`. */
  readonly readyState: number;
  /** Bytes that {@linkcode Socket.send} took and the network has not. */
  readonly bufferedAmount: number;
  /** Hands over one frame. */
  send(frame: Frame): void;
  /**
   * Whether {@linkcode Socket.send} has copied the frame when it returns, so that
   * the frame's memory may be used again.
   *
   * @default {false}
   */
  readonly copies?: boolean;
  /** Starts the closing handshake. */
  close(code?: number, reason?: string): void;
}

/**
 * What happens at a receiver that has no room for a publication.
 *
 * - `latest`: only the newest waits; an older one of the same topic and key of
 *   which nothing is on the wire is dropped, whole.
 * - `drop-oldest`: publications wait in order, and when the queue is full the
 *   oldest are dropped.
 * - `wait`: nothing is dropped; `publish()` returns a promise, which resolves
 *   when every receiver has room.
 * - `close`: nothing is dropped; a receiver whose queue is full is closed with
 *   4013.
 */
export type Policy = "latest" | "drop-oldest" | "wait" | "close";

/** What may happen to a message that the socket has no room for. */
export interface SendOptions {
  /**
   * The publication's policy. `keep` is for replies: none is ever dropped, and
   * when they alone are too much, the queue says that it is full.
   *
   * @default {"keep"}
   */
  readonly policy?: Policy | "keep";
  /**
   * Messages with the same order arrive in their order: those of a topic, or of
   * a stream. Without one a message may overtake every other.
   */
  readonly order?: string;
  /**
   * What `latest` tells messages of one order apart by.
   *
   * @default {""}
   */
  readonly key?: string;
  /**
   * Whether the order holds for messages of the policy `latest` too: a newer one
   * takes no older one's place, but comes behind those between.
   *
   * @default {false}
   */
  readonly numbered?: boolean;
}

/** How a queue behaves. */
export interface SendQueueOptions {
  /**
   * How many bytes may wait.
   *
   * @default {Infinity}
   */
  readonly bytes?: number;
  /**
   * How many messages may wait.
   *
   * @default {Infinity}
   */
  readonly messages?: number;
  /**
   * How many bytes of long messages may take turns with the longest one on its
   * way: the peer holds them until they are complete, and has a bound of its own.
   *
   * @default {50331648}
   */
  readonly interleaved?: number;
  /**
   * Bytes that went to the socket before the queue was made: acknowledgements
   * count them too.
   *
   * @default {0}
   */
  readonly sent?: number;
  /** A bound that it shares with other queues. */
  readonly budget?: SendBudget;
  /** Called when more waits that can't be dropped than may. */
  readonly onFull?: () => void;
  /** Called for each message that is dropped, with its order. */
  readonly onDrop?: (order: string | undefined) => void;
  /**
   * The time, in ms since whenever.
   *
   * @default {performance.now}
   */
  readonly now?: () => number;
}

/** What a queue has done, and what waits in it. */
export interface QueueStats {
  /** How many messages have gone out. */
  readonly sent: number;
  /** How many were dropped for want of room. */
  readonly dropped: number;
  /** Bytes that wait, with 128 for each message; those in the socket not counted. */
  readonly heldBytes: number;
  /** How many messages wait or are going out. */
  readonly heldMessages: number;
  /** How long the oldest of them has waited, in ms. */
  readonly oldestAge: number;
  /** Bytes that were handed to the socket; text in UTF-16 units. */
  readonly sentBytes: number;
  /**
   * Bytes of those that are on their way: not read yet by a peer that
   * acknowledges, not taken yet by the network with others.
   */
  readonly underWay: number;
  /** What the link takes, in bytes/s, as far as it was kept busy; 0 if that isn't known. */
  readonly rate: number;
  /**
   * How long the way to the peer and back takes, in ms; `undefined` with one that
   * doesn't acknowledge, and until a message of 16 KiB has been.
   */
  readonly roundTrip: number | undefined;
}

/** `WebSocket.OPEN` */
const OPEN = 1;

/** The longest frame that travels with others, in bytes: with longer ones there is little to save. */
const MAX_BATCHED = 2048;

/** How many bytes travel together at most, where the peer's frames may be as long. */
const BATCH_SIZE = 32 * 1024;

/**
 * For how many microtasks a batch waits for more. A caller that awaits an answer
 * goes on some microtasks later, and what it sends then belongs to the same
 * turn. Two frames would be more than twice the work: a socket with Nagle's
 * algorithm, as Deno's client has it, holds the second one back for up to 40 ms.
 */
const HOPS = 12;

/** What is kept free for what only the newest counts of, in bytes: an acknowledgement. */
const LAST_SIZE = 128;

/** How often that begins anew because something came. */
const MAX_TURNS = 16;

/**
 * Sends messages and holds them back while the socket is behind: small ones
 * before bulk, bulk in turns, in order within each topic. At most so many bytes
 * and messages wait, the newest not counted. Past that, publications are
 * dropped, oldest first; when none is left that may be, `onFull` is told.
 *
 * On the 2.x wire frames of different messages are interleaved, and cut smaller
 * where the link is slow. On the 1.x wire a message's frames stay together.
 */
export class SendQueue implements BudgetMember {
  readonly #socket: Socket;
  readonly #bytes: number;
  readonly #messages: number;
  readonly #budget: SendBudget | undefined;
  readonly #onFull: () => void;
  readonly #onDrop: (order: string | undefined) => void;
  readonly #now: () => number;
  readonly #lanes: Lanes;
  readonly #pace = new Pace();
  /** What may be dropped, each from the oldest on. */
  readonly #dropOldest = new List<Entry>();
  readonly #latest = new List<Entry>();
  /** Messages of the policy `wait` that are not counted yet. */
  readonly #waiting = new List<Entry>();
  #held = 0;
  #sent = 0;
  #dropped = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Small frames that go out together when this turn of the event loop is over. */
  #batch: Uint8Array<ArrayBuffer>[] = [];
  #batched = 0;
  #batchSize = 0;
  /** Makes what goes with them, or alone. */
  #last: (() => readonly Frame[]) | undefined;
  /**
   * When the batch was begun, and what the socket held then. Until it goes out, in this turn, both
   * stand for the present ones: asking takes longer than the rest of sending a small message.
   */
  #begunAt = 0;
  #begunWith = 0;
  #idle: Deferred<void> | undefined;
  /** Who is told when frames are no longer held. */
  readonly #done = new Map<readonly Frame[], () => void>();

  /**
   * Makes it ready for the first message.
   *
   * @param socket Where the frames go.
   * @param options How it behaves.
   */
  constructor(socket: Socket, options: SendQueueOptions = {}) {
    const {
      bytes = Infinity,
      messages = Infinity,
      interleaved = 48 * 1024 * 1024,
      sent = 0,
      budget,
      onFull = () => {},
      onDrop = () => {},
      now = () => performance.now(),
    } = options;
    this.#socket = socket;
    this.#bytes = bytes;
    this.#messages = messages;
    this.#lanes = new Lanes(interleaved);
    this.#budget = budget;
    this.#onFull = onFull;
    this.#onDrop = onDrop;
    this.#now = now;
    this.#pace.written = sent;
  }

  /** Bytes that wait here, those in the socket not counted. */
  get held(): number {
    return this.#held;
  }

  /** How many messages have gone out. */
  get sent(): number {
    return this.#sent;
  }

  /** How many messages were dropped for want of room. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * What it has done, and what waits in it.
   *
   * @returns The counters as they are now.
   */
  stats(): QueueStats {
    let oldest = this.#now();
    const now = oldest;
    for (const { since } of this.#lanes.entries()) if (since < oldest) oldest = since;
    return {
      sent: this.#sent,
      dropped: this.#dropped,
      heldBytes: this.#held,
      heldMessages: this.#lanes.size,
      oldestAge: now - oldest,
      sentBytes: this.#pace.written,
      underWay: this.#pace.underWay(this.#buffered),
      rate: Math.round(this.#pace.rate * 1000),
      roundTrip: this.#pace.roundTrip,
    };
  }

  /**
   * How many bytes of small 2.x messages travel in one frame: 0 with a peer that
   * reads one message a frame.
   */
  get batch(): number {
    return this.#batchSize;
  }

  set batch(size: number) {
    this.flush();
    this.#batchSize = Math.min(size, BATCH_SIZE);
  }

  /** Hands over what waits for the end of this turn: something follows that doesn't go through the queue. */
  flush(): void {
    const last = this.#last;
    if (last) {
      this.#last = undefined;
      for (const frame of last()) {
        if (typeof frame === "string") continue;
        this.#pace.wrote(frame.length, this.#now());
        this.#batch.push(frame);
      }
    }
    const frames = this.#batch;
    if (frames.length === 0) return;
    this.#batch = [];
    this.#batched = 0;
    if (this.#socket.readyState === OPEN) this.#socket.send(joinFrames(frames));
  }

  /**
   * Sends a message's frames, now or as soon as there is room.
   *
   * @param frames The frames, which other queues may share.
   * @param options What may happen if there is no room.
   * @returns Whether the queue and the socket are done with the frames: all are copied and gone.
   */
  send(frames: readonly Frame[], options?: SendOptions): boolean {
    const copies = this.#socket.copies === true;
    if (frames.length === 0 || this.#sendAtOnce(frames, options)) return copies;
    const entry = this.#enter(frames, options);
    this.#count(entry);
    this.#pump();
    this.#enforce(entry);
    return copies && entry.lane === undefined;
  }

  /**
   * Sends a message's frames if there is room for them, with some left for replies.
   *
   * @param frames The frames, which other queues may share.
   * @param order Messages with the same one arrive in the order of sending.
   * @returns Whether there was room; otherwise nothing has happened.
   */
  offer(frames: readonly Frame[], order: string): boolean {
    if (frames.length === 0 || this.#sendAtOnce(frames, undefined)) return true;
    let cost = 0;
    for (const frame of frames) cost += frame.length;
    const fits = this.#held + cost <= this.#bytes * 0.875 &&
      this.#counted < this.#messages * 0.875 && this.#waiting.size === 0;
    // One that is larger than the bound gets its chance when nothing else waits.
    if (!fits && this.#held > 0) return false;
    if (this.#budget && !this.#budget.fits(frames, cost)) return false;
    this.send(frames, { order });
    return true;
  }

  /**
   * Tells when the queue and the socket are done with frames that were sent, if
   * `send` said that they are not yet. With a socket that doesn't copy nobody
   * knows, and the callback isn't called.
   *
   * @param frames What was given to `send`.
   * @param callback Called once.
   */
  whenDone(frames: readonly Frame[], callback: () => void): void {
    if (this.#socket.copies) this.#done.set(frames, callback);
  }

  /**
   * Sends a message's frames in their turn, and tells when there is room for
   * the next.
   *
   * @param frames The frames, which other queues may share.
   * @param options Their order.
   * @param signal Takes the message back, unless it was counted among what waits.
   * @returns When the message has gone or fits among what may wait, or the
   * connection has ended. It rejects with the signal's reason.
   */
  sendWhenRoom(
    frames: readonly Frame[],
    options?: Pick<SendOptions, "order">,
    signal?: AbortSignal,
  ): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (frames.length === 0 || this.#sendAtOnce(frames, options)) return Promise.resolve();
    const entry = this.#enter(frames, { ...options, policy: "wait" });
    const { promise, resolve, reject } = defer<void>();
    const abort = () => {
      entry.onAdmitted = undefined;
      signal?.removeEventListener("abort", abort);
      this.#lanes.remove(entry);
      this.#forget(entry);
      reject(signal?.reason);
    };
    entry.onAdmitted = () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    };
    signal?.addEventListener("abort", abort);
    entry.listed = this.#waiting.push(entry);
    this.#pump();
    this.admit();
    return promise;
  }

  /**
   * Takes the peer's word for how much it has read. From the first time on it
   * is that, and not the socket, which says how much may be under way.
   *
   * @param bytes All that has come since the connection began, text in UTF-16 units.
   * @throws {ProtocolError} If that can't be: less than the last time, or more than was sent.
   */
  acknowledge(bytes: unknown): void {
    const good = typeof bytes === "number" &&
      this.#pace.acknowledge(bytes, this.#lanes.size > 0, this.#now());
    if (!good) {
      throw new ProtocolError(
        "bad-message",
        // Anything may have come, a map without a text of its own too.
        `An acknowledgement counts the bytes that were read: received ${
          typeof bytes === "number" ? bytes : typeof bytes
        }`,
      );
    }
    this.#pump();
  }

  /**
   * Resolves when everything has left for the network.
   *
   * @returns A promise that never rejects; it stays open while the socket is stuck.
   */
  drained(): Promise<void> {
    this.flush();
    if (this.#lanes.size === 0 && this.#socket.bufferedAmount === 0) return Promise.resolve();
    this.#idle ??= defer();
    this.#schedule();
    return this.#idle.promise;
  }

  /** Forgets everything: the socket is gone. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#last = undefined;
    this.#batch = [];
    this.#batched = 0;
    const entries = [...this.#lanes.entries()];
    this.#lanes.clear();
    for (const entry of entries) {
      entry.lane = undefined;
      this.#forget(entry);
    }
    this.#budget?.leave(this);
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  /** Drops publications, oldest first, for a bound that is shared. */
  relieve(bytes: number): boolean {
    const before = this.#dropped;
    this.#drop(this.#held - bytes, Infinity, undefined);
    return this.#dropped > before;
  }

  /** Says that it is full, for a bound that is shared. */
  overflow(): void {
    this.#onFull();
  }

  /** Counts messages of the policy `wait` for which there is room now. */
  admit(): void {
    for (const entry of this.#waiting) {
      const fits = this.#held + entry.cost <= this.#bytes && this.#counted < this.#messages;
      // One that is larger than the bound gets its chance when nothing else waits.
      if (!fits && this.#held > 0) return;
      if (this.#budget && !this.#budget.fits(entry.frames, entry.cost)) {
        return this.#budget.callBack(this);
      }
      this.#unlist(entry);
      this.#count(entry);
    }
  }

  /** How many messages count among those that may wait. */
  get #counted(): number {
    return this.#lanes.size - this.#waiting.size;
  }

  /** The way of most messages: nothing waits, and a frame is all there is. */
  #sendAtOnce(frames: readonly Frame[], options: SendOptions | undefined): boolean {
    const [frame] = frames;
    if (frame === undefined || frames.length > 1 || this.#lanes.size > 0) return false;
    const buffered = this.#buffered;
    const room = options?.policy === "latest"
      ? this.#pace.roomForLatest(buffered)
      : this.#pace.roomForBulk(buffered);
    if (!room || this.#isCut(frame, frame.length, buffered)) return false;
    this.#write(frame, true);
    this.#pace.ranDry();
    this.#sent++;
    return true;
  }

  /** Puts a message where its turn is. */
  #enter(frames: readonly Frame[], options: SendOptions = {}): Entry {
    const { policy = "keep", key = "" } = options;
    const order = options.order ?? (policy === "latest" ? "" : undefined);
    const entry = new Entry(frames, this.#now(), policy === "latest" ? key : undefined);
    if (policy === "drop-oldest") entry.listed = this.#dropOldest.push(entry);
    else if (policy === "latest") {
      entry.listed = this.#latest.push(entry);
      const older = this.#lanes.older(order, key);
      if (older) {
        this.#lanes.replace(older, entry, options.numbered);
        this.#forget(older);
        this.#dropped++;
        this.#onDrop(order);
        return entry;
      }
    }
    this.#lanes.push(entry, order);
    return entry;
  }

  #count(entry: Entry): void {
    entry.counted = true;
    this.#held += entry.left;
    this.#budget?.add(this, entry.frames, entry.cost);
    entry.onAdmitted?.();
    entry.onAdmitted = undefined;
  }

  /** Whatever was known of a message that has gone, one way or the other. */
  #forget(entry: Entry): void {
    this.#unlist(entry);
    if (entry.counted) {
      entry.counted = false;
      this.#held -= entry.left;
      this.#budget?.remove(this, entry.frames, entry.cost);
    }
    entry.onAdmitted?.();
    entry.onAdmitted = undefined;
    const done = this.#done.get(entry.frames);
    this.#done.delete(entry.frames);
    done?.();
  }

  #unlist({ listed }: Entry): void {
    if (listed) List.remove(listed);
  }

  /** Sends a frame, with others if it is a whole small message: a chunk's length is its frame's. */
  #write(frame: Frame, whole: boolean): void {
    const batched = whole && this.#batchSize > 0 && frame.length <= MAX_BATCHED;
    if (!batched || typeof frame === "string") return this.#writeNow(frame);
    if (this.#socket.readyState !== OPEN) return;
    this.#collect(frame);
    this.#pace.wrote(frame.length, this.#begunAt);
  }

  /** A socket that is closing takes nothing any more, and some say so by throwing. */
  #writeNow(frame: Frame): void {
    if (this.#socket.readyState !== OPEN) return;
    this.flush();
    this.#pace.wrote(frame.length, this.#now());
    this.#socket.send(frame);
  }

  /**
   * Sends a small message of which only the newest counts, together with what
   * else there is at the end of this turn, where messages travel together.
   *
   * @param make Makes its frames; another one's takes its place until then.
   */
  sendLast(make: () => readonly Frame[]): void {
    if (this.#batchSize === 0) return void this.send(make());
    if (this.#last === undefined && this.#batched + LAST_SIZE > this.#batchSize) this.flush();
    if (this.#batch.length === 0 && this.#last === undefined) this.#flushLater(0, 0, 0);
    this.#last = make;
  }

  #collect(frame: Uint8Array<ArrayBuffer>): void {
    const room = this.#batchSize - (this.#last ? LAST_SIZE : 0);
    if (this.#batched + frame.length > room) this.flush();
    if (this.#batch.length === 0) {
      this.#begunAt = this.#now();
      this.#begunWith = this.#socket.bufferedAmount;
      if (this.#last === undefined) this.#flushLater(1, 0, 0);
    }
    this.#batch.push(frame);
    this.#batched += frame.length;
  }

  /** Flushes once the microtasks that are due bring nothing more. */
  #flushLater(size: number, hops: number, turns: number): void {
    queueMicrotask(() => {
      if (this.#batch.length > size && turns < MAX_TURNS) {
        this.#flushLater(this.#batch.length, 0, turns + 1);
      } else if (hops < HOPS) this.#flushLater(size, hops + 1, turns);
      else this.flush();
    });
  }

  /** Bytes that the network has not taken. */
  get #buffered(): number {
    return (this.#batch.length > 0 ? this.#begunWith : this.#socket.bufferedAmount) + this.#batched;
  }

  #pump(): void {
    const pace = this.#pace;
    let buffered = this.#buffered;
    const room = {
      get small() {
        return pace.roomForSmall(buffered);
      },
      get bulk() {
        return pace.roomForBulk(buffered);
      },
      get latest() {
        return pace.roomForLatest(buffered);
      },
    };
    for (let entry = this.#lanes.next(room); entry; entry = this.#lanes.next(room)) {
      // What has begun can't be dropped any more, and waits for room no longer.
      this.#unlist(entry);
      if (!entry.counted) this.#count(entry);
      if (entry.small && this.#lanes.hasBulk) this.#pace.shared(this.#now());
      const size = this.#writeNext(entry);
      entry.left -= size;
      this.#held -= size;
      if (this.#lanes.wrote(entry, size)) {
        this.#forget(entry);
        this.#sent++;
      }
      buffered = this.#buffered;
    }
    if (this.#waiting.size > 0) this.admit();
    if (this.#lanes.size === 0) this.#pace.ranDry();
    this.#settle();
  }

  /** Asks again later if there is anything to ask for. */
  #settle(): void {
    const waits = this.#lanes.size > 0;
    const polls = waits && this.#pace.acknowledged === undefined;
    if (polls || (this.#idle && (waits || this.#buffered > 0))) this.#schedule();
    else if (this.#idle) {
      this.#idle.resolve();
      this.#idle = undefined;
    }
  }

  /** Hands over a message's next frame, or a piece of it where the link is slow. */
  #writeNext(entry: Entry): number {
    const frame = entry.frames[entry.index];
    if (frame === undefined) return 0;
    const size = frame.length - entry.at;
    // An attachment of the 1.x wire has no header that could say where a piece belongs.
    if (
      entry.atomic || typeof frame === "string" ||
      !this.#isCut(frame, size, this.#buffered)
    ) {
      if (entry.at > 0 && typeof frame !== "string") {
        this.#writePart(frame, entry.at, frame.length);
      } else this.#write(frame, entry.frames.length === 1);
      entry.index++;
      entry.at = 0;
      return size;
    }
    const to = Math.max(entry.at, HEADER_SIZE) + Math.floor(this.#pace.chunk) - HEADER_SIZE;
    this.#writePart(frame, entry.at, to);
    const written = to - entry.at;
    entry.at = to;
    return written;
  }

  /** Half a piece more is cheaper than a frame of its own, and nobody gains by pieces where nothing else waits. */
  #isCut(frame: Frame, size: number, buffered: number): boolean {
    return typeof frame !== "string" && size > this.#pace.chunk * 1.5 &&
      !(this.#lanes.size <= 1 && this.#pace.roomForWhole(buffered, size));
  }

  /** Sends a part of a frame as a chunk of its own. The frame may be shared, so it is copied if the socket doesn't. */
  #writePart(frame: Uint8Array<ArrayBuffer>, from: number, to: number): void {
    // The chunk is only lent: it must not wait anywhere, nor travel with whole messages.
    lendChunk(frame, Math.max(from, HEADER_SIZE), to, (chunk) => {
      this.#writeNow(this.#socket.copies ? chunk : chunk.slice());
    });
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#pace.poll(this.#buffered, this.#lanes.size > 0, this.#now());
      this.#pump();
    }, this.#pace.delay);
  }

  /** Makes room in one go, so that a queue that stays full isn't searched for every message. */
  #enforce(newest: Entry): void {
    const size = newest.counted ? newest.left : 0;
    if (this.#held > this.#bytes || this.#counted > this.#messages) {
      this.#drop(this.#bytes * 0.875, this.#messages * 0.875, newest);
      // What is left is replies and the newest message. That one may be larger
      // than the bound, and comes on top of the rest.
      if (this.#held - size > this.#bytes || this.#counted - 1 > this.#messages) {
        this.#onFull();
      }
    }
    this.#budget?.enforce(newest.counted ? newest.cost : 0);
  }

  /** Drops what may be dropped: first what waits in order, then what only the newest is kept of. */
  #drop(bytes: number, messages: number, spared: Entry | undefined): void {
    for (const list of [this.#dropOldest, this.#latest]) {
      for (const entry of list) {
        if (this.#held <= bytes && this.#counted <= messages) return;
        if (entry === spared) continue;
        const order = entry.lane?.order;
        this.#lanes.remove(entry);
        this.#forget(entry);
        this.#dropped++;
        this.#onDrop(order);
      }
    }
  }
}
