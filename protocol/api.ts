/**
 * What a server's definition tells a client's types. Types only: nothing of a
 * server is in a client's code.
 *
 * @module
 */

/** Any function that can be called over the wire, with positional arguments. */
export type Handler = (...args: never[]) => unknown;

/** A procedure that is more than a function: its handler gets the call first. */
export interface ProcedureLike {
  /** What runs; the first parameter is the server's and not the caller's. */
  readonly handler: (call: never, ...args: never[]) => unknown;
  /** The names of its parameters in order, for callers that pass them by name. */
  readonly params?: readonly string[];
}

/** A server's procedures by name. */
export type Procedures = Readonly<Record<string, Handler | ProcedureLike>>;

/** The names of a server type's procedures; `never` where the server is unknown. */
export type ProcedureName<S> = S extends { readonly procedures: infer P } ? keyof P & string
  : never;

/** One procedure of a server type; `never` where there is none of that name. */
export type ProcedureOf<S, M> = S extends { readonly procedures: infer P }
  ? M extends keyof P ? P[M]
  : never
  : never;

/** The arguments that a procedure takes from its caller. */
export type ProcedureArgs<S, M> = ProcedureOf<S, M> extends
  { readonly handler: (call: never, ...args: infer A) => unknown } ? A
  : ProcedureOf<S, M> extends (...args: infer A) => unknown ? A
  : never;

/** What a procedure's caller receives. */
export type ProcedureResult<S, M> = ProcedureOf<S, M> extends
  { readonly handler: (call: never, ...args: never[]) => infer R } ? Delivered<Awaited<R>>
  : ProcedureOf<S, M> extends (...args: never[]) => infer R ? Delivered<Awaited<R>>
  : never;

/**
 * What a value has become on the other side: every kind of binary is a
 * `Uint8Array`, nothing is `null`, and a `Date` is a string on the 1.x wire.
 */
export type Delivered<T> = unknown extends T ? T
  : T extends ArrayBufferView | ArrayBuffer ? Uint8Array<ArrayBuffer>
  : T extends void ? null
  : T extends Date ? Date | string
  : T extends object ? { [K in keyof T]: Delivered<T[K]> }
  : T;
