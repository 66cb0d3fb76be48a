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
import type { ClientAnswer, Server } from "./server.ts";

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

/** Calls what all clients register, who are of a known type. */
export interface CallerOfAll<P extends Procedures> {
  /**
   * Calls a procedure of every client's, and waits for all answers.
   *
   * @param method Its name.
   * @param rest Its arguments, and how each call is made: `timeout` is the deadline for all.
   * @returns One answer for each client, as {@linkcode Server.callAll} gives them.
   */
  callAll<M extends CallName<{ readonly procedures: P }>>(
    method: M,
    ...rest: CallRest<
      ProcedureArgs<{ readonly procedures: P }, M>,
      TypedOptions<{ readonly procedures: P }, M, CallOptions>
    >
  ): Promise<ClientAnswer<ProcedureResult<{ readonly procedures: P }, M>>[]>;
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
export function caller<P extends Procedures>(client: Pick<Client, "call">): Caller<P>;
/**
 * Gives the calls of all clients their types.
 *
 * @typeParam P What the clients register, as in `typeof clientProcedures`.
 * @param server The server.
 * @returns The same server, whose calls of all clients are checked.
 *
 * @example
 * ```ts
 * import { caller, createServer } from "@hawser/hawser/server";
 *
 * const dialogs = { "dialog.ask": (question: string) => question.length > 3 };
 *
 * const server = createServer();
 * const answers = await caller<typeof dialogs>(server).callAll("dialog.ask", ["Save?"], {
 *   timeout: 5_000,
 * });
 * for (const answer of answers) {
 *   if (answer.status === "fulfilled") console.log(answer.client.id, answer.value); // boolean
 * }
 * console.assert(answers.length === 0);
 * ```
 */
export function caller<P extends Procedures>(server: Pick<Server, "callAll">): CallerOfAll<P>;
export function caller(side: object): object {
  return side;
}
