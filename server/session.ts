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
  type Wire,
} from "../protocol/mod.ts";
import type { QueueStats, SendOptions } from "../protocol/send_queue.ts";
import { IncomingCall } from "../session/incoming.ts";
import type { CallOptions } from "../session/outgoing.ts";
import { Peer } from "../session/peer.ts";
import type { Registry } from "../session/registry.ts";
import type { Notify } from "../session/streams.ts";
import type { Client, ErrorContext, Publisher } from "./client.ts";
import type { Call } from "./procedure.ts";

/** What a session needs of its server. */
export interface SessionHost {
  readonly limits: Limits;
  readonly registry: Registry<IncomingCall>;
  /** The protocol's own requests, by method. */
  readonly systemMethods: ReadonlyMap<string, SystemMethod>;
  /** How long a call of a client's procedure waits that doesn't say, in ms. */
  readonly callTimeout: number;
  readonly publisher: Publisher;
  readonly exposeErrors: boolean;
  joined(session: ServerSession): void;
  /** Nothing is sent to it any more. */
  left(session: ServerSession, close: CloseInfo): void;
  report(error: unknown, context: ErrorContext): void;
}

/** A request of the protocol's own, for clients that agreed on its feature. */
export interface SystemMethod {
  readonly feature: Feature;
  /** What answers it: its result, or what it throws. */
  run(session: ServerSession, request: RequestMessage): unknown;
}

/** What a session uses of its connection. */
export interface SessionConnection {
  readonly wire: Wire;
  readonly dropped: number;
  send(message: OutgoingMessage, order?: string): void;
  deliver(frames: readonly Frame[], options: SendOptions): boolean;
  deliverWhenRoom(
    frames: readonly Frame[],
    order: string,
    signal: AbortSignal | undefined,
  ): Promise<void>;
  queueStats(): QueueStats;
  close(code?: number, reason?: string): void;
}

/** One client's session. */
export class ServerSession implements Client {
  /** `c` and 32 hex digits. */
  readonly id: string = `c${crypto.randomUUID().replaceAll("-", "")}`;
  /** The HTTP request that it came with. */
  readonly request: Request | undefined;
  readonly #host: SessionHost;
  readonly #connection: SessionConnection;
  readonly #peer: Peer<SessionCall>;
  #state: "new" | "open" | "closed" = "new";
  #context: Map<unknown, unknown> | undefined;

  /**
   * Prepares a session for a connection that has yet to say a good hello.
   *
   * @param host The server's side of it.
   * @param connection The connection.
   * @param request The HTTP request that it came with.
   */
  constructor(host: SessionHost, connection: SessionConnection, request?: Request) {
    this.#host = host;
    this.#connection = connection;
    this.request = request;
    this.#peer = new Peer<SessionCall>({
      // No client's id is this, so the two sides' calls are told apart.
      prefix: "server",
      callTimeout: host.callTimeout,
      callsInFlight: host.limits.callsInFlight,
      registry: host.registry,
      exposeErrors: host.exposeErrors,
      open: (request, notify) => new SessionCall(request, notify, this, host.publisher),
      report: (error, method) =>
        host.report(error, method === undefined ? { client: this } : { client: this, method }),
      send: (message, order) => connection.send(message, order),
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
    return this.#connection.dropped;
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
   * @throws {ProtocolError} If the connection can't go on.
   */
  receive(message: Message): void {
    this.#peer.receive(message);
  }

  /**
   * Sends a publication's frames.
   *
   * @param frames The frames, shared with other sessions.
   * @param options What may happen if the client can't keep up.
   * @returns Whether it is done with the frames.
   */
  deliver(frames: readonly Frame[], options: SendOptions): boolean {
    return this.#connection.deliver(frames, options);
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
    if (this.#state !== "open") {
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
    this.#connection.close(code, reason);
  }

  /**
   * The connection has ended.
   *
   * @param close How it ended.
   */
  end(close: CloseInfo): void {
    this.#state = "closed";
    this.#peer.end(close);
    this.#host.left(this, close);
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
class SessionCall extends IncomingCall implements Call {
  readonly client: Client;
  readonly server: Publisher;

  constructor(request: RequestMessage, notify: Notify, client: Client, server: Publisher) {
    super(request, notify);
    this.client = client;
    this.server = server;
  }
}
