/**
 * What a server keeps of one client that said a good hello: who it is, and what
 * is running for it.
 *
 * @module
 */
import {
  type CloseInfo,
  ConnectionClosedError,
  ErrorCode,
  type Feature,
  type Frame,
  type Limits,
  type Message,
  type OutgoingMessage,
  type RequestMessage,
  RpcError,
  type Ticket,
  type Wire,
} from "../protocol/mod.ts";
import type { QueueStats, SendOptions } from "../protocol/send_queue.ts";
import { CLOSE_LOST, CLOSING_METHOD, type ClosingHint } from "../session/closing.ts";
import { IncomingCall } from "../session/incoming.ts";
import { TokenBucket } from "../session/limited.ts";
import type { CallOptions } from "../session/outgoing.ts";
import type { CallMeters } from "../session/meters.ts";
import { Peer } from "../session/peer.ts";
import type { Registry } from "../session/registry.ts";
import { type Held, RECEIVED_METHOD, Reliable } from "../session/reliable.ts";
import type { SafeCalls } from "../session/safe_calls.ts";
import type { Notify } from "../session/streams.ts";
import type { Authenticated } from "./auth.ts";
import type { Counting } from "./_counters.ts";
import type { Client, ErrorContext, Publisher } from "./client.ts";
import type { Call } from "./procedure.ts";
import { equalSecrets } from "./_secrets.ts";

/** What a session needs of its server. */
export interface SessionHost {
  readonly limits: Limits;
  readonly counting: Counting;
  readonly registry: Registry<IncomingCall>;
  /** The protocol's own requests, by method. */
  readonly systemMethods: ReadonlyMap<string, SystemMethod>;
  /** What a server with this name remembers of calls is this run's. */
  readonly epoch: string;
  readonly safeCalls: SafeCalls;
  /** Where calls are counted. */
  readonly meters: CallMeters<IncomingCall>;
  /** How long a call of a client's procedure waits that doesn't say, in ms. */
  readonly callTimeout: number;
  readonly publisher: Publisher;
  readonly exposeErrors: boolean;
  joined(session: ServerSession): void;
  /** Nothing is sent to it any more. */
  left(session: ServerSession, close: CloseInfo): void;
  /** It has lost its connection, and may be taken up again by another one. */
  suspended(session: ServerSession): void;
  /** It has been taken up again. */
  resumed(session: ServerSession): void;
  /** How long a session without a connection is kept, in ms; 0 is not at all. */
  readonly resumeWindow: number;
  report(error: unknown, context: ErrorContext): void;
}

/** A request of the protocol's own, for clients that agreed on its feature. */
export interface SystemMethod {
  readonly feature: Feature;
  /** What answers it: its result, or what it throws. */
  run(session: ServerSession, request: RequestMessage): unknown;
}

/** The close code for a client whose authentication is over. */
export const EXPIRED = 4010;

/** What `setTimeout` can wait at most, in ms. */
const MAX_TIMER = 2 ** 31 - 1;

/** What a session uses of its connection. */
export interface SessionConnection {
  readonly wire: Wire;
  readonly dropped: number;
  send(message: OutgoingMessage, order?: string, minSize?: number): void;
  encode(message: OutgoingMessage, minSize?: number): readonly Frame[];
  transmit(frames: readonly Frame[], order?: string): boolean;
  recycle(frames: readonly Frame[]): void;
  deliver(frames: readonly Frame[], options: SendOptions): boolean;
  offer(frames: readonly Frame[], order: string): boolean;
  deliverWhenRoom(
    frames: readonly Frame[],
    order: string,
    signal: AbortSignal | undefined,
  ): Promise<void>;
  queueStats(): QueueStats;
  close(code?: number, reason?: string): void;
}

/** The close code for a socket whose session goes on over another one. */
export const CLOSE_RESUMED = 4014;

/** One client's session. */
export class ServerSession implements Client {
  /** `c` and 32 hex digits. */
  readonly id: string = `c${crypto.randomUUID().replaceAll("-", "")}`;
  /** The HTTP request that it came with. */
  readonly request: Request | undefined;
  /** Where it came from, if the adapter or a trusted proxy says so. */
  readonly address: string | undefined;
  readonly #host: SessionHost;
  /** The last one while there is none: it can still encode. */
  #connection: SessionConnection;
  readonly #peer: Peer<SessionCall>;
  /** Only for a client that agreed on `resume`. */
  #reliable: Reliable | undefined;
  #state: "new" | "open" | "suspended" | "closed" = "new";
  #tickets: string[] = [];
  #windowTimer: ReturnType<typeof setTimeout> | undefined;
  #droppedBefore = 0;
  #context: Map<unknown, unknown> | undefined;
  /** What it lets others know of it. */
  data: unknown = null;
  #authenticated: Authenticated<unknown> | undefined;
  #expiry: ReturnType<typeof setTimeout> | undefined;

  /**
   * Prepares a session for a connection that has yet to say a good hello.
   *
   * @param host The server's side of it.
   * @param connection The connection.
   * @param request The HTTP request that it came with.
   * @param address Where it came from.
   */
  constructor(
    host: SessionHost,
    connection: SessionConnection,
    request?: Request,
    address?: string,
  ) {
    this.#host = host;
    this.#connection = connection;
    this.request = request;
    this.address = address;
    const { callRate, callBurst } = host.limits;
    this.#peer = new Peer<SessionCall>({
      // No client's id is this, so the two sides' calls are told apart.
      prefix: "server",
      callTimeout: host.callTimeout,
      callsInFlight: host.limits.callsInFlight,
      openStreams: host.limits.openStreams,
      rate: callRate < Infinity
        ? new TokenBucket({ perSecond: callRate, burst: callBurst })
        : undefined,
      limited: (limit) => host.counting.limit(limit),
      registry: host.registry,
      exposeErrors: host.exposeErrors,
      safeCalls: host.safeCalls,
      meters: host.meters,
      open: (request, notify) => new SessionCall(request, notify, this, host.publisher),
      report: (error, method) =>
        host.report(error, method === undefined ? { client: this } : { client: this, method }),
      send: (message, order, minSize) => this.#send(message, order, minSize),
      system: (method) => this.#system(method),
    });
  }

  /** The wire that it speaks. */
  get wire(): Wire {
    return this.#connection.wire;
  }

  /** What was agreed on with the client; nothing with wslink's. */
  get features(): ReadonlySet<Feature> {
    return this.#peer.features;
  }

  set features(features: ReadonlySet<Feature>) {
    this.#peer.features = features;
  }

  /** Whatever the application keeps about the client. */
  get context(): Map<unknown, unknown> {
    return this.#context ??= new Map();
  }

  /** How many publications it missed. */
  get dropped(): number {
    return this.#droppedBefore + this.#connection.dropped;
  }

  /** Whether there is a connection; without one, the client has a while to come back. */
  get connected(): boolean {
    return this.#state === "open";
  }

  /** Who the client is. */
  get identity(): unknown {
    return this.#authenticated?.identity;
  }

  /** What was found out about it last. */
  get authenticated(): Authenticated<unknown> | undefined {
    return this.#authenticated;
  }

  /**
   * It is known, or known anew, who the client is.
   *
   * @param authenticated Who, and until when.
   */
  identify(authenticated: Authenticated<unknown>): void {
    clearTimeout(this.#expiry);
    this.#authenticated = authenticated;
    const expires = Number(authenticated.expires ?? Infinity);
    if (this.#state !== "closed" && expires < Infinity) this.#expireAt(expires);
  }

  #expireAt(expires: number): void {
    const delay = Math.min(expires - Date.now(), MAX_TIMER);
    this.#expiry = setTimeout(() => {
      if (Date.now() < expires) return this.#expireAt(expires);
      this.close(EXPIRED, "The authentication has expired");
    }, delay);
  }

  /** The hello was good. */
  begin(): void {
    this.#state = "open";
    this.#host.joined(this);
  }

  /**
   * Takes a message of the client's.
   *
   * @param message What the codec read.
   * @param size What has come since the last message, in bytes.
   * @throws {ProtocolError} If the connection can't go on.
   */
  receive(message: Message, size: number): void {
    // A ticket that was used is good until the next one has surely arrived.
    if (this.#tickets.length > 1) this.#tickets.shift();
    const reliable = this.#reliable;
    if (reliable && message.type === "request" && message.method === RECEIVED_METHOD) {
      const [received] = message.args;
      if (typeof received === "number") reliable.acknowledged(received);
    } else if (this.isNew(message, size)) this.#peer.receive(message);
  }

  /**
   * Counts a message of the client's.
   *
   * @param message What the codec read.
   * @param size What has come since the last message, in bytes.
   * @returns Whether it hasn't come before, over a socket that broke.
   * @throws {ProtocolError} If the connection can't go on.
   */
  isNew(message: Message, size: number): boolean {
    return this.#reliable === undefined || message.type === "publication" ||
      message.seq === undefined || this.#reliable.take(message.seq, size);
  }

  /**
   * Sends a message, over the next connection if this one breaks before it has arrived.
   *
   * @param message The message.
   */
  send(message: OutgoingMessage): void {
    this.#send(message);
  }

  /**
   * Sends a publication's frames.
   *
   * @param frames The frames, shared with other sessions.
   * @param options What may happen if the client can't keep up.
   * @returns Whether it is done with the frames.
   */
  deliver(frames: readonly Frame[], options: SendOptions): boolean {
    // What a client misses while it has no connection is the topic's business.
    return this.#state !== "open" || this.#connection.deliver(frames, options);
  }

  /**
   * Sends a publication's frames if there is room for them.
   *
   * @param frames The frames, shared with other sessions.
   * @param order Publications with the same one arrive in the order of sending.
   * @returns Whether there was room.
   */
  offer(frames: readonly Frame[], order: string): boolean {
    return this.#state !== "open" || this.#connection.offer(frames, order);
  }

  /**
   * Tells the client something that it doesn't answer.
   *
   * @param method What it is about.
   * @param args The rest of it.
   * @param order Messages with the same one arrive in the order of sending.
   */
  notify(method: string, args: readonly unknown[], order?: string): void {
    if (this.#state !== "closed") this.#peer.notify(method, args, order);
  }

  /**
   * Answers a request ahead of what it sets off.
   *
   * @param id The request's id.
   * @param result The answer.
   * @param order Messages with the same one arrive in the order of sending.
   */
  answer(id: string, result: unknown, order: string): void {
    this.#send({ type: "result", id, result }, order);
  }

  /**
   * Sends a publication's frames and tells when there is room for the next.
   *
   * @param frames The frames, shared with other sessions.
   * @param order The publication's topic.
   * @param signal Takes it back as long as there is none.
   * @returns When there is, or the connection has ended.
   */
  deliverWhenRoom(
    frames: readonly Frame[],
    order: string,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    return this.#connection.deliverWhenRoom(frames, order, signal);
  }

  /**
   * What its queue has done, and what waits in it.
   *
   * @returns The counters as they are now.
   */
  queueStats(): QueueStats {
    return this.#connection.queueStats();
  }

  call<T = unknown>(
    method: string,
    args?: readonly unknown[],
    options?: CallOptions,
  ): Promise<T>;
  call(
    method: string,
    args: readonly unknown[] = [],
    options: CallOptions = {},
  ): Promise<unknown> {
    if (this.#state === "new" || this.#state === "closed") {
      const what = `Call of ${method} was not sent: the client has gone`;
      const close = { code: 1006, reason: "", sent: false };
      return Promise.reject(new ConnectionClosedError(what, close));
    }
    if (!this.#peer.features.has("call")) {
      const error = new RpcError(ErrorCode.methodNotFound, "The client takes no calls", method);
      return Promise.reject(error);
    }
    return this.#peer.call(method, args, options);
  }

  /**
   * Ends the connection, and with it the session.
   *
   * @param code The close code.
   * @param reason Cut to what a close frame holds.
   */
  close(code = 1000, reason = ""): void {
    if (this.#state === "suspended") this.#end({ code, reason });
    else this.#connection.close(code, reason);
  }

  /**
   * What the client may take the session up again with.
   *
   * @param resumed Whether it just has.
   * @returns The rest of the hello's answer; `undefined` if that wasn't agreed on.
   */
  ticket(
    resumed: boolean,
  ): Ticket | undefined {
    if (!this.features.has("resume")) return undefined;
    this.#reliable ??= new Reliable({
      bound: this.#host.limits.resumeBytes,
      acknowledge: (received) => {
        if (this.#state !== "open") return;
        const id = "system:server:0";
        this.#connection.send({
          type: "request",
          id,
          method: RECEIVED_METHOD,
          args: [received],
          kwargs: {},
        });
      },
      release: (frames) => this.#connection.recycle(frames),
    });
    const session = newTicket(this.id);
    this.#tickets = [...this.#tickets.slice(-1), session];
    return {
      session,
      window: this.#host.resumeWindow,
      epoch: this.#host.epoch,
      ...(resumed ? { received: this.#reliable.received } : {}),
    };
  }

  /**
   * Whether a ticket is this session's.
   *
   * @param ticket What a client showed.
   * @returns Whether it is one of those that it was given.
   */
  admits(ticket: string): boolean {
    // All are compared, so that the time doesn't tell which one is nearly right.
    return this.#tickets.map((own) => equalSecrets(ticket, own)).includes(true);
  }

  /**
   * Goes on over another connection.
   *
   * @param connection The connection.
   * @param received What the client has of this side's messages.
   * @returns What the client lacks, or `undefined` if that can't be mended.
   */
  resume(connection: SessionConnection, received: unknown): readonly Held[] | undefined {
    // The frames that are held are of one wire.
    if (connection.wire !== this.wire) return undefined;
    const missing = this.#reliable?.missing(received);
    if (missing === undefined) return undefined;
    clearTimeout(this.#windowTimer);
    const before = this.#connection;
    this.#droppedBefore += before.dropped;
    this.#connection = connection;
    // The client may notice before the server that the old socket is dead.
    if (this.#state === "open") before.close(CLOSE_RESUMED, "Resumed elsewhere");
    this.#state = "open";
    return missing;
  }

  /**
   * The client knows that it goes on: it gets what it lacks.
   *
   * @param missing What {@linkcode ServerSession.resume} returned.
   */
  resumed(missing: readonly Held[]): void {
    this.#host.resumed(this);
    for (const { frames, order } of missing) this.#connection.transmit(frames, order);
  }

  /**
   * A connection has ended.
   *
   * @param connection Which one.
   * @param close How it ended.
   */
  disconnected(connection: SessionConnection, close: CloseInfo): void {
    // It may have another one by now.
    if (connection !== this.#connection || this.#state === "closed") return;
    const { resumeWindow } = this.#host;
    // Any other code is somebody's decision.
    const broken = close.code === 1006 || close.code === CLOSE_LOST;
    if (!broken || this.#reliable === undefined || resumeWindow === 0) {
      return this.#end(close);
    }
    this.#state = "suspended";
    this.#windowTimer = setTimeout(() => this.#end(close), resumeWindow);
    this.#host.suspended(this);
  }

  #end(close: CloseInfo): void {
    this.#state = "closed";
    clearTimeout(this.#windowTimer);
    this.#tickets = [];
    this.#reliable = undefined;
    clearTimeout(this.#expiry);
    this.#peer.end(close);
    this.#host.left(this, close);
  }

  #send(message: OutgoingMessage, order?: string, minSize?: number): void {
    const reliable = this.#reliable;
    if (reliable === undefined || message.type === "publication") {
      return this.#connection.send(message, order, minSize);
    }
    const frames = this.#connection.encode({ ...message, seq: reliable.next }, minSize);
    reliable.hold(frames, order);
    if (this.#state === "open") this.#connection.transmit(frames, order);
  }

  /**
   * Tells the client that the server is closing.
   *
   * @param hint When and where to come back.
   */
  closing(hint: ClosingHint): void {
    if (this.#state === "open" && this.features.has("resume")) {
      this.#peer.notify(CLOSING_METHOD, [hint]);
    }
  }

  /** Whether a call of the client's is running. */
  get busy(): boolean {
    return this.#peer.busy;
  }

  /**
   * Resolves when no call is running.
   *
   * @returns A promise that never rejects.
   */
  idle(): Promise<void> {
    return this.#peer.idle();
  }

  #system(method: string): ((request: RequestMessage) => unknown) | undefined {
    const found = this.#host.systemMethods.get(method);
    if (found === undefined || !this.#peer.features.has(found.feature)) return undefined;
    return (request) => found.run(this, request);
  }
}

/** A call, as a server's procedure sees it. */
export class SessionCall extends IncomingCall implements Call {
  readonly client: Client;
  readonly server: Publisher;

  constructor(request: RequestMessage, notify: Notify, client: Client, server: Publisher) {
    super(request, notify);
    this.client = client;
    this.server = server;
  }

  override get caller(): Client {
    return this.client;
  }
}

/** The client's id, which is no secret, and 144 random bits, which are. */
function newTicket(id: string): string {
  const random = crypto.getRandomValues(new Uint8Array(18));
  return `${id}.${btoa(String.fromCharCode(...random))}`;
}
