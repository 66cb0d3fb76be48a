/**
 * Calls of clients' procedures whose types the server knows.
 *
 * @module
 */
import type {
  CallName,
  CallRest,
  ProcedureArgs,
  ProcedureResult,
  Procedures,
  TypedOptions,
} from "../protocol/api.ts";
import type { CallOptions } from "../session/outgoing.ts";
import type { Client } from "./client.ts";

/** Calls what clients of a known type register. */
export interface Caller<P extends Procedures> {
  /**
   * Calls a procedure of the client's.
   *
   * @param method Its name.
   * @param rest Its arguments, and how the call is made.
   * @returns What it returns; it rejects as a client's calls do.
   */
  call<M extends CallName<{ readonly procedures: P }>>(
    method: M,
    ...rest: CallRest<
      ProcedureArgs<{ readonly procedures: P }, M>,
      TypedOptions<{ readonly procedures: P }, M, CallOptions>
    >
  ): Promise<ProcedureResult<{ readonly procedures: P }, M>>;
}

/**
 * Gives the calls of a client their types.
 *
 * @typeParam P What its clients register, as in `typeof clientProcedures`.
 * @param client The client, as in `call.client`.
 * @returns The same client, whose calls are checked.
 *
 * @example
 * ```ts
 * import { caller, procedure } from "@hawser/hawser/server";
 *
 * // The client's side, connect(url, { procedures: dialogs }), exports this type.
 * const dialogs = { "dialog.ask": (question: string) => question.length > 3 };
 *
 * const remove = procedure(async (call, path: string) => {
 *   const sure = await caller<typeof dialogs>(call.client).call("dialog.ask", [`Delete ${path}?`]);
 *   return sure; // boolean
 * });
 * console.assert(typeof remove.handler === "function");
 * ```
 */
export function caller<P extends Procedures>(client: Pick<Client, "call">): Caller<P> {
  return client;
}
