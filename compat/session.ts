/**
 * wslink's session: calls, subscriptions and attachments over one connection.
 *
 * @module
 */
import type { Session } from "../client/session.ts";
import { defer } from "../protocol/deferred.ts";
import { RpcError, type RpcErrorObject } from "../protocol/errors.ts";
import type { Wire } from "../protocol/codec.ts";
import type { Line } from "./_line.ts";
import { Attachments, delivered, readBlobs } from "./_values.ts";

/**
 * What a wslink call or subscription rejects with: a plain object, not an
 * `Error`. Code -32099 is given by the client itself.
 */
export type WslinkError = RpcErrorObject;

/** Gets what a topic brings: an array of one, as WAMP had it. */
export type SubscriptionCallback<T = unknown> = (messages: [T]) => unknown;

/** What names a subscription: its topic and its callback. */
export interface SubscriptionInfo<T = unknown> {
  /** The topic's name. */
  readonly topic: string;
  /** Gets what is published. */
  readonly callback: SubscriptionCallback<T>;
}

/** What `subscribe()` returns. */
export interface WslinkSubscription<T = unknown> extends SubscriptionInfo<T> {
  /** Fulfils at once, or rejects with a {@linkcode WslinkError} if there is no connection. */
  readonly promise: Promise<SubscriptionInfo<T>>;
  /** Ends the subscription. */
  readonly unsubscribe: () => Promise<void>;
}

/** wslink's session, as `getSession()` returns it. */
export interface WslinkSession {
  /**
   * Calls a procedure.
   *
   * @param method Its name.
   * @param args Its positional arguments.
   * @param kwargs Its arguments by name.
   * @returns What it returns; binary is a `Blob` on the 1.x wire and a
   * `Uint8Array` on the 2.x wire. It rejects with a {@linkcode WslinkError}.
   */
  call<T = unknown>(
    method: string,
    args?: readonly unknown[],
    kwargs?: Readonly<Record<string, unknown>>,
  ): Promise<T>;
  /**
   * Subscribes to a topic.
   *
   * @param topic Its name.
   * @param callback Gets each message in an array of one.
   * @returns The subscription.
   */
  subscribe<T = unknown>(topic: string, callback: SubscriptionCallback<T>): WslinkSubscription<T>;
  /**
   * Ends a subscription.
   *
   * @param info Its topic and callback, as `subscribe()` returned them.
   * @returns Fulfils at once; rejects with a {@linkcode WslinkError} if there is no such subscription.
   */
  unsubscribe<T = unknown>(info: SubscriptionInfo<T>): Promise<void>;
  /**
   * Readies binary for a call.
   *
   * @param payload The binary.
   * @returns What to put in the call's arguments: a key on the 1.x wire, the binary itself on the 2.x wire.
   */
  addAttachment(payload: Blob | ArrayBuffer | ArrayBufferView): unknown;
  /**
   * Closes the connection.
   *
   * @returns Fulfils at once; the connection's close event follows.
   */
  close(): Promise<void>;
}

/** The code of what the client itself refuses (wslink `session.js`). */
const CLIENT_ERROR = -32099;

/** What may wait in the socket before calls are refused. wslink sets no limit. */
const MAX_WAITING = 1024 ** 3;

interface Topic {
  readonly callbacks: SubscriptionCallback[];
  end(): void;
}

/** The session over a line. */
export class CompatSession implements WslinkSession {
  readonly #line: Line;
  readonly #wire: Wire | "auto";
  readonly #attachments = new Attachments();
  readonly #topics = new Map<string, Topic>();
  #session: Session | undefined;
  /** Calls whose blobs are being read; later calls wait behind them. */
  #reading: Promise<unknown> | undefined;

  /**
   * @param line The connection.
   * @param wire The wire that was asked for.
   */
  constructor(line: Line, wire: Wire | "auto") {
    this.#line = line;
    this.#wire = wire;
  }

  /**
   * The hello is answered.
   *
   * @param session Hawser's session.
   */
  attach(session: Session): void {
    this.#session = session;
  }

  call<T = unknown>(
    method: string,
    args?: readonly unknown[] | null,
    kwargs?: Readonly<Record<string, unknown>> | null,
  ): Promise<T>;
  call(
    method: string,
    args?: readonly unknown[] | null,
    kwargs?: Readonly<Record<string, unknown>> | null,
  ): Promise<unknown> {
    const { promise, resolve, reject } = defer<unknown>();
    this.#call(method, args, kwargs).then(resolve, (reason) => {
      // wslink never settles a call whose connection has gone. That it is
      // rejected here must not look like a fault of an application that
      // doesn't wait for it.
      if (this.#line.readyState !== 1) promise.catch(() => {});
      reject(reason);
    });
    return promise;
  }

  async #call(
    method: string,
    args: readonly unknown[] | null | undefined,
    kwargs: Readonly<Record<string, unknown>> | null | undefined,
  ): Promise<unknown> {
    const session = this.#session;
    const fail = (why: string) => clientError(`RPC call ${method} unsuccessful: ${why}`);
    if (session === undefined || this.#line.readyState !== 1) throw fail("connection not open");
    if (this.#line.waiting > MAX_WAITING) throw fail("the server doesn't keep up");
    try {
      const prepared = this.#attachments.prepare({ args, kwargs }, session.wire);
      if (this.#reading === undefined && prepared.blobs.length === 0) {
        return delivered(await send(session, method, prepared.value), session.wire);
      }
      const reading = (this.#reading ?? Promise.resolve()).then(() => readBlobs(prepared));
      const settled = reading.catch(() => {});
      this.#reading = settled;
      const sent = reading.then((value) => {
        if (this.#reading === settled) this.#reading = undefined;
        return send(session, method, value);
      });
      return delivered(await sent, session.wire);
    } catch (error) {
      if (error instanceof RpcError) {
        const { code, message, data } = error;
        throw data === undefined ? { code, message } : { code, message, data };
      }
      throw fail(error instanceof Error ? error.message : String(error));
    }
  }

  subscribe<T = unknown>(topic: string, callback: SubscriptionCallback<T>): WslinkSubscription<T>;
  subscribe(topic: string, callback: SubscriptionCallback): WslinkSubscription {
    const info = { topic, callback };
    const unsubscribe = () => this.unsubscribe(info);
    const session = this.#session;
    if (session === undefined) {
      const what = `Subscribe call ${topic} unsuccessful: connection not open`;
      return { ...info, promise: Promise.reject(clientError(what)), unsubscribe };
    }
    const known = this.#topics.get(topic) ?? this.#follow(session, topic);
    known.callbacks.push(callback);
    return { ...info, promise: Promise.resolve(info), unsubscribe };
  }

  unsubscribe<T = unknown>(info: SubscriptionInfo<T>): Promise<void>;
  unsubscribe({ topic, callback }: SubscriptionInfo): Promise<void> {
    const fail = (why: string) =>
      Promise.reject(clientError(`Unsubscribe call ${topic} unsuccessful: ${why}`));
    const known = this.#topics.get(topic);
    if (known === undefined) return fail("not subscribed");
    const index = known.callbacks.indexOf(callback);
    if (index === -1) return fail("callback not found");
    known.callbacks.splice(index, 1);
    return Promise.resolve();
  }

  addAttachment(payload: unknown): unknown {
    if ((this.#session?.wire ?? this.#wire) === "json") return this.#attachments.add(payload);
    return payload instanceof ArrayBuffer ? new DataView(payload) : payload;
  }

  close(): Promise<void> {
    this.#line.close();
    return Promise.resolve();
  }

  #follow(session: Session, topic: string): Topic {
    const callbacks: SubscriptionCallback[] = [];
    const subscription = session.subscribe(topic, (value: unknown) => {
      const message = delivered(value, session.wire);
      // A copy: wslink skips a callback when the one before it unsubscribes itself.
      for (const callback of [...callbacks]) {
        if (!callbacks.includes(callback)) continue;
        try {
          callback([message]);
        } catch (error) {
          console.error(`Hawser: a subscriber to ${topic} threw`, error);
        }
      }
    });
    const known = { callbacks, end: () => subscription.unsubscribe() };
    this.#topics.set(topic, known);
    return known;
  }
}

function clientError(message: string): WslinkError {
  return { code: CLIENT_ERROR, message };
}

function send(session: Session, method: string, value: unknown): Promise<unknown> {
  const { args, kwargs } = Object(value);
  return session.call(method, Array.isArray(args) ? args : [], {
    kwargs: typeof kwargs === "object" && kwargs !== null ? kwargs : {},
    timeout: 0,
  });
}
