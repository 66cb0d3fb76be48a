/**
 * How a topic is defined: what is published on it, who may listen, and what
 * runs while somebody does.
 *
 * @module
 */
import type { CompressOptions, HistoryOptions, TopicLike, TopicTypes } from "../protocol/api.ts";
import type { Schema } from "../protocol/schema.ts";
import type { Client, DroppingPolicy, PublishOptions } from "./client.ts";

/** What runs while somebody listens to a topic. */
export interface Producing<P = unknown> {
  /**
   * The topic, or the pattern that it was defined under; with `each`, what was
   * subscribed to.
   */
  readonly topic: string;
  /** Aborted when nobody has listened for the topic's `grace`, or the server closes. */
  readonly signal: AbortSignal;
  /**
   * Publishes on the topic. Where that is a pattern, what is published needs a
   * name: `server.publish()` takes it.
   *
   * @param value What is published.
   * @param options Whom it goes to.
   * @returns How many clients it went to.
   */
  publish(value: P, options?: PublishOptions): number;
}

/** What a topic may say about itself, filters and payload aside. */
export interface TopicSettings<P = never, G = never> {
  /** What it is for, in a sentence. */
  readonly description?: string;
  /**
   * What its publications do at a receiver that is behind, where `publish()`
   * doesn't say.
   *
   * @default {undefined}
   */
  readonly policy?: DroppingPolicy;
  /**
   * What the policy `latest` tells its publications apart by, where `publish()`
   * doesn't say.
   *
   * @default {""}
   */
  readonly key?: string | ((payload: P) => string);
  /**
   * Whether its publications are compressed for those who agreed on `compress`,
   * where `publish()` doesn't say; docs/compression.md says when that pays.
   *
   * @default {false}
   */
  readonly compress?: boolean | CompressOptions;
  /**
   * Whether a client may listen; asked when it subscribes, and again by
   * `server.reauthorize()`. One that throws says no.
   *
   * @default {undefined}
   */
  readonly authorize?: (
    client: Client,
    filter: G | undefined,
    topic: string,
  ) => boolean | Promise<boolean>;
  /**
   * Called when somebody begins to listen: the place to start what publishes.
   * A wslink client listens to every topic that it gets.
   *
   * @default {undefined}
   */
  readonly onFirstSubscriber?: (producing: Producing<P>) => void | Promise<void>;
  /**
   * Called when nobody has listened for `grace`. What watches
   * {@linkcode Producing.signal} doesn't need it.
   *
   * @default {undefined}
   */
  readonly onLastUnsubscriber?: (topic: string) => void | Promise<void>;
  /**
   * For a pattern: whether `onFirstSubscriber`, `onLastUnsubscriber` and `grace` are
   * about each name that is subscribed to by itself, as in one camera of
   * `camera.*`. Who subscribes to a pattern, or is a wslink client and gets all
   * topics, is told of as that pattern: nobody knows which topics there will be.
   *
   * @default {false}
   */
  readonly each?: boolean;
  /**
   * Whether what is published is held to the schema `payload`: `publish()` throws
   * a `TypeError` for what doesn't fit, before anybody gets it. The value itself
   * goes out, not what the schema makes of it.
   *
   * @default {ServerOptions.checkPayloads}
   */
  readonly validate?: boolean;
  /**
   * How long nobody may listen until the producer is stopped, in ms: a page that
   * is loaded anew comes back at once.
   *
   * @default {0}
   */
  readonly grace?: number;
  /**
   * What is kept for subscribers that missed it: those that come back after a cut
   * get it, and new ones may ask for the last. `{}` keeps what `limits` says.
   * What is published with `to` isn't kept.
   *
   * @default {undefined}
   */
  readonly history?: HistoryOptions;
  /**
   * Whether clients that can't subscribe get it: wslink's, and those of
   * `extensions: false`. They can't be asked for authorisation, so that a topic
   * with `authorize` is none of theirs unless it says so.
   *
   * @default {authorize === undefined}
   */
  readonly wslink?: boolean;
}

/** A topic whose filters are checked, and so typed, by a schema. */
export interface FilteredTopicOptions<P, F, R, G> extends TopicSettings<P, G> {
  /** What is published: for types and for `describe`, and checked where `validate` says so. */
  readonly payload?: Schema<P, unknown>;
  /** What a filter is; one that it refuses is answered with -32602 and the issues. */
  readonly filter: Schema<F, G>;
  /**
   * The part of a payload that a filter is interested in. Called once for all
   * subscribers with equal filters.
   *
   * @param payload What is published.
   * @param filter The filter, as its schema gives it.
   * @param topic The topic that it is published on.
   * @returns The part, or nothing if there is none.
   */
  readonly select: (payload: P, filter: G, topic: string) => R | null | undefined;
}

/** A topic without a schema for its filters. */
export interface TopicOptions<P, F, R> extends TopicSettings<P, F> {
  /** What is published: for types and for `describe`, and checked where `validate` says so. */
  readonly payload?: Schema<P, unknown>;
  /** What a filter is; without it a filter is any JSON that a client sends. */
  readonly filter?: undefined;
  /**
   * The part of a payload that a filter is interested in. Called once for all
   * subscribers with equal filters. Without it, no filter is taken.
   *
   * @param payload What is published.
   * @param filter The filter, unchecked; one that makes this throw ends its subscriptions.
   * @param topic The topic that it is published on.
   * @returns The part, or nothing if there is none.
   *
   * @default {undefined}
   */
  readonly select?: (payload: P, filter: F, topic: string) => R | null | undefined;
}

/** A topic's definition, made by {@linkcode topic}. */
export interface Topic<P = unknown, F = never, R = P> extends TopicLike {
  /** The types of what travels; never there at run time. */
  readonly types?: TopicTypes<P, F, R>;
}

/**
 * Defines a topic.
 *
 * @typeParam P What is published.
 * @typeParam F What a subscriber's filter is.
 * @typeParam R What a filter selects.
 *
 * @example A producer that runs while somebody listens
 * ```ts
 * import { createServer, topic } from "@hawser/hawser/server";
 *
 * const server = createServer({
 *   topics: {
 *     clock: topic<{ now: number }>({
 *       grace: 5_000,
 *       onFirstSubscriber({ publish, signal }) {
 *         const timer = setInterval(() => publish({ now: Date.now() }), 1_000);
 *         signal.addEventListener("abort", () => clearInterval(timer));
 *       },
 *     }),
 *   },
 * });
 * console.assert(server.publish("clock", { now: 0 }) === 0);
 * ```
 *
 * @example A filter
 * ```ts
 * import { topic } from "@hawser/hawser/server";
 *
 * interface Scene {
 *   readonly views: readonly Uint8Array[];
 * }
 * const scene = topic({
 *   select: (scene: Scene, filter: { view: number }) => scene.views[filter.view],
 * });
 * console.assert(scene.select !== undefined);
 * ```
 */
export function topic<P = unknown, F = never, R = P>(
  options?: TopicOptions<P, F, R>,
): Topic<P, F, R>;
/**
 * Defines a topic whose filters are checked by a schema.
 *
 * @typeParam P What is published.
 * @typeParam F What a subscriber's filter is.
 * @typeParam R What a filter selects.
 * @typeParam G What the schema makes of the filter.
 */
export function topic<P, F, R, G>(options: FilteredTopicOptions<P, F, R, G>): Topic<P, F, R>;
export function topic(options: TopicLike = {}): TopicLike {
  const { filter, select, payload, validate } = options;
  if (validate && payload === undefined) {
    throw new TypeError("A topic with validate needs payload, the schema to hold publications to");
  }
  if (filter !== undefined && select === undefined) {
    throw new TypeError("A topic with a filter needs select(), which says what it lets through");
  }
  return { ...options };
}
