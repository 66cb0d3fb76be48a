/** Subscriptions as a Hawser server keeps them: what is asked for, and what is taken away. */
import {
  type Gap,
  GapError,
  type HistoryPlace,
  ProtocolError,
  RpcError,
} from "../protocol/errors.ts";
import {
  HISTORY_METHOD,
  RECOVER_METHOD,
  SUBSCRIBE_METHOD,
  UNSUBSCRIBE_METHOD,
  UNSUBSCRIBED_METHOD,
} from "../protocol/interest.ts";
import { isMap, type KeptPlace, parseError } from "../protocol/messages.ts";
import type { CallOptions } from "../session/outgoing.ts";
import type { Subscribers } from "./_link.ts";
import type { Interest, RemoteSubscriptions as Remote } from "./subscriptions.ts";

/** What subscriptions need of their connection. */
export interface RemoteSubscriptionsHost {
  request(
    method: string,
    args: readonly unknown[],
    options: CallOptions,
    onResult?: (result: unknown) => void,
  ): Promise<unknown>;
  readonly subscribers: Subscribers;
  /** Called with what an application's callback throws, and with what it has no callback for. */
  readonly onError: (error: unknown) => void;
}

/** Whoever can't wait ends the subscription: an answer that comes too late would leave one behind. */
const FOR_EVER = 0;

/** The subscriptions over one connection. */
export class RemoteSubscriptions implements Remote {
  readonly #host: RemoteSubscriptionsHost;
  readonly #begun = new Map<Interest, Promise<number>>();
  readonly #bySid = new Map<number, Interest>();
  readonly #bySelection = new Map<number, Set<Interest>>();
  /** Those that have histories, and what has come of each by its number. */
  readonly #places = new Map<Interest, Map<number, MutablePlace>>();
  /** Those that have asked for what they missed: what comes before the answer comes again behind it. */
  readonly #recovering = new Map<Interest, object>();
  /** How often the session was taken up again. */
  #resumes = 0;

  constructor(host: RemoteSubscriptionsHost) {
    this.#host = host;
  }

  async begin(interest: Interest): Promise<void> {
    const begun = this.#ask(interest);
    this.#begun.set(interest, begun);
    await begun;
  }

  async end(interest: Interest): Promise<void> {
    const begun = this.#begun.get(interest);
    try {
      const sid = await begun;
      if (sid === undefined || !this.#forget(sid)) return;
      await this.#host.request(UNSUBSCRIBE_METHOD, [sid], { timeout: FOR_EVER });
    } catch {
      // It was refused, or has ended with the connection.
    } finally {
      this.#begun.delete(interest);
    }
  }

  selected(selection: number): Iterable<Interest> {
    return this.#bySelection.get(selection) ?? [];
  }

  admits(interest: Interest, { log, offset }: KeptPlace): boolean {
    const place = this.#places.get(interest)?.get(log);
    // What comes before the server has said where it begins comes again behind that.
    if (place === undefined || offset <= place.offset) return false;
    place.offset = offset;
    return true;
  }

  /** The session goes on over another connection, and publications were lost with the last one. */
  resumed(): void {
    this.#resumes++;
    for (const [sid, interest] of this.#bySid) {
      if (this.#places.has(interest)) this.#recover(sid, interest);
    }
  }

  /** Takes a notification; tells whether it was one about subscriptions. */
  notified(method: string, [sid, about]: readonly unknown[]): boolean {
    if (method === HISTORY_METHOD) {
      const interest = typeof sid === "number" ? this.#bySid.get(sid) : undefined;
      if (interest) this.#goOn(interest, about);
      return true;
    }
    if (method !== UNSUBSCRIBED_METHOD) return false;
    const interest = typeof sid === "number" ? this.#forget(sid) : undefined;
    if (interest) this.#host.subscribers.refuse(interest, RpcError.fromWire(parseError(about)));
    return true;
  }

  /** The server says from where on a history's publications come. */
  #goOn(interest: Interest, about: unknown): void {
    const places = this.#places.get(interest);
    // One from before the break may be sent again after it.
    if (places === undefined || this.#recovering.has(interest) || !isMap(about)) return;
    const { topic, log, epoch, offset, head, gap } = about;
    if (
      typeof topic !== "string" || typeof log !== "number" || typeof epoch !== "string" ||
      typeof offset !== "number"
    ) return;
    const before = places.get(log);
    if (before && offset <= before.offset) return;
    const place = { epoch, offset };
    places.set(log, place);
    interest.places.set(topic, place);
    const from = before ?? (isPlace(gap) ? gap : undefined);
    if (from && gap !== undefined) {
      const at = { epoch: from.epoch, offset: from.offset };
      this.#missed(interest, { topic, from: at, to: { epoch, offset } });
    }
    if (typeof head === "number" && head > offset) {
      for (const subscription of interest.subscribers) subscription.expect(head - offset);
    }
  }

  #missed({ subscribers }: Interest, gap: Gap): void {
    const { onError } = this.#host;
    for (const subscription of [...subscribers]) {
      subscription.gaps++;
      const { onGap = () => onError(new GapError(gap)) } = subscription;
      subscription.interject(() => {
        try {
          onGap(gap);
        } catch (error) {
          onError(error);
        }
      });
    }
  }

  async #recover(sid: number, interest: Interest): Promise<void> {
    const token = {};
    this.#recovering.set(interest, token);
    this.#places.set(interest, new Map());
    const options = { kwargs: startOf(interest), timeout: FOR_EVER };
    try {
      await this.#host.request(RECOVER_METHOD, [sid], options, () => {
        // After another break there is another answer to wait for.
        if (this.#recovering.get(interest) === token) this.#recovering.delete(interest);
      });
    } catch (error) {
      // What ends with the connection begins again with the next.
      if (!(error instanceof RpcError) || this.#forget(sid) === undefined) return;
      this.#host.subscribers.refuse(interest, error);
    }
  }

  async #ask(interest: Interest): Promise<number> {
    const { name, filter } = interest;
    const kwargs = { ...(filter === undefined ? {} : { filter }), ...startOf(interest) };
    const options = { kwargs, timeout: FOR_EVER };
    const resumes = this.#resumes;
    let sid: number | undefined;
    await this.#host.request(SUBSCRIBE_METHOD, [name], options, (answer) => {
      if (!isMap(answer) || typeof answer.sid !== "number") return;
      sid = answer.sid;
      this.#bySid.set(sid, interest);
      // The first publication may come in the same frame as the answer.
      const { selection } = answer;
      if (typeof selection === "number" && selection > 0) {
        const others = this.#bySelection.get(selection);
        if (others) others.add(interest);
        else this.#bySelection.set(selection, new Set([interest]));
      }
      if (answer.history !== true) return;
      this.#places.set(interest, new Map());
      // The answer has outlived a break, and what followed it has not.
      if (resumes !== this.#resumes) this.#recover(sid, interest);
    });
    if (sid !== undefined) return sid;
    throw new ProtocolError("bad-message", `The answer about ${name} names no subscription`);
  }

  #forget(sid: number): Interest | undefined {
    const interest = this.#bySid.get(sid);
    this.#bySid.delete(sid);
    if (interest === undefined) return undefined;
    this.#places.delete(interest);
    this.#recovering.delete(interest);
    for (const [selection, others] of this.#bySelection) {
      if (others.delete(interest) && others.size === 0) this.#bySelection.delete(selection);
    }
    return interest;
  }
}

type MutablePlace = { -readonly [K in keyof HistoryPlace]: HistoryPlace[K] };

function isPlace(value: unknown): value is HistoryPlace & Record<string, unknown> {
  return isMap(value) && typeof value.epoch === "string" && typeof value.offset === "number";
}

/** Where an interest begins: where it was, or so many publications back. */
function startOf({ places, last }: Interest): Record<string, unknown> {
  return {
    ...(places.size > 0 ? { since: Object.fromEntries(places) } : {}),
    ...(last > 0 ? { last } : {}),
  };
}
