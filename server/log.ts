/**
 * What a server writes to a log, where it is given one.
 *
 * @module
 */
import type { LimitName } from "../session/limited.ts";
import type { ErrorContext } from "./client.ts";
import type { Happened, ServerEvent } from "./stats.ts";

/** What takes the lines of a log, fields first, as pino and its kind have it. */
export interface Logger {
  /**
   * Something that happens every day.
   *
   * @param fields What belongs to it.
   * @param message What it is.
   */
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  /**
   * Something that somebody may want to look at.
   *
   * @param fields What belongs to it.
   * @param message What it is.
   */
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  /**
   * Something that has failed.
   *
   * @param fields What belongs to it; `err` is the error.
   * @param message What it is.
   */
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** What events are called in a log; calls and dropped publications come too thick for one. */
const MESSAGES = new Map<ServerEvent["type"], string>([
  ["connected", "client connected"],
  ["suspended", "client lost its connection"],
  ["resumed", "client came back"],
  ["disconnected", "client disconnected"],
]);

/**
 * Writes who comes and goes.
 *
 * @param logger What takes the lines.
 * @returns Takes an event.
 */
export function eventLogger(logger: Logger): (event: Happened<ServerEvent>) => void {
  return ({ type, ...fields }) => {
    const message = MESSAGES.get(type);
    if (message !== undefined) logger.info(withoutReason(fields), message);
  };
}

/** A close reason may be the peer's, who writes whatever it likes. */
function withoutReason(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { reason: _, ...rest } = fields;
  return rest;
}

/**
 * Writes which limits are reached.
 *
 * @param logger What takes the lines.
 * @returns Takes a limit and how often it has been reached.
 */
export function limitLogger(logger: Logger): (limit: LimitName, count: number) => void {
  return (limit, count) => {
    if (Number.isInteger(Math.log2(count))) logger.warn({ limit, count }, "limit reached");
  };
}

/**
 * Writes errors that no caller gets to see.
 *
 * @param logger What takes the lines.
 * @returns Takes an error.
 */
export function errorLogger(logger: Logger): (error: unknown, context: ErrorContext) => void {
  return (err, { client, method }) => {
    logger.error(
      { err, ...(client ? { client: client.id } : {}), ...(method ? { method } : {}) },
      "error",
    );
  };
}
