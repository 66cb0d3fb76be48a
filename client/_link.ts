/** What a session, its connections, and what is loaded later have between them. */
import type { PresentClient, RemoteStream } from "../protocol/api.ts";
import type { Decoder, Encoder, Frame, Limits, Wire } from "../protocol/codec.ts";
import type { CompressionStats } from "../protocol/compression.ts";
import type { CloseInfo, RpcError } from "../protocol/errors.ts";
import type { Agreement, Feature } from "../protocol/features.ts";
import type { Message, OutgoingMessage } from "../protocol/messages.ts";
import type { QueueStats, SendOptions, Socket } from "../protocol/send_queue.ts";
import type { EventsOptions, EventStream } from "../session/events.ts";
import type { CallOptions } from "../session/outgoing.ts";
import type { ClientMiddleware, ConnectOptions, OutgoingCall } from "./options.ts";
import type { CallerStats, Happened, SessionEvent } from "./stats.ts";
import type { Status } from "./status.ts";
import type { Interest, RemoteSubscriptions } from "./subscriptions.ts";

/** One open connection, as the session uses it. */
export interface Link {
  readonly clientId: string;
  readonly wire: Wire;
  /** What was agreed on with the server. */
  readonly features: ReadonlySet<Feature>;
  /** What a Hawser server said with its hello, as it came. */
  readonly hawser: unknown;
  /** What the features need; absent without features, as with wslink's servers. */
  readonly extended: Extended | undefined;
  /** Sends a message, or throws without having sent anything. */
  send(message: OutgoingMessage, order?: string, minSize?: number): void;
  /** Throws if too much waits to be sent already. */
  checkRoom(message: OutgoingMessage): void;
  /** Encodes a message for this connection. */
  encode(message: OutgoingMessage): Frame[];
  /** Sends a message that is encoded; with `message` and `minSize` it may be compressed. */
  transmit(
    frames: readonly Frame[],
    order?: string,
    message?: OutgoingMessage,
    minSize?: number,
  ): void;
  /** What has come, and what waits to go. */
  traffic(): Pick<CallerStats, "queue" | "receivedBytes" | "compression">;
  /**
   * The server says how to come back once it has closed.
   *
   * @param after After how long, in ms.
   * @param url Where.
   */
  comeBack(after: number, url: string | undefined): void;
  /** Gives a socket up that shows no sign of life: as if it had broken. */
  lose(reason: string): void;
  /** Begins to deliver, with what came so far. */
  open(receive: (message: Message, size: number) => void): void;
}

/** What is loaded when it is needed, and not before. */
export interface LoadedLater {
  /** Calls that wait for a connection, where there is an outbox. */
  late(): Promise<Pick<Extended, "late">>;
  /** What only Hawser's servers need. */
  extended(): Promise<Extended>;
  /** The wire of wslink 1.x. */
  json(): Promise<{ jsonCodec(limits: Limits): Codec }>;
  /** What runs around calls. */
  middleware(): Promise<{ around(middleware: readonly ClientMiddleware[]): Around }>;
}

/** Calls with something around them. */
export interface Around {
  /**
   * Makes a call.
   *
   * @param request The call.
   * @param send What makes it in the end.
   * @returns Its result.
   */
  call(request: OutgoingCall, send: (request: OutgoingCall) => Promise<unknown>): Promise<unknown>;
  /**
   * Makes a call for a stream.
   *
   * @param request The call.
   * @param open What makes it in the end.
   * @returns The stream.
   */
  stream(
    request: OutgoingCall,
    open: (request: OutgoingCall) => RemoteStream<unknown, unknown>,
  ): RemoteStream<unknown, unknown>;
}

/** The two directions of one connection's wire. */
export interface Codec {
  readonly encoder: Encoder;
  readonly decoder: Decoder;
}

/** What only Hawser's servers need. */
export interface Extended {
  /** Adds to a session what its servers can do. */
  extend(session: ExtensionHost, options: ClientSessionOptions): Extension;
  /** Makes calls that may wait for a connection. */
  readonly late: MakeLateCalls;
  /** Makes the queue to a server's socket. */
  createOutlet(socket: Socket, options: OutletOptions): Outlet;
}

/** What stands between a session and the socket to a Hawser server. */
export interface Outlet {
  /** Bytes that wait here, those in the socket not counted. */
  readonly held: number;
  /** What it has done, and what waits in it. */
  stats(): QueueStats;
  /** What compressing has done, over this connection; `undefined` if it wasn't agreed on. */
  compression(): CompressionStats | undefined;
  /** Sends a message's frames; compressed if it has `minSize` bytes or more, where that was agreed on. */
  send(
    frames: readonly Frame[],
    options?: SendOptions,
    message?: OutgoingMessage,
    minSize?: number,
  ): void;
  /** Hands over what may go at once: the socket is about to close. */
  flush(): void;
  /** Forgets everything: the socket is gone. */
  clear(): void;
  /** Takes a message that is its own business, and tells whether it was. */
  takes(message: Message, size: number): boolean;
  /** Notes how many bytes have come, and whether the last frame held nothing but {@linkcode Outlet.takes}. */
  read(bytes: number, own: boolean): void;
}

/** What a queue to a server's socket goes by. */
export interface OutletOptions extends Pick<Link, "features"> {
  /** What this side's ids begin with. */
  readonly prefix: string;
  readonly encoder: Encoder;
  /** The largest frame, on the wire that has batches. */
  readonly frameSize: number | undefined;
  /** How many bytes have come so far. */
  readonly received: number;
  /** How many bytes went out so far. */
  readonly sent: number;
  /** What the server may send. */
  readonly limits: Limits;
  /** Hands on what a message held that the outlet took. */
  deliver(message: Message, size: number): void;
  /** The server has sent what the wire doesn't allow. */
  fail(error: unknown): void;
}

/** Makes calls that may wait for a connection. */
export type MakeLateCalls = (
  session: {
    readonly caller: Caller | undefined;
    readonly status: Status;
    statuses(options: Pick<CallOptions, "signal">): AsyncIterable<Status>;
    notSent(method: string): Error;
  },
  options: ClientSessionOptions,
) => LateCalls;

/** Calls that may wait for a connection. */
export type LateCalls = Pick<Caller, "call">;

/** The session's subscriptions, as far as the server decides about them. */
export interface Subscribers {
  /** Makes one string of a filter; absent as long as no server has been there that takes any. */
  filterKey: ((filter: unknown) => string) | undefined;
  /** The server has ended one. */
  refuse(interest: Interest, error: RpcError): void;
}

/** How a session behaves. */
export interface ClientSessionOptions extends ConnectOptions {
  /** How long a call waits that doesn't say, in ms; 0 is for ever. */
  readonly callTimeout: number;
  /** Called with what an application's callback throws. */
  readonly onError: (error: unknown) => void;
  /** What runs around calls. */
  readonly around: Around | undefined;
  /** Makes calls that may wait for a connection, where there is an outbox. */
  readonly late: MakeLateCalls | undefined;
}

/** What makes a session's connections. */
export interface SessionHost {
  /** Ends the connection. */
  close(): Promise<void>;
  /** What the next hello says. */
  secret(): string | Promise<string>;
  /** What the hellos after it say. */
  renew(secret: string): void;
}

/** What an extension needs of its session. */
export interface ExtensionHost {
  /** What others learn about this client. */
  readonly data: unknown;
  readonly subscriptions: Subscribers;
  /** Nobody goes on with what a connection has begun. */
  abandon(caller: Caller | undefined, close: CloseInfo): void;
}

/** What a session can do besides with Hawser's servers, over one connection after the other. */
export interface Extension {
  /**
   * Begins anew over a connection.
   *
   * @param link The connection.
   * @returns What makes its calls.
   */
  begin(link: Link): Caller;
  /**
   * Goes on over another connection with what the last one had begun.
   *
   * @param link The connection.
   * @returns What makes its calls, if it could: the server has the session still,
   * and what it lacks is held. `false` if the server alone could.
   */
  resume(link: Link): Caller | false | undefined;
  /**
   * A connection has gone.
   *
   * @param caller What made its calls.
   * @param close How it ended.
   * @returns Whether they may go on over the next one.
   */
  suspend(caller: Caller | undefined, close: CloseInfo): boolean;
  /** Nobody goes on with what is suspended. */
  abandon(): void;
  /** What the next hello shows, so that the session goes on. */
  readonly ticket: ShownTicket | undefined;
  /** Asks who is connected, or listens to a topic. */
  presence(topic: string | undefined): Promise<readonly PresentClient[]>;
  /** Says what others learn about this client, if the server tells them. */
  sendData(): Promise<void>;
  /** Asks for a sign of life, and tells how long it took, in ms. */
  ping(options: CallOptions): Promise<number>;
  /** Asks what the server offers. */
  describe(): Promise<unknown>;
  /** What is known of the session's calls and its connection. */
  stats(): CallerStats;
  /** Follows what happens. */
  events(options?: EventsOptions<SessionEvent["type"]>): EventStream<SessionEvent>;
  /** Something has happened to the session. */
  happened(event: Happened<SessionEvent>): void;
}

/** What a session needs to call, and to hear of answers. */
export interface Caller {
  call(method: string, args: readonly unknown[], options: CallOptions): Promise<unknown>;
  stream(
    method: string,
    args: readonly unknown[],
    options: CallOptions,
  ): RemoteStream<unknown, unknown>;
  /** Makes a request of the protocol's own. */
  request(method: string, args: readonly unknown[]): Promise<unknown>;
  /** What the server knows of the session's subscriptions; absent if it sends everything. */
  readonly subscriptions?: RemoteSubscriptions | undefined;
  /** What tells the server's run from another; absent if it remembers no calls. */
  readonly epoch?: string | undefined;
  /** Takes any message but a publication; `size` is what has come since the last one, in bytes. */
  receive(message: Message, size: number): void;
  /** The connection has gone: everything under way ends. */
  end(close: CloseInfo): void;
}

/** What a client shows to take its session up again. */
export type ShownTicket = Pick<Agreement, "session" | "received">;
