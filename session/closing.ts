/**
 * How the two sides speak of an end: what a server that closes tells its
 * clients, and close codes of Hawser's own.
 *
 * @module
 */

/** The notification `[hint]`: the server closes as soon as running calls have ended. */
export const CLOSING_METHOD = "wslink.closing";

/** When and where clients are to come back. */
export interface ClosingHint {
  /** Not before so many ms have passed. */
  readonly retryAfter?: number;
  /** At this address instead, as in `wss://other.example/ws`. */
  readonly url?: string;
}

/** The close code for a socket that showed no sign of life; the session may go on. */
export const CLOSE_LOST = 4015;

/** The request that asks for a sign of life. */
export const PING_METHOD = "wslink.ping";
