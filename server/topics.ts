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
  DroppingPolicy,
  Publisher,
  PublishOptions,
  TopicStats,
  WaitingPublishOptions,
} from "./client.ts";
import type { ServerSession } from "./session.ts";

/** How many topics are counted one by one; names may come from data, so there is no end to them. */
const MAX_COUNTED = 4096;

/** The publishing side of a server. */
export class Topics implements Publisher {
  /** The sessions that said a good hello, by client id. */
  readonly clients: ReadonlyMap<string, ServerSession>;
  readonly #encoders: Readonly<Record<Wire, Encoder>>;
  readonly #policyOf: (topic: string) => DroppingPolicy | undefined;
  readonly #counts = new Map<string, Counts>();

  /**
   * Starts without publications.
   *
   * @param clients The sessions that said a good hello; the map stays the server's.
   * @param encoders One encoder for each wire.
   * @param policyOf A topic's policy where a publication has none.
   */
  constructor(
    clients: ReadonlyMap<string, ServerSession>,
    encoders: Readonly<Record<Wire, Encoder>>,
    policyOf: (topic: string) => DroppingPolicy | undefined = () => undefined,
  ) {
    this.clients = clients;
    this.#encoders = encoders;
    this.#policyOf = policyOf;
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
    const { policy = this.#policyOf(topic) ?? "drop-oldest", key = "" } = options;
    const sending: SendOptions = { policy, key, order: topic };
    return this.#toEach(
      topic,
      value,
      options,
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
    { to, except }: Pick<PublishOptions, "to" | "except">,
    deliver: (session: ServerSession, frames: readonly Frame[]) => boolean,
  ): number {
    checkTopic(topic);
    const frames: { [W in Wire]?: Frame[] } = {};
    let held = false;
    let receivers = 0;
    const skipped = idOf(except);
    for (const session of this.#receivers(idOf(to))) {
      if (session.id === skipped) continue;
      const { wire } = session;
      frames[wire] ??= this.#encoders[wire].encode({ type: "publication", topic, result: value });
      if (!deliver(session, frames[wire]) && wire === "msgpack") held = true;
      receivers++;
    }
    const { msgpack } = frames;
    if (msgpack && !held) this.#encoders.msgpack.recycle?.(msgpack);
    const counts = this.#countsOf(topic);
    counts.published++;
    counts.delivered += receivers;
    return receivers;
  }

  #receivers(id: string | undefined): Iterable<ServerSession> {
    if (id === undefined) return this.clients.values();
    const session = this.clients.get(id);
    return session ? [session] : [];
  }

  #countsOf(topic: string): Counts {
    let counts = this.#counts.get(topic);
    if (counts === undefined) {
      const name = this.#counts.size < MAX_COUNTED ? topic : "*";
      counts = this.#counts.get(name) ?? { published: 0, delivered: 0, dropped: 0 };
      this.#counts.set(name, counts);
    }
    return counts;
  }
}

type Counts = { -readonly [K in keyof TopicStats]: TopicStats[K] };

function idOf(client: Client | string | undefined): string | undefined {
  return typeof client === "object" ? client.id : client;
}
