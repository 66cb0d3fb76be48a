/**
 * What a session is taken up again with.
 *
 * @module
 */
import type { Ticket } from "./features.ts";
import { isMap } from "./messages.ts";

/**
 * Reads what a server says about taking a session up again.
 *
 * @param field The field `hawser` of the hello's answer.
 * @returns What it says, or `undefined` if that is nothing usable.
 */
export function readTicket(field: unknown): Ticket | undefined {
  if (!isMap(field)) return undefined;
  const { session, received, window, epoch } = field;
  if (typeof session !== "string" || typeof window !== "number" || !(window > 0)) return undefined;
  return {
    session,
    window,
    ...(typeof received === "number" ? { received } : {}),
    ...(typeof epoch === "string" ? { epoch } : {}),
  };
}
