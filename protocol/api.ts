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

/** What a procedure returns, before it travels. */
export type Returned<S, M> = ProcedureOf<S, M> extends
  { readonly handler: (call: never, ...args: never[]) => infer R } ? Awaited<R>
  : ProcedureOf<S, M> extends (...args: never[]) => infer R ? Awaited<R>
  : never;

/** The arguments that a procedure takes from its caller. */
export type ProcedureArgs<S, M> = ProcedureOf<S, M> extends
  { readonly handler: (call: never, ...args: infer A) => unknown } ? Sent<A>
  : ProcedureOf<S, M> extends (...args: infer A) => unknown ? Sent<A>
  : never;

/** What a caller may pass: where the procedure reads a stream, any kind of stream. */
export type Sent<A> = {
  [I in keyof A]: A[I] extends AsyncIterable<infer T> ? AsyncIterable<T> | ReadableStream<T> : A[I];
};

/** What a procedure's caller receives. */
export type ProcedureResult<S, M> = Delivered<Returned<S, M>>;

/** The names of a server type's procedures whose result is a stream. */
export type StreamName<S> = {
  // A procedure that never returns is no stream, though `never` extends everything.
  [M in ProcedureName<S>]: [Returned<S, M>] extends [never] ? never
    : [Returned<S, M>] extends [AsyncIterable<unknown> | ReadableStream] ? M
    : never;
}[ProcedureName<S>];

/** The names of a server type's procedures whose result is one value. */
export type CallName<S> = Exclude<ProcedureName<S>, StreamName<S>>;

/** What the items are of a procedure whose result is a stream. */
export type StreamItem<S, M> = Returned<S, M> extends ReadableStream<infer T> ? Delivered<T>
  : Returned<S, M> extends AsyncIterable<infer T> ? Delivered<T>
  : never;

/** What a procedure whose result is a stream returns after its last item. */
export type StreamResult<S, M> = Returned<S, M> extends AsyncIterator<unknown, infer R, never>
  ? Delivered<Awaited<R>>
  : null;

/**
 * A stream of items that another process makes while they are read: what isn't
 * read isn't made. Ending the loop early ends the procedure. Awaited instead of
 * read, it gives what the procedure returns after its last item.
 */
export interface RemoteStream<T, R = null>
  extends AsyncIterableIterator<T, R, void>, PromiseLike<R> {
  /** Ends it early: the procedure is told to stop. */
  cancel(): void;
}

/** The parameters of a typed call behind the name: arguments may be left out only if all are optional. */
export type CallRest<Args, Options> = [] extends Args ? [args?: Readonly<Args>, options?: Options]
  : [args: Readonly<Args>, options?: Options];

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
