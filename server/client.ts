/**
 * What procedures and publishers see of a connection, and of the server.
 *
 * @module
 */
import type { CompressOptions } from "../protocol/api.ts";
import type { Feature, Wire } from "../protocol/mod.ts";
import type { Authenticated } from "./auth.ts";
import type { CallOptions } from "../session/outgoing.ts";
import type { Policy, QueueStats } from "../protocol/send_queue.ts";

/** A connected client, as procedures and publishers see it. */
export interface Client {
  /** `c` and 32 hex digits, new for every connection. */
  readonly id: string;
  /** The wire it speaks. */
  readonly wire: Wire;
  /** The HTTP request that it came with; `undefined` where the adapter has none. */
  readonly request: Request | undefined;
  /** Who it is, as the server's `authenticate` found out; `undefined` with a `secret`. */
  readonly identity: unknown;
  /** What `authenticate` returned last. */
  readonly authenticated: Authenticated<unknown> | undefined;
  /**
   * The address that it came from: what the network says, or the header that
   * `addressHeader` names. `undefined` where the adapter doesn't know.
   */
  readonly address: string | undefined;
  /** Whatever the application keeps about it; gone with the connection. */
  readonly context: Map<unknown, unknown>;
  /** What it lets others know of it, with `presence`: any JSON, and `null` if nothing. */
  readonly data: unknown;
  /** How many publications it missed because it couldn't keep up. */
  readonly dropped: number;
  /**
   * Whether it has a connection now. A client that agreed on `resume` has a while
   * to come back; until then its calls run on, and calls of it wait.
   */
  readonly connected: boolean;
  /** What was agreed on beyond wslink; empty for wslink's own clients. */
  readonly features: ReadonlySet<Feature>;
  /**
   * Calls a procedure that the client registered.
   *
   * @param method Its name.
   * @param args Its positional arguments.
   * @param options How the call is made.
   * @returns What it returns. It rejects as a client's calls do, and with -32601
   * for a client that takes no calls, as wslink's.
   */
  call<T = unknown>(
    method: string,
    args?: readonly unknown[],
    options?: CallOptions,
  ): Promise<T>;
  /**
   * What its send queue has done, and what waits in it.
   *
   * @returns The counters as they are now.
   */
  queueStats(): QueueStats;
  /**
   * Ends the connection.
   *
   * @param code The close code: 1000, or 3000 to 4999.
   * @param reason At most 123 bytes of UTF-8.
   */
  close(code?: number, reason?: string): void;
}

/** The policies that never make a publisher wait. */
export type DroppingPolicy = Exclude<Policy, "wait">;

/** Whom a publication goes to. */
export interface Receivers {
  /** Only this client, or the one with this id. */
  readonly to?: Client | string;
  /** All but this client, or the one with this id. */
  readonly except?: Client | string;
}

/** Whom a publication goes to, and how. */
export interface Publishing extends Receivers {
  /**
   * Whether it is compressed for those who agreed on `compress`, which a server
   * offers whose options, topics or procedures say so.
   *
   * @default {what the topic's definition says}
   */
  readonly compress?: boolean | CompressOptions;
}

/** Whom a publication goes to, and what happens if a receiver can't keep up. */
export interface PublishOptions extends Publishing {
  /**
   * What happens at a receiver whose socket is behind. `drop-oldest`:
   * publications wait in order, and past `limits.queueBytes` or
   * `limits.queueMessages` the oldest are dropped. `latest`: only the newest
   * waits, for pictures of which an old one is worthless. `close`: nothing is
   * dropped, and a receiver whose queue is full is closed with 4013.
   *
   * @default {"drop-oldest"}
   */
  readonly policy?: DroppingPolicy;
  /**
   * What `latest` tells publications apart by, besides the topic: of each key
   * the newest is kept.
   *
   * @default {""}
   */
  readonly key?: string;
}

/** Whom a publication goes to that waits for them. */
export interface WaitingPublishOptions extends Publishing {
  /** Nothing is dropped: the promise resolves when every receiver has room for the next. */
  readonly policy: "wait";
  /** Takes the publication back at those that had no room yet; the promise rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** What became of a topic's publications. */
export interface TopicStats {
  /** How many there were. */
  readonly published: number;
  /** How many copies went to receivers. */
  readonly delivered: number;
  /** How many of those were dropped again, since the receiver couldn't keep up. */
  readonly dropped: number;
  /** How many bytes those copies had together, compressed where they were; text in UTF-16 units. */
  readonly bytes: number;
}

/** The part of a server that procedures use. */
export interface Publisher {
  /** The clients that said a good hello, by id. */
  readonly clients: ReadonlyMap<string, Client>;
  /**
   * Publishes a value.
   *
   * @param topic Dot-separated words.
   * @param value What is published; binary anywhere in it.
   * @param options Whom it goes to.
   * @returns How many clients it went to.
   * @throws {TypeError} If the topic is no such name.
   * @throws {SerializeError} If the value can't be sent.
   */
  publish(topic: string, value: unknown, options?: PublishOptions): number;
  /**
   * Publishes a value and waits for its receivers. One that has room gets it at
   * once; a slow one delays the promise and nobody else.
   *
   * @param topic Dot-separated words.
   * @param value What is published; binary anywhere in it.
   * @param options Whom it goes to, and what takes it back.
   * @returns How many clients it went to, once each has room for the next or has
   * gone. It rejects with what `publish()` throws, or the signal's reason.
   */
  publish(topic: string, value: unknown, options: WaitingPublishOptions): Promise<number>;
}

/** Where an error came from that no caller gets to see. */
export interface ErrorContext {
  /** Whose connection; absent if the error came from a topic's producer. */
  readonly client?: Client;
  /** Which procedure or topic; absent if the error came from somewhere else. */
  readonly method?: string;
}
