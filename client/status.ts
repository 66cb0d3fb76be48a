/**
 * Where a session stands.
 *
 * @module
 */
import type { Wire } from "../protocol/codec.ts";

/** Where a session stands with its server. */
export type Status =
  | {
    /** A connection is being made. */
    readonly state: "connecting";
    /** Which try it is, from 0; it counts anew after each success. */
    readonly attempt: number;
  }
  | {
    /** Calls can be made. */
    readonly state: "open";
    /** The id that the server gave. */
    readonly clientId: string;
    /** The wire in use. */
    readonly wire: Wire;
    /** Whether the session goes on that the last connection was part of, with nothing lost. */
    readonly resumed: boolean;
  }
  | {
    /** The connection broke; the next try comes after a delay. */
    readonly state: "waiting";
    /** Which try it will be. */
    readonly attempt: number;
    /** How long until then, in ms. */
    readonly delay: number;
    /** What went wrong. */
    readonly error: Error;
  }
  | {
    /** The session has ended for good. */
    readonly state: "closed";
    /** Why; absent after `close()`. */
    readonly error?: Error;
  };
