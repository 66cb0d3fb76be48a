/**
 * What a session listens to, and handing on what comes.
 *
 * @module
 */
import { ErrorCode, RpcError } from "../protocol/errors.ts";
import { filterKey, isPattern, overlaps } from "../protocol/interest.ts";
import type { PublicationMessage } from "../protocol/messages.ts";
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
}

/** Subscriptions as a Hawser server keeps them. */
export interface RemoteSubscriptions {
  /** Subscribes; it rejects if the server refuses. */
  begin(interest: Interest): Promise<void>;
  /** Unsubscribes; it never rejects. */
  end(interest: Interest): Promise<void>;
  /** Whose a selection is. */
  selected(selection: number): Interest | undefined;
}

/** All subscriptions of one session, over one connection after the other. */
export class Subscriptions {
  readonly #onError: (error: unknown) => void;
  /** Told of each value that a reader missed. */
  readonly #onDrop: (topic: string) => void;
  readonly #interests = new Map<string, Interest>();
  /** Those in patterns of topics, as far as they have no filter. */
  readonly #patterns = new Set<Interest>();
  /** Absent between connections. */
  #connection: { readonly remote: RemoteSubscriptions | undefined } | undefined;

  constructor(onError: (error: unknown) => void, onDrop: (topic: string) => void) {
    this.#onError = onError;
    this.#onDrop = onDrop;
  }

  add(name: string, filter: unknown, subscription: TopicSubscription): void {
    const key = keyOf(name, filter);
    let interest = this.#interests.get(key);
    if (interest === undefined) {
      const own = filter === undefined ? undefined : JSON.parse(key.slice(name.length + 1));
      interest = {
        name,
        key,
        filter: own,
        subscribers: new Set(),
        received: 0,
        acknowledged: false,
      };
      this.#interests.set(key, interest);
      if (filter === undefined && isPattern(name)) this.#patterns.add(interest);
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

  receive({ topic, result, selection = 0 }: PublicationMessage): void {
    const remote = this.#connection?.remote;
    // To wslink the number means nothing.
    if (remote && selection > 0) return this.#push(remote.selected(selection), topic, result);
    this.#push(this.#interests.get(topic), topic, result);
    for (const interest of this.#patterns) {
      if (overlaps(interest.name, topic)) this.#push(interest, topic, result);
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
    return this.#interests.delete(interest.key);
  }

  #push(interest: Interest | undefined, topic: string, value: unknown): void {
    if (interest === undefined) return;
    interest.received++;
    for (const subscription of [...interest.subscribers]) {
      const { dropped } = subscription;
      try {
        subscription.push(topic, value);
        if (subscription.dropped > dropped) this.#onDrop(interest.name);
      } catch (error) {
        this.#onError(error);
      }
    }
  }

  #fail(subscription: TopicSubscription, error: unknown): void {
    // Who reads a subscription gets its error, a callback doesn't.
    if (!subscription.isRead) this.#onError(error);
    subscription.end(error);
  }
}

/** A topic without a filter is its own key, so that what comes is found by its topic. */
function keyOf(name: string, filter: unknown): string {
  return filter === undefined ? name : `${name}\n${filterKey(filter)}`;
}

const NO_FILTERS = new RpcError(ErrorCode.invalidArguments, "The server takes no filters");

/** One subscription of the application's. */
export class TopicSubscription implements Subscription<unknown> {
  readonly topic: string;
  /** Takes it out of the session's. */
  onEnd: () => Promise<void> = () => Promise.resolve();
  readonly #stream: BoundedStream<[topic: string, value: unknown]>;
  readonly #callback: ((value: unknown, topic: string) => void) | undefined;
  readonly #ready = defer<void>();
  #left: Promise<void> | undefined;

  constructor(
    topic: string,
    buffer: number,
    callback: ((value: unknown, topic: string) => void) | undefined,
    release: () => void,
  ) {
    this.topic = topic;
    this.#callback = callback;
    this.#stream = new BoundedStream(buffer, () => {
      release();
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
    return this.#callback === undefined;
  }

  acknowledge(): void {
    this.#ready.resolve();
  }

  push(topic: string, value: unknown): void {
    if (this.#callback) this.#callback(value, topic);
    else this.#stream.push([topic, value]);
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
    return this.#stream;
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown, void, void> {
    const stream = this.#stream;
    return {
      async next() {
        const step = await stream.next();
        return step.done ? step : { done: false, value: step.value[1] };
      },
      return: () => stream.return(),
    };
  }
}
