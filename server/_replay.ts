/** Hands kept publications to clients that are behind, each at its own pace. */
import type { Encoder, Frame, Wire } from "../protocol/mod.ts";
import { defer } from "../protocol/deferred.ts";
import type { Compressor } from "../protocol/compression.ts";
import { type History, type Kept, ownFrame, valueOf } from "./_history.ts";
import type { ServerSession } from "./session.ts";

/** What replaying needs of those who know who listens to what. */
export interface ReplayHost {
  /** What a client gets of a publication under a selection; `undefined` if it gets nothing. */
  part(
    session: ServerSession,
    selection: number,
    history: History,
    kept: Kept,
  ): { readonly value: unknown } | typeof WHOLE | undefined;
  /** Tells a client that it misses what is behind `from`, up to `to`. */
  missed(
    session: ServerSession,
    selection: number,
    history: History,
    from: number,
    to: number,
  ): void;
  /** A publication that was kept can't be sent. */
  report(error: unknown, session: ServerSession, topic: string): void;
}

/** All of a publication, as it is kept. */
export const WHOLE: unique symbol = Symbol("whole");

/** One client that is behind: it reads the history instead of what is published. */
interface Reader {
  readonly session: ServerSession;
  readonly selection: number;
  readonly history: History;
  /** The offset that it gets next. */
  next: number;
  /** When it is no longer behind, or has gone. */
  readonly done: Promise<void>;
}

/** The readers of all clients. */
export class Replay {
  readonly #encoders: Readonly<Record<Wire, Encoder>>;
  readonly #compressor: Compressor | undefined;
  readonly #host: ReplayHost;
  readonly #readers = new Map<ServerSession, Map<string, Reader>>();

  constructor(
    encoders: Readonly<Record<Wire, Encoder>>,
    compressor: Compressor | undefined,
    host: ReplayHost,
  ) {
    this.#encoders = encoders;
    this.#compressor = compressor;
    this.#host = host;
  }

  /** When a client that is behind has caught up; `undefined` if it isn't behind. */
  behind(session: ServerSession, history: History, selection: number): Promise<void> | undefined {
    return this.#readers.get(session)?.get(keyOf(history, selection))?.done;
  }

  /** Sends what was published just now; a client without room for it reads on in the history. */
  live(
    session: ServerSession,
    history: History,
    selection: number,
    offset: number,
    frames: readonly Frame[],
  ): void {
    if (this.behind(session, history, selection)) return;
    if (!session.offer(frames, history.order)) {
      this.from(session, history, selection, offset);
    }
  }

  /** Has a client read from an offset on; what of it has come already, it skips. */
  from(session: ServerSession, history: History, selection: number, offset: number): void {
    let own = this.#readers.get(session);
    const key = keyOf(history, selection);
    const reader = own?.get(key);
    if (reader) {
      reader.next = Math.min(reader.next, offset);
      return;
    }
    if (own === undefined) this.#readers.set(session, own = new Map());
    const { promise, resolve } = defer<void>();
    const begun = { session, selection, history, next: offset, done: promise };
    own.set(key, begun);
    this.#read(begun, key).finally(resolve);
  }

  /** A client has lost its connection, or gone: it says itself where to go on. */
  forget(session: ServerSession): void {
    this.#readers.delete(session);
  }

  async #read(reader: Reader, key: string): Promise<void> {
    const { session, selection, history } = reader;
    const isCurrent = () => session.connected && this.#readers.get(session)?.get(key) === reader;
    while (isCurrent() && reader.next <= history.last) {
      const { first } = history;
      if (reader.next < first) {
        this.#host.missed(session, selection, history, reader.next - 1, first - 1);
        reader.next = first;
        continue;
      }
      const kept = history.at(reader.next++);
      const frames = kept && this.#framesFor(reader, kept);
      if (frames && !session.offer(frames, history.order)) {
        await session.deliverWhenRoom(frames, history.order, undefined);
      }
    }
    const own = this.#readers.get(session);
    if (own?.get(key) !== reader) return;
    own.delete(key);
    if (own.size === 0) this.#readers.delete(session);
  }

  #framesFor({ session, selection, history }: Reader, kept: Kept): readonly Frame[] | undefined {
    const part = this.#host.part(session, selection, history, kept);
    if (part === undefined) return undefined;
    const encoder = this.#encoders[session.wire];
    const minSize = session.features.has("compress") ? kept.minSize : undefined;
    const asKept = part === WHOLE && session.wire === "msgpack";
    if (asKept && (minSize === undefined || !this.#compressor)) return kept.frames;
    if (asKept && kept.compressed) return kept.compressed;
    try {
      const message = {
        type: "publication",
        topic: kept.topic,
        result: part === WHOLE ? asKept ? null : valueOf(kept) : part.value,
        selection,
        kept: { log: history.number, offset: kept.offset },
      } as const;
      const frames = asKept ? kept.frames : encoder.encode(message);
      if (minSize === undefined || !this.#compressor) return frames;
      const shrunk = this.#compressor.shrink(message, frames, encoder, minSize);
      if (!asKept) return shrunk;
      const own = shrunk === frames ? frames : shrunk.map(ownFrame);
      history.keepCompressed(kept, own);
      return own;
    } catch (error) {
      this.#host.report(error, session, kept.topic);
      return undefined;
    }
  }
}

function keyOf(history: History, selection: number): string {
  return `${history.number}:${selection}`;
}
