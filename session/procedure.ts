/**
 * How a procedure is defined: for a server's clients to call, or for the server
 * to call on a client.
 *
 * @module
 */

/** One call, as its procedure sees it on either side. */
export interface CallContext {
  /** The procedure's name. */
  readonly method: string;
  /** The arguments by name; empty where `params` gave them their places. */
  readonly kwargs: Readonly<Record<string, unknown>>;
  /**
   * Aborted when nobody waits for the answer any more: the caller cancelled or
   * stopped waiting, or the connection ended.
   */
  readonly signal: AbortSignal;
  /** The W3C `traceparent` of the caller's span, if the caller sent one. */
  readonly traceparent: string | undefined;
  /**
   * Tells the caller how far the call has come. Nothing is sent if the caller
   * doesn't listen, as wslink's clients never do.
   *
   * @param value Whatever the caller understands, as in `{ done: 3, of: 10 }`.
   */
  progress(value: unknown): void;
}

/** What a procedure may say about itself. */
export interface ProcedureOptions {
  /** What it does, in a sentence. */
  readonly description?: string;
  /**
   * The names of its parameters in order, so that a caller may pass them by
   * name too, as Python's callers do: with `["width", "height"]`,
   * `kwargs: { height: 2 }` arrives as the second argument, and any other name
   * is refused. Without it, all arguments by name are in `call.kwargs`.
   *
   * @default {undefined}
   */
  readonly params?: readonly string[];
}

/** A procedure that gets its call first; made by `procedure()`. */
export interface ProcedureDefinition<Context, Args extends unknown[] = never[], Result = unknown>
  extends ProcedureOptions {
  /** What runs. */
  readonly handler: (call: Context, ...args: Args) => Result;
}

/** What `procedure()` is, for calls of one kind. */
export interface DefineProcedure<Context> {
  /**
   * Defines a procedure that wants to know its caller, take arguments by name,
   * report progress, or stop when nobody waits any more.
   *
   * @param handler Gets the call and then the positional arguments.
   * @returns The procedure.
   */
  <Args extends unknown[], Result>(
    handler: (call: Context, ...args: Args) => Result,
  ): ProcedureDefinition<Context, Args, Result>;
  /**
   * Defines a procedure with options.
   *
   * @param options What it says about itself.
   * @param handler Gets the call and then the positional arguments.
   * @returns The procedure.
   */
  <Args extends unknown[], Result>(
    options: ProcedureOptions,
    handler: (call: Context, ...args: Args) => Result,
  ): ProcedureDefinition<Context, Args, Result>;
}

/** Defines a procedure for calls of any kind; the facades give it a type for theirs. */
export function define<Context, Args extends unknown[], Result>(
  first: ProcedureOptions | ((call: Context, ...args: Args) => Result),
  second?: (call: Context, ...args: Args) => Result,
): ProcedureDefinition<Context, Args, Result> {
  if (typeof first === "function") return { handler: first };
  if (typeof second !== "function") throw new TypeError("A procedure needs a handler function");
  return { ...first, handler: second };
}
