/**
 * Who receives what: a publication is encoded once for each wire that one of
 * its receivers speaks, and its frames are shared.
 *
 * @module
 */
import { minSizeOf } from "../protocol/compress.ts";
import type { Compressor } from "../protocol/compression.ts";
import { checkTopic, type Encoder, type Frame, type Wire } from "../protocol/mod.ts";
import type { SendOptions } from "../protocol/send_queue.ts";
import type {
  Client,
  Publisher,
  Publishing,
  PublishOptions,
  Receivers,
  TopicStats,
  WaitingPublishOptions,
} from "./client.ts";
import type { Definition } from "./_definition.ts";
import { type History, ownFrame } from "./_history.ts";
import type { Replay } from "./_replay.ts";
import type { ServerSession } from "./session.ts";
import { aroundPublication, type PublicationMiddleware } from "./around.ts";
import type { Delivery, Subscriptions } from "./subscriptions.ts";

/** How many topics are counted one by one; names may come from data, so there is no end to them. */
const MAX_COUNTED = 4096;

/** The publishing side of a server. */
export class Topics implements Publisher {
  /** The sessions that said a good hello, by client id. */
  readonly clients: ReadonlyMap<string, ServerSession>;
  readonly #encoders: Readonly<Record<Wire, Encoder>>;
  readonly #compressor: Compressor | undefined;
  readonly #subscriptions: Subscriptions;
  readonly #replay: Replay;
  readonly #counts = new Map<string, Counts>();
  #middleware: PublicationMiddleware[] | undefined;

  /**
   * Starts without publications.
   *
   * @param clients The sessions that said a good hello; the map stays the server's.
   * @param encoders One encoder for each wire.
   * @param compressor What compresses, where something can.
   * @param subscriptions Who listens to what.
   * @param replay Who is behind, and reads a history.
   */
  constructor(
    clients: ReadonlyMap<string, ServerSession>,
    encoders: Readonly<Record<Wire, Encoder>>,
    compressor: Compressor | undefined,
    subscriptions: Subscriptions,
    replay: Replay,
  ) {
    this.clients = clients;
    this.#encoders = encoders;
    this.#compressor = compressor;
    this.#subscriptions = subscriptions;
    this.#replay = replay;
  }

  /**
   * Has something run around every publication.
   *
   * @param middleware Runs inside of what is there already.
   */
  use(middleware: PublicationMiddleware): void {
    (this.#middleware ??= []).push(middleware);
  }

  /**
   * Publishes a value.
   *
   * @param topic Dot-separated words.
   * @param value What is published; binary anywhere in it.
   * @param options Whom it goes to, and what happens if one can't keep up.
   * @returns How many clients it went to; with the policy `wait` a promise of it.
   * @throws {TypeError} If the topic is no such name.
   * @throws {SerializeError} If the value can't be sent.
   */
  publish(topic: string, value: unknown, options: WaitingPublishOptions): Promise<number>;
  publish(topic: string, value: unknown, options?: PublishOptions): number;
  publish(
    topic: string,
    value: unknown,
    options: PublishOptions | WaitingPublishOptions = {},
  ): number | Promise<number> {
    // Where there is no middleware, nothing stands between a publication and its receivers.
    if (this.#middleware === undefined) return this.#publish(topic, value, options);
    const publication = { topic, value, options };
    return aroundPublication(
      this.#middleware,
      publication,
      () => this.#publish(topic, publication.value, publication.options),
    );
  }

  #publish(
    topic: string,
    value: unknown,
    options: PublishOptions | WaitingPublishOptions,
  ): number | Promise<number> {
    if (options.policy === "wait") return this.#publishWaiting(topic, value, options);
    const definition = this.#subscriptions.definitionOf(topic);
    if (definition?.check(value, topic)) {
      throw new TypeError(
        `The payload's schema of "${topic}" takes its time: publish with the policy "wait"`,
      );
    }
    const { policy = definition?.policy ?? "drop-oldest", key = definition?.keyOf(value) ?? "" } =
      options;
    return this.#toEach(
      topic,
      value,
      options,
      definition,
      (session, frames, selection, history, offset) => {
        // Who has no room for it reads on in the history, where it is.
        if (history && policy === "drop-oldest") {
          this.#replay.live(session, history, selection, offset, frames);
          return false;
        }
        if (history && this.#replay.behind(session, history, selection)) return false;
        // A part takes the place of nothing but that part.
        const own = selection === 0 ? key : `${selection}\n${key}`;
        return history
          ? session.deliver(frames, { policy, key: own, order: history.order, numbered: true })
          : session.deliver(frames, { policy, key: own, order: topic });
      },
    );
  }

  /**
   * Publishes to these, whoever listens.
   *
   * @param topic The topic.
   * @param value What is published.
   * @param sessions Who gets it.
   */
  publishTo(topic: string, value: unknown, sessions: readonly ServerSession[]): void {
    const sending: SendOptions = { policy: "drop-oldest", order: topic };
    this.#deliver(
      topic,
      [{ selection: 0, value, sessions }],
      (session, frames) => session.deliver(frames, sending),
      undefined,
      undefined,
    );
  }

  /**
   * What became of the publications so far.
   *
   * @returns The counters of each topic; those past the first 4096 are counted under `*`.
   */
  stats(): ReadonlyMap<string, TopicStats> {
    return new Map([...this.#counts].map(([topic, counts]) => [topic, { ...counts }]));
  }

  /**
   * Notes that a receiver missed publications.
   *
   * @param topic Their topic.
   * @param count How many.
   */
  dropped(topic: string, count = 1): void {
    this.#countsOf(topic).dropped += count;
  }

  /** A promise, and so one that rejects where `publish()` throws. */
  async #publishWaiting(
    topic: string,
    value: unknown,
    options: WaitingPublishOptions,
  ): Promise<number> {
    const { signal } = options;
    signal?.throwIfAborted();
    const waiting: Promise<void>[] = [];
    const definition = this.#subscriptions.definitionOf(topic);
    await definition?.check(value, topic);
    const receivers = this.#toEach(
      topic,
      value,
      options,
      definition,
      (session, frames, selection, history) => {
        const behind = history && this.#replay.behind(session, history, selection);
        const order = history?.order ?? topic;
        waiting.push(behind ?? session.deliverWhenRoom(frames, order, signal));
        return false;
      },
    );
    await Promise.all(waiting);
    return receivers;
  }

  #toEach(
    topic: string,
    value: unknown,
    receivers: Publishing,
    definition: Definition | undefined,
    deliver: Deliver,
  ): number {
    checkTopic(topic);
    const deliveries = this.#subscriptions.deliveries(topic, value, admission(receivers));
    // What is meant for one client is no part of what all of them missed.
    const history = receivers.to === undefined ? definition?.history : undefined;
    const bytes = this.#deliver(
      topic,
      deliveries,
      deliver,
      history && { history, value, except: idOf(receivers.except), filtered: definition?.filtered },
      receivers.compress === undefined ? definition?.minSize : minSizeOf(receivers.compress),
    );
    const [only, ...others] = deliveries;
    // A client that listens to the whole and to a part of it gets both, and is one.
    const reached = others.length === 0
      ? only?.sessions.length ?? 0
      : new Set(deliveries.flatMap(({ sessions }) => sessions)).size;
    const counts = this.#countsOf(topic);
    counts.published++;
    counts.delivered += reached;
    counts.bytes += bytes;
    return reached;
  }

  /** Encodes each part once for each wire, and all of them before the first is sent or kept; returns the bytes of all copies. */
  #deliver(
    topic: string,
    deliveries: readonly Delivery[],
    deliver: Deliver,
    keeping: Keeping | undefined,
    minSize: number | undefined,
  ): number {
    const history = keeping?.history;
    const kept = history && { log: history.number, offset: history.last + 1 };
    const whole = keeping && kept && this.#encoders.msgpack.encode({
      type: "publication",
      topic,
      result: keeping.value,
      kept,
    });
    const own = whole?.map(ownFrame);
    let ownCompressed: readonly Frame[] | undefined;
    let bytes = 0;
    const encoded = deliveries.map((delivery) => {
      const frames: { [V in Variant]?: readonly Frame[] } = {};
      const sizes: { [V in Variant]?: number } = {};
      const { selection, value: result, sessions } = delivery;
      if (own && selection === 0) frames["msgpack+history"] = own;
      const encode = (session: ServerSession, variant: Variant): readonly Frame[] => {
        const encoder = this.#encoders[session.wire];
        const message = {
          type: "publication",
          topic,
          result,
          selection,
          ...(kept && numbered(session) ? { kept } : {}),
        } as const;
        const plain = variantOf(session, history, undefined);
        const ready = frames[plain] ??= encoder.encode(message);
        if (minSize === undefined || variant === plain || !this.#compressor) return ready;
        const shrunk = this.#compressor.shrink(message, ready, encoder, minSize);
        if (ready !== own || shrunk === own) return shrunk;
        return ownCompressed = shrunk.map(ownFrame);
      };
      for (const session of sessions) {
        const variant = variantOf(session, history, minSize);
        const ready = frames[variant] ??= encode(session, variant);
        bytes += sizes[variant] ??= sizeOf(ready);
      }
      return { ...delivery, frames };
    });
    if (history && keeping && own) {
      const copy = keeping.filtered ? copyOf(keeping.value) : undefined;
      const { except } = keeping;
      history.keep({ topic, frames: own, compressed: ownCompressed, minSize, copy, except });
    }
    const send = () => {
      for (const { selection, sessions, frames } of encoded) {
        const held = new Set<readonly Frame[]>();
        for (const session of sessions) {
          const ready = frames[variantOf(session, history, minSize)];
          if (ready === undefined) continue;
          const reads = history && numbered(session) ? history : undefined;
          if (!deliver(session, ready, selection, reads, kept?.offset ?? 0)) held.add(ready);
        }
        // What a history keeps is not given back.
        const { msgpack, "msgpack+compressed": compressed } = frames;
        for (const ready of new Set([msgpack, compressed])) {
          if (ready && !held.has(ready)) this.#encoders.msgpack.recycle?.(ready);
        }
      }
    };
    if (history) history.inTurn(send);
    else send();
    return bytes;
  }

  #countsOf(topic: string): Counts {
    let counts = this.#counts.get(topic);
    if (counts === undefined) {
      const name = this.#counts.size < MAX_COUNTED ? topic : "*";
      counts = this.#counts.get(name) ?? { published: 0, delivered: 0, dropped: 0, bytes: 0 };
      this.#counts.set(name, counts);
    }
    return counts;
  }
}

type Counts = { -readonly [K in keyof TopicStats]: TopicStats[K] };

/** Hands frames to one receiver; tells whether it is done with them. */
type Deliver = (
  session: ServerSession,
  frames: readonly Frame[],
  selection: number,
  history: History | undefined,
  offset: number,
) => boolean;

/** What is kept of a publication, and where. */
interface Keeping {
  readonly history: History;
  readonly value: unknown;
  readonly except: string | undefined;
  readonly filtered: boolean | undefined;
}

/** Who didn't agree on it is sent no offsets. */
type Variant = `${Wire}${"" | "+history"}${"" | "+compressed"}`;

function variantOf(
  session: ServerSession,
  history: History | undefined,
  minSize: number | undefined,
): Variant {
  const { wire, features } = session;
  const numbers = history && numbered(session) ? "+history" : "";
  return `${wire}${numbers}${
    minSize !== undefined && features.has("compress") ? "+compressed" : ""
  }`;
}

function numbered({ features }: ServerSession): boolean {
  return features.has("history") && features.has("subscribe");
}

/** What filters are applied to later, whatever the publisher does with its buffers. */
function copyOf(value: unknown): { readonly value: unknown } | undefined {
  try {
    return { value: structuredClone(value) };
  } catch {
    // Objects with methods: filters get what the other side would.
    return undefined;
  }
}

function sizeOf(frames: readonly Frame[]): number {
  let size = 0;
  for (const frame of frames) size += frame.length;
  return size;
}

/** Who may get a publication, if not everybody who listens. */
function admission(
  { to, except }: Receivers,
): ((session: ServerSession) => boolean) | undefined {
  const only = idOf(to);
  const skipped = idOf(except);
  if (only === undefined && skipped === undefined) return undefined;
  return ({ id }) => id !== skipped && (only === undefined || id === only);
}

function idOf(client: Client | string | undefined): string | undefined {
  return typeof client === "object" ? client.id : client;
}
