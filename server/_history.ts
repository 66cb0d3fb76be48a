import { DEFAULT_LIMITS, type Limits } from "../protocol/codec.ts";
import type { Frame } from "../protocol/codec.ts";
import type { HistoryOptions } from "../protocol/api.ts";
import { MsgpackDecoder } from "../protocol/msgpack_codec.ts";

/** A publication that is kept. */
export interface Kept {
  readonly offset: number;
  readonly topic: string;
  /** As msgpack, whole; nobody gives them back. */
  readonly frames: readonly Frame[];
  /** The same compressed, once somebody has got it so. */
  compressed: readonly Frame[] | undefined;
  /** From which size on it is compressed, in bytes; `undefined` if never. */
  readonly minSize: number | undefined;
  /** A copy of what was published, if filters have to be applied to it. */
  readonly copy: { readonly value: unknown } | undefined;
  /** The client that it did not go to. */
  readonly except: string | undefined;
  bytes: number;
  /** When it was published, in ms of `Date.now()`. */
  readonly at: number;
}

/** What a publication costs besides its bytes: an object, and a small frame's own buffer. */
const ENTRY_COST = 256;

/** The publications of one definition's topics, the last of them, numbered from 1. */
export class History {
  /** What publications name it by. */
  readonly number: number;
  /** The definition's topic or pattern. */
  readonly topic: string;
  /** What keeps its publications in order on their way. */
  readonly order: string;
  readonly #count: number;
  readonly #bytes: number;
  readonly #age: number;
  /** The oldest are undefined until the list is cut. */
  #entries: (Kept | undefined)[] = [];
  #start = 0;
  #held = 0;
  /** The offset of the newest publication; 0 before the first. */
  last = 0;
  readonly #turns: (() => void)[] = [];

  constructor(number: number, topic: string, options: HistoryOptions, limits: Limits) {
    const { count = limits.historyMessages, bytes = limits.historyBytes, age = Infinity } = options;
    for (const [name, value] of Object.entries({ count, bytes, age })) {
      if (!(value > 0)) {
        throw new RangeError(
          `The topic "${topic}" has a history whose ${name} is not over 0: received ${value}`,
        );
      }
    }
    this.number = number;
    this.topic = topic;
    this.order = topic;
    this.#count = count;
    this.#bytes = bytes;
    this.#age = age;
  }

  /** The offset of the oldest publication that is kept; one more than the newest if there is none. */
  get first(): number {
    this.#trim();
    return this.last - this.#size + 1;
  }

  /** What it keeps, in bytes. */
  get heldBytes(): number {
    return this.#held;
  }

  get #size(): number {
    return this.#entries.length - this.#start;
  }

  /** Keeps the next publication, whose frames say that it has the next offset. */
  keep(publication: Omit<Kept, "offset" | "bytes" | "at">): void {
    let bytes = 0;
    for (const frame of publication.frames) bytes += frame.length;
    // The copy's binary is as large again.
    bytes = ENTRY_COST + (publication.copy ? 2 : 1) * bytes;
    for (const frame of publication.compressed ?? []) bytes += frame.length;
    this.#entries.push({ ...publication, offset: ++this.last, bytes, at: Date.now() });
    this.#held += bytes;
    this.#trim();
  }

  /** Keeps what a publication has become for those who get it compressed. */
  keepCompressed(kept: Kept, frames: readonly Frame[]): void {
    if (kept.compressed || this.at(kept.offset) !== kept) return;
    kept.compressed = frames;
    if (frames === kept.frames) return;
    for (const frame of frames) {
      kept.bytes += frame.length;
      this.#held += frame.length;
    }
    this.#trim();
  }

  /** Sends one publication after the other: sending one may make the application publish the next. */
  inTurn(send: () => void): void {
    this.#turns.push(send);
    if (this.#turns.length > 1) return;
    try {
      for (let turn = this.#turns[0]; turn; turn = this.#turns[0]) {
        turn();
        this.#turns.shift();
      }
    } finally {
      this.#turns.length = 0;
    }
  }

  /** The publication with an offset, if it is kept. */
  at(offset: number): Kept | undefined {
    const first = this.last - this.#size + 1;
    return offset < first ? undefined : this.#entries[this.#start + offset - first];
  }

  /** Those that are kept, from the newest on. */
  *backwards(): Generator<Kept, void, void> {
    this.#trim();
    for (let i = this.#entries.length - 1; i >= this.#start; i--) {
      const entry = this.#entries[i];
      if (entry) yield entry;
    }
  }

  #trim(): void {
    const oldest = Date.now() - this.#age;
    for (let entry = this.#entries[this.#start]; entry; entry = this.#entries[this.#start]) {
      if (this.#size <= this.#count && this.#held <= this.#bytes && entry.at > oldest) break;
      this.#held -= entry.bytes;
      this.#entries[this.#start++] = undefined;
    }
    if (this.#start > 64 && this.#start * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#start);
      this.#start = 0;
    }
  }
}

const UNLIMITED = {
  ...DEFAULT_LIMITS,
  messageSize: Infinity,
  frameSize: Infinity,
  values: Infinity,
  keys: Infinity,
  depth: Infinity,
};

/** What was published, as whoever receives it gets it. */
export function valueOf({ copy, frames }: Pick<Kept, "copy" | "frames">): unknown {
  if (copy) return copy.value;
  const decoder = new MsgpackDecoder(UNLIMITED);
  for (const frame of frames) {
    if (typeof frame === "string") continue;
    const message = decoder.decode(frame);
    if (message?.type === "publication") return message.result;
  }
  return null;
}

/** A small frame is a view of a buffer that it would keep. */
export function ownFrame(frame: Frame): Frame {
  return typeof frame === "string" || frame.length === frame.buffer.byteLength
    ? frame
    : frame.slice();
}
