/**
 * What runs around calls: logging, timing, tracing, finding out who calls.
 *
 * @module
 */
import type { RequestMessage } from "../protocol/messages.ts";
import { isStream } from "./streams.ts";

/** What runs a request. */
export type Invoke<C> = (request: RequestMessage, call: C) => unknown;

/**
 * Goes on with a call: with the next middleware, or the procedure. What it is
 * given is entered in `call.state`.
 */
export type Next<Added> = Partial<Added> extends Added ? (added?: Added) => Promise<unknown>
  : (added: Added) => Promise<unknown>;

/**
 * Runs around calls. What it returns is the answer, so it usually returns what
 * `next()` gives; what it throws is answered as if the procedure had thrown it.
 *
 * @typeParam Context The call.
 * @typeParam Added What it enters in `call.state`, for those behind it.
 */
export type Middleware<Context, Added = Record<never, never>> = (
  call: Context,
  next: Next<Added>,
) => unknown;

/** A call whose state has something added. */
export type WithState<Context, Added> =
  & Omit<Context, "state">
  & { readonly state: (Context extends { readonly state: infer State } ? State : unknown) & Added };

/** What middleware needs of a call. */
export interface Stateful {
  /** What middleware has found out. */
  readonly state: Record<string, unknown>;
}

/** Middleware of any kind of call. */
export type AnyMiddleware = (call: never, next: never) => unknown;

/**
 * Puts middleware around what runs a request.
 *
 * @param middleware From the outside in.
 * @param invoke What runs the request.
 * @returns What runs both.
 */
export function around<C extends Stateful>(
  middleware: readonly AnyMiddleware[],
  invoke: Invoke<C>,
): Invoke<C> {
  return middleware.reduceRight<Invoke<C>>((inner, outer) => (request, call) => {
    const next = (added: unknown) => {
      Object.assign(call.state, added);
      return new Promise((resolve) => resolve(unawaited(inner(request, call))));
    };
    return Reflect.apply(outer, undefined, [call, next]);
  }, invoke);
}

/** A stream of another session's can be awaited too; here it is to be handed on. */
function unawaited(result: unknown): unknown {
  if (!isStream(result) || !("then" in result)) return result;
  return { [Symbol.asyncIterator]: () => result[Symbol.asyncIterator]() };
}
