/** What a session and its connections have between them. */
import type { Procedures } from "../protocol/api.ts";
import type { Frame, Wire } from "../protocol/codec.ts";
import type { CloseInfo, Gap, RpcError } from "../protocol/errors.ts";
import type { Agreement, Feature, Ticket } from "../protocol/features.ts";
import type { Message, OutgoingMessage } from "../protocol/messages.ts";
import type { RemoteStream } from "../protocol/api.ts";
import type { EventsOptions, EventStream } from "../session/events.ts";
import type { CallOptions } from "../session/outgoing.ts";
import type { CallerStats, Happened, SessionEvent } from "./stats.ts";
import type { Around } from "./middleware.ts";
import type { Interest, RemoteSubscriptions } from "./subscriptions.ts";

/** One open connection, as the session uses it. */
export interface Link {
  readonly clientId: string;
  readonly wire: Wire;
  /** What was agreed on with the server. */
  readonly features: ReadonlySet<Feature>;
  /** What the server said about taking the session up again; absent if it can't be. */
  readonly agreement: Ticket | undefined;
  /** Makes what the features need; absent without features, as with wslink's servers. */
  readonly Extended:
    | (new (options: ClientSessionOptions, link: Link, subscribers: Subscribers) => Caller)
    | undefined;
  /** Sends a message, or throws without having sent anything. */
  send(message: OutgoingMessage, order?: string): void;
  /** Throws if too much waits to be sent already. */
  checkRoom(message: OutgoingMessage): void;
  /** Encodes a message for this connection. */
  encode(message: OutgoingMessage): Frame[];
  /** Sends a message that is encoded. */
  transmit(frames: readonly Frame[], order?: string): void;
  /** What has come, and what waits to go. */
  traffic(): Pick<CallerStats, "queue" | "receivedBytes">;
  /** The server says when and where to come back once it has closed. */
  hint(hint: unknown): void;
  /** Gives a socket up that shows no sign of life: as if it had broken. */
  lose(reason: string): void;
  /** Begins to deliver, with what came so far. */
  open(receive: (message: Message, size: number) => void): void;
}

/** Takes the server's word about subscriptions. */
export interface Subscribers {
  /** It has ended one. */
  refuse(interest: Interest, error: RpcError): void;
  /** It keeps no more what one has missed. */
  missed(interest: Interest, gap: Gap): void;
  /** So many publications come to one at once. */
  expect(interest: Interest, count: number): void;
}

/** What `connect()` gives a session. */
export interface ClientSessionOptions {
  /** How long a call waits that doesn't say, in ms; 0 is for ever. */
  readonly callTimeout: number;
  /** How many of the server's calls may run at a time. */
  readonly callsInFlight: number;
  /** How many streams of the server's calls may be open. */
  readonly openStreams: number;
  /** How many bytes may be held for a server that has not got them yet. */
  readonly resumeBytes: number;
  /** After how long without a word the server is asked for one, in ms; 0 is never. */
  readonly heartbeat: number;
  /** How many calls may wait for a connection. */
  readonly outbox: number;
  /** What the server may call. */
  readonly procedures: Procedures;
  /** What others learn about this client. */
  readonly data: unknown;
  /** Called with what an application's callback throws. */
  readonly onError: (error: unknown) => void;
  /** Ends the connection. */
  readonly close: () => Promise<void>;
  /** What the next hello says. */
  readonly secret: () => Promise<string>;
  /** What the hellos after it say. */
  readonly renew: (secret: string) => void;
  /** Called when there is a connection, each time. */
  readonly attached: ((request: Caller["request"]) => Promise<void>) | undefined;
  /** What runs around calls. */
  readonly around: Around | undefined;
}

/** What a session needs to call, and to hear of answers. */
export interface Caller {
  /** Asks for a sign of life, and tells how long it took, in ms; absent with a server that gives none. */
  ping?(options: CallOptions): Promise<number>;
  /** What is known of its calls and its connection; absent where nothing is counted. */
  stats?(): CallerStats;
  /** Follows what happens; absent where nothing is told. */
  events?<T extends SessionEvent["type"]>(
    options: EventsOptions<T> | undefined,
  ): EventStream<Extract<SessionEvent, { readonly type: T }>>;
  /** Something has happened to the session. */
  happened?(event: Happened<SessionEvent>): void;
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
  /** Takes any message but a publication; `size` is what has come since the last one, in bytes. */
  receive(message: Message, size: number): void;
  /** The connection has gone: everything under way ends. */
  end(close: CloseInfo): void;
  /**
   * The connection has gone, and the session may go on over the next one.
   *
   * @returns How long the server waits for that, in ms; 0 if it doesn't.
   */
  suspend(): number;
  /** What tells the server's run from another; `undefined` if it remembers no calls. */
  readonly epoch: string | undefined;
  /** What the next hello shows, so that the session goes on. */
  readonly ticket: ShownTicket | undefined;
  /**
   * Goes on over another connection.
   *
   * @param link The connection.
   * @returns Whether it could: the server has the session still, and what it lacks is held.
   */
  resume(link: Link): boolean;
}

/** What a client shows to take its session up again. */
export type ShownTicket = Pick<Agreement, "session" | "received">;
