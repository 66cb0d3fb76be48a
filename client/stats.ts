/**
 * What a session shows of itself: figures to be drawn, and events to be followed.
 *
 * @module
 */
import type { CompressionStats } from "../protocol/compression.ts";
import type { QueueStats } from "../protocol/send_queue.ts";
import type { CallOutcome, CallStats } from "../session/meters.ts";
import type { Status } from "./status.ts";

/** What a session has done, and how it stands. */
export interface SessionStats {
  /** How many connections it has had. */
  readonly connections: number;
  /**
   * The calls that it made, by procedure, with their whole time until the answer
   * came. They are counted with Hawser's servers; a page that talks to wslink's
   * loads nothing that could.
   */
  readonly calls: readonly CallStats[];
  /** What came for the subscriptions that there are. */
  readonly topics: readonly SubscriptionStats[];
  /** What waits to be sent, to a Hawser server: `undefined` with others, and between connections. */
  readonly queue: QueueStats | undefined;
  /** Bytes that have come over the connection that there is, text in UTF-16 units; 0 with wslink's servers. */
  readonly receivedBytes: number;
  /** What compressing has done over that connection; `undefined` with a server that doesn't. */
  readonly compression: CompressionStats | undefined;
  /**
   * What the server has dropped for this session, since it couldn't keep up: told
   * by Hawser's servers, a moment later. What a reader misses is not in it.
   */
  readonly dropped: readonly DroppedStats[];
  /**
   * How long the last sign of life took that the server was asked for, by
   * `session.ping()` or the heartbeat, in ms; `undefined` as long as there was none.
   */
  readonly roundTrip: number | undefined;
}

/** What a server has dropped of one topic. */
export interface DroppedStats {
  /** The topic; `*` is all those that are not told apart. */
  readonly topic: string;
  /** How many publications. */
  readonly count: number;
}

/** What came for one topic or pattern, and one filter. */
export interface SubscriptionStats {
  /** The topic or pattern. */
  readonly topic: string;
  /** The filter, if there is one. */
  readonly filter: unknown;
  /** How many values came, since somebody began to listen. */
  readonly received: number;
  /** How many of them the readers that there are missed, because they were behind. */
  readonly dropped: number;
}

/** Something that has happened in a session. */
export type SessionEvent =
  & {
    /** When, in ms since 1970. */
    readonly at: number;
  }
  & (
    | {
      /** The session stands otherwise with its server. */
      readonly type: "status";
      /** How. */
      readonly status: Status;
    }
    | {
      /** A call has ended that was made to a Hawser server. */
      readonly type: "call";
      /** The procedure's name. */
      readonly method: string;
      /** How long it took, in ms. */
      readonly time: number;
      /** How it ended. */
      readonly outcome: CallOutcome;
    }
    | {
      /** Something that was published was missed: its receiver was behind. */
      readonly type: "dropped";
      /**
       * Who dropped it: the server, since this client couldn't keep up, or the
       * subscription, since its reader couldn't.
       */
      readonly by: "server" | "subscription";
      /** The topic, or the subscription's pattern; `*` is all topics that the server doesn't tell apart. */
      readonly topic: string;
      /** How many publications. */
      readonly count: number;
    }
  );

/** An event, as long as its time is not known. */
export type Happened<E> = E extends unknown ? Omit<E, "at"> : never;

/** What is known of a session's calls, and of its connection. */
export type CallerStats = Pick<
  SessionStats,
  "calls" | "dropped" | "queue" | "receivedBytes" | "roundTrip" | "compression"
>;
