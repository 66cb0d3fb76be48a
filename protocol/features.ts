/**
 * What two Hawser peers can do beyond wslink, and how they agree on it: one
 * field in the hello and one in its answer. A wslink peer reads neither, and is
 * never sent anything that it doesn't know.
 *
 * @module
 */
import { isMap } from "./messages.ts";

/**
 * An extension, agreed on by itself.
 *
 * - `ack`: a receiver says how much it has read, and so sets the pace.
 * - `batch`: several small messages travel in one frame.
 * - `call`: calls can be cancelled, have a deadline and report progress, and the server may call.
 * - `compress`: large messages may be compressed.
 * - `describe`: a server says what it offers.
 * - `drops`: a client is told how many publications were dropped for it.
 * - `history`: publications have offsets, and what was missed comes later.
 * - `ping`: a request that only asks for a sign of life.
 * - `presence`: clients may know of each other.
 * - `resume`: a session outlives its socket.
 * - `stream`: results and arguments may be streams.
 * - `subscribe`: publications go to those who asked for them.
 */
export type Feature =
  | "ack"
  | "batch"
  | "call"
  | "compress"
  | "describe"
  | "drops"
  | "history"
  | "ping"
  | "presence"
  | "resume"
  | "stream"
  | "subscribe";

/** The extensions that this version has. */
export const FEATURES: readonly Feature[] = [
  "ack",
  "batch",
  "call",
  "compress",
  "describe",
  "drops",
  "history",
  "ping",
  "presence",
  "resume",
  "stream",
  "subscribe",
];

/** The version of the extensions that this page describes. */
const VERSION = 1;

/** What one side offers or both agree on: the field `hawser` of the hello and of its answer. */
export interface Agreement {
  /** The version of the extensions; a peer of another version agrees on nothing. */
  readonly version: number;
  /** Their names; unknown ones are skipped. */
  readonly features: readonly Feature[];
  /**
   * What a session is taken up again with: from a server, what the client shows
   * after the next break; from a client, what it was given.
   */
  readonly session?: string;
  /** All messages of the other side's up to this number have come; from a server only if it takes the session up again. */
  readonly received?: number;
  /** How long a server keeps a session after a break, in ms. */
  readonly window?: number;
  /** What tells a server from the one that stands in its place after a restart. */
  readonly epoch?: string;
}

/** What a server says about taking a session up again. */
export type Ticket = Pick<Agreement, "session" | "received" | "window" | "epoch">;

/**
 * Puts features into the form that travels.
 *
 * @param features What is offered, or agreed on.
 * @param session What concerns a session that outlives its socket.
 * @returns The field `hawser`.
 *
 * @example
 * ```ts
 * import { announce } from "@hawser/hawser/protocol";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(announce(["stream"]), { version: 1, features: ["stream"] });
 * ```
 */
export function announce(
  features: Iterable<Feature>,
  session?: Ticket,
): Agreement {
  return { version: VERSION, features: [...features], ...session };
}

/**
 * Reads the field `hawser` of a hello or of its answer.
 *
 * @param field What came, if anything did.
 * @param own What this side offers.
 * @returns The features that both sides have; none if the field is absent, of
 * another version, or no such field.
 *
 * @example
 * ```ts
 * import { readAgreement } from "@hawser/hawser/protocol";
 * import { assertEquals } from "@std/assert";
 *
 * const theirs = { version: 1, features: ["stream", "teleport"] };
 * assertEquals([...readAgreement(theirs, ["call", "stream"])], ["stream"]);
 * assertEquals(readAgreement(undefined, ["call"]).size, 0);
 * ```
 */
export function readAgreement(field: unknown, own: Iterable<Feature>): ReadonlySet<Feature> {
  if (!isMap(field) || field.version !== VERSION || !Array.isArray(field.features)) {
    return new Set();
  }
  const theirs: ReadonlySet<unknown> = new Set(field.features);
  return new Set([...own].filter((feature) => theirs.has(feature)));
}
