/**
 * What a server's definition tells a client's types. Types only: nothing of a
 * server is in a client's code.
 *
 * @module
 */
import type { ArgsInput, ArgsSchema, Schema, SchemaInput } from "./schema.ts";

/** Any function that can be called over the wire, with positional arguments. */
export type Handler = (...args: never[]) => unknown;

/** A procedure that is more than a function: its handler gets the call first. */
export interface ProcedureLike {
  /** What runs; the first parameter is the server's and not the caller's. */
  readonly handler: (call: never, ...args: never[]) => unknown;
  /** The names of its parameters in order, for callers that pass them by name. */
  readonly params?: readonly string[];
  /** What it takes by position. */
  readonly args?: ArgsSchema;
  /** What it takes by name. */
  readonly kwargs?: Schema;
  /** What it returns. */
  readonly result?: Schema;
  /** What the items of its result are, if that is a stream. */
  readonly items?: Schema;
  /** The kinds of error that it says it throws, each with its data. */
  readonly errors?: Readonly<Record<string, Schema>>;
  /** What it does, in a sentence. */
  readonly description?: string;
  /** Whether a call may go on; asked before its arguments are looked at. */
  readonly authorize?: (call: never) => boolean | Promise<boolean>;
  /** What runs around it, from the outside in. */
  readonly middleware?: readonly ((call: never, next: never) => unknown)[];
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
  { readonly handler: (call: never, ...args: never[]) => infer R } ? Settled<R>
  : ProcedureOf<S, M> extends (...args: never[]) => infer R ? Settled<R>
  : never;

/** What a promise has become, but a stream of another session's, which can be awaited too, itself. */
export type Settled<R> = R extends AsyncIterable<unknown> ? R : Awaited<R>;

/** The arguments that a procedure takes from its caller. */
export type ProcedureArgs<S, M> = ProcedureOf<S, M> extends
  { readonly args: infer A extends ArgsSchema } ? ArgsInput<A>
  : ProcedureOf<S, M> extends { readonly handler: (call: never, ...args: infer A) => unknown }
    ? Sent<A>
  : ProcedureOf<S, M> extends (...args: infer A) => unknown ? Sent<A>
  : never;

/** The arguments by name that a procedure takes: `undefined` if none, unchecked if it doesn't say. */
export type ProcedureKwargs<S, M> = ProcedureOf<S, M> extends
  { readonly kwargs: infer K extends Schema } ? SchemaInput<K>
  : ProcedureOf<S, M> extends { readonly params: readonly string[] }
    ? Readonly<Record<string, unknown>>
  : ProcedureOf<S, M> extends { readonly args: ArgsSchema } | Handler ? undefined
  : Readonly<Record<string, unknown>>;

/**
 * How a call of one procedure is made: its arguments by name are those that the
 * procedure takes, none of them, some that may be left out, or some that must be there.
 */
export type TypedOptions<S, M, Options> =
  & Omit<Options, "kwargs">
  & (undefined extends ProcedureKwargs<S, M> ? { readonly kwargs?: Record<string, never> }
    : Partial<ProcedureKwargs<S, M>> extends ProcedureKwargs<S, M> ? {
        readonly kwargs?: { readonly [N in keyof ProcedureKwargs<S, M>]: ProcedureKwargs<S, M>[N] };
      }
    : {
      readonly kwargs: { readonly [N in keyof ProcedureKwargs<S, M>]: ProcedureKwargs<S, M>[N] };
    });

/** What a caller may pass: where the procedure reads a stream, any kind of stream. */
export type Sent<A> = {
  [I in keyof A]: A[I] extends AsyncIterable<infer T> ? AsyncIterable<T> | ReadableStream<T> : A[I];
};

/** The kinds of error that a server type's procedures declare. */
export type ErrorKind<S> = {
  [M in ProcedureName<S>]: ProcedureOf<S, M> extends { readonly errors: infer E } ? keyof E & string
    : never;
}[ProcedureName<S>];

/** What comes with an error of one kind. */
export type ErrorData<S, K> = {
  [M in ProcedureName<S>]: ProcedureOf<S, M> extends { readonly errors: infer E }
    ? K extends keyof E ? Delivered<SchemaInput<E[K]>> : never
    : never;
}[ProcedureName<S>];

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
export type CallRest<Args, Options> = Partial<Options> extends Options
  ? [] extends Args ? [args?: Readonly<Args>, options?: Options]
  : [args: Readonly<Args>, options?: Options]
  : [args: Readonly<Args>, options: Options];

/**
 * What a value has become on the other side: every kind of binary is a
 * `Uint8Array`, nothing is `null` (in a map it is left out), and a `Date` is a
 * string on the 1.x wire.
 */
export type Delivered<T> = unknown extends T ? T
  : T extends ArrayBufferView | ArrayBuffer ? Uint8Array<ArrayBuffer>
  : T extends void ? null
  : T extends Date ? Date | string
  : T extends readonly unknown[] ? { [K in keyof T]: Delivered<T[K]> }
  : T extends object ? {
      [K in keyof T]: undefined extends T[K] ? Delivered<Exclude<T[K], undefined>> | undefined
        : Delivered<T[K]>;
    }
  : T;
