/**
 * The bounded queue between a session and its socket.
 *
 * @module
 */
import { defer, type Deferred } from "./deferred.ts";
import type { Frame } from "./codec.ts";

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

/** What may happen to a message that the socket has no room for. */
export interface SendOptions {
  /**
   * `keep`: it waits, whatever it takes. `drop`: it waits, and is the first to
   * go, oldest first, when the queue is full. `latest`: only the newest with
   * the same `key` waits.
   *
   * @default {"keep"}
   */
  readonly policy?: "keep" | "drop" | "latest";
  /** What `latest` tells messages apart by. */
  readonly key?: string;
}

/**
 * The socket gets two of the largest frames at most: one being sent, and one
 * ready when it is done. What is in the socket can't be dropped or overtaken.
 */
const HIGH_WATER = 8 * 1024 * 1024;

/** `latest` is decided as late as can be: when the socket has nearly nothing left. */
const LATEST_WATER = 64 * 1024;

/** A WebSocket doesn't say when it has room, so it is asked this often while something waits, in ms. */
const POLL = 2;

/** `WebSocket.OPEN` */
const OPEN = 1;

/** What an entry costs besides its bytes. */
const ENTRY_COST = 128;

interface Entry {
  readonly frames: readonly Frame[];
  readonly cost: number;
  readonly droppable: boolean;
}

/**
 * Sends whole messages in order, and holds them back while the socket is
 * behind. At most `bound` bytes wait, the message being sent and the newest not
 * counted: past it, droppable messages go, oldest first; when none is left,
 * `onFull` is told.
 */
export class SendQueue {
  readonly #socket: Socket;
  readonly #bound: number;
  readonly #onFull: () => void;
  /** The message whose frames are being handed over; on the 1.x wire nothing may come between them. */
  #current: Entry | undefined;
  #sent = 0;
  #waiting = new Fifo<Entry>();
  readonly #latest = new Map<string, Entry>();
  #held = 0;
  #dropped = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #idle: Deferred<void> | undefined;

  /**
   * @param socket Where the frames go.
   * @param bound How many bytes may wait.
   * @param onFull Called when what must be kept is more than that.
   */
  constructor(socket: Socket, bound: number, onFull: () => void) {
    this.#socket = socket;
    this.#bound = bound;
    this.#onFull = onFull;
  }

  /** Bytes that wait here, those in the socket not counted. */
  get held(): number {
    return this.#held;
  }

  /** How many messages were dropped for want of room. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Sends a message's frames, now or as soon as there is room.
   *
   * @param frames The frames, which other queues may share.
   * @param options What may happen if there is no room.
   * @returns Whether the queue and the socket are done with the frames: all are copied and gone.
   */
  send(frames: readonly Frame[], options?: SendOptions): boolean {
    const policy = options?.policy ?? "keep";
    const water = policy === "latest" ? LATEST_WATER : HIGH_WATER;
    const [frame] = frames;
    if (
      frame !== undefined && frames.length === 1 && this.#isEmpty() &&
      this.#socket.bufferedAmount < water
    ) {
      this.#write(frame);
      return this.#socket.copies === true;
    }
    const entry = { frames, cost: costOf(frames), droppable: policy === "drop" };
    this.#held += entry.cost;
    if (policy === "latest") {
      const key = options?.key ?? "";
      const older = this.#latest.get(key);
      if (older) this.#drop(older);
      this.#latest.set(key, entry);
    } else this.#waiting.push(entry);
    this.#pump();
    if (this.#held > this.#bound) this.#shrink(entry);
    return this.#isEmpty() && this.#socket.copies === true;
  }

  /**
   * Resolves when everything has left for the network.
   *
   * @returns A promise that never rejects; it stays open while the socket is stuck.
   */
  drained(): Promise<void> {
    if (this.#isEmpty() && this.#socket.bufferedAmount === 0) return Promise.resolve();
    this.#idle ??= defer();
    this.#schedule();
    return this.#idle.promise;
  }

  /** Forgets everything: the socket is gone. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#current = undefined;
    this.#sent = 0;
    this.#waiting = new Fifo();
    this.#latest.clear();
    this.#held = 0;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  /** A socket that is closing takes nothing any more, and some say so by throwing. */
  #write(frame: Frame): void {
    if (this.#socket.readyState === OPEN) this.#socket.send(frame);
  }

  #isEmpty(): boolean {
    return this.#held === 0 && this.#current === undefined;
  }

  #pump(): void {
    while ((this.#current ??= this.#next())) {
      const frame = this.#current.frames[this.#sent];
      if (frame === undefined) {
        this.#current = undefined;
        this.#sent = 0;
      } else if (this.#socket.bufferedAmount >= HIGH_WATER) break;
      else {
        this.#write(frame);
        this.#sent++;
      }
    }
    if (!this.#isEmpty() || (this.#idle && this.#socket.bufferedAmount > 0)) this.#schedule();
    else if (this.#idle) {
      this.#idle.resolve();
      this.#idle = undefined;
    }
  }

  #next(): Entry | undefined {
    let entry = this.#waiting.shift();
    if (entry === undefined && this.#socket.bufferedAmount < LATEST_WATER) {
      const [first] = this.#latest;
      if (first) this.#latest.delete(first[0]);
      entry = first?.[1];
    }
    if (entry) this.#held -= entry.cost;
    return entry;
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, POLL);
  }

  /** Makes room in one go, so that a queue that stays full isn't searched for every message. */
  #shrink(newest: Entry): void {
    const target = this.#bound * 0.875;
    this.#waiting.filter((entry) => {
      if (!entry.droppable || entry === newest || this.#held <= target) return true;
      this.#drop(entry);
      return false;
    });
    // What is left is replies, the newest message, and one of every `latest`
    // key. The newest may be larger than the bound, and comes on top of the rest.
    if (this.#held - newest.cost > this.#bound) this.#onFull();
  }

  #drop(entry: Entry): void {
    this.#held -= entry.cost;
    this.#dropped++;
  }
}

function costOf(frames: readonly Frame[]): number {
  let cost = ENTRY_COST;
  for (const frame of frames) cost += frame.length;
  return cost;
}

/** An array whose front can be taken away in constant time. */
class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    // Messages are large: what is taken away is let go of at once.
    this.#items[this.#head++] = undefined;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Keeps the items that `keep` says so of, asked from the front on. */
  filter(keep: (item: T) => boolean): void {
    this.#items = this.#items.slice(this.#head).filter((item) => item !== undefined && keep(item));
    this.#head = 0;
  }
}
