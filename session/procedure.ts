/**
 * How a procedure is defined: for a server's clients to call, or for the server
 * to call on a client.
 *
 * @module
 */
import type { CompressOptions, Handler, ProcedureRate } from "../protocol/api.ts";
import type { RpcError } from "../protocol/errors.ts";
import type { AnyMiddleware, Middleware, WithState } from "./middleware.ts";
import type {
  ArgsOutput,
  ArgsSchema,
  Schema,
  SchemaInput,
  SchemaOutput,
} from "../protocol/schema.ts";

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
  /** What middleware has found out about the call; its own for each call. */
  readonly state: Readonly<Record<string, unknown>>;
  /** The W3C `traceparent` of the caller's span, if the caller sent one. */
  readonly traceparent: string | undefined;
  /**
   * Tells the caller how far the call has come. Nothing is sent if the caller
   * doesn't listen, as wslink's clients never do.
   *
   * @param value Whatever the caller understands, as in `{ done: 3, of: 10 }`.
   */
  progress(value: unknown): void;
  /**
   * Makes an error that the procedure declares, to be thrown.
   *
   * @param kind Its kind, one of the procedure's `errors`.
   * @param data What the caller learns besides.
   * @param message What went wrong in words; the kind by default.
   * @returns The error: -32006 on the wire, with the kind.
   */
  error(kind: string, data?: unknown, message?: string): RpcError;
}

/** What a procedure may say about itself. */
export interface ProcedureOptions<Context = never> {
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
  /**
   * What it takes by position: a list of schemas, one for each, or one schema of
   * the list. Arguments are checked before the handler runs, and what doesn't
   * fit is answered with -32602 and the issues. With it, arguments by name are
   * taken only where `params` or `kwargs` says so.
   *
   * @default {undefined}
   */
  readonly args?: ArgsSchema;
  /**
   * What it takes by name, as one schema of a map; checked likewise.
   *
   * @default {undefined}
   */
  readonly kwargs?: Schema;
  /**
   * What it returns, as its callers get it: for types and for `describe`. Values
   * are held to it only with the server's `checkResults`, and never changed. Of
   * a stream it is what comes behind the last item.
   *
   * @default {undefined}
   */
  readonly result?: Schema;
  /**
   * What the items are of a result that is a stream: for types and for
   * `describe`; never checked.
   *
   * @default {undefined}
   */
  readonly items?: Schema;
  /**
   * The kinds of error that it throws on purpose, each with the schema of its
   * data; thrown with `call.error(kind, data)`.
   *
   * @default {undefined}
   */
  readonly errors?: Readonly<Record<string, Schema>>;
  /**
   * Whether a call may go on; asked before its arguments are looked at. `false`
   * is answered with -32005.
   *
   * @default {undefined}
   */
  readonly authorize?: (call: Context) => boolean | Promise<boolean>;
  /**
   * How often it may be called, as in `{ perSecond: 2, burst: 10 }`: a bucket for
   * each client, or one for all with `per: "server"`. More is answered with -32007,
   * whose data say in how many ms to try again.
   *
   * @default {undefined}
   */
  readonly rate?: ProcedureRate;
  /**
   * Whether results, and the items of a stream, are compressed for a caller that
   * agreed on `compress`; docs/compression.md says when that pays.
   *
   * @default {false}
   */
  readonly compress?: boolean | CompressOptions;
}

/** What a procedure with schemas returns: what its `result` says, at once, later, or behind a stream. */
export type Returns<O> = O extends { readonly result: infer R extends Schema } ?
    | SchemaInput<R>
    | PromiseLike<SchemaInput<R>>
    | AsyncIterator<unknown, SchemaInput<R>, never>
  : unknown;

/** A call as the handler of a procedure with schemas sees it. */
export type CheckedCall<Context, O> = O extends
  { readonly kwargs: Schema } | { readonly errors: Readonly<Record<string, Schema>> } ?
    & Omit<Context, "kwargs" | "error">
    & {
      readonly kwargs: O extends { readonly kwargs: infer K extends Schema } ? SchemaOutput<K>
        : Readonly<Record<string, unknown>>;
      readonly error: O extends { readonly errors: infer E } ? DeclaredError<E>
        : CallContext["error"];
    }
  : Context;

/** What makes the errors that a procedure declares, with their data's types. */
export type DeclaredError<E> = <K extends keyof E & string>(
  kind: K,
  data: SchemaInput<E[K]>,
  message?: string,
) => RpcError;

/** A procedure that gets its call first; made by `procedure()`. */
export interface ProcedureDefinition<Context, Args extends unknown[] = never[], Result = unknown>
  extends ProcedureOptions {
  /** What runs. */
  readonly handler: (call: Context, ...args: Args) => Result;
}

/** A procedure with the very options that it was defined with, whose types its callers see. */
export type Defined<Context, Args extends unknown[], Result, O> =
  & Pick<ProcedureDefinition<Context, Args, Result>, "handler">
  & O;

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
  <
    const O extends ProcedureOptions<Context> & { readonly args?: undefined },
    Args extends unknown[],
    Result extends Returns<O>,
  >(
    options: O,
    handler: (call: CheckedCall<Context, O>, ...args: Args) => Result,
  ): Defined<CheckedCall<Context, O>, Args, Result, O>;
  /**
   * Defines a procedure whose positional arguments are checked, and so typed, by schemas.
   *
   * @param options What it takes and returns.
   * @param handler Gets the call and then the checked arguments.
   * @returns The procedure.
   */
  <
    const O extends ProcedureOptions<Context> & { readonly args: ArgsSchema },
    Result extends Returns<O>,
  >(
    options: O,
    handler: (call: CheckedCall<Context, O>, ...args: ArgsOutput<O["args"]>) => Result,
  ): Defined<CheckedCall<Context, O>, ArgsOutput<O["args"]>, Result, O>;
  /**
   * Makes a `procedure()` whose procedures have something run around them,
   * before `authorize` is asked and the arguments are looked at.
   *
   * @typeParam Added What the middleware enters in `call.state`.
   * @param middleware Runs inside of what is there already.
   * @returns The function; `use()` it once more for more.
   */
  use<Added extends object = Record<never, never>>(
    middleware: Middleware<Context, Added>,
  ): DefineProcedure<WithState<Context, Added>>;
}

/**
 * Makes the `procedure()` of one side.
 *
 * @param middleware What runs around its procedures.
 * @returns The function, for calls of the side's kind.
 */
export function definer<Context>(
  middleware: readonly AnyMiddleware[] = [],
): DefineProcedure<Context> {
  const extra = middleware.length === 0 ? {} : { middleware };
  function define<Args extends unknown[], Result>(
    handler: (call: Context, ...args: Args) => Result,
  ): ProcedureDefinition<Context, Args, Result>;
  function define<
    const O extends ProcedureOptions<Context> & { readonly args?: undefined },
    Args extends unknown[],
    Result extends Returns<O>,
  >(
    options: O,
    handler: (call: CheckedCall<Context, O>, ...args: Args) => Result,
  ): Defined<CheckedCall<Context, O>, Args, Result, O>;
  function define<
    const O extends ProcedureOptions<Context> & { readonly args: ArgsSchema },
    Result extends Returns<O>,
  >(
    options: O,
    handler: (call: CheckedCall<Context, O>, ...args: ArgsOutput<O["args"]>) => Result,
  ): Defined<CheckedCall<Context, O>, ArgsOutput<O["args"]>, Result, O>;
  function define(
    first: ProcedureOptions<Context> | Handler,
    second?: Handler,
  ): { readonly handler: Handler } {
    if (typeof first === "function") return { ...extra, handler: first };
    if (typeof second !== "function") throw new TypeError("A procedure needs a handler function");
    return { ...first, ...extra, handler: second };
  }
  define.use = <Added extends object>(outer: Middleware<Context, Added>) =>
    definer<WithState<Context, Added>>([...middleware, outer]);
  return define;
}
