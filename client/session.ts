/**
 * What an application holds: calls under way and subscriptions, over one
 * connection after the other. No sockets are opened here.
 *
 * @module
 */
import type { ProcedureArgs, ProcedureName, ProcedureResult } from "../protocol/api.ts";
import type { Wire } from "../protocol/codec.ts";
import {
  type CloseInfo,
  ConnectionClosedError,
  RpcError,
  TimeoutError,
} from "../protocol/errors.ts";
import type { Message, RequestMessage } from "../protocol/messages.ts";
import { defer } from "../protocol/deferred.ts";
import { BoundedStream } from "./_stream.ts";

/** Where a session stands with its server. */
export type Status =
  | {
    /** A connection is being made. */
    readonly state: "connecting";
    /** Which try it is, from 0; it counts anew after each success. */
    readonly attempt: number;
  }
  | {
    /** Calls can be made. */
    readonly state: "open";
    /** The id that the server gave. */
    readonly clientId: string;
    /** The wire in use. */
    readonly wire: Wire;
  }
  | {
    /** The connection broke; the next try comes after a delay. */
    readonly state: "waiting";
    /** Which try it will be. */
    readonly attempt: number;
    /** How long until then, in ms. */
    readonly delay: number;
    /** What went wrong. */
    readonly error: Error;
  }
  | {
    /** The session has ended for good. */
    readonly state: "closed";
    /** Why; absent after `close()`. */
    readonly error?: Error;
  };

/** How one call is made. */
export interface CallOptions {
  /** Arguments by name, for procedures that take them. */
  readonly kwargs?: Readonly<Record<string, unknown>>;
  /**
   * How long to wait for the answer, in ms; 0 is for ever.
   *
   * @default {ConnectOptions.callTimeout}
   */
  readonly timeout?: number;
  /** Gives the call up; it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** How a subscription ends. */
export interface SubscribeOptions {
  /** Ends the subscription when aborted. */
  readonly signal?: AbortSignal;
}

/** How a subscription that is read with `for await` behaves. */
export interface SubscribeStreamOptions extends SubscribeOptions {
  /**
   * How many values may wait for the reader; past it, the oldest is dropped
   * and counted. 1 keeps the newest only.
   *
   * @default {64}
   */
  readonly buffer?: number;
}

/**
 * A subscription: an async iterable of what is published, until it is ended
 * from this side or the session closes. A reconnect doesn't end it.
 */
export interface Subscription<T> extends AsyncIterable<T, void, void> {
  /** The topic's name. */
  readonly topic: string;
  /** How many values were dropped because the reader was behind. */
  readonly dropped: number;
  /** Ends it. */
  unsubscribe(): void;
  /** Ends it as well. */
  [Symbol.dispose](): void;
}

/** The parameters of a typed call behind the name: arguments may be left out only if all are optional. */
export type CallRest<Args extends readonly unknown[]> = [] extends Args
  ? [args?: Readonly<Args>, options?: CallOptions]
  : [args: Readonly<Args>, options?: CallOptions];

/**
 * A session with a server, made by `connect()`. With a server's type as `S`
 * names, arguments and results are checked; without, every name may be called.
 */
export interface Session<S = unknown> {
  /** The id that the server gave at the last hello. */
  readonly clientId: string;
  /** The wire in use. */
  readonly wire: Wire;
  /** Where the session stands. */
  readonly status: Status;
  /** Resolves when the session has ended for good. */
  readonly closed: Promise<void>;
  /**
   * Calls a procedure of a server whose type is known.
   *
   * @param method Its name.
   * @param rest Its arguments, and how the call is made.
   * @returns What it returns. It rejects with `RpcError` (the server's answer),
   * `TimeoutError`, `ConnectionClosedError`, `SerializeError`,
   * `QueueFullError`, or the signal's reason.
   */
  call<M extends ProcedureName<S>>(
    method: M,
    ...rest: CallRest<ProcedureArgs<S, M>>
  ): Promise<ProcedureResult<S, M>>;
  /**
   * Calls a procedure of a server whose type is unknown.
   *
   * @param method Its name.
   * @param args Its positional arguments.
   * @param options How the call is made.
   * @returns What it returns; it rejects as the typed form does.
   */
  call<T = unknown>(
    method: [ProcedureName<S>] extends [never] ? string : never,
    args?: readonly unknown[],
    options?: CallOptions,
  ): Promise<T>;
  /**
   * Subscribes to a topic, to be read with `for await`.
   *
   * @param topic Its name.
   * @param options How many values may wait, and what ends it.
   * @returns The subscription.
   */
  subscribe<T = unknown>(topic: string, options?: SubscribeStreamOptions): Subscription<T>;
  /**
   * Subscribes to a topic with a callback.
   *
   * @param topic Its name.
   * @param callback Gets each value; what it throws goes to `onError`.
   * @param options What ends it.
   * @returns The subscription.
   */
  subscribe<T = unknown>(
    topic: string,
    callback: (value: T) => void,
    options?: SubscribeOptions,
  ): Subscription<T>;
  /**
   * Follows the session's status: first what it is now, then every change,
   * until it is closed.
   *
   * @param options What ends it earlier.
   * @returns The statuses, for `for await`.
   */
  statuses(options?: SubscribeOptions): AsyncIterableIterator<Status, void, void>;
  /** Ends the session: calls under way reject, subscriptions end, the socket closes. */
  close(): Promise<void>;
  /** Ends the session as well. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** How many values of an unread subscription wait. */
const DEFAULT_BUFFER = 64;

/** How many changes of status wait for a reader that is behind. */
const STATUS_BUFFER = 64;

/** One open connection, as the session uses it. */
export interface Link {
  readonly clientId: string;
  readonly wire: Wire;
  /** Sends a request, or throws without having sent anything. */
  send(message: RequestMessage): void;
}

interface PendingCall {
  resolve(result: unknown): void;
  reject(reason: unknown): void;
}

/** The session behind the public interface. */
export class ClientSession<S = unknown> implements Session<S> {
  readonly #callTimeout: number;
  readonly #onError: (error: unknown) => void;
  readonly #close: () => Promise<void>;
  readonly #calls = new Map<string, PendingCall>();
  readonly #topics = new Map<string, Set<TopicSubscription>>();
  readonly #watchers = new Set<BoundedStream<Status>>();
  readonly #ended = defer<void>();
  #link: Link | undefined;
  #status: Status = { state: "connecting", attempt: 0 };
  #clientId = "";
  #wire: Wire = "msgpack";
  #count = 0;

  /**
   * @param options How long calls wait, who is told of errors in callbacks, and how the connection is ended.
   */
  constructor(options: {
    readonly callTimeout: number;
    readonly onError: (error: unknown) => void;
    readonly close: () => Promise<void>;
  }) {
    this.#callTimeout = options.callTimeout;
    this.#onError = options.onError;
    this.#close = options.close;
  }

  get clientId(): string {
    return this.#clientId;
  }

  get wire(): Wire {
    return this.#wire;
  }

  get status(): Status {
    return this.#status;
  }

  get closed(): Promise<void> {
    return this.#ended.promise;
  }

  call<M extends ProcedureName<S>>(
    method: M,
    ...rest: CallRest<ProcedureArgs<S, M>>
  ): Promise<ProcedureResult<S, M>>;
  call<T = unknown>(
    method: [ProcedureName<S>] extends [never] ? string : never,
    args?: readonly unknown[],
    options?: CallOptions,
  ): Promise<T>;
  call(
    method: string,
    args: readonly unknown[] = [],
    options: CallOptions = {},
  ): Promise<unknown> {
    const { kwargs = {}, timeout = this.#callTimeout, signal } = options;
    const { promise, resolve, reject } = defer<unknown>();
    if (signal?.aborted) {
      reject(signal.reason);
      return promise;
    }
    const link = this.#link;
    if (link === undefined) {
      const what = `Call of ${method} was not sent: the session is ${this.#status.state}`;
      reject(new ConnectionClosedError(what, { code: 1006, reason: "", sent: false }));
      return promise;
    }
    const id = `rpc:${link.clientId}:${this.#count++}`;
    const timer = timeout > 0
      ? setTimeout(() => {
        settle();
        reject(new TimeoutError(`${method} was not answered within ${timeout} ms`));
      }, timeout)
      : undefined;
    const onAbort = () => {
      settle();
      reject(signal?.reason);
    };
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      this.#calls.delete(id);
    };
    signal?.addEventListener("abort", onAbort);
    this.#calls.set(id, {
      resolve(result) {
        settle();
        resolve(result);
      },
      reject(reason) {
        settle();
        reject(reason);
      },
    });
    // Last, since an answer may come before send() is back.
    try {
      link.send({ type: "request", id, method, args, kwargs });
    } catch (error) {
      settle();
      reject(error);
    }
    return promise;
  }

  subscribe<T = unknown>(topic: string, options?: SubscribeStreamOptions): Subscription<T>;
  subscribe<T = unknown>(
    topic: string,
    callback: (value: T) => void,
    options?: SubscribeOptions,
  ): Subscription<T>;
  subscribe(
    topic: string,
    first: ((value: unknown) => void) | SubscribeStreamOptions = {},
    second: SubscribeOptions = {},
  ): Subscription<unknown> {
    const [callback, options] = typeof first === "function" ? [first, second] : [undefined, first];
    const { signal } = options;
    const { buffer = DEFAULT_BUFFER }: SubscribeStreamOptions = options;
    if (!(buffer >= 1)) throw new RangeError(`buffer must be 1 or more: received ${buffer}`);
    signal?.throwIfAborted();
    const subscribers = this.#topics.get(topic) ?? new Set();
    const unsubscribe = () => subscription.unsubscribe();
    const subscription = new TopicSubscription(topic, buffer, callback, () => {
      signal?.removeEventListener("abort", unsubscribe);
      subscribers.delete(subscription);
      if (subscribers.size === 0) this.#topics.delete(topic);
    });
    signal?.addEventListener("abort", unsubscribe);
    if (this.#status.state === "closed") subscription.end(this.#status);
    else {
      subscribers.add(subscription);
      this.#topics.set(topic, subscribers);
    }
    return subscription;
  }

  statuses(options: SubscribeOptions = {}): AsyncIterableIterator<Status, void, void> {
    const { signal } = options;
    signal?.throwIfAborted();
    const end = () => watcher.end();
    const watcher = new BoundedStream<Status>(STATUS_BUFFER, () => {
      signal?.removeEventListener("abort", end);
      this.#watchers.delete(watcher);
    });
    signal?.addEventListener("abort", end);
    this.#watchers.add(watcher);
    watcher.push(this.#status);
    if (this.#status.state === "closed") watcher.end();
    return watcher;
  }

  close(): Promise<void> {
    this.end();
    return this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Uses a connection that said a good hello.
   *
   * @param link The connection.
   */
  attach(link: Link): void {
    this.#link = link;
    this.#clientId = link.clientId;
    this.#wire = link.wire;
    this.setStatus({ state: "open", clientId: link.clientId, wire: link.wire });
  }

  /**
   * The connection has gone: calls under way end.
   *
   * @param close How it ended.
   */
  detach(close: CloseInfo): void {
    this.#link = undefined;
    for (const call of [...this.#calls.values()]) {
      call.reject(
        new ConnectionClosedError("The connection closed before the answer came", {
          ...close,
          sent: true,
        }),
      );
    }
  }

  /**
   * Enters a new status and tells whoever follows it.
   *
   * @param status The new status.
   */
  setStatus(status: Status): void {
    if (this.#status.state === "closed") return;
    this.#status = status;
    for (const watcher of this.#watchers) watcher.push(status);
  }

  /**
   * Ends the session for good.
   *
   * @param error Why; absent if it was asked for.
   */
  end(error?: Error): void {
    if (this.#status.state === "closed") return;
    this.setStatus(error ? { state: "closed", error } : { state: "closed" });
    this.detach({ code: 1000, reason: "The session was closed" });
    const ending = error ? { error } : {};
    for (const subscribers of [...this.#topics.values()]) {
      for (const subscription of [...subscribers]) subscription.end(ending);
    }
    for (const watcher of [...this.#watchers]) watcher.end();
    this.#ended.resolve();
  }

  /**
   * Takes a message of the server's.
   *
   * @param message What the codec read.
   */
  receive(message: Message): void {
    switch (message.type) {
      case "result":
        // An answer that nobody waits for any more was given up before.
        this.#calls.get(message.id)?.resolve(message.result);
        break;
      case "error": {
        const { code, message: text, data } = message.error;
        this.#calls.get(message.id)?.reject(new RpcError(code, text, data));
        break;
      }
      case "publication":
        for (const subscription of [...this.#topics.get(message.topic) ?? []]) {
          try {
            subscription.push(message.result);
          } catch (error) {
            this.#onError(error);
          }
        }
        break;
      default:
        // A wslink server asks its clients nothing.
        break;
    }
  }
}

class TopicSubscription implements Subscription<unknown> {
  readonly topic: string;
  readonly #stream: BoundedStream<unknown>;
  readonly #callback: ((value: unknown) => void) | undefined;

  constructor(
    topic: string,
    buffer: number,
    callback: ((value: unknown) => void) | undefined,
    onEnd: () => void,
  ) {
    this.topic = topic;
    this.#stream = new BoundedStream(buffer, onEnd);
    this.#callback = callback;
  }

  get dropped(): number {
    return this.#stream.dropped;
  }

  push(value: unknown): void {
    if (this.#callback) this.#callback(value);
    else this.#stream.push(value);
  }

  end(ending: { readonly error?: unknown }): void {
    this.#stream.end("error" in ending ? { error: ending.error } : {});
  }

  unsubscribe(): void {
    this.#stream.end();
  }

  [Symbol.dispose](): void {
    this.unsubscribe();
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown, void, void> {
    return this.#stream;
  }
}
