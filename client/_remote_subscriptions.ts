/** Subscriptions as a Hawser server keeps them: what is asked for, and what is taken away. */
import { ProtocolError, RpcError } from "../protocol/errors.ts";
import { SUBSCRIBE_METHOD, UNSUBSCRIBE_METHOD, UNSUBSCRIBED_METHOD } from "../protocol/interest.ts";
import { isMap, parseError } from "../protocol/messages.ts";
import type { CallOptions } from "../session/outgoing.ts";
import type { Interest, RemoteSubscriptions as Remote } from "./subscriptions.ts";

/** What subscriptions need of their connection. */
export interface RemoteSubscriptionsHost {
  request(
    method: string,
    args: readonly unknown[],
    options: CallOptions,
    onResult?: (result: unknown) => void,
  ): Promise<unknown>;
  /** The server has ended a subscription. */
  revoked(interest: Interest, error: RpcError): void;
}

/** Whoever can't wait ends the subscription: an answer that comes too late would leave one behind. */
const FOR_EVER = 0;

/** The subscriptions over one connection. */
export class RemoteSubscriptions implements Remote {
  readonly #host: RemoteSubscriptionsHost;
  readonly #begun = new Map<Interest, Promise<number>>();
  readonly #bySid = new Map<number, Interest>();
  readonly #bySelection = new Map<number, Interest>();

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

  selected(selection: number): Interest | undefined {
    return this.#bySelection.get(selection);
  }

  /** Takes a notification; tells whether it was one about subscriptions. */
  notified(method: string, [sid, error]: readonly unknown[]): boolean {
    if (method !== UNSUBSCRIBED_METHOD) return false;
    const interest = typeof sid === "number" ? this.#forget(sid) : undefined;
    if (interest) this.#host.revoked(interest, RpcError.fromWire(parseError(error)));
    return true;
  }

  async #ask(interest: Interest): Promise<number> {
    const { name, filter } = interest;
    const kwargs = filter === undefined ? {} : { filter };
    const options = { kwargs, timeout: FOR_EVER };
    let sid: number | undefined;
    await this.#host.request(SUBSCRIBE_METHOD, [name], options, (answer) => {
      if (!isMap(answer) || typeof answer.sid !== "number") return;
      sid = answer.sid;
      this.#bySid.set(sid, interest);
      // The first publication may come in the same frame as the answer.
      const { selection } = answer;
      if (typeof selection === "number" && selection > 0) {
        this.#bySelection.set(selection, interest);
      }
    });
    if (sid !== undefined) return sid;
    throw new ProtocolError("bad-message", `The answer about ${name} names no subscription`);
  }

  #forget(sid: number): Interest | undefined {
    const interest = this.#bySid.get(sid);
    this.#bySid.delete(sid);
    for (const [selection, other] of this.#bySelection) {
      if (other === interest) this.#bySelection.delete(selection);
    }
    return interest;
  }
}
