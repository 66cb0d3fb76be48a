/**
 * Who receives what: a publication is encoded once for each wire that one of
 * its receivers speaks, and its frames are shared.
 *
 * @module
 */
import { checkTopic, type Encoder, type Frame, type Wire } from "../protocol/mod.ts";
import type { SendOptions } from "../protocol/send_queue.ts";
import type {
  Client,
  Publisher,
  PublishOptions,
  Receivers,
  TopicStats,
  WaitingPublishOptions,
} from "./client.ts";
import type { ServerSession } from "./session.ts";
import type { Delivery, Subscriptions } from "./subscriptions.ts";

/** How many topics are counted one by one; names may come from data, so there is no end to them. */
const MAX_COUNTED = 4096;

/** The publishing side of a server. */
export class Topics implements Publisher {
  /** The sessions that said a good hello, by client id. */
  readonly clients: ReadonlyMap<string, ServerSession>;
  readonly #encoders: Readonly<Record<Wire, Encoder>>;
  readonly #subscriptions: Subscriptions;
  readonly #counts = new Map<string, Counts>();

  /**
   * Starts without publications.
   *
   * @param clients The sessions that said a good hello; the map stays the server's.
   * @param encoders One encoder for each wire.
   * @param subscriptions Who listens to what.
   */
  constructor(
    clients: ReadonlyMap<string, ServerSession>,
    encoders: Readonly<Record<Wire, Encoder>>,
    subscriptions: Subscriptions,
  ) {
    this.clients = clients;
    this.#encoders = encoders;
    this.#subscriptions = subscriptions;
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
    if (options.policy === "wait") return this.#publishWaiting(topic, value, options);
    const definition = this.#subscriptions.definitionOf(topic);
    const { policy = definition?.policy ?? "drop-oldest", key = definition?.keyOf(value) ?? "" } =
      options;
    return this.#toEach(topic, value, options, (session, frames, selection) => {
      // A part takes the place of nothing but that part.
      const own = selection === 0 ? key : `${selection}\n${key}`;
      return session.deliver(frames, { policy, key: own, order: topic });
    });
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
   * Notes that a receiver missed a publication.
   *
   * @param topic The publication's topic.
   */
  dropped(topic: string): void {
    this.#countsOf(topic).dropped++;
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
    const receivers = this.#toEach(topic, value, options, (session, frames) => {
      waiting.push(session.deliverWhenRoom(frames, topic, signal));
      return false;
    });
    await Promise.all(waiting);
    return receivers;
  }

  #toEach(
    topic: string,
    value: unknown,
    receivers: Receivers,
    deliver: Deliver,
  ): number {
    checkTopic(topic);
    const deliveries = this.#subscriptions.deliveries(topic, value, admission(receivers));
    const bytes = this.#deliver(topic, deliveries, deliver);
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

  /** Encodes each part once for each wire, and all of them before the first is sent; returns the bytes of all copies. */
  #deliver(topic: string, deliveries: readonly Delivery[], deliver: Deliver): number {
    const encoded = deliveries.map((delivery) => {
      const frames: { [W in Wire]?: Frame[] } = {};
      const { selection, value: result, sessions } = delivery;
      for (const { wire } of sessions) {
        frames[wire] ??= this.#encoders[wire].encode({
          type: "publication",
          topic,
          result,
          selection,
        });
      }
      return { ...delivery, frames };
    });
    let bytes = 0;
    for (const { selection, sessions, frames } of encoded) {
      let held = false;
      const sizes = { json: sizeOf(frames.json), msgpack: sizeOf(frames.msgpack) };
      for (const session of sessions) {
        const { wire } = session;
        const own = frames[wire];
        bytes += sizes[wire];
        if (own && !deliver(session, own, selection) && wire === "msgpack") held = true;
      }
      const { msgpack } = frames;
      if (msgpack && !held) this.#encoders.msgpack.recycle?.(msgpack);
    }
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
type Deliver = (session: ServerSession, frames: readonly Frame[], selection: number) => boolean;

function sizeOf(frames: readonly Frame[] | undefined): number {
  let size = 0;
  if (frames) { for (const frame of frames) size += frame.length; }
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
