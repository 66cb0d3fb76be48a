/**
 * What a client's procedures see of a call.
 *
 * @module
 */
import { type DefineProcedure, definer } from "../session/procedure.ts";
import type { ClientCall } from "./session.ts";

/**
 * Defines a procedure for the server to call, that wants to know when it is
 * cancelled, takes arguments by name, or has schemas: a server's `procedure()`
 * in the other direction. A plain function is enough for the rest.
 *
 * @example
 * ```ts
 * import { procedure } from "@hawser/hawser/client";
 *
 * const ask = procedure((call, question: string) =>
 *   new Promise<boolean>((resolve) => {
 *     call.signal.addEventListener("abort", () => resolve(false));
 *     queueMicrotask(() => resolve(question.endsWith("?")));
 *   })
 * );
 * // connect(url, { procedures: { "dialog.ask": ask } })
 * console.assert(typeof ask.handler === "function");
 * ```
 */
export const procedure: DefineProcedure<ClientCall> = definer();
