/**
 * What a connection sends next: small messages before bulk, bulk in turns, and
 * the order kept within each topic and stream.
 */
import type { Frame } from "./codec.ts";
import { List, type ListNode } from "./_list.ts";

/** A single frame up to this size is a small message, in bytes: on a link of 10 Mbit/s it takes 13 ms. */
const SMALL = 16 * 1024;

/** After so many bytes of small messages bulk gets a turn, so that a flood of them can't stop it. */
const SMALL_RUN = 256 * 1024;

/** What a message costs besides its bytes. */
const ENTRY_COST = 128;

/** A message that waits, or whose frames are going out. */
export class Entry {
  /** Shared with other queues; nobody writes to them. */
  readonly frames: readonly Frame[];
  readonly cost: number;
  /** What of it still waits, in bytes. */
  left: number;
  /** Whether it counts among what its queue holds. */
  counted = false;
  readonly latest: boolean;
  /** When it was queued, in ms of the queue's clock. */
  readonly since: number;
  /** The frame that goes next. */
  index = 0;
  /** How much of that frame has gone already, in bytes. */
  at = 0;
  lane: Lane | undefined;
  /** Its place in its lane. */
  node: ListNode<Entry> | undefined;
  /** Its place among those that may be dropped, or that wait for room. */
  listed: ListNode<Entry> | undefined;
  /** What tells it from others of its lane, for `latest`. */
  readonly key: string | undefined;
  /** Called once it counts among what the queue holds; until then it waits for room. */
  onAdmitted: (() => void) | undefined;

  constructor(frames: readonly Frame[], since: number, latestKey?: string) {
    this.frames = frames;
    this.since = since;
    this.key = latestKey;
    this.latest = latestKey !== undefined;
    let cost = ENTRY_COST;
    for (const frame of frames) cost += frame.length;
    this.cost = this.left = cost;
  }

  get begun(): boolean {
    return this.index > 0 || this.at > 0;
  }

  get small(): boolean {
    return this.frames.length <= 1 && this.cost <= SMALL + ENTRY_COST;
  }

  /** On the 1.x wire a message's frames stay together; each of its messages begins with a text. */
  get atomic(): boolean {
    return typeof this.frames[0] === "string";
  }
}

/** Messages that keep their order: a topic's, a stream's, or one that is alone. */
interface Lane {
  readonly order: string | undefined;
  readonly entries: List<Entry>;
  /** Those of the policy `latest` that have not begun, by key. */
  newest: Map<string, Entry> | undefined;
  /** The list of lanes that it is in, by what its first message is. */
  ready: ListNode<Lane> | undefined;
}

/** What there is room for in the socket. */
export interface Room {
  /** For messages of at most 16 kB. */
  readonly small: boolean;
  /** For a piece of a longer one. */
  readonly bulk: boolean;
  /** For a message of the policy `latest`, of which a newer one may come any moment. */
  readonly latest: boolean;
}

/** How many long messages take turns: a receiver has a bound on incomplete ones. */
const MAX_BEGUN = 16;

/** How far to look for one that may begin, behind others that are too long for now. */
const MAX_LOOKS = 64;

/** The waiting messages of one connection. */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  /** Each lane is in one of these lists, by what its first message is. */
  readonly #small = new List<Lane>();
  readonly #smallLatest = new List<Lane>();
  readonly #bulk = new List<Lane>();
  readonly #bulkLatest = new List<Lane>();
  /** Long messages that have begun, in turns. */
  readonly #begun = new List<Lane>();
  readonly #lists = [this.#small, this.#smallLatest, this.#bulk, this.#bulkLatest, this.#begun];
  readonly #interleaved: number;
  /** A message of which nothing may come between the frames. */
  #atomic: Entry | undefined;
  #smallRun = 0;
  #latestsTurn = false;
  #size = 0;

  /** @param interleaved How many bytes may take turns with the longest message that has begun. */
  constructor(interleaved: number) {
    this.#interleaved = interleaved;
  }

  /** How many messages wait or are going out. */
  get size(): number {
    return this.#size;
  }

  /** Whether a long message waits that is not dropped for a newer one, or is going out. */
  get hasBulk(): boolean {
    return this.#begun.size > 0 || this.#bulk.size > 0;
  }

  /** The message that a newer one with the same key takes the place of. */
  older(order: string | undefined, key: string): Entry | undefined {
    return order === undefined ? undefined : this.#lanes.get(order)?.newest?.get(key);
  }

  /** Puts a message behind those of its order. */
  push(entry: Entry, order: string | undefined): void {
    const lane = this.#laneOf(order);
    this.#place(lane, entry, lane.entries.push(entry));
  }

  /**
   * Puts a message in the place of an older one, so that a key that is
   * published often waits no longer than others. Where other messages came in
   * between, the topic's order comes first.
   */
  replace(older: Entry, entry: Entry, numbered = false): void {
    const { lane, node } = older;
    if (lane === undefined || node === undefined) return;
    const begun = lane.entries.first?.begun ? 1 : 0;
    const onlyLatest = lane.newest?.size === lane.entries.size - begun;
    const place = onlyLatest && !numbered
      ? lane.entries.insertBefore(entry, node)
      : lane.entries.push(entry);
    lane.entries.remove(node);
    older.lane = undefined;
    this.#size--;
    this.#place(lane, entry, place);
  }

  /** Takes away a message of which nothing has gone out. */
  remove(entry: Entry): void {
    const { lane } = entry;
    if (lane === undefined) return;
    this.#takeOut(lane, entry);
    this.#arrange(lane);
  }

  /** The message of which the next frame goes out; `undefined` if there is none, or no room for it. */
  next(room: Room): Entry | undefined {
    if (this.#atomic) return room.bulk ? this.#atomic : undefined;
    // With bulk waiting the socket is never nearly empty: any turn is as good as the next.
    const turn = this.hasBulk && room.bulk;
    if (this.#smallRun < SMALL_RUN || !turn) {
      const small = room.small ? this.#small.first?.entries.first : undefined;
      if (small) return small;
      const latest = this.#smallLatest.first?.entries.first;
      if (latest && (turn || room.latest)) return latest;
    }
    const latest = this.#bulkLatest.size > 0 ? this.#fresh(this.#bulkLatest) : undefined;
    if (latest && ((turn && this.#latestsTurn) || room.latest)) return latest;
    if (!room.bulk) return undefined;
    const fresh = this.#bulk.size > 0 ? this.#fresh(this.#bulk) : undefined;
    return fresh ?? this.#begun.first?.entries.first;
  }

  /**
   * Notes that a frame of a message, or a piece of one, has gone out.
   *
   * @param entry What {@linkcode Lanes.next} returned; its `index` and `at` say what has gone.
   * @param size How much it was, in bytes.
   * @returns Whether that was all of the message.
   */
  wrote(entry: Entry, size: number): boolean {
    const { lane } = entry;
    if (lane === undefined) return true;
    if (entry.small) this.#smallRun += size;
    else {
      this.#smallRun = 0;
      this.#latestsTurn = !this.#latestsTurn;
    }
    const done = entry.index >= entry.frames.length;
    if (done) this.#takeOut(lane, entry);
    else forgetNewest(lane, entry);
    this.#atomic = entry.atomic && !done ? entry : undefined;
    this.#arrange(lane, true);
    return done;
  }

  clear(): void {
    this.#lanes.clear();
    for (const list of this.#lists) list.clear();
    this.#atomic = undefined;
    this.#smallRun = this.#size = 0;
  }

  /** Every message that waits or is going out, in no order. */
  *entries(): Generator<Entry, void, void> {
    for (const list of this.#lists) for (const lane of list) yield* lane.entries;
  }

  /** The first message that may begin now: a receiver holds what is incomplete, and has a bound for it. */
  #fresh(list: List<Lane>): Entry | undefined {
    if (this.#begun.size === 0) return list.first?.entries.first;
    if (this.#begun.size >= MAX_BEGUN) return undefined;
    let sum = 0;
    let longest = 0;
    for (const { entries } of this.#begun) {
      const cost = entries.first?.cost ?? 0;
      sum += cost;
      longest = Math.max(longest, cost);
    }
    let looks = 0;
    for (const { entries } of list) {
      const cost = entries.first?.cost ?? 0;
      if (sum + cost - Math.max(longest, cost) <= this.#interleaved) return entries.first;
      if (++looks === MAX_LOOKS) break;
    }
    return undefined;
  }

  #laneOf(order: string | undefined): Lane {
    const known = order === undefined ? undefined : this.#lanes.get(order);
    if (known) return known;
    const lane: Lane = { order, entries: new List(), newest: undefined, ready: undefined };
    if (order !== undefined) this.#lanes.set(order, lane);
    return lane;
  }

  #place(lane: Lane, entry: Entry, node: ListNode<Entry>): void {
    entry.lane = lane;
    entry.node = node;
    this.#size++;
    if (entry.key !== undefined) (lane.newest ??= new Map()).set(entry.key, entry);
    this.#arrange(lane);
  }

  #takeOut(lane: Lane, entry: Entry): void {
    if (entry.node) List.remove(entry.node);
    entry.lane = undefined;
    this.#size--;
    forgetNewest(lane, entry);
  }

  /** Puts a lane where its first message belongs; at the end if it is there already and had its turn. */
  #arrange(lane: Lane, hadItsTurn = false): void {
    const { first } = lane.entries;
    if (first === undefined) {
      if (lane.ready) List.remove(lane.ready);
      lane.ready = undefined;
      if (lane.order !== undefined) this.#lanes.delete(lane.order);
      return;
    }
    const list = this.#listFor(first);
    if (lane.ready?.list === list && !hadItsTurn) return;
    if (lane.ready) List.remove(lane.ready);
    lane.ready = list.push(lane);
  }

  #listFor(entry: Entry): List<Lane> {
    if (entry.small) return entry.latest ? this.#smallLatest : this.#small;
    if (entry.begun) return this.#begun;
    return entry.latest ? this.#bulkLatest : this.#bulk;
  }
}

/** A newer one of the same key may have come while this one goes out. */
function forgetNewest({ newest }: Lane, entry: Entry): void {
  if (entry.key !== undefined && newest?.get(entry.key) === entry) newest.delete(entry.key);
}
