/**
 * What a session shows of itself: figures to be drawn, and events to be followed.
 *
 * @module
 */
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
  /**
   * How long the last sign of life took that the server was asked for, by
   * `session.ping()` or the heartbeat, in ms; `undefined` as long as there was none.
   */
  readonly roundTrip: number | undefined;
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
      /** The reader of a subscription was behind, and missed a value. */
      readonly type: "dropped";
      /** The topic or pattern. */
      readonly topic: string;
    }
  );

/** An event, as long as its time is not known. */
export type Happened<E> = E extends unknown ? Omit<E, "at"> : never;

/** What is known of a session's calls, and of its connection. */
export type CallerStats = Pick<SessionStats, "calls" | "queue" | "receivedBytes" | "roundTrip">;
