/**
 * Procedures by name: how they are defined, kept and run.
 *
 * @module
 */
import type { Handler, ProcedureLike } from "../protocol/api.ts";
import { checkProcedureName, ErrorCode, type RequestMessage, RpcError } from "../protocol/mod.ts";
import type { Client, Publisher } from "./client.ts";

/** One call, as its procedure sees it. */
export interface Call {
  /** The procedure's name. */
  readonly method: string;
  /** The arguments by name; empty where `params` gave them their places. */
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** Who calls. */
  readonly client: Client;
  /** Aborted when the caller's connection ends: nobody will read the result. */
  readonly signal: AbortSignal;
  /** The server, for publishing. */
  readonly server: Publisher;
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

/** A procedure that gets its {@linkcode Call} first; made by {@linkcode procedure}. */
export interface Procedure<Args extends unknown[] = never[], Result = unknown>
  extends ProcedureOptions {
  /** What runs. */
  readonly handler: (call: Call, ...args: Args) => Result;
}

/**
 * Defines a procedure that wants to know its caller, take arguments by name, or
 * stop when nobody waits any more. A plain function is enough for the rest.
 *
 * @param handler Gets the call and then the positional arguments.
 * @returns The procedure, for `createServer({ procedures })`.
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
 */
export function procedure<Args extends unknown[], Result>(
  handler: (call: Call, ...args: Args) => Result,
): Procedure<Args, Result>;
/**
 * Defines a procedure with options.
 *
 * @param options What it says about itself.
 * @param handler Gets the call and then the positional arguments.
 * @returns The procedure, for `createServer({ procedures })`.
 *
 * @example Take an argument by name
 * ```ts
 * import { procedure } from "@hawser/hawser/server";
 *
 * const image = procedure({ params: ["alt"] }, (_call, alt = false) => ({ alt }));
 * console.assert(image.params?.[0] === "alt");
 * ```
 */
export function procedure<Args extends unknown[], Result>(
  options: ProcedureOptions,
  handler: (call: Call, ...args: Args) => Result,
): Procedure<Args, Result>;
export function procedure<Args extends unknown[], Result>(
  first: ProcedureOptions | ((call: Call, ...args: Args) => Result),
  second?: (call: Call, ...args: Args) => Result,
): Procedure<Args, Result> {
  if (typeof first === "function") return { handler: first };
  if (typeof second !== "function") throw new TypeError("A procedure needs a handler function");
  return { ...first, handler: second };
}

/** What the registry keeps of a procedure. */
type Invoke = (request: RequestMessage, open: (kwargs: Call["kwargs"]) => Call) => unknown;

/** A server's procedures. */
export class Registry {
  readonly #procedures = new Map<string, Invoke>();

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
    if (typeof definition === "function") {
      this.#procedures.set(name, (request) => {
        rejectKwargs(request.kwargs);
        return Reflect.apply(definition, undefined, request.args);
      });
    } else if (typeof definition?.handler === "function") {
      const { handler } = definition;
      const { params } = definition;
      this.#procedures.set(name, (request, open) => {
        const { args, kwargs } = bind(params, request);
        return Reflect.apply(handler, undefined, [open(kwargs), ...args]);
      });
    } else {
      throw new TypeError(
        `The procedure "${name}" must be a function or made by procedure(): received ${typeof definition}`,
      );
    }
  }

  /**
   * Finds a procedure.
   *
   * @param name Its name.
   * @returns A function that runs a request; it throws what the procedure throws.
   */
  get(name: string): Invoke | undefined {
    return this.#procedures.get(name);
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
