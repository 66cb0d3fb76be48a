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
import { checkNumber, type Wire } from "../protocol/codec.ts";
import { defer } from "../protocol/deferred.ts";
import type { Description } from "../protocol/description.ts";
import {
  type CloseInfo,
  type ConnectionClosedError,
  ErrorCode,
  type Gap,
  isRpcError,
  RpcError,
} from "../protocol/errors.ts";
import type { Feature } from "../protocol/features.ts";
import { HELLO_METHOD } from "../protocol/messages.ts";
import { BoundedStream } from "../session/bounded_stream.ts";
import type { EventsOptions, EventStream } from "../session/events.ts";
import { type CallOptions, notSent } from "../session/outgoing.ts";
import type { CallContext } from "../session/procedure.ts";
import { PlainCaller, ResultStream } from "./_caller.ts";
import type {
  Caller,
  ClientSessionOptions,
  Extension,
  LateCalls,
  Link,
  SessionHost,
  ShownTicket,
} from "./_link.ts";
import { type CallNamespace, namespace, type StreamNamespace } from "./namespace.ts";
import type { SessionEvent, SessionStats } from "./stats.ts";
import type { Status } from "./status.ts";
import { type Subscription, Subscriptions, TopicSubscription } from "./subscriptions.ts";

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

/** What {@linkcode Session} has types for that only its user knows. */
type Typed =
  | "api"
  | "streams"
  | "call"
  | "stream"
  | "subscribe"
  | "presence"
  | "events"
  | "isError"
  | "describe";

/**
 * The session behind the public interface. It does what wslink's servers can do;
 * the rest is loaded with the first connection to another one, as its extension.
 */
export class ClientSession implements Omit<Session, Typed> {
  readonly api: unknown;
  readonly streams: unknown;
  readonly subscriptions: Subscriptions;
  /** What others learn about this client. */
  data: unknown;
  readonly #options: ClientSessionOptions;
  readonly #host: SessionHost;
  readonly #watchers = new Set<BoundedStream<Status>>();
  readonly #ended = defer<void>();
  #status: Status = { state: "connecting", attempt: 0 };
  #caller: Caller | undefined;
  /** The connection, or the one that there was last. */
  #link: Link | undefined;
  #connections = 0;
  #extension: Extension | undefined;
  #late: LateCalls | undefined;

  /**
   * @param options How the session behaves.
   * @param host What makes its connections.
   */
  constructor(options: ClientSessionOptions, host: SessionHost) {
    this.#options = options;
    this.#host = host;
    this.data = options.data;
    this.api = namespace((method, args, options) => this.call(method, args, options));
    this.streams = namespace((method, args, options) => this.stream(method, args, options));
    this.subscriptions = new Subscriptions(
      options.onError,
      (topic) =>
        this.#extension?.happened({ type: "dropped", by: "subscription", topic, count: 1 }),
    );
    this.#late = options.late?.(this, options);
  }

  get clientId(): string {
    return this.#link?.clientId ?? "";
  }

  get wire(): Wire {
    return this.#link?.wire ?? "msgpack";
  }

  get status(): Status {
    return this.#status;
  }

  get closed(): Promise<void> {
    return this.#ended.promise;
  }

  /** What makes calls, while there is a connection. */
  get caller(): Caller | undefined {
    return this.#caller;
  }

  call(
    method: string,
    args: readonly unknown[] = [],
    options: CallOptions = {},
  ): Promise<unknown> {
    const { around } = this.#options;
    if (around === undefined) return this.#call(method, args, options);
    return around.call(
      { method, args, options, stream: false },
      ({ args, options }) => this.#call(method, args, options),
    );
  }

  #call(method: string, args: readonly unknown[], options: CallOptions): Promise<unknown> {
    const { signal, retry } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#caller && retry === undefined) return this.#caller.call(method, args, options);
    return (this.#late ?? this.#caller)?.call(method, args, options) ??
      Promise.reject(this.notSent(method));
  }

  stream(
    method: string,
    args: readonly unknown[] = [],
    options: CallOptions = {},
  ): RemoteStream<unknown, unknown> {
    const { around } = this.#options;
    if (around === undefined) return this.#stream(method, args, options);
    return around.stream(
      { method, args, options, stream: true },
      ({ args, options }) => this.#stream(method, args, options),
    );
  }

  #stream(
    method: string,
    args: readonly unknown[],
    options: CallOptions,
  ): RemoteStream<unknown, unknown> {
    return this.#caller?.stream(method, args, options) ??
      new ResultStream(() => Promise.reject(this.notSent(method)));
  }

  /** Why a request can't be made now. */
  notSent(method: string): ConnectionClosedError {
    return notSent(method, `the session is ${this.#status.state}`);
  }

  subscribe(
    topic: string,
    first: ((value: unknown, topic: string) => void) | SubscribeStreamOptions = {},
    second: SubscribeOptions = {},
  ): Subscription<unknown> {
    const [callback, options] = typeof first === "function" ? [first, second] : [undefined, first];
    const { signal, filter, last = 0, onGap } = options;
    const { buffer }: SubscribeStreamOptions = options;
    if (buffer !== undefined) checkNumber("buffer", buffer, 1);
    if (!Number.isInteger(last) || last < 0) {
      throw new RangeError(`last must be an integer from 0 on: received ${last}`);
    }
    signal?.throwIfAborted();
    const unsubscribe = () => void subscription.unsubscribe();
    const subscription = new TopicSubscription(topic, {
      buffer: buffer ?? DEFAULT_BUFFER,
      fixed: buffer !== undefined,
      callback,
      onGap,
      release: () => signal?.removeEventListener("abort", unsubscribe),
    });
    signal?.addEventListener("abort", unsubscribe);
    if (this.#status.state === "closed") subscription.end(this.#status.error);
    // To say nothing about the filter is to say null, as the wire does.
    else this.subscriptions.add(topic, filter ?? undefined, subscription, last);
    return subscription;
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

  presence(topic?: string): Promise<unknown> {
    return this.#ask("presence", (extension) => extension.presence(topic));
  }

  async setData(data: unknown): Promise<void> {
    this.data = data;
    await this.#extension?.sendData();
  }

  ping(options: Pick<CallOptions, "timeout" | "signal"> = {}): Promise<number> {
    return this.#ask("ping", (extension) => extension.ping(options));
  }

  describe(): Promise<unknown> {
    return this.#ask("describe", (extension) => extension.describe());
  }

  /** Asks what only a server with a feature can answer. */
  #ask<T>(feature: Feature, ask: (extension: Extension) => Promise<T>): Promise<T> {
    const method = `wslink.${feature}`;
    if (this.#caller === undefined) return Promise.reject(this.notSent(method));
    if (this.#extension && this.#link?.features.has(feature)) return ask(this.#extension);
    const what = `The server has no ${feature}`;
    return Promise.reject(new RpcError(ErrorCode.methodNotFound, what, method));
  }

  stats(): SessionStats {
    return {
      connections: this.#connections,
      calls: [],
      dropped: [],
      queue: undefined,
      receivedBytes: 0,
      compression: undefined,
      roundTrip: undefined,
      ...this.#extension?.stats(),
      topics: this.subscriptions.stats(),
    };
  }

  events(options?: EventsOptions<SessionEvent["type"]>): EventStream<SessionEvent> {
    if (this.#extension) return this.#extension.events(options);
    const none = new BoundedStream<never>(1);
    none.end();
    return none;
  }

  isError(error: unknown, kind: string): boolean {
    return isRpcError(error, kind);
  }

  async authenticate(secret?: string): Promise<void> {
    const given = secret ?? await this.#host.secret();
    if (this.#caller === undefined) throw this.notSent(HELLO_METHOD);
    await this.#caller.request(HELLO_METHOD, [{ secret: given }]);
    if (secret !== undefined) this.#host.renew(secret);
  }

  close(): Promise<void> {
    this.end();
    return this.#host.close();
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
    if (link.extended) {
      this.#extension ??= link.extended.extend(this, this.#options);
      this.#late ??= link.extended.late(this, this.#options);
    }
    const resumed = this.#extension?.resume(link);
    if (resumed === false) return false;
    const { clientId, wire } = link;
    const caller: Caller = resumed ?? (link.extended && this.#extension?.begin(link)) ??
      new PlainCaller({
        prefix: clientId,
        timeout: this.#options.callTimeout,
        send: (message) => link.send(message),
      });
    this.#caller = caller;
    this.#link = link;
    this.#connections++;
    this.setStatus({ state: "open", clientId, wire, resumed: resumed !== undefined });
    if (!resumed) this.subscriptions.attach(caller.subscriptions);
    link.open((message, size) => {
      if (message.type === "publication") this.subscriptions.receive(message);
      else this.#caller?.receive(message, size);
    });
    return true;
  }

  /** What the next hello shows, so that the server takes this session up again. */
  get ticket(): ShownTicket | undefined {
    return this.#extension?.ticket;
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
    if (!this.#extension?.suspend(caller, close)) this.abandon(caller, close);
  }

  /**
   * Nobody goes on with what a connection has begun.
   *
   * @param caller What made its calls.
   * @param close How it ended.
   */
  abandon(caller: Caller | undefined, close: CloseInfo): void {
    this.subscriptions.detach();
    caller?.end(close);
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
    this.#extension?.happened({ type: "status", status });
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
    this.#extension?.abandon();
    this.subscriptions.end(error);
    for (const watcher of [...this.#watchers]) watcher.end();
    this.#ended.resolve();
  }
}
