/**
 * A server without its sockets: sessions, procedures and topics put together.
 * An adapter gives it connections.
 *
 * @module
 */
import type { Handler, ProcedureLike, Procedures, TopicPayload, Topics } from "../protocol/api.ts";
import {
  checkTopic,
  type CloseInfo,
  ErrorCode,
  type Feature,
  FEATURES,
  FramePool,
  isMap,
  JsonEncoder,
  type Limits,
  MsgpackEncoder,
  resolveLimits,
  RpcError,
} from "../protocol/mod.ts";
import { DESCRIBE_METHOD, type Description } from "../protocol/description.ts";
import {
  DATA_METHOD,
  PRESENCE_METHOD,
  RECOVER_METHOD,
  SUBSCRIBE_METHOD,
  UNSUBSCRIBE_METHOD,
} from "../protocol/interest.ts";
import { defer, type Deferred } from "../protocol/deferred.ts";
import { SendBudget } from "../protocol/send_budget.ts";
import type { Socket } from "../protocol/send_queue.ts";
import type { IncomingCall } from "../session/incoming.ts";
import { type EventsOptions, type EventStream, Watchers } from "../session/events.ts";
import { CallMeters } from "../session/meters.ts";
import type { CallOptions } from "../session/outgoing.ts";
import type { Middleware } from "../session/middleware.ts";
import type { ClosingHint } from "../session/closing.ts";
import { SafeCalls } from "../session/safe_calls.ts";
import { Compressor, zlib } from "../protocol/compression.ts";
import { Registry } from "../session/registry.ts";
import {
  type Authenticate,
  type Authenticated,
  type Hello,
  type NotAuthenticated,
  originCheck,
  type Origins,
} from "./auth.ts";
import type {
  Client,
  ErrorContext,
  Publisher,
  PublishOptions,
  TopicStats,
  WaitingPublishOptions,
} from "./client.ts";
import { addressIn, placeOf, Places } from "./_addresses.ts";
import { Counting } from "./_counters.ts";
import { describe } from "./describe.ts";
import { errorLogger, eventLogger, limitLogger, type Logger } from "./log.ts";
import { type AcceptedConnection, Connection, PING_METHOD } from "./connection.ts";
import { type Happened, type ServerEvent, type ServerStats, sumQueues } from "./stats.ts";
import { equalSecrets } from "./_secrets.ts";
import { type ServerSession, SessionCall, type SystemMethod } from "./session.ts";
import type { Call } from "./procedure.ts";
import { Presence, type PresenceOptions } from "./presence.ts";
import { type RevokeOptions, Subscriptions, type SubscriptionSelector } from "./subscriptions.ts";
import { Replay } from "./_replay.ts";
import type { PublicationMiddleware, SubscriptionMiddleware } from "./around.ts";
import { Topics as TopicTable } from "./topics.ts";

/** How a server behaves. */
export interface ServerOptions<
  P extends Procedures = Procedures,
  T extends Topics = Topics,
> {
  /**
   * What a client must know: a string that is compared in constant time, or a
   * function that decides. A function that throws or rejects says no.
   *
   * @default {"wslink-secret"}
   */
  readonly secret?: string | ((secret: unknown, client: Client) => boolean | Promise<boolean>);
  /**
   * Decides who a client is, instead of `secret`: from its hello and the HTTP
   * request. `authentication()` makes one whose identities have a type.
   *
   * @default {undefined}
   */
  readonly authenticate?: Authenticate<unknown>;
  /**
   * Which pages may connect, as `["https://example.org"]` or as a function. Others
   * are answered with 403. What is no browser sends no `Origin`, and is not held back.
   *
   * @default {undefined}
   */
  readonly origins?: Origins;
  /**
   * What clients may call, by name.
   *
   * @default {{}}
   */
  readonly procedures?: P;
  /**
   * What is known of topics, by name: who may listen, what a filter is, what runs
   * while somebody listens. A name may be a pattern, as in `view.*.image`.
   *
   * @default {{}}
   */
  readonly topics?: T;
  /**
   * Whether only what `topics` has can be published and subscribed to.
   *
   * @default {false}
   */
  readonly strictTopics?: boolean;
  /**
   * Whether clients may know who else is connected, who listens to a topic, and
   * what the others let them know with `connect()`'s `data`. With `authorize` it is
   * asked which of them may.
   *
   * @default {false}
   */
  readonly presence?: boolean | PresenceOptions;
  /**
   * Whether `compress` is offered to clients, though no topic or procedure has
   * that option: for calls whose arguments clients compress, and for
   * publications whose `publish()` says so. Never where the runtime has no
   * `node:zlib`: a Cloudflare worker needs `nodejs_compat`.
   *
   * @default {whether a topic or procedure has `compress`}
   */
  readonly compress?: boolean;
  /**
   * What a client may cost, where it differs from `DEFAULT_LIMITS`. With a
   * secret of more than a few characters `helloSize` grows by its length; with
   * a function as secret it is 4096 bytes, enough for most tokens.
   *
   * @default {DEFAULT_LIMITS}
   */
  readonly limits?: Partial<Limits>;
  /**
   * How often a silent client is pinged, in ms; one that doesn't answer within
   * the same time is closed. 0 is never.
   *
   * @default {30000}
   */
  readonly heartbeat?: number;
  /**
   * Whether callers learn an exception's message and stack, and not only its
   * class. For development: both may show paths and secrets.
   *
   * @default {false}
   */
  readonly exposeErrors?: boolean;
  /**
   * Whether what procedures return is held to their `result` schemas. For
   * development: what doesn't fit goes to `onError`, and the caller gets -32001.
   *
   * @default {false}
   */
  readonly checkResults?: boolean;
  /**
   * Whether what is published is held to its topic's `payload` schema, where the
   * topic's `validate` doesn't say. For development: it is the server's own data,
   * many times a second, and a schema looks at every element of it. What doesn't
   * fit goes to nobody, and `publish()` throws a `TypeError`.
   *
   * @default {false}
   */
  readonly checkPayloads?: boolean;
  /**
   * Whether clients may stop the server with `application.exit` and
   * `application.exit.later`, as wslink's clients do when they leave.
   *
   * @default {false}
   */
  readonly allowExit?: boolean;
  /**
   * Whether clients may use Hawser's extensions. Without them every client is
   * treated as one of wslink's.
   *
   * @default {true}
   */
  readonly extensions?: boolean;
  /**
   * How long a session that lost its socket is kept for its client to come back
   * to, in ms; what it called goes on running, and nothing that was on its way
   * is lost. 0 is not at all. Only for clients that agreed on `resume`.
   *
   * @default {30000}
   */
  readonly resumeWindow?: number;
  /**
   * Whether clients may read what the server offers, with `session.describe()`.
   *
   * @default {true}
   */
  readonly describe?: boolean;
  /**
   * The header in which a proxy says where a request comes from, as `x-real-ip`;
   * of a list, as in `x-forwarded-for`, the last one counts. Only behind a proxy
   * that sets it itself: otherwise a client can write whatever it likes.
   *
   * @default {undefined}
   */
  readonly addressHeader?: string;
  /** Called after a client's good hello. */
  readonly onConnect?: (client: Client) => void;
  /** Called when a client that had said a good hello has gone. */
  readonly onDisconnect?: (client: Client, close: CloseInfo) => void;
  /**
   * Where the server writes its log: who comes and goes, and limits that are
   * reached, the first time, the second, the fourth and so on, so that a flood
   * isn't one of the log as well. Nothing of what clients send is in it.
   *
   * @default {undefined}
   */
  readonly logger?: Logger;
  /**
   * Called with what no caller gets to see: exceptions in procedures, results
   * that can't be sent. Without it they go to `logger`, and where there is none
   * to the console.
   *
   * @default {console.error}
   */
  readonly onError?: (error: unknown, context: ErrorContext) => void;
}

/** How one client answered {@linkcode Server.callAll}. */
export type ClientAnswer<T> = PromiseSettledResult<T> & {
  /** The client. */
  readonly client: Client;
};

/** How a server ends. */
export interface CloseOptions extends ClosingHint {
  /**
   * How long running calls may go on and queues may empty, in ms.
   *
   * @default {1000}
   */
  readonly drain?: number;
}

/** Turns an HTTP request into a connection, as the runtime does it. */
export type Upgrade = (
  request: Request,
  server: Pick<Server, "accept" | "heartbeat" | "limits">,
  origin: ConnectionOrigin,
) => Response;

/** What an adapter knows about where a connection comes from. */
export interface ConnectionOrigin {
  /**
   * The address at the other end of the network connection.
   *
   * @default {undefined}
   */
  readonly address?: string | undefined;
}

/** A small message may wait for one frame of a long one: on loopback, for a ms. In bytes. */
const MAX_FRAME_SIZE = 1152 * 1024;

/** How long clients may take to answer the closing handshake, in ms; one that is gone never does. */
const CLOSE_TIME = 1000;

/** The close code of a connection for which there is no place (IANA's registry of close codes). */
const TRY_AGAIN_LATER = 1013;

/** When whoever found no place may look again, in s. */
const RETRY_AFTER = "10";

/** How long a call of a client's procedure waits that doesn't say, in ms; the same as a client's own calls. */
const CALL_TIMEOUT = 300_000;

/** How long `application.exit.later` waits when its caller doesn't say, in s (wslink `websocket.py`). */
const EXIT_LATER = 60;

/** What `setTimeout` can wait at most, in s. */
const MAX_EXIT_LATER = 2 ** 31 / 1000 - 1;

/**
 * Procedures, topics and clients. It is made by `createServer()`, and used
 * through `serve()` or {@linkcode Server.upgrade}.
 */
export class Server<
  P extends Procedures = Procedures,
  T extends Topics = Topics,
> implements Publisher {
  /** The procedures that it was created with; `connect<typeof server>()` takes its types from them. */
  readonly procedures: P;
  /** The topics that it was created with; `connect<typeof server>()` takes its types from them. */
  readonly topics: T;
  /** The clients that said a good hello, by id. */
  readonly clients: ReadonlyMap<string, Client>;
  /** How often a silent client is pinged, in ms; 0 is never. */
  readonly heartbeat: number;
  /** What a client may cost. */
  readonly limits: Limits;
  /** Resolves when the server is closed, also by `application.exit`. */
  readonly closed: Promise<void>;
  /** Each with what gives its place back. */
  readonly #connections = new Map<Connection, (() => void) | undefined>();
  readonly #suspended = new Set<ServerSession>();
  readonly #registry: Registry<IncomingCall>;
  readonly #compressor: Compressor | undefined;
  readonly #topics: TopicTable;
  readonly #subscriptions: Subscriptions;
  readonly #accept: (
    socket: Socket,
    request: Request | undefined,
    origin: ConnectionOrigin,
  ) => Connection;
  readonly #addressHeader: string | undefined;
  readonly #places = new Places();
  readonly #counting = new Counting();
  #log: ((event: Happened<ServerEvent>) => void) | undefined;
  readonly #upgrade: Upgrade;
  readonly #safeCalls: SafeCalls;
  readonly #allows: (request: Request) => boolean;
  readonly #since = performance.now();
  readonly #meters = new CallMeters<IncomingCall>();
  readonly #watchers = new Watchers<ServerEvent>(() => this.#observeCalls());
  #state: "open" | "closing" | "closed" = "open";
  #description: Promise<Description> | undefined;
  #exitTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #closed = defer<void>();
  #allGone: Deferred<void> | undefined;

  /**
   * Checks the options and registers the procedures.
   *
   * @param options How it behaves.
   * @param upgrade What {@linkcode Server.upgrade} does in this runtime.
   * @throws {TypeError} If a procedure's name or definition is bad.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(
    options: ServerOptions<P, T> & { readonly procedures: P; readonly topics: T },
    upgrade: Upgrade,
  ) {
    const {
      secret = "wslink-secret",
      authenticate,
      origins,
      procedures,
      topics,
      strictTopics = false,
      presence = false,
      compress = false,
      heartbeat = 30_000,
      exposeErrors = false,
      checkResults = false,
      checkPayloads = false,
      allowExit = false,
      extensions = true,
      resumeWindow = 30_000,
      describe: describes = true,
      addressHeader,
      onConnect,
      onDisconnect,
      logger,
      onError = logger ? errorLogger(logger) : logError,
    } = options;
    if (authenticate !== undefined && options.secret !== undefined) {
      throw new TypeError("secret and authenticate exclude each other");
    }
    if (!(heartbeat >= 0)) {
      throw new RangeError(`heartbeat must be 0 or more ms: received ${heartbeat}`);
    }
    if (!(resumeWindow >= 0)) {
      throw new RangeError(`resumeWindow must be 0 or more ms: received ${resumeWindow}`);
    }
    if (addressHeader !== undefined && !/^[\w-]+$/.test(addressHeader)) {
      throw new TypeError(`addressHeader must be a header's name: received "${addressHeader}"`);
    }
    this.#addressHeader = addressHeader;
    if (logger) this.#log = eventLogger(logger);
    const logLimit = logger && limitLogger(logger);
    this.#counting.onLimit = (limit, count) => {
      logLimit?.(limit, count);
      if (this.#watchers.wants("limit")) this.#emit({ type: "limit", limit });
    };
    const limits = resolveLimits({ helloSize: helloSizeFor(options), ...options.limits });
    const helloLimits = {
      ...limits,
      messageSize: Math.min(limits.helloSize, limits.messageSize),
      frameSize: Math.min(limits.helloSize + 12, limits.frameSize),
      incompleteMessages: 4,
      attachments: 4,
      values: Math.min(limits.values, 256),
    };
    this.#safeCalls = new SafeCalls(limits.safeCalls, limits.safeBytes);
    this.procedures = procedures;
    this.#registry = new Registry(checkResults);
    this.topics = topics;
    this.heartbeat = heartbeat;
    this.limits = limits;
    this.closed = this.#closed.promise;
    this.#upgrade = upgrade;
    this.#allows = originCheck(origins);
    for (const [name, definition] of Object.entries(procedures)) this.register(name, definition);
    if (allowExit) this.#registerExit();

    const clients = new Map<string, ServerSession>();
    this.clients = clients;
    const encoders = {
      json: new JsonEncoder(limits),
      msgpack: new MsgpackEncoder({
        ...limits,
        frameSize: Math.min(limits.frameSize, MAX_FRAME_SIZE),
        pool: new FramePool(),
      }),
    };
    const epoch = crypto.randomUUID().slice(0, 8);
    this.#subscriptions = new Subscriptions(topics, {
      limit: limits.subscriptions,
      strict: strictTopics,
      checkPayloads,
      publish: (topic, value, options) => this.#topics.publish(topic, value, options),
      report: (error, context) => report(error, context),
      limits,
      epoch,
      replay: (session, history, selection, offset) =>
        replay.from(session, history, selection, offset),
    });
    const compressor = this.#compressor = zlib &&
      new Compressor("server", limits.depth, zlib);
    const replay = new Replay(encoders, compressor, {
      part: (session, selection, history, kept) =>
        this.#subscriptions.part(session, selection, history, kept),
      missed: (session, selection, history, from, to) => {
        this.#subscriptions.missed(session, selection, history, from, to);
        this.#topics.dropped(history.topic, to - from);
        this.#emit({ type: "dropped", client: session.id, topic: history.topic });
      },
      report: (error, client, method) => report(error, { client, method }),
    });
    this.#topics = new TopicTable(clients, encoders, compressor, this.#subscriptions, replay);
    const present = presence
      ? new Presence({
        options: presence === true ? {} : presence,
        report: (error) => report(error, {}),
        subscriptions: this.#subscriptions,
        publish: (topic, value, sessions) => this.#topics.publishTo(topic, value, sessions),
      })
      : undefined;
    /** An application's callback must not take a connection down. */
    const counting = this.#counting;
    const report = (error: unknown, context: ErrorContext) => {
      counting.errors++;
      try {
        onError(error, context);
      } catch (failure) {
        console.error("Hawser: onError threw", failure);
      }
    };
    const notify = (client: Client, callback: () => void) => {
      try {
        callback();
      } catch (error) {
        report(error, { client });
      }
    };
    const features = extensions
      ? FEATURES.filter((feature) =>
        (feature !== "resume" || resumeWindow > 0) &&
        (feature !== "describe" || describes) && (feature !== "presence" || presence !== false)
      )
      : [];
    const plain = features.filter((feature) => feature !== "compress");
    // Procedures may be registered later.
    const compresses = () =>
      compressor !== undefined &&
      (compress || this.#registry.compresses || this.#subscriptions.compresses);
    const host = {
      limits,
      counting,
      budget: new SendBudget(limits.totalQueueBytes),
      helloLimits,
      registry: this.#registry,
      encoders,
      compressor,
      get features() {
        return compresses() ? features : plain;
      },
      resumeWindow,
      findSession: (ticket: string) => {
        const session = clients.get(ticket.slice(0, ticket.indexOf(".")));
        return session?.admits(ticket) ? session : undefined;
      },
      suspended: (session: ServerSession) => {
        this.#suspended.add(session);
        replay.forget(session);
        this.#emit({ type: "suspended", client: session.id });
        const [oldest] = this.#suspended;
        if (this.#suspended.size <= limits.suspendedSessions) return;
        counting.limit("suspendedSessions");
        oldest?.close(1006);
      },
      resumed: (session: ServerSession) => {
        // The client may have noticed the break first.
        replay.forget(session);
        this.#suspended.delete(session);
        counting.resumed++;
        this.#emit({ type: "resumed", client: session.id });
      },
      systemMethods: new Map<string, SystemMethod>([
        [PING_METHOD, { feature: "ping", run: () => null }],
        ...topicMethods(this.#subscriptions, present),
        [DESCRIBE_METHOD, {
          feature: "describe",
          run: async (_session, { args: [known] }) => {
            const description = await this.#describe(host.features);
            const { hash } = description.contract;
            // A client that has it already is spared the rest.
            return isMap(known) && known.contract === hash ? null : description;
          },
        }],
      ]),
      epoch,
      safeCalls: this.#safeCalls,
      meters: this.#meters,
      callTimeout: CALL_TIMEOUT,
      publisher: this.#topics,
      exposeErrors,
      authenticate: authenticate ??
        (typeof secret === "string"
          ? (hello: Hello) => equalSecrets(hello.secret, secret) && KNOWN
          : secretCheck(secret)),
      joined: (session: ServerSession) => {
        counting.joined++;
        clients.set(session.id, session);
        this.#emit({ type: "connected", client: session.id, wire: session.wire });
        this.#subscriptions.joined(session);
        present?.joined(session);
        notify(session, () => onConnect?.(session));
      },
      left: (session: ServerSession, close: CloseInfo) => {
        this.#suspended.delete(session);
        replay.forget(session);
        if (!clients.delete(session.id)) return;
        this.#emit({ type: "disconnected", client: session.id, ...close });
        this.#subscriptions.left(session);
        present?.left(session);
        notify(session, () => onDisconnect?.(session, close));
      },
      dropped: (topic: string, session: ServerSession) => {
        this.#topics.dropped(topic);
        this.#emit({ type: "dropped", client: session.id, topic });
      },
      gone: (connection: Connection) => {
        this.#connections.get(connection)?.();
        this.#connections.delete(connection);
        if (this.#connections.size === 0) this.#allGone?.resolve();
      },
      report,
    };
    this.#accept = (socket, request, origin) => {
      const address = this.#addressOf(request, origin);
      const connection = new Connection(host, socket, request, address);
      counting.accepted++;
      const limit = this.#isFull(address);
      // What is on its way out takes nobody's place.
      this.#connections.set(
        connection,
        limit ? undefined : this.#places.enter(address && placeOf(address)),
      );
      if (limit) {
        counting.limit(limit);
        connection.close(TRY_AGAIN_LATER, "Too many connections");
      }
      if (this.#state !== "open") connection.close(1001, "Server shutdown");
      return connection;
    };
  }

  /**
   * Adds a procedure.
   *
   * @param name Its name: dot-separated words of lowercase letters, digits and `_`.
   * @param definition A function, or what `procedure()` returns.
   * @throws {TypeError} If the name is bad or taken.
   */
  register(name: string, definition: Handler | ProcedureLike): void {
    this.#registry.register(name, definition);
    this.#description = undefined;
  }

  /**
   * Publishes a value.
   *
   * @param topic Dot-separated words.
   * @param value What is published; binary anywhere in it.
   * @param options Whom it goes to; everybody by default.
   * @returns How many clients it went to.
   * @throws {TypeError} If the topic is no such name.
   * @throws {SerializeError} If the value can't be sent.
   */
  publish<Self extends { readonly topics: Topics }, N extends string>(
    // Types by `this`, so that a server of known topics is a `Server` too.
    this: Self,
    topic: N | keyof Self["topics"] & string,
    value: TopicPayload<Self["topics"], N>,
    options?: PublishOptions,
  ): number;
  /**
   * Publishes a value and waits for its receivers. One that has room gets it at
   * once; a slow one delays the promise and nobody else.
   *
   * @param topic Dot-separated words.
   * @param value What is published; binary anywhere in it.
   * @param options Whom it goes to, and what takes it back.
   * @returns How many clients it went to, once each has room for the next or has
   * gone. It rejects with what `publish()` throws, or the signal's reason.
   *
   * @example
   * ```ts
   * import { createServer } from "@hawser/hawser/server";
   * import { assertEquals } from "@std/assert";
   *
   * const server = createServer();
   * for (let part = 0; part < 3; part++) {
   *   const receivers = await server.publish("mesh", { part }, { policy: "wait" });
   *   assertEquals(receivers, 0);
   * }
   * ```
   */
  publish<Self extends { readonly topics: Topics }, N extends string>(
    // Types by `this`, so that a server of known topics is a `Server` too.
    this: Self,
    topic: N | keyof Self["topics"] & string,
    value: TopicPayload<Self["topics"], N>,
    options: WaitingPublishOptions,
  ): Promise<number>;
  publish(
    topic: string,
    value: unknown,
    options?: PublishOptions | WaitingPublishOptions,
  ): number | Promise<number> {
    return options?.policy === "wait"
      ? this.#topics.publish(topic, value, options)
      : this.#topics.publish(topic, value, options);
  }

  /**
   * What became of the publications so far.
   *
   * @returns The counters of each topic; those past the first 4096 are counted under `*`.
   */
  topicStats(): ReadonlyMap<string, TopicStats> {
    return this.#topics.stats();
  }

  /**
   * What the server has done, and how it stands: a copy, small enough to be taken
   * every second and sent to whoever draws it.
   *
   * @returns The figures as they are now.
   *
   * @example
   * ```ts
   * import { connect } from "@hawser/hawser/client";
   * import { CALL_TIME_BOUNDS, createServer, serve } from "@hawser/hawser/server";
   * import { assert, assertEquals } from "@std/assert";
   *
   * const server = createServer({ procedures: { "math.add": (a: number, b: number) => a + b } });
   * await using listening = await serve(server, { port: 0 });
   * await using session = await connect<typeof server>(listening.webSocketUrl);
   * await session.call("math.add", [1, 2]);
   *
   * const { calls, connections, queues } = server.stats();
   * assertEquals(connections.clients, 1);
   * assertEquals(queues.heldMessages, 0);
   * const [add] = calls;
   * assert(add !== undefined);
   * assertEquals([add.method, add.count, add.errors], ["math.add", 1, 0]);
   * assertEquals(add.times.length, CALL_TIME_BOUNDS.length + 1);
   * ```
   */
  stats(): ServerStats {
    const sessions = this.#topics.clients;
    return {
      uptime: performance.now() - this.#since,
      connections: {
        sockets: this.#connections.size,
        clients: sessions.size,
        suspended: this.#suspended.size,
      },
      calls: this.#meters.read(),
      topics: Array.from(this.#topics.stats(), ([topic, stats]) => ({ topic, ...stats })),
      totals: this.#counting.read(),
      ...sumQueues(Array.from(sessions.values(), (session) => session.queueStats())),
      compression: this.#compressor?.stats,
    };
  }

  /**
   * Follows what happens in the server, until it is closed. Nobody waits for the
   * reader: past `buffer`, the oldest events are dropped. What nobody follows
   * costs nothing.
   *
   * @param options Which events, how many may wait, and what ends it earlier.
   * @returns The events from now on, for `for await`.
   * @throws {RangeError} If `buffer` is less than 1.
   *
   * @example
   * ```ts
   * import { connect } from "@hawser/hawser/client";
   * import { createServer, serve } from "@hawser/hawser/server";
   * import { assertEquals } from "@std/assert";
   *
   * const server = createServer({ procedures: { "math.add": (a: number, b: number) => a + b } });
   * await using listening = await serve(server, { port: 0 });
   * const events = server.events({ only: ["call", "disconnected"] });
   *
   * const session = await connect<typeof server>(listening.webSocketUrl);
   * await session.call("math.add", [1, 2]);
   * await session.close();
   * for await (const event of events) {
   *   if (event.type === "disconnected") break;
   *   assertEquals([event.method, event.outcome], ["math.add", "result"]);
   * }
   * ```
   */
  events<T extends ServerEvent["type"] = ServerEvent["type"]>(
    options?: EventsOptions<T>,
  ): EventStream<Extract<ServerEvent, { readonly type: T }>> {
    return this.#watchers.watch(options);
  }

  #emit(event: Happened<ServerEvent>): void {
    this.#log?.(event);
    if (this.#watchers.wants(event.type)) this.#watchers.emit({ ...event, at: Date.now() });
  }

  /** Calls are many, so that they are looked at only while somebody wants to. */
  #observeCalls(): void {
    this.#meters.onEnd = !this.#watchers.wants("call") ? undefined : (call, time, outcome) => {
      if (!(call instanceof SessionCall)) return;
      const { client: { id: client }, method } = call;
      this.#emit({ type: "call", client, method, time, outcome });
    };
  }

  /**
   * Has something run around every call, before the procedure's own middleware,
   * `authorize`, and the check of its arguments. Where nothing is used, nothing
   * is in the way of a call.
   *
   * @param middleware Runs inside of what was used before.
   * @returns The server.
   *
   * @example Log every call
   * ```ts
   * import { createServer } from "@hawser/hawser/server";
   *
   * const server = createServer({ procedures: { "echo": (value: string) => value } });
   * server.use(async (call, next) => {
   *   const start = performance.now();
   *   try {
   *     return await next();
   *   } finally {
   *     console.log(call.client.id, call.method, performance.now() - start);
   *   }
   * });
   * await server.close();
   * ```
   */
  use(middleware: Middleware<Call>): this;
  /**
   * Has something run around every publication, wherever it comes from.
   *
   * @param what Publications.
   * @param middleware Runs inside of what was used before.
   * @returns The server.
   *
   * @example Stamp everything that is published
   * ```ts
   * import { createServer } from "@hawser/hawser/server";
   *
   * const server = createServer();
   * server.use("publications", (publication, next) => {
   *   publication.value = { at: Date.now(), value: publication.value };
   *   return next();
   * });
   * console.assert(server.publish("news", "ahoy") === 0);
   * ```
   */
  use(what: "publications", middleware: PublicationMiddleware): this;
  /**
   * Has something run around every subscription that a client asks for, before
   * its filter is checked and the topic's `authorize` is asked.
   *
   * @param what Subscriptions.
   * @param middleware Runs inside of what was used before.
   * @returns The server.
   */
  use(what: "subscriptions", middleware: SubscriptionMiddleware): this;
  use(
    ...args:
      | [Middleware<Call>]
      | ["publications", PublicationMiddleware]
      | ["subscriptions", SubscriptionMiddleware]
  ): this {
    if (args.length === 1) this.#registry.use(args[0]);
    else if (args[0] === "publications") this.#topics.use(args[1]);
    else if (args[0] === "subscriptions") this.#subscriptions.use(args[1]);
    else throw new TypeError(`use() knows publications and subscriptions: received ${args[0]}`);
    return this;
  }

  /**
   * Calls a procedure of every client's, and waits for all answers.
   *
   * @param method Its name.
   * @param args Its positional arguments.
   * @param options How each call is made: `timeout` is the deadline for all.
   * @returns One answer for each client; it never rejects. Clients that take no
   * calls, as wslink's, answer with an error at once.
   */
  callAll<T = unknown>(
    method: string,
    args: readonly unknown[] = [],
    options: CallOptions = {},
  ): Promise<ClientAnswer<T>[]> {
    return Promise.all(
      Array.from(this.clients.values(), async (client): Promise<ClientAnswer<T>> => {
        try {
          return {
            client,
            status: "fulfilled",
            value: await client.call<T>(method, args, options),
          };
        } catch (reason) {
          return { client, status: "rejected", reason };
        }
      }),
    );
  }

  /**
   * Finds who listens to a topic, wslink's clients included, who get everything.
   *
   * @param topic The topic.
   * @returns The clients that a publication would go to, in whole or in part.
   */
  listeners(topic: string): Client[] {
    return [...this.#subscriptions.listeners(checkTopic(topic))];
  }

  /**
   * Ends subscriptions: their readers get `RpcError` -32005, or what `options` says.
   * Nothing keeps a client from subscribing again but the topic's `authorize`.
   *
   * @param options Whose, to what, and why.
   * @returns How many were ended.
   *
   * @example
   * ```ts
   * import { createServer } from "@hawser/hawser/server";
   *
   * const server = createServer();
   * console.assert(server.revoke({ topic: "camera.>", message: "The camera is off" }) === 0);
   * ```
   */
  revoke(options: RevokeOptions = {}): number {
    return this.#subscriptions.revoke(options);
  }

  /**
   * Asks the topics' `authorize` again, after permissions have changed, and ends
   * what it doesn't allow any more.
   *
   * @param options Whose subscriptions, to what.
   * @returns How many were ended.
   */
  reauthorize(options: SubscriptionSelector = {}): Promise<number> {
    return this.#subscriptions.reauthorize(options);
  }

  /**
   * Answers a WebSocket request, inside any handler of the runtime's.
   *
   * @param request The HTTP request.
   * @param origin Where it comes from, for `limits.connectionsPerAddress` and `client.address`.
   * @returns The response to return: 101, or 426 if it is no WebSocket request, 403 if its page is
   * not among `origins`, 429 or 503 if there are too many connections, or 503 after `close()`.
   */
  upgrade(request: Request, origin: ConnectionOrigin = {}): Response {
    if (this.#state !== "open") return new Response("Closing", { status: 503 });
    if (!this.#allows(request)) return new Response("Not from this page", { status: 403 });
    const limit = this.#isFull(this.#addressOf(request, origin));
    if (limit) {
      this.#counting.limit(limit);
      return new Response("Too many connections", {
        status: limit === "connections" ? 503 : 429,
        headers: { "retry-after": RETRY_AFTER },
      });
    }
    return this.#upgrade(request, this, origin);
  }

  /**
   * Takes a connection. For adapters: everybody else uses `serve()` or
   * {@linkcode Server.upgrade}.
   *
   * @param socket The connection, open.
   * @param request The HTTP request that it came with.
   * @param origin Where it comes from.
   * @returns The connection, which wants to be told of frames and of the end.
   */
  accept(
    socket: Socket,
    request?: Request,
    origin: ConnectionOrigin = {},
  ): AcceptedConnection {
    return this.#accept(socket, request, origin);
  }

  /**
   * Closes the server: no new connections, running calls get a while to end,
   * and then every connection is closed with 1001 `Server shutdown`.
   *
   * @param options How long the while is.
   * @returns When all connections have ended, or have had a second to.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    if (this.#state !== "open") return this.closed;
    this.#state = "closing";
    clearTimeout(this.#exitTimer);
    const { drain = 1000, retryAfter, url } = options;
    if (retryAfter !== undefined || url !== undefined) {
      const hint = {
        ...(retryAfter === undefined ? {} : { retryAfter }),
        ...(url === undefined ? {} : { url }),
      };
      for (const session of this.#topics.clients.values()) session.closing(hint);
    }
    const connections = [...this.#connections.keys()];
    if (drain > 0 && connections.length > 0) {
      await within(drain, Promise.all(connections.map((connection) => connection.drained())));
    }
    this.#allGone = defer();
    this.#safeCalls.close();
    for (const session of this.#suspended) session.close(1001, "Server shutdown");
    for (const connection of this.#connections.keys()) connection.close(1001, "Server shutdown");
    if (this.#connections.size > 0) await within(CLOSE_TIME, this.#allGone.promise);
    this.#subscriptions.stop();
    this.#state = "closed";
    this.#watchers.end();
    this.#closed.resolve();
  }

  /** Closes the server, as {@linkcode Server.close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Once for all who ask, until there is something new. */
  #describe(features: readonly Feature[]): Promise<Description> {
    return this.#description ??= describe({
      features,
      procedures: this.#registry.definitions,
      topics: new Map(Object.entries(this.topics)),
      limits: this.limits,
    });
  }

  /** Whether it takes another connection: neither closing nor full. */
  get ready(): boolean {
    return this.#state === "open" && this.#places.all < this.limits.connections;
  }

  #addressOf(request: Request | undefined, { address }: ConnectionOrigin): string | undefined {
    if (this.#addressHeader === undefined || request === undefined) return address;
    return addressIn(request.headers.get(this.#addressHeader)) ?? address;
  }

  /** Which limit there is no place within, if any. */
  #isFull(address: string | undefined): "connections" | "connectionsPerAddress" | undefined {
    const { connections, connectionsPerAddress } = this.limits;
    if (this.#places.all >= connections) return "connections";
    const isFull = address !== undefined &&
      this.#places.from(placeOf(address)) >= connectionsPerAddress;
    return isFull ? "connectionsPerAddress" : undefined;
  }

  #registerExit(): void {
    const exitIn = (seconds: number) => {
      clearTimeout(this.#exitTimer);
      if (this.#state !== "open") return;
      const delay = Math.min(seconds, MAX_EXIT_LATER) * 1000;
      this.#exitTimer = setTimeout(() => this.close().catch(logError), delay);
    };
    this.register("application.exit", () => exitIn(0));
    this.register("application.exit.later", {
      params: ["secondsLater"],
      handler: (_call: never, seconds: unknown = EXIT_LATER) => {
        const delay = Number(seconds);
        if (!(delay >= 0)) {
          throw new RpcError(
            ErrorCode.invalidArguments,
            "application.exit.later takes a number of seconds",
          );
        }
        exitIn(delay);
      },
    });
  }
}

/** What clients ask about topics and each other. */
function topicMethods(
  subscriptions: Subscriptions,
  presence: Presence | undefined,
): readonly [method: string, SystemMethod][] {
  return [
    [SUBSCRIBE_METHOD, {
      feature: "subscribe",
      run: (session, request) => subscriptions.subscribe(session, request),
    }],
    [RECOVER_METHOD, {
      feature: "history",
      run: (session, request) => subscriptions.recover(session, request),
    }],
    [UNSUBSCRIBE_METHOD, {
      feature: "subscribe",
      run: (session, request) => subscriptions.unsubscribe(session, request),
    }],
    [PRESENCE_METHOD, {
      feature: "presence",
      run: (session, request) => presence?.list(session, request),
    }],
    [DATA_METHOD, {
      feature: "presence",
      run: (session, request) => presence?.data(session, request),
    }],
  ];
}

function logError(error: unknown, context?: ErrorContext): void {
  const where = context?.method ? ` in ${context.method}` : "";
  console.error(`Hawser: error${where}:`, error);
}

/** Who knows the secret is nobody in particular. */
const KNOWN: Authenticated<undefined> = { identity: undefined };

/** A function as `secret` says yes or no, and gets the client. */
function secretCheck(secret: Exclude<ServerOptions["secret"], string | undefined>) {
  const toIdentity = (good: boolean): Authenticated<undefined> | false => good === true && KNOWN;
  return (
    hello: Hello,
    _request: Request | undefined,
    client: Client,
  ): Authenticated<undefined> | NotAuthenticated | Promise<Authenticated<undefined> | false> => {
    if (!Object.hasOwn(hello, "secret")) return false;
    const good = secret(hello.secret, client);
    return typeof good === "boolean" ? toIdentity(good) : good.then(toIdentity);
  };
}

/** wslink's 512 bytes leave a few hundred for the secret; a longer one needs as much more. */
function helloSizeFor({ secret = "", authenticate }: ServerOptions): number {
  return typeof secret === "string" && authenticate === undefined
    ? 512 + new TextEncoder().encode(secret).length
    : 4096;
}

/** Waits for a promise, but not longer than `ms`. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  await Promise.race([promise, timeout]);
  clearTimeout(timer);
}
