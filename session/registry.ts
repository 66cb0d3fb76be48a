/**
 * Procedures by name: how they are kept and run.
 *
 * @module
 */
import type { Handler, ProcedureLike } from "../protocol/api.ts";
import { ErrorCode, RpcError } from "../protocol/errors.ts";
import { checkProcedureName, type RequestMessage } from "../protocol/messages.ts";

/** What the registry keeps of a procedure. */
export type Invoke<C> = (request: RequestMessage, call: C) => unknown;

/** What a procedure gets, as far as arguments have to be entered in it. */
export interface Bindable {
  /** The arguments by name that have no place of their own. */
  kwargs: Readonly<Record<string, unknown>>;
}

/** One side's procedures. */
export class Registry<C extends Bindable> {
  readonly #procedures = new Map<string, Invoke<C>>();

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
      this.#procedures.set(name, (request, call) => {
        const { args, kwargs } = bind(params, request);
        call.kwargs = kwargs;
        return Reflect.apply(handler, undefined, [call, ...args]);
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
  get(name: string): Invoke<C> | undefined {
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
