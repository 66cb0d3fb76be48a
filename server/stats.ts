/**
 * What a server shows of itself: figures to be drawn, and events to be followed.
 *
 * @module
 */
import type { CompressionStats } from "../protocol/compression.ts";
import type { Wire } from "../protocol/codec.ts";
import type { QueueStats } from "../protocol/send_queue.ts";
import type { CallOutcome, CallStats } from "../session/meters.ts";
import type { LimitName } from "../session/limited.ts";
import type { TopicStats } from "./client.ts";

/** What a server has done, and how it stands. It can be published as it is. */
export interface ServerStats {
  /** How long the server has existed, in ms. */
  readonly uptime: number;
  /** Who is there. */
  readonly connections: ConnectionStats;
  /** How much has happened since the server was made, and what was refused. */
  readonly totals: Totals;
  /** The calls that clients made, by procedure; those that were refused unheard are not among them. */
  readonly calls: readonly CallStats[];
  /** What became of publications, by topic. */
  readonly topics: readonly NamedTopicStats[];
  /** What waits to be sent, in all connections together. */
  readonly queues: QueuesStats;
  /** How long the ways to the clients and back take. */
  readonly roundTrip: RoundTripStats;
  /** What compressing has done, for all clients together; `undefined` where the runtime has no zlib. */
  readonly compression: CompressionStats | undefined;
}

/** What a server has counted since it was made. */
export interface Totals {
  /** Connections that were taken. */
  readonly accepted: number;
  /** Good hellos of clients that did not come back to a session. */
  readonly joined: number;
  /** Sessions that were taken up again after a break. */
  readonly resumed: number;
  /** Hellos with a wrong secret or none. */
  readonly failedHellos: number;
  /** Errors that went to `onError`. */
  readonly errors: number;
  /** How often each limit was reached. */
  readonly limits: Readonly<Partial<Record<LimitName, number>>>;
  /** How often the server closed a connection, by close code. */
  readonly closed: Readonly<Record<number, number>>;
}

/** Who is connected to a server. */
export interface ConnectionStats {
  /** Sockets, those included that have said no good hello yet. */
  readonly sockets: number;
  /** Clients that said a good hello, with a socket or on their way back. */
  readonly clients: number;
  /** Of those the ones that lost their socket and have a while to come back. */
  readonly suspended: number;
}

/** What became of a topic's publications. */
export interface NamedTopicStats extends TopicStats {
  /** Its name; `*` stands for all past the first 4096. */
  readonly topic: string;
}

/** What waits to be sent, in several queues together. */
export interface QueuesStats {
  /** Bytes that wait, with 128 for each message; those in sockets not counted. */
  readonly heldBytes: number;
  /** How many messages wait or are going out. */
  readonly heldMessages: number;
  /** How long the oldest of them has waited, in ms. */
  readonly oldestAge: number;
  /** Bytes that were handed to sockets and have not arrived, as far as is known. */
  readonly underWay: number;
}

/** How long the ways to several peers and back take, where it is known: between Hawser's peers. */
export interface RoundTripStats {
  /** Of how many it is known. */
  readonly peers: number;
  /** That of the middle one, in ms; 0 if there is none. */
  readonly median: number;
  /** The longest, in ms. */
  readonly max: number;
}

/** Something that has happened in a server. */
export type ServerEvent =
  & {
    /** When, in ms since 1970. */
    readonly at: number;
  }
  & (
    | {
      /** A client has said a good hello. */
      readonly type: "connected";
      /** Its id. */
      readonly client: string;
      /** The wire that it speaks. */
      readonly wire: Wire;
    }
    | {
      /** A client has lost its socket, and has a while to come back. */
      readonly type: "suspended";
      /** Its id. */
      readonly client: string;
    }
    | {
      /** A client has come back in time. */
      readonly type: "resumed";
      /** Its id. */
      readonly client: string;
    }
    | {
      /** A client has gone. */
      readonly type: "disconnected";
      /** Its id. */
      readonly client: string;
      /** The close code. */
      readonly code: number;
      /** What the side that closed said about it. */
      readonly reason: string;
    }
    | {
      /** A call has ended. */
      readonly type: "call";
      /** The id of the client that made it. */
      readonly client: string;
      /** The procedure's name. */
      readonly method: string;
      /** How long it took, in ms. */
      readonly time: number;
      /** How it ended. */
      readonly outcome: CallOutcome;
    }
    | {
      /** A limit was reached, and something refused for it. */
      readonly type: "limit";
      /** Which one. */
      readonly limit: LimitName;
    }
    | {
      /** A client missed a publication, since it couldn't keep up. */
      readonly type: "dropped";
      /** Its id. */
      readonly client: string;
      /** The publication's topic. */
      readonly topic: string;
    }
  );

/** An event whose time is not known yet. */
export type Happened<E> = E extends unknown ? Omit<E, "at"> : never;

/**
 * Adds up what waits in queues.
 *
 * @param queues What each says.
 * @returns The sums, the greatest age, and the round trips.
 */
export function sumQueues(
  queues: Iterable<QueueStats>,
): { readonly queues: QueuesStats; readonly roundTrip: RoundTripStats } {
  let heldBytes = 0, heldMessages = 0, oldestAge = 0, underWay = 0;
  const trips: number[] = [];
  for (const queue of queues) {
    heldBytes += queue.heldBytes;
    heldMessages += queue.heldMessages;
    oldestAge = Math.max(oldestAge, queue.oldestAge);
    underWay += queue.underWay;
    if (queue.roundTrip !== undefined) trips.push(queue.roundTrip);
  }
  trips.sort((a, b) => a - b);
  return {
    queues: { heldBytes, heldMessages, oldestAge, underWay },
    roundTrip: {
      peers: trips.length,
      median: trips[trips.length >> 1] ?? 0,
      max: trips.at(-1) ?? 0,
    },
  };
}
