/**
 * What a subscriber is interested in: a topic or a pattern of topics, and a
 * filter. Both sides compare interests, so both do it here.
 *
 * @module
 */
import { isMap } from "./messages.ts";

/** The request `[name]` with `filter` by name: a subscription is to begin. */
export const SUBSCRIBE_METHOD = "wslink.subscribe";

/** The request `[sid]`: a subscription is to end. */
export const UNSUBSCRIBE_METHOD = "wslink.unsubscribe";

/** The notification `[sid, error]`: the server has ended a subscription. */
export const UNSUBSCRIBED_METHOD = "wslink.unsubscribed";

/** The request `[sid]` with `since` and `last` by name: what a subscription missed is to come. */
export const RECOVER_METHOD = "wslink.recover";

/**
 * The notification `[sid, { topic, log, epoch, offset, head?, gap? }]`: from here on, a
 * subscription gets what is behind an offset of a topic's history.
 */
export const HISTORY_METHOD = "wslink.history";

/**
 * The notification `[[topic, count], …]`, its arguments pairs: so many publications were dropped for
 * the client. The topic `*` is all that had no room of their own.
 */
export const DROPPED_METHOD = "wslink.dropped";

/** The request `[topic?]`: who is connected, or listens. */
export const PRESENCE_METHOD = "wslink.presence";

/** The request `[data]`: what a client lets others know about itself. */
export const DATA_METHOD = "wslink.data";

/** Who comes and goes; followed by a dot and a topic, who begins and ceases to listen to it. */
export const PRESENCE_TOPIC = "wslink.presence";

/** Words and `*`, and at the end perhaps `>`: what NATS means by them, with wslink's words. */
const INTEREST = /^(?:(?:\w+|\*)(?:\.(?:\w+|\*))*(?:\.>)?|>)$/;

/** As in an id, which holds a topic. */
const MAX_LENGTH = 1000;

/** Long enough for a list of a thousand ids, short enough to keep thousands of. */
const MAX_FILTER_LENGTH = 16 * 1024;

/** What `filterKey` follows, and wslink's peers would too: no filter needs more. */
const MAX_FILTER_DEPTH = 64;

/**
 * Tells whether a value is a topic or a pattern.
 *
 * @param name What was given.
 * @returns Whether it can be subscribed to.
 */
export function isInterest(name: unknown): name is string {
  return typeof name === "string" && name.length <= MAX_LENGTH && INTEREST.test(name);
}

/**
 * A filter as one string, the same for filters that mean the same: JSON with
 * its keys in order.
 *
 * @param filter The filter.
 * @returns The string; `JSON.parse` makes the filter of it again.
 * @throws {TypeError} If it is more than JSON can say, or too long.
 */
export function filterKey(filter: unknown): string {
  const key = canonical(filter, 0);
  if (key.length > MAX_FILTER_LENGTH) {
    throw new TypeError(
      `A filter has at most ${MAX_FILTER_LENGTH} characters of JSON: received ${key.length}`,
    );
  }
  return key;
}

function canonical(value: unknown, depth: number): string {
  if (depth > MAX_FILTER_DEPTH) throw new TypeError("A filter is nested too deep");
  if (value === null || typeof value === "boolean" || typeof value === "string") {
    return JSON.stringify(value);
  }
  // -0 and 0 are equal, and JSON knows one of them.
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) {
    return `[${Array.from(value, (item) => canonical(item, depth + 1)).join(",")}]`;
  }
  if (isMap(value)) {
    const members = Object.keys(value).sort().filter((key) => value[key] !== undefined);
    const written = members.map((key) =>
      `${JSON.stringify(key)}:${canonical(value[key], depth + 1)}`
    );
    return `{${written.join(",")}}`;
  }
  throw new TypeError(`A filter is JSON: received ${typeof value} in it`);
}
