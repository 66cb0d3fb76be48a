/**
 * What a session listens to, and handing on what comes.
 *
 * @module
 */
import { ErrorCode, type Gap, type HistoryPlace, RpcError } from "../protocol/errors.ts";
import { isPattern, overlaps } from "../protocol/patterns.ts";
import type { KeptPlace, PublicationMessage } from "../protocol/messages.ts";
import { defer } from "../protocol/deferred.ts";
import { BoundedStream } from "../session/bounded_stream.ts";
import type { SubscriptionStats } from "./stats.ts";

/**
 * A subscription: an async iterable of what is published, until it is ended
 * from either side or the session closes. A reconnect doesn't end it. If the
 * server refuses or revokes it, its reader gets `RpcError`, as `onError` does
 * where there is a callback instead.
 */
export interface Subscription<T> extends AsyncIterable<T, void, void> {
  /** The topic's name, or the pattern. */
  readonly topic: string;
  /**
   * Resolves when the server has acknowledged it: what is published from then on
   * comes. It rejects if the server refuses, or the subscription ends before. A
   * wslink server isn't asked, so that it resolves at once.
   */
  readonly ready: Promise<void>;
  /** How many values were dropped because the reader was behind. */
  readonly dropped: number;
  /** How often publications of a topic with a history were missed for good: see `onGap`. */
  readonly gaps: number;
  /**
   * Reads topics as well as values, where a pattern stands for many topics.
   *
   * @returns Pairs of both; in place of the iteration over values alone.
   */
  entries(): AsyncIterableIterator<[topic: string, value: T], void, void>;
  /**
   * Ends it.
   *
   * @returns When the server has acknowledged it, or the connection is gone; it never rejects.
   */
  unsubscribe(): Promise<void>;
  /** Ends it as well. */
  [Symbol.dispose](): void;
}

/** A topic or pattern and perhaps a filter: what all subscriptions that are equal share. */
export interface Interest {
  readonly name: string;
  /** What makes it equal to another one. */
  readonly key: string;
  readonly filter: unknown;
  readonly subscribers: Set<TopicSubscription>;
  /** How many values came. */
  received: number;
  /** Whether the server is known to send it, over the connection that there is now. */
  acknowledged: boolean;
  /** How many publications from before it wants. */
  readonly last: number;
  /** What has come of each history, by its topic. */
  readonly places: Map<string, HistoryPlace>;
}

/** Subscriptions as a Hawser server keeps them. */
export interface RemoteSubscriptions {
  /** Subscribes; it rejects if the server refuses. */
  begin(interest: Interest): Promise<void>;
  /** Unsubscribes; it never rejects. */
  end(interest: Interest): Promise<void>;
  /** Whose a selection is. */
  selected(selection: number): Iterable<Interest>;
  /** Whether a publication of a topic with a history is the interest's next one. */
  admits(interest: Interest, kept: KeptPlace): boolean;
}

/** All subscriptions of one session, over one connection after the other. */
export class Subscriptions {
  /** Makes one string of a filter; absent as long as no server has been there that takes any. */
  filterKey: ((filter: unknown) => string) | undefined;
  readonly #onError: (error: unknown) => void;
  /** Told of each value that a reader missed. */
  readonly #onDrop: (topic: string) => void;
  readonly #interests = new Map<string, Interest>();
  /** Those in patterns of topics, as far as they have no filter. */
  readonly #patterns = new Set<Interest>();
  /** Those in topics that asked for the last publications: what others got already is theirs alone. */
  readonly #backward = new Map<string, Set<Interest>>();
  #lastKey = 0;
  /** Absent between connections. */
  #connection: { readonly remote: RemoteSubscriptions | undefined } | undefined;

  constructor(onError: (error: unknown) => void, onDrop: (topic: string) => void) {
    this.#onError = onError;
    this.#onDrop = onDrop;
  }

  add(name: string, filter: unknown, subscription: TopicSubscription, last = 0): void {
    // A topic without a filter is its own key, so that what comes is found by its topic.
    let key = name;
    let own: unknown;
    if (filter !== undefined) {
      const text = this.filterKey?.(filter);
      if (text === undefined) return this.#fail(subscription, NO_FILTERS);
      key += `\n${text}`;
      own = JSON.parse(text);
    }
    if (last > 0) key += `\n#${++this.#lastKey}`;
    let interest = this.#interests.get(key);
    if (interest === undefined) {
      interest = {
        name,
        key,
        filter: own,
        last,
        subscribers: new Set(),
        received: 0,
        acknowledged: false,
        places: new Map(),
      };
      this.#interests.set(key, interest);
      if (filter === undefined) {
        if (isPattern(name)) this.#patterns.add(interest);
        else if (last > 0) this.#addBackward(interest);
      }
    }
    interest.subscribers.add(subscription);
    subscription.onEnd = () => this.#remove(interest, subscription);
    if (interest.acknowledged) subscription.acknowledge();
    else if (interest.subscribers.size === 1) this.#begin(interest);
  }

  /** Subscribes over a new connection; `remote` if the server knows who listens. */
  attach(remote: RemoteSubscriptions | undefined): void {
    this.#connection = { remote };
    for (const interest of [...this.#interests.values()]) this.#begin(interest);
  }

  stats(): SubscriptionStats[] {
    return Array.from(this.#interests.values(), ({ name, filter, received, subscribers }) => {
      let dropped = 0;
      for (const subscription of subscribers) dropped += subscription.dropped;
      return { topic: name, filter, received, dropped };
    });
  }

  detach(): void {
    this.#connection = undefined;
    for (const interest of this.#interests.values()) interest.acknowledged = false;
  }

  receive(message: PublicationMessage): void {
    const { topic, selection = 0 } = message;
    const remote = this.#connection?.remote;
    // To wslink the number means nothing.
    if (remote && selection > 0) {
      for (const interest of remote.selected(selection)) this.#push(interest, message);
      return;
    }
    this.#push(this.#interests.get(topic), message);
    for (const interest of this.#backward.get(topic) ?? []) this.#push(interest, message);
    for (const interest of this.#patterns) {
      if (overlaps(interest.name, topic)) this.#push(interest, message);
    }
  }

  /** The server doesn't send it, or not any more. */
  refuse(interest: Interest, error: unknown): void {
    this.#forget(interest);
    for (const subscription of [...interest.subscribers]) this.#fail(subscription, error);
  }

  /** The session has ended. */
  end(error: unknown): void {
    this.#connection = undefined;
    for (const { subscribers } of [...this.#interests.values()]) {
      for (const subscription of [...subscribers]) subscription.end(error);
    }
  }

  #begin(interest: Interest): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const { remote } = connection;
    if (remote === undefined) {
      if (interest.filter === undefined) this.#acknowledge(interest);
      else this.refuse(interest, NO_FILTERS);
      return;
    }
    remote.begin(interest).then(
      () => this.#connection === connection && this.#acknowledge(interest),
      // What ends with the connection begins again with the next.
      (error) => this.#connection === connection && this.refuse(interest, error),
    );
  }

  #acknowledge(interest: Interest): void {
    interest.acknowledged = true;
    for (const subscription of interest.subscribers) subscription.acknowledge();
  }

  #remove(interest: Interest, subscription: TopicSubscription): Promise<void> {
    interest.subscribers.delete(subscription);
    const isLast = interest.subscribers.size === 0 && this.#forget(interest);
    return isLast && this.#connection?.remote?.end(interest) || Promise.resolve();
  }

  /** Whether it was not forgotten yet. */
  #forget(interest: Interest): boolean {
    if (this.#interests.get(interest.key) !== interest) return false;
    this.#patterns.delete(interest);
    const backward = this.#backward.get(interest.name);
    if (backward?.delete(interest) && backward.size === 0) this.#backward.delete(interest.name);
    return this.#interests.delete(interest.key);
  }

  #addBackward(interest: Interest): void {
    const known = this.#backward.get(interest.name);
    if (known) known.add(interest);
    else this.#backward.set(interest.name, new Set([interest]));
  }

  #push(interest: Interest | undefined, { topic, result, kept }: PublicationMessage): void {
    if (interest === undefined) return;
    const remote = this.#connection?.remote;
    if (kept && remote && !remote.admits(interest, kept)) return;
    interest.received++;
    for (const subscription of [...interest.subscribers]) {
      const { dropped } = subscription;
      this.#try(() => subscription.push(topic, result));
      if (subscription.dropped > dropped) this.#onDrop(interest.name);
    }
  }

  /** An application's callback must not take the connection down. */
  #try(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#onError(error);
    }
  }

  #fail(subscription: TopicSubscription, error: unknown): void {
    // Who reads a subscription gets its error, a callback doesn't.
    if (!subscription.isRead) this.#onError(error);
    subscription.end(error);
  }
}

const NO_FILTERS = new RpcError(ErrorCode.invalidArguments, "The server takes no filters");

/** What a subscription does with what comes. */
export interface TopicSubscriptionOptions {
  /** How many values wait for a reader; more if the server sends more at once, unless it was said. */
  readonly buffer: number;
  /** Whether that was said. */
  readonly fixed: boolean;
  /** What gets the values, if nobody reads them. */
  readonly callback: ((value: unknown, topic: string) => void) | undefined;
  /** Called with what was missed. */
  readonly onGap: ((gap: Gap) => void) | undefined;
  /** Called when it has ended. */
  readonly release: () => void;
}

/** A value with its topic, or what is called in its turn. */
type Item = readonly [topic: string, value: unknown] | (() => void);

/** One subscription of the application's. */
export class TopicSubscription implements Subscription<unknown> {
  readonly topic: string;
  readonly onGap: ((gap: Gap) => void) | undefined;
  /** Takes it out of the session's. */
  onEnd: () => Promise<void> = () => Promise.resolve();
  gaps = 0;
  readonly #options: TopicSubscriptionOptions;
  readonly #stream: BoundedStream<Item>;
  readonly #ready = defer<void>();
  #left: Promise<void> | undefined;

  constructor(topic: string, options: TopicSubscriptionOptions) {
    this.topic = topic;
    this.onGap = options.onGap;
    this.#options = options;
    this.#stream = new BoundedStream(options.buffer, () => {
      options.release();
      this.#left = this.onEnd();
      this.#ready.reject(new DOMException("The subscription was ended", "AbortError"));
    });
    // Whoever asks gets the error; who doesn't is not to be stopped by it.
    this.#ready.promise.catch(() => {});
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get dropped(): number {
    return this.#stream.dropped;
  }

  /** Whether it has an iterator instead of a callback. */
  get isRead(): boolean {
    return this.#options.callback === undefined;
  }

  acknowledge(): void {
    this.#ready.resolve();
  }

  push(topic: string, value: unknown): void {
    const { callback } = this.#options;
    if (callback) callback(value, topic);
    else this.#put([topic, value]);
  }

  /** Calls something between the values that it comes between. */
  interject(note: () => void): void {
    if (this.isRead) this.#put(note);
    else note();
  }

  expect(count: number): void {
    if (!this.#options.fixed) this.#stream.widen(this.#options.buffer + count);
  }

  #put(item: Item): void {
    const dropped = this.#stream.push(item);
    if (typeof dropped === "function") dropped();
  }

  /** Ends it from the other side; `undefined` without an error. */
  end(error: unknown): void {
    if (error !== undefined) this.#ready.reject(error);
    this.#stream.end(error === undefined ? {} : { error });
  }

  unsubscribe(): Promise<void> {
    this.#stream.end();
    return this.#left ?? Promise.resolve();
  }

  [Symbol.dispose](): void {
    this.unsubscribe();
  }

  entries(): AsyncIterableIterator<[topic: string, value: unknown], void, void> {
    return this.#iterate(([topic, value]) => [topic, value]);
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown, void, void> {
    return this.#iterate(([, value]) => value);
  }

  #iterate<T>(
    take: (item: readonly [topic: string, value: unknown]) => T,
  ): AsyncIterableIterator<T, void, void> {
    const stream = this.#stream;
    return {
      async next() {
        for (;;) {
          const step = await stream.next();
          if (step.done) return step;
          const item = step.value;
          if (typeof item !== "function") return { done: false, value: take(item) };
          item();
        }
      },
      async return() {
        await stream.return();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}
