/**
 * What a server's procedures see of a call.
 *
 * @module
 */
import {
  type CallContext,
  type DefineProcedure,
  definer,
  type ProcedureDefinition,
} from "../session/procedure.ts";
import type { Client, Publisher } from "./client.ts";

/** One call, as a server's procedure sees it. */
export interface Call extends CallContext {
  /** Who calls. */
  readonly client: Client;
  /** The server, for publishing. */
  readonly server: Publisher;
}

/** A procedure that gets its {@linkcode Call} first; made by {@linkcode procedure}. */
export type Procedure<Args extends unknown[] = never[], Result = unknown> = ProcedureDefinition<
  Call,
  Args,
  Result
>;

/**
 * Defines a procedure that wants to know its caller, take arguments by name,
 * report progress, or stop when nobody waits any more. A plain function is
 * enough for the rest.
 *
 * @example Tell everybody but the caller
 * ```ts
 * import { procedure } from "@hawser/hawser/server";
 *
 * const move = procedure((call, x: number, y: number) => {
 *   call.server.publish("cursor", { id: call.client.id, x, y }, { except: call.client });
 * });
 * console.assert(typeof move.handler === "function");
 * ```
 *
 * @example Take an argument by name
 * ```ts
 * import { procedure } from "@hawser/hawser/server";
 *
 * const image = procedure({ params: ["alt"] }, (_call, alt = false) => ({ alt }));
 * console.assert(image.params?.[0] === "alt");
 * ```
 *
 * @example Send a result while it is made, as far as the caller reads it
 * ```ts
 * import { procedure } from "@hawser/hawser/server";
 *
 * const rows = procedure(async function* (call, count: number) {
 *   for (let i = 0; i < count && !call.signal.aborted; i++) yield new Float32Array(1024);
 *   return { count };
 * });
 * console.assert(typeof rows.handler === "function");
 * ```
 */
export const procedure: DefineProcedure<Call> = definer();
