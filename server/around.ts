/**
 * What runs around publications and subscriptions, as middleware does around
 * calls.
 *
 * @module
 */
import type { Client, PublishOptions, WaitingPublishOptions } from "./client.ts";

/** A publication on its way, before anybody is looked for who listens. */
export interface Publication {
  /** Its topic. */
  readonly topic: string;
  /** What is published; another one may be put in its place. */
  value: unknown;
  /** Whom it goes to, and what happens if one can't keep up. */
  options: PublishOptions | WaitingPublishOptions;
}

/**
 * Runs around publications. What it returns is what `publish()` returns, so it
 * usually returns what `next()` gives: how many clients it went to, or with the
 * policy `wait` a promise of it. Without `next()` nothing is published. What it
 * throws, `publish()` throws.
 *
 * @param publication The publication.
 * @param next Goes on.
 * @returns How many clients it went to; a promise only with the policy `wait`.
 */
export type PublicationMiddleware = (
  publication: Publication,
  next: () => number | Promise<number>,
) => number | Promise<number>;

/** A subscription that a client asks for, before its filter is checked and `authorize` is asked. */
export interface Subscribing {
  /** Who asks. */
  readonly client: Client;
  /** The topic, or the pattern. */
  readonly topic: string;
  /** The filter as the client sent it; `undefined` without one. */
  readonly filter: unknown;
}

/**
 * Runs around a client's subscribing. What it throws refuses the subscription,
 * and so does ending without `next()`. Once `next()` has resolved the client has
 * its answer: what is thrown then goes to `onError`.
 *
 * @param subscribing What is asked for.
 * @param next Goes on; it rejects if the subscription is refused.
 * @returns When it has done its part.
 */
export type SubscriptionMiddleware = (
  subscribing: Subscribing,
  next: () => Promise<void>,
) => void | Promise<void>;

/**
 * Puts middleware around a publication.
 *
 * @param middleware From the outside in.
 * @param publication The publication.
 * @param publish What publishes it.
 * @returns How many clients it went to, as `publish` says it.
 * @throws {TypeError} If a promise comes of a publication that waits for nobody.
 */
export function aroundPublication(
  middleware: readonly PublicationMiddleware[],
  publication: Publication,
  publish: () => number | Promise<number>,
): number | Promise<number> {
  const run = middleware.reduceRight<() => number | Promise<number>>(
    (inner, outer) => () => outer(publication, inner),
    publish,
  );
  if (publication.options.policy === "wait") return settled(run);
  const receivers = run();
  if (typeof receivers === "number") return receivers;
  throw new TypeError(
    `Middleware around publications returns a number, unless they wait: received ${typeof receivers}`,
  );
}

/** A promise, and so one that rejects where middleware throws. */
async function settled(run: () => number | Promise<number>): Promise<number> {
  return await run();
}

/** What became of a subscription that middleware was around. */
export type Entered<T> =
  /** It was made; `error` is what middleware threw afterwards, in a list of one. */
  | { readonly answer: T; readonly late: readonly unknown[] }
  /** Nobody went on with it. */
  | undefined;

/**
 * Puts middleware around subscribing.
 *
 * @param middleware From the outside in.
 * @param subscribing What is asked for.
 * @param subscribe What makes the subscription; called once, however often `next()` is.
 * @returns What became of it; it rejects if it was refused.
 */
export async function aroundSubscribing<T>(
  middleware: readonly SubscriptionMiddleware[],
  subscribing: Subscribing,
  subscribe: () => T | Promise<T>,
): Promise<Entered<T>> {
  let entered: Promise<T> | undefined;
  const innermost = async () => {
    entered ??= (async () => await subscribe())();
    await entered;
  };
  const run = middleware.reduceRight<() => Promise<void>>((inner, outer) => () => {
    const done = (async () => await outer(subscribing, inner))();
    // Middleware may forget what it began; the refusal is known from `entered`.
    done.catch(() => {});
    return done;
  }, innermost);
  const late: unknown[] = [];
  try {
    await run();
  } catch (error) {
    // What is refused has no answer yet, and gets this one.
    if (entered === undefined || !(await succeeded(entered))) throw error;
    late.push(error);
  }
  return entered === undefined ? undefined : { answer: await entered, late };
}

function succeeded(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(() => true, () => false);
}
