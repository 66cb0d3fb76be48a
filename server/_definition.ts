import type { TopicLike } from "../protocol/api.ts";
import { minSizeOf } from "../protocol/compress.ts";
import { ErrorCode, RpcError } from "../protocol/errors.ts";
import { isInterest } from "../protocol/interest.ts";
import { parse } from "../session/schema.ts";
import type { Client, DroppingPolicy, PublishOptions } from "./client.ts";
import type { History } from "./_history.ts";
import type { ServerSession } from "./session.ts";
import type { Producing } from "./topic.ts";

/** What a definition needs of its server. */
export interface DefinitionHost {
  /** Whether payloads are held to their schemas where a topic doesn't say. */
  readonly checkPayloads: boolean;
  publish(topic: string, value: unknown, options?: PublishOptions): number;
  report(error: unknown): void;
}

/** A topic's definition at work: who listens, and what runs meanwhile. */
export class Definition {
  /** The topic, or the pattern of topics. */
  readonly name: string;
  /** Whether clients that can't subscribe get it. */
  readonly broadcast: boolean;
  /** What it keeps; `undefined` if nothing. */
  readonly history: History | undefined;
  /** From which size on its publications are compressed, in bytes; `undefined` if never. */
  readonly minSize: number | undefined;
  readonly #options: TopicLike;
  readonly #grace: number;
  readonly #host: DefinitionHost;
  readonly #checks: boolean;
  readonly #producers = new Map<string, Producer>();

  constructor(
    name: string,
    options: TopicLike,
    host: DefinitionHost,
    history: History | undefined,
  ) {
    const { grace = 0, authorize, wslink = authorize === undefined } = options;
    const { validate = host.checkPayloads } = options;
    if (!isInterest(name)) {
      throw new TypeError(`A topic's name is dot-separated words: received "${name}"`);
    }
    if (!(grace >= 0 && grace < 2 ** 31)) {
      throw new RangeError(`The topic "${name}" has a grace that is no time in ms: ${grace}`);
    }
    this.name = name;
    this.broadcast = wslink;
    this.history = history;
    this.minSize = minSizeOf(options.compress);
    this.#options = options;
    this.#grace = grace;
    this.#checks = validate;
    this.#host = host;
  }

  /** Whether it takes filters. */
  get filtered(): boolean {
    return this.#options.select !== undefined;
  }

  /** What its publications do at a receiver that is behind. */
  get policy(): DroppingPolicy | undefined {
    return this.#options.policy;
  }

  /** What the policy `latest` tells its publications apart by. */
  keyOf(payload: unknown): string | undefined {
    const { key } = this.#options;
    if (typeof key !== "function") return key;
    const given: unknown = Reflect.apply(key, undefined, [payload]);
    return String(given);
  }

  /** Checks a filter, and makes of it what `select` gets. */
  parseFilter(filter: unknown): unknown {
    const { filter: schema } = this.#options;
    return schema === undefined ? filter : parse(schema, filter, ["kwargs", "filter"]);
  }

  /** The part that a filter lets through; `undefined` or `null` if there is none. */
  select(payload: unknown, filter: unknown, topic: string): unknown {
    const { select } = this.#options;
    return select && Reflect.apply(select, undefined, [payload, filter, topic]);
  }

  /** Throws, or rejects, if a client may not listen. */
  async authorize(client: Client, filter: unknown, topic: string): Promise<void> {
    const { authorize } = this.#options;
    if (authorize === undefined) return;
    let allowed: unknown;
    try {
      allowed = await Reflect.apply(authorize, undefined, [client, filter, topic]);
    } catch (error) {
      // What the application says on purpose reaches the client, an accident doesn't.
      if (error instanceof RpcError) throw error;
      this.#host.report(error);
    }
    if (allowed !== true) throw new RpcError(ErrorCode.forbidden, "Not allowed", this.name);
  }

  /** Whether `authorize` has to be asked. */
  get guarded(): boolean {
    return this.#options.authorize !== undefined;
  }

  /**
   * Holds a publication to the payload's schema, where that is asked for.
   *
   * @returns A promise if the schema takes its time.
   * @throws {TypeError} If it doesn't fit.
   */
  check(payload: unknown, topic: string): void | Promise<void> {
    const { payload: schema } = this.#options;
    if (schema === undefined || !this.#checks) return;
    const complain = (error: unknown) => {
      const what = error instanceof RpcError ? JSON.stringify(error.data) : String(error);
      throw new TypeError(`What is published on "${topic}" is refused by its schema: ${what}`);
    };
    try {
      const parsed = parse(schema, payload, ["payload"]);
      if (parsed instanceof Promise) return parsed.then(() => {}, complain);
    } catch (error) {
      complain(error);
    }
  }

  /** A client listens to one of its topics, or to a pattern that meets its own. */
  listen(session: ServerSession, name: string): void {
    const producer = this.#producerOf(name);
    const { listeners } = producer;
    listeners.set(session, (listeners.get(session) ?? 0) + 1);
    clearTimeout(producer.timer);
    if (producer.running === undefined) this.#start(producer);
  }

  unlisten(session: ServerSession, name: string): void {
    const producer = this.#producerOf(name);
    const { listeners } = producer;
    const count = listeners.get(session) ?? 0;
    if (count > 1) {
      listeners.set(session, count - 1);
      return;
    }
    if (!listeners.delete(session) || listeners.size > 0) return;
    if (this.#grace === 0) this.#stop(producer);
    else producer.timer = setTimeout(() => this.#stop(producer), this.#grace);
  }

  /** Stops what runs, without waiting. */
  stop(): void {
    for (const producer of [...this.#producers.values()]) this.#stop(producer);
  }

  #producerOf(name: string): Producer {
    const topic = this.#options.each ? name : this.name;
    let producer = this.#producers.get(topic);
    if (producer === undefined) {
      producer = { topic, listeners: new Map(), running: undefined, timer: undefined };
      this.#producers.set(topic, producer);
    }
    return producer;
  }

  #stop(producer: Producer): void {
    clearTimeout(producer.timer);
    // Names may come from clients, so none is kept behind its last listener.
    if (producer.listeners.size === 0) this.#producers.delete(producer.topic);
    const { running, topic } = producer;
    if (running === undefined) return;
    producer.running = undefined;
    running.abort(new DOMException(`Nobody listens to ${topic}`, "AbortError"));
    const { onLastUnsubscriber } = this.#options;
    if (onLastUnsubscriber) this.#run(() => onLastUnsubscriber(topic), running.signal);
  }

  #start(producer: Producer): void {
    const { onFirstSubscriber } = this.#options;
    const { topic } = producer;
    const running = new AbortController();
    producer.running = running;
    if (onFirstSubscriber === undefined) return;
    const producing: Producing = {
      topic,
      signal: running.signal,
      publish: (value, options) => this.#host.publish(topic, value, options),
    };
    this.#run(() => Reflect.apply(onFirstSubscriber, undefined, [producing]), running.signal);
  }

  /** An application's callback must not take the server down. */
  async #run(callback: () => unknown, signal: AbortSignal): Promise<void> {
    try {
      await callback();
    } catch (error) {
      // A producer that is stopped by its signal has done as it was told.
      if (!(signal.aborted && error === signal.reason)) this.#host.report(error);
    }
  }
}

/** What runs for one topic while somebody listens to it. */
interface Producer {
  readonly topic: string;
  /** How many subscriptions of each client are about it. */
  readonly listeners: Map<ServerSession, number>;
  running: AbortController | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
}
