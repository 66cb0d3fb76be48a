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
  /** How many subscriptions of each client are about it. */
  readonly #listeners = new Map<ServerSession, number>();
  #running: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    name: string,
    options: TopicLike,
    host: DefinitionHost,
    history: History | undefined,
  ) {
    const { grace = 0, authorize, wslink = authorize === undefined } = options;
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

  listen(session: ServerSession): void {
    this.#listeners.set(session, (this.#listeners.get(session) ?? 0) + 1);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#running === undefined) this.#start();
  }

  unlisten(session: ServerSession): void {
    const count = this.#listeners.get(session) ?? 0;
    if (count > 1) {
      this.#listeners.set(session, count - 1);
      return;
    }
    if (!this.#listeners.delete(session) || this.#listeners.size > 0) return;
    if (this.#grace === 0) this.stop();
    else this.#timer = setTimeout(() => this.stop(), this.#grace);
  }

  /** Stops what runs, without waiting. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.abort(new DOMException(`Nobody listens to ${this.name}`, "AbortError"));
    const { onLastUnsubscriber } = this.#options;
    if (onLastUnsubscriber) this.#run(() => onLastUnsubscriber());
  }

  #start(): void {
    const { onFirstSubscriber } = this.#options;
    this.#running = new AbortController();
    if (onFirstSubscriber === undefined) return;
    const producing: Producing = {
      topic: this.name,
      signal: this.#running.signal,
      publish: (value, options) => this.#host.publish(this.name, value, options),
    };
    this.#run(() => Reflect.apply(onFirstSubscriber, undefined, [producing]));
  }

  /** An application's callback must not take the server down. */
  async #run(callback: () => unknown): Promise<void> {
    const signal = this.#running?.signal;
    try {
      await callback();
    } catch (error) {
      // A producer that is stopped by its signal has done as it was told.
      if (!(signal?.aborted && error === signal.reason)) this.#host.report(error);
    }
  }
}
