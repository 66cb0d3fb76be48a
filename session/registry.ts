/**
 * Procedures by name: how they are kept and run.
 *
 * @module
 */
import type { Handler, ProcedureLike, ProcedureRate } from "../protocol/api.ts";
import { minSizeOf } from "../protocol/compress.ts";
import { ErrorCode, RpcError } from "../protocol/errors.ts";
import type { RequestMessage } from "../protocol/messages.ts";
import { checkProcedureName } from "../protocol/names.ts";
import type { Schema } from "../protocol/schema.ts";
import { type AnyMiddleware, around, type Invoke, type Stateful } from "./middleware.ts";
import { checkRate, LimitError, TokenBucket } from "./limited.ts";
import { type Arguments, parse, parseArguments } from "./schema.ts";
import { isStream } from "./streams.ts";

/** What a procedure gets, as far as arguments have to be entered in it. */
export interface Bindable extends Stateful {
  /** The arguments by name that have no place of their own. */
  kwargs: Readonly<Record<string, unknown>>;
  /** Whose calls are counted together, where a rate is one caller's. */
  readonly caller: object | undefined;
}

/** One side's procedures. */
export class Registry<C extends Bindable> {
  readonly #procedures = new Map<string, Invoke<C>>();
  /** The same without the middleware around all of them. */
  readonly #bare = new Map<string, Invoke<C>>();
  readonly #middleware: AnyMiddleware[] = [];
  readonly #definitions = new Map<string, Handler | ProcedureLike>();
  readonly #minSizes = new Map<string, number>();
  readonly #checkResults: boolean;

  /**
   * Starts without procedures.
   *
   * @param checkResults Whether what procedures return is held to their schemas.
   */
  constructor(checkResults = false) {
    this.#checkResults = checkResults;
  }

  /**
   * Adds a procedure.
   *
   * @param name Its name.
   * @param definition What runs.
   * @throws {TypeError} If the name is bad, taken, or the definition can't run.
   */
  register(name: string, definition: Handler | ProcedureLike): void {
    checkProcedureName(name);
    if (this.#procedures.has(name)) {
      throw new TypeError(`A procedure named "${name}" is registered already`);
    }
    this.#bare.set(name, this.#invoke(name, definition));
    const minSize = typeof definition === "function" ? undefined : minSizeOf(definition.compress);
    if (minSize !== undefined) this.#minSizes.set(name, minSize);
    this.#definitions.set(name, definition);
    this.#enter(name);
  }

  /**
   * Puts middleware around all procedures, those that are registered later included.
   *
   * @param middleware Runs inside of what is there already.
   */
  use(middleware: AnyMiddleware): void {
    this.#middleware.push(middleware);
    for (const name of this.#bare.keys()) this.#enter(name);
  }

  #enter(name: string): void {
    const invoke = this.#bare.get(name);
    if (invoke === undefined) return;
    const { length } = this.#middleware;
    // Where there is no middleware, nothing stands between a request and its procedure.
    this.#procedures.set(name, length === 0 ? invoke : around(this.#middleware, invoke));
  }

  #invoke(name: string, definition: Handler | ProcedureLike): Invoke<C> {
    if (typeof definition === "function") {
      return (request) => {
        rejectKwargs(request.kwargs);
        return Reflect.apply(definition, undefined, request.args);
      };
    }
    if (typeof definition?.handler !== "function") {
      throw new TypeError(
        `The procedure "${name}" must be a function or made by procedure(): received ${typeof definition}`,
      );
    }
    const { middleware = [] } = definition;
    const invoke = this.#checked(name, definition);
    return middleware.length === 0 ? invoke : around(middleware, invoke);
  }

  #checked(name: string, definition: ProcedureLike): Invoke<C> {
    const { handler, params, args, kwargs, result, authorize, rate } = definition;
    const run = (call: C, given: Arguments): unknown => {
      call.kwargs = given.kwargs;
      return Reflect.apply(handler, undefined, [call, ...given.args]);
    };
    const invoke: Invoke<C> = args === undefined && kwargs === undefined
      ? (request, call) => run(call, bind(params, request))
      : (request, call) => {
        const bound = bind(params, request);
        if (kwargs === undefined) rejectKwargs(bound.kwargs);
        const parsed = parseArguments({ args, kwargs }, bound);
        return parsed instanceof Promise
          ? parsed.then((given) => run(call, given))
          : run(call, parsed);
      };
    const checked = this.#checkResults && result !== undefined
      ? (request: RequestMessage, call: C) => checkResult(name, result, invoke(request, call))
      : invoke;
    const allowed = authorize === undefined ? checked : authorized(name, authorize, checked);
    return rate === undefined ? allowed : slowed(name, rate, allowed);
  }

  /** Whether the results of one of them are compressed. */
  get compresses(): boolean {
    return this.#minSizes.size > 0;
  }

  /**
   * Tells which of a procedure's results are compressed.
   *
   * @param name Its name.
   * @returns From which size on, in bytes; `undefined` if none is.
   */
  minSize(name: string): number | undefined {
    return this.#minSizes.get(name);
  }

  /** What is registered, by name. */
  get definitions(): ReadonlyMap<string, Handler | ProcedureLike> {
    return this.#definitions;
  }

  /**
   * Finds a procedure.
   *
   * @param name Its name.
   * @returns A function that runs a request; it throws what the procedure throws.
   */
  get(name: string): Invoke<C> | undefined {
    return this.#procedures.get(name);
  }
}

/** Asks first whether a call may go on. */
function authorized<C>(
  name: string,
  authorize: (call: never) => boolean | Promise<boolean>,
  invoke: Invoke<C>,
): Invoke<C> {
  return (request, call) => {
    const allowed: unknown = Reflect.apply(authorize, undefined, [call]);
    const next = (allowed: unknown) => {
      if (allowed === true) return invoke(request, call);
      throw new RpcError(ErrorCode.forbidden, "Not allowed", name);
    };
    return allowed instanceof Promise ? allowed.then(next) : next(allowed);
  };
}

/** Lets through what the procedure's rate allows; asked first, since `authorize` may cost as much. */
function slowed<C extends Bindable>(
  name: string,
  rate: ProcedureRate,
  invoke: Invoke<C>,
): Invoke<C> {
  checkRate(`The rate of "${name}"`, rate);
  const all = new TokenBucket(rate);
  const each = new WeakMap<object, TokenBucket>();
  function bucketOf(caller: object | undefined): TokenBucket {
    if (caller === undefined || rate.per === "server") return all;
    let bucket = each.get(caller);
    if (bucket === undefined) each.set(caller, bucket = new TokenBucket(rate));
    return bucket;
  }
  return (request, call) => {
    const retryAfter = bucketOf(call.caller).take();
    if (retryAfter === 0) return invoke(request, call);
    throw new LimitError("rate", "Too many calls", { method: name, retryAfter });
  };
}

/** Holds a result to its schema: what doesn't fit is the server's own mistake, and no caller's. */
function checkResult(name: string, schema: Schema, result: unknown): unknown {
  if (isStream(result)) return result;
  if (result instanceof Promise) return result.then((value) => checkResult(name, schema, value));
  const complain = (error: unknown) => {
    const what = error instanceof RpcError ? JSON.stringify(error.data) : String(error);
    throw new TypeError(`${name} returned what its result's schema refuses: ${what}`);
  };
  try {
    const parsed = parse(schema, result, ["result"]);
    return parsed instanceof Promise ? parsed.then(() => result, complain) : result;
  } catch (error) {
    return complain(error);
  }
}

/** A plain function has no names for its parameters; Python refuses an unknown name as well. */
function rejectKwargs(kwargs: Readonly<Record<string, unknown>>): void {
  for (const name of Object.keys(kwargs)) throw unexpected(name);
}

/** Moves arguments by name to their places. */
function bind(
  params: readonly string[] | undefined,
  { args, kwargs }: RequestMessage,
): Pick<RequestMessage, "args" | "kwargs"> {
  const names = Object.keys(kwargs);
  if (names.length === 0 || params === undefined) return { args, kwargs };
  const bound = [...args];
  for (const name of names) {
    const place = params.indexOf(name);
    if (place === -1) throw unexpected(name);
    if (place < args.length) {
      throw new RpcError(ErrorCode.invalidArguments, `Argument "${name}" is given twice`);
    }
    bound[place] = kwargs[name];
  }
  // A hole in the list is an argument that was not given: its default applies.
  return { args: Array.from(bound), kwargs: {} };
}

function unexpected(name: string): RpcError {
  return new RpcError(ErrorCode.invalidArguments, `Unexpected keyword argument "${name}"`);
}
