/**
 * What an application holds: calls under way and subscriptions, over one
 * connection after the other. No sockets are opened here.
 *
 * @module
 */
import type {
  CallName,
  CallRest,
  ErrorData,
  ErrorKind,
  PresentClient,
  ProcedureArgs,
  ProcedureName,
  ProcedureResult,
  RemoteStream,
  StreamItem,
  StreamName,
  StreamResult,
  TopicFilter,
  TopicName,
  TopicPart,
  TopicValue,
  TypedOptions,
} from "../protocol/api.ts";
import type { Wire } from "../protocol/codec.ts";
import {
  type CloseInfo,
  ConnectionClosedError,
  ErrorCode,
  type Gap,
  GapError,
  isRpcError,
  RpcError,
  TimeoutError,
} from "../protocol/errors.ts";
import { DESCRIBE_METHOD, type Description } from "../protocol/description.ts";
import type { Feature } from "../protocol/features.ts";
import { PING_METHOD } from "../session/closing.ts";
import { DATA_METHOD, PRESENCE_METHOD } from "../protocol/interest.ts";
import { HELLO_METHOD, isMap, type Message } from "../protocol/messages.ts";
import type { CallOptions } from "../session/outgoing.ts";
import type { CallContext } from "../session/procedure.ts";
import { PlainCaller, ResultStream } from "./_caller.ts";
import type { Caller, ClientSessionOptions, Link, ShownTicket } from "./_link.ts";
import { type Subscription, Subscriptions, TopicSubscription } from "./subscriptions.ts";
import { defer } from "../protocol/deferred.ts";
import { type CallNamespace, namespace, type StreamNamespace } from "./namespace.ts";
import type { EventsOptions, EventStream } from "../session/events.ts";
import type { Status } from "./status.ts";
import type { SessionEvent, SessionStats } from "./stats.ts";
import { BoundedStream } from "../session/bounded_stream.ts";

/** What is subscribed to besides the topic, and how it ends. */
export interface SubscribeOptions<F = unknown> {
  /** Ends the subscription when aborted. */
  readonly signal?: AbortSignal;
  /**
   * Which part of what is published is wanted, as the topic's `select` reads it:
   * any JSON. wslink's servers take none, and the subscription ends with
   * `RpcError` -32602.
   *
   * @default {undefined}
   */
  readonly filter?: F;
  /**
   * How many publications from before come first, as far as the topic has a
   * history; of a filter's or pattern's, those that it lets through. A wslink
   * server has none.
   *
   * @default {0}
   */
  readonly last?: number;
  /**
   * Called where publications of a topic with a history are missing for good: the
   * server keeps them no more, or was restarted. A reader gets to it between the
   * values that it is between. Without it, `onError` of `connect()` gets a `GapError`.
   *
   * @default {undefined}
   */
  readonly onGap?: (gap: Gap) => void;
}

/** How a subscription that is read with `for await` behaves. */
export interface SubscribeStreamOptions<F = unknown> extends SubscribeOptions<F> {
  /**
   * How many values may wait for the reader; past it, the oldest is dropped
   * and counted. 1 keeps the newest only. By default there is room for what comes
   * from a topic's history, in addition.
   *
   * @default {64}
   */
  readonly buffer?: number;
}

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
   * The procedures with one result, by the words of their names:
   * `session.api.math.add(1, 2)` is `session.call("math.add", [1, 2])`. Options
   * come before: `session.api({ timeout: 5_000 }).math.add(1, 2)`. A word that
   * is `then` can't be reached.
   */
  readonly api: CallNamespace<S>;
  /** The procedures whose result is a stream, likewise: `session.streams.table.rows(9)`. */
  readonly streams: StreamNamespace<S>;
  /**
   * Calls a procedure of a server whose type is known.
   *
   * @param method Its name.
   * @param rest Its arguments, and how the call is made.
   * @returns What it returns. It rejects with `RpcError` (the server's answer),
   * `TimeoutError`, `ConnectionClosedError`, `SerializeError`,
   * `QueueFullError`, or the signal's reason.
   */
  call<M extends CallName<S>>(
    method: M,
    ...rest: CallRest<ProcedureArgs<S, M>, TypedOptions<S, M, CallOptions>>
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
   * Calls a procedure whose result is a stream, of a server whose type is known.
   *
   * @param method Its name.
   * @param rest Its arguments, and how the call is made; `timeout` is until the stream begins.
   * @returns The items. Reading them fails as a call does; against a wslink
   * server there are none, and what the procedure returns is at the end.
   */
  stream<M extends StreamName<S>>(
    method: M,
    ...rest: CallRest<ProcedureArgs<S, M>, TypedOptions<S, M, CallOptions>>
  ): RemoteStream<StreamItem<S, M>, StreamResult<S, M>>;
  /**
   * Calls a procedure whose result is a stream, of a server whose type is unknown.
   *
   * @param method Its name.
   * @param args Its positional arguments.
   * @param options How the call is made.
   * @returns The items; reading them fails as the typed form does.
   */
  stream<T = unknown, R = unknown>(
    method: [ProcedureName<S>] extends [never] ? string : never,
    args?: readonly unknown[],
    options?: CallOptions,
  ): RemoteStream<T, R>;
  /**
   * Subscribes to a part of a topic of a server whose type is known.
   *
   * @param topic Its name.
   * @param options The filter, how many values may wait, and what ends it.
   * @returns The subscription, to be read with `for await`.
   */
  subscribe<N extends TopicName<S>>(
    topic: N,
    options: SubscribeStreamOptions & { readonly filter: TopicFilter<S, N> },
  ): Subscription<TopicPart<S, N>>;
  /**
   * Subscribes to a topic of a server whose type is known.
   *
   * @param topic Its name.
   * @param options How many values may wait, and what ends it.
   * @returns The subscription, to be read with `for await`.
   */
  subscribe<N extends TopicName<S>>(
    topic: N,
    options?: SubscribeStreamOptions<undefined>,
  ): Subscription<TopicValue<S, N>>;
  /**
   * Subscribes to a part of a topic of a server whose type is known, with a callback.
   *
   * @param topic Its name.
   * @param callback Gets each value and its topic; what it throws goes to `onError`.
   * @param options The filter, and what ends it.
   * @returns The subscription.
   */
  subscribe<N extends TopicName<S>>(
    topic: N,
    callback: (value: TopicPart<S, N>, topic: string) => void,
    options: SubscribeOptions & { readonly filter: TopicFilter<S, N> },
  ): Subscription<TopicPart<S, N>>;
  /**
   * Subscribes to a topic of a server whose type is known, with a callback.
   *
   * @param topic Its name.
   * @param callback Gets each value and its topic; what it throws goes to `onError`.
   * @param options What ends it.
   * @returns The subscription.
   */
  subscribe<N extends TopicName<S>>(
    topic: N,
    callback: (value: TopicValue<S, N>, topic: string) => void,
    options?: SubscribeOptions<undefined>,
  ): Subscription<TopicValue<S, N>>;
  /**
   * Subscribes to a topic that the server's type doesn't know, or to a pattern of
   * topics: `*` stands for any word, and `>` at the end for any word or more.
   *
   * @param topic Its name, or the pattern.
   * @param options The filter, how many values may wait, and what ends it.
   * @returns The subscription, to be read with `for await`.
   */
  subscribe<T = unknown, N extends string = string>(
    topic: N extends TopicName<S> ? never : N,
    options?: SubscribeStreamOptions,
  ): Subscription<T>;
  /**
   * Subscribes to a topic that the server's type doesn't know, or to a pattern,
   * with a callback.
   *
   * @param topic Its name, or the pattern.
   * @param callback Gets each value and its topic; what it throws goes to `onError`.
   * @param options The filter, and what ends it.
   * @returns The subscription.
   */
  subscribe<T = unknown, N extends string = string>(
    topic: N extends TopicName<S> ? never : N,
    callback: (value: T, topic: string) => void,
    options?: SubscribeOptions,
  ): Subscription<T>;
  /**
   * Who is connected to a server with `presence`, or who listens to a topic. Who
   * comes and goes is published on `wslink.presence`, and for a topic on
   * `wslink.presence.<topic>`.
   *
   * @param topic The topic; without it, everybody.
   * @returns Them. It rejects as calls do, and with -32601 if the server doesn't tell.
   */
  presence(topic?: string): Promise<readonly PresentClient[]>;
  /**
   * Changes what others learn about this client, at this connection and later ones.
   *
   * @param data Any JSON.
   * @returns When the server has it; at once if the server doesn't tell others.
   */
  setData(data: unknown): Promise<void>;
  /**
   * Follows the session's status: first what it is now, then every change,
   * until it is closed.
   *
   * @param options What ends it earlier.
   * @returns The statuses, for `for await`.
   */
  statuses(options?: Pick<SubscribeOptions, "signal">): AsyncIterableIterator<Status, void, void>;
  /**
   * Asks the server for a sign of life.
   *
   * @param options How long to wait, and what gives it up.
   * @returns How long it took, in ms. It rejects as a call does, and with -32601
   * if the server gives none, as wslink's.
   */
  ping(options?: Pick<CallOptions, "timeout" | "signal">): Promise<number>;
  /**
   * What the session has done, and how it stands.
   *
   * @returns The figures as they are now.
   *
   * @example
   * ```ts
   * import { connect } from "@hawser/hawser/client";
   * import { createServer, serve } from "@hawser/hawser/server";
   * import { assert, assertEquals } from "@std/assert";
   *
   * const server = createServer({ procedures: { "math.add": (a: number, b: number) => a + b } });
   * await using listening = await serve(server, { port: 0 });
   * await using session = await connect<typeof server>(listening.webSocketUrl);
   * await session.call("math.add", [1, 2]);
   * await session.ping();
   *
   * const { calls: [add], roundTrip } = session.stats();
   * assertEquals([add?.method, add?.count], ["math.add", 1]);
   * assert(roundTrip !== undefined);
   * ```
   */
  stats(): SessionStats;
  /**
   * Follows what happens in the session, until it is closed. Nobody waits for the
   * reader: past `buffer`, the oldest events are dropped. While it talks to a wslink
   * server there are none, and they end at once: {@linkcode Session.statuses} goes on.
   *
   * @param options Which events, how many may wait, and what ends it earlier.
   * @returns The events from now on, for `for await`.
   * @throws {RangeError} If `buffer` is less than 1.
   */
  events<T extends SessionEvent["type"] = SessionEvent["type"]>(
    options?: EventsOptions<T>,
  ): EventStream<Extract<SessionEvent, { readonly type: T }>>;
  /**
   * Tells whether an error is one that the server's procedures declare, and of
   * which type its data is.
   *
   * @param error What a call rejected with.
   * @param kind The kind, as a procedure declares it.
   * @returns Whether it is.
   */
  isError<K extends [ErrorKind<S>] extends [never] ? string : ErrorKind<S>>(
    error: unknown,
    kind: K,
  ): error is RpcError & {
    readonly kind: K;
    readonly data: [ErrorKind<S>] extends [never] ? unknown : ErrorData<S, K>;
  };
  /**
   * Asks the server what it offers.
   *
   * @returns Its procedures and topics, with JSON Schemas as far as its validator
   * has them. It rejects with -32601 if the server doesn't say, as wslink's.
   */
  describe(): Promise<Description>;
  /**
   * Says who this client is once more, before what the server knows expires.
   *
   * @param secret The new token; without it, the `secret` of the options is
   * asked. The next connections use it as well, unless that is a function.
   * @returns When the server has taken it. It rejects with `RpcError` if the
   * server doesn't: the session goes on as it was.
   */
  authenticate(secret?: string): Promise<void>;
  /** Ends the session: calls under way reject, subscriptions end, the socket closes. */
  close(): Promise<void>;
  /** Ends the session as well. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** How many values of an unread subscription wait. */
const DEFAULT_BUFFER = 64;

/** How many changes of status wait for a reader that is behind. */
const STATUS_BUFFER = 64;

/** One call of the server's, as a procedure of this client's sees it. */
export type ClientCall = CallContext;

/** The session behind the public interface. */
export class ClientSession<S = unknown> implements Session<S> {
  readonly #options: ClientSessionOptions;
  readonly #subscriptions: Subscriptions;
  readonly #watchers = new Set<BoundedStream<Status>>();
  readonly #ended = defer<void>();
  readonly api: CallNamespace<S>;
  readonly streams: StreamNamespace<S>;
  #caller: Caller | undefined;
  /** The one that it had last. */
  #latest: Caller | undefined;
  #connections = 0;
  /** The one that has lost its connection and may go on over the next. */
  #suspended: Caller | undefined;
  #lost: CloseInfo = { code: 1006, reason: "" };
  #window: ReturnType<typeof setTimeout> | undefined;
  #status: Status = { state: "connecting", attempt: 0 };
  /** How many calls wait for a connection. */
  #waiting = 0;
  #features: ReadonlySet<Feature> = new Set();
  #clientId = "";
  #wire: Wire = "msgpack";
  #data: unknown;

  /** @param options How the session behaves. */
  constructor(options: ClientSessionOptions) {
    this.#options = options;
    this.api = namespace((method, args, options) => this.#call(method, args, options));
    this.streams = namespace((method, args, options) => this.#stream(method, args, options));
    this.#data = options.data;
    this.#subscriptions = new Subscriptions(
      options.onError,
      (topic) => this.#latest?.happened?.({ type: "dropped", by: "subscription", topic, count: 1 }),
    );
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

  call<M extends CallName<S>>(
    method: M,
    ...rest: CallRest<ProcedureArgs<S, M>, TypedOptions<S, M, CallOptions>>
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
    return this.#call(method, args, options);
  }

  #call(method: string, args: readonly unknown[], options: CallOptions): Promise<unknown> {
    const { around } = this.#options;
    if (around === undefined) return this.#send(method, args, options);
    return around.call(
      { method, args, options, stream: false },
      ({ args, options }) => this.#send(method, args, options),
    );
  }

  #send(method: string, args: readonly unknown[], options: CallOptions): Promise<unknown> {
    const { signal, retry } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (retry === "safe") return this.#callSafely(method, args, options);
    if (this.#caller) return this.#caller.call(method, args, options);
    if (this.#waiting >= this.#options.outbox || this.#status.state === "closed") {
      return Promise.reject(this.#notSent(method));
    }
    return this.#callLater(method, args, options);
  }

  /** The outbox: calls made without a connection wait for one. */
  async #callLater(
    method: string,
    args: readonly unknown[],
    options: CallOptions,
  ): Promise<unknown> {
    const deadline = deadlineOf(options.timeout ?? this.#options.callTimeout);
    this.#waiting++;
    try {
      await this.#opened(method, options.signal, deadline);
    } finally {
      this.#waiting--;
    }
    return await this.#send(method, args, { ...options, timeout: timeLeft(deadline) });
  }

  /** Makes a call until it is answered: the server runs it once, and knows it by its key. */
  async #callSafely(
    method: string,
    args: readonly unknown[],
    { retry: _, key = crypto.randomUUID(), ...options }: CallOptions,
  ): Promise<unknown> {
    const deadline = deadlineOf(options.timeout ?? this.#options.callTimeout);
    /** The server's run that may have begun it. */
    let epoch: string | undefined;
    for (;;) {
      if (this.#caller === undefined) await this.#opened(method, options.signal, deadline);
      const caller = this.#caller;
      if (caller === undefined) continue;
      if (epoch !== undefined && caller.epoch !== epoch) {
        const what = `${method} may have run: the server was restarted before it answered`;
        throw new ConnectionClosedError(what, { ...this.#lost, sent: true });
      }
      try {
        return await caller.call(method, args, { ...options, timeout: timeLeft(deadline), key });
      } catch (error) {
        if (!(error instanceof ConnectionClosedError) || caller.epoch === undefined) throw error;
        epoch = caller.epoch;
      }
    }
  }

  /** Resolves when there is a connection; it rejects if there won't be one in time. */
  async #opened(method: string, signal: AbortSignal | undefined, deadline: number): Promise<void> {
    const late = new AbortController();
    const timer = deadline === Infinity ? undefined : setTimeout(() => {
      late.abort(new TimeoutError(`${method} was not sent in time: there was no connection`));
    }, deadline - performance.now());
    const end = signal ? AbortSignal.any([signal, late.signal]) : late.signal;
    try {
      for await (const { state } of this.statuses({ signal: end })) {
        if (state === "open" && this.#caller) return;
      }
      end.throwIfAborted();
      throw this.#notSent(method);
    } finally {
      clearTimeout(timer);
    }
  }

  stream<M extends StreamName<S>>(
    method: M,
    ...rest: CallRest<ProcedureArgs<S, M>, TypedOptions<S, M, CallOptions>>
  ): RemoteStream<StreamItem<S, M>, StreamResult<S, M>>;
  stream<T = unknown, R = unknown>(
    method: [ProcedureName<S>] extends [never] ? string : never,
    args?: readonly unknown[],
    options?: CallOptions,
  ): RemoteStream<T, R>;
  stream(
    method: string,
    args: readonly unknown[] = [],
    options: CallOptions = {},
  ): RemoteStream<unknown, unknown> {
    return this.#stream(method, args, options);
  }

  #stream(
    method: string,
    args: readonly unknown[],
    options: CallOptions,
  ): RemoteStream<unknown, unknown> {
    const { around } = this.#options;
    if (around === undefined) return this.#open(method, args, options);
    return around.stream(
      { method, args, options, stream: true },
      ({ args, options }) => this.#open(method, args, options),
    );
  }

  #open(
    method: string,
    args: readonly unknown[],
    options: CallOptions,
  ): RemoteStream<unknown, unknown> {
    if (this.#caller !== undefined) return this.#caller.stream(method, args, options);
    return new ResultStream(() => Promise.reject(this.#notSent(method)));
  }

  #notSent(method: string): ConnectionClosedError {
    const what = `Call of ${method} was not sent: the session is ${this.#status.state}`;
    return new ConnectionClosedError(what, { code: 1006, reason: "", sent: false });
  }

  subscribe<N extends TopicName<S>>(
    topic: N,
    options: SubscribeStreamOptions & { readonly filter: TopicFilter<S, N> },
  ): Subscription<TopicPart<S, N>>;
  subscribe<N extends TopicName<S>>(
    topic: N,
    options?: SubscribeStreamOptions<undefined>,
  ): Subscription<TopicValue<S, N>>;
  subscribe<N extends TopicName<S>>(
    topic: N,
    callback: (value: TopicPart<S, N>, topic: string) => void,
    options: SubscribeOptions & { readonly filter: TopicFilter<S, N> },
  ): Subscription<TopicPart<S, N>>;
  subscribe<N extends TopicName<S>>(
    topic: N,
    callback: (value: TopicValue<S, N>, topic: string) => void,
    options?: SubscribeOptions<undefined>,
  ): Subscription<TopicValue<S, N>>;
  subscribe<T = unknown, N extends string = string>(
    topic: N extends TopicName<S> ? never : N,
    options?: SubscribeStreamOptions,
  ): Subscription<T>;
  subscribe<T = unknown, N extends string = string>(
    topic: N extends TopicName<S> ? never : N,
    callback: (value: T, topic: string) => void,
    options?: SubscribeOptions,
  ): Subscription<T>;
  subscribe(
    topic: string,
    first: ((value: unknown, topic: string) => void) | SubscribeStreamOptions = {},
    second: SubscribeOptions = {},
  ): Subscription<unknown> {
    const [callback, options] = typeof first === "function" ? [first, second] : [undefined, first];
    const { signal, filter } = options;
    const { buffer }: SubscribeStreamOptions = options;
    const { last = 0, onGap } = options;
    if (buffer !== undefined && !(buffer >= 1)) {
      throw new RangeError(`buffer must be 1 or more: received ${buffer}`);
    }
    if (!Number.isInteger(last) || last < 0) {
      throw new RangeError(`last must be an integer from 0 on: received ${last}`);
    }
    signal?.throwIfAborted();
    const unsubscribe = () => void subscription.unsubscribe();
    const { onError } = this.#options;
    const subscription = new TopicSubscription(topic, {
      buffer: buffer ?? DEFAULT_BUFFER,
      fixed: buffer !== undefined,
      callback,
      onGap(gap) {
        if (onGap === undefined) return onError(new GapError(gap));
        try {
          onGap(gap);
        } catch (error) {
          onError(error);
        }
      },
      release: () => signal?.removeEventListener("abort", unsubscribe),
    });
    signal?.addEventListener("abort", unsubscribe);
    if (this.#status.state === "closed") subscription.end(this.#status.error);
    // To say nothing about the filter is to say null, as the wire does.
    else this.#subscriptions.add(topic, filter ?? undefined, subscription, last);
    return subscription;
  }

  async presence(topic?: string): Promise<readonly PresentClient[]> {
    if (this.#caller === undefined) throw this.#notSent(PRESENCE_METHOD);
    if (!this.#features.has("presence")) {
      throw new RpcError(ErrorCode.methodNotFound, "The server doesn't tell who is present");
    }
    const args = topic === undefined ? [] : [topic];
    const answer = await this.#caller.request?.(PRESENCE_METHOD, args);
    if (!Array.isArray(answer)) return [];
    return answer.filter(isMap).map(({ id, data }) => ({ id: String(id), data }));
  }

  async setData(data: unknown): Promise<void> {
    this.#data = data;
    await this.#sendData();
  }

  async #sendData(): Promise<void> {
    if (this.#features.has("presence")) {
      await this.#caller?.request?.(DATA_METHOD, [this.#data ?? null]);
    }
  }

  statuses(
    options: Pick<SubscribeOptions, "signal"> = {},
  ): AsyncIterableIterator<Status, void, void> {
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

  ping(options: Pick<CallOptions, "timeout" | "signal"> = {}): Promise<number> {
    if (this.#caller === undefined) return Promise.reject(this.#notSent(PING_METHOD));
    return this.#caller.ping?.(options) ?? Promise.reject(
      new RpcError(ErrorCode.methodNotFound, "The server gives no sign of life", PING_METHOD),
    );
  }

  stats(): SessionStats {
    return {
      connections: this.#connections,
      calls: [],
      dropped: [],
      queue: undefined,
      receivedBytes: 0,
      roundTrip: undefined,
      ...this.#latest?.stats?.(),
      topics: this.#subscriptions.stats(),
    };
  }

  events<T extends SessionEvent["type"] = SessionEvent["type"]>(
    options?: EventsOptions<T>,
  ): EventStream<Extract<SessionEvent, { readonly type: T }>> {
    const none = new BoundedStream<never>(1);
    none.end();
    return this.#latest?.events?.(options) ?? none;
  }

  isError<K extends [ErrorKind<S>] extends [never] ? string : ErrorKind<S>>(
    error: unknown,
    kind: K,
  ): error is RpcError & {
    readonly kind: K;
    readonly data: [ErrorKind<S>] extends [never] ? unknown : ErrorData<S, K>;
  } {
    return isRpcError(error, kind);
  }

  describe(): Promise<Description>;
  describe(): Promise<unknown> {
    if (this.#caller === undefined) return Promise.reject(this.#notSent(DESCRIBE_METHOD));
    if (this.#features.has("describe")) return this.#caller.request(DESCRIBE_METHOD, []);
    const what = "The server doesn't describe itself";
    return Promise.reject(new RpcError(ErrorCode.methodNotFound, what, DESCRIBE_METHOD));
  }

  async authenticate(secret?: string): Promise<void> {
    const given = secret ?? await this.#options.secret();
    if (this.#caller === undefined) throw this.#notSent(HELLO_METHOD);
    await this.#caller.request(HELLO_METHOD, [{ secret: given }]);
    if (secret !== undefined) this.#options.renew(secret);
  }

  close(): Promise<void> {
    this.end();
    return this.#options.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Uses a connection that said a good hello.
   *
   * @param link The connection.
   * @returns Whether it can: the server may take up a session that this side can't
   * go on with any more, and each would wait for what the other doesn't have.
   */
  attach(link: Link): boolean {
    const resumed = this.#suspended?.resume(link) ?? false;
    if (!resumed && link.agreement?.received !== undefined && link.clientId === this.#clientId) {
      this.#abandon();
      return false;
    }
    if (resumed) {
      clearTimeout(this.#window);
      this.#caller = this.#suspended;
      this.#suspended = undefined;
    } else {
      this.#abandon();
      this.#caller = link.Extended
        ? new link.Extended(
          this.#options,
          link,
          this.#subscriptions,
        )
        : new PlainCaller({
          prefix: link.clientId,
          timeout: this.#options.callTimeout,
          send: (message) => link.send(message),
        });
    }
    this.#latest = this.#caller;
    this.#connections++;
    this.#clientId = link.clientId;
    this.#wire = link.wire;
    this.setStatus({ state: "open", clientId: link.clientId, wire: link.wire, resumed });
    this.#features = link.features;
    if (!resumed) {
      this.#sendData().catch((error: unknown) => this.#dataFailed(error));
      this.#subscriptions.attach(this.#caller?.subscriptions);
    }
    link.open((message, size) => this.#receive(message, size));
    const { attached, onError } = this.#options;
    if (attached && this.#caller && link.features.has("describe")) {
      const caller = this.#caller;
      attached((method, args) => caller.request(method, args)).catch(onError);
    }
    return true;
  }

  /** What the next hello shows, so that the server takes this session up again. */
  get ticket(): ShownTicket | undefined {
    return this.#suspended?.ticket;
  }

  /**
   * The connection has gone. Calls under way end, unless the server keeps the
   * session for a while: then they go on if it is taken up again in time.
   *
   * @param close How it ended.
   */
  detach(close: CloseInfo): void {
    const caller = this.#caller;
    this.#caller = undefined;
    // Any other code than that of a broken socket is somebody's decision.
    const window = close.code === 1006 ? caller?.suspend() ?? 0 : 0;
    if (window === 0) {
      this.#subscriptions.detach();
      return caller?.end(close);
    }
    this.#suspended = caller;
    this.#lost = close;
    this.#window = setTimeout(() => this.#abandon(), window);
  }

  /** Nobody takes up again what was suspended. */
  #abandon(): void {
    clearTimeout(this.#window);
    const suspended = this.#suspended;
    this.#suspended = undefined;
    this.#subscriptions.detach();
    suspended?.end(this.#lost);
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
    this.#latest?.happened?.({ type: "status", status });
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
    this.#abandon();
    this.#subscriptions.end(error);
    for (const watcher of [...this.#watchers]) watcher.end();
    this.#ended.resolve();
  }

  /**
   * Takes a message of the server's.
   *
   * @param message What the codec read.
   * @param size What has come since the last message, in bytes.
   */
  #receive(message: Message, size: number): void {
    if (message.type !== "publication") {
      this.#caller?.receive(message, size);
      return;
    }
    this.#subscriptions.receive(message);
  }

  #dataFailed(error: unknown): void {
    // What ends with the connection is sent again over the next.
    if (!(error instanceof ConnectionClosedError)) this.#options.onError(error);
  }
}

/** When a call that waits so long gives up, whatever it has been tried by then. */
function deadlineOf(timeout: number): number {
  return timeout > 0 ? performance.now() + timeout : Infinity;
}

function timeLeft(deadline: number): number {
  return deadline === Infinity ? 0 : Math.max(1, deadline - performance.now());
}
