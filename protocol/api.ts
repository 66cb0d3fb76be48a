/**
 * What a server's definition tells a client's types. Types only: nothing of a
 * server is in a client's code.
 *
 * @module
 */
import type { ArgsInput, ArgsSchema, Schema, SchemaInput } from "./schema.ts";
import type { Policy } from "./send_queue.ts";

/** Any function that can be called over the wire, with positional arguments. */
export type Handler = (...args: never[]) => unknown;

/** What is compressed on its way between Hawser's peers, where an option `compress` says so. */
export interface CompressOptions {
  /**
   * From which size on, as the message would be sent otherwise, in bytes.
   *
   * @default {1024}
   */
  readonly minSize?: number;
}

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
  /** How often it may be called. */
  readonly rate?: ProcedureRate;
  /** Whether its results and the items of its streams are compressed. */
  readonly compress?: boolean | CompressOptions;
  /** What runs around it, from the outside in. */
  readonly middleware?: readonly ((call: never, next: never) => unknown)[];
}

/** So many calls in a while: a bucket that fills at one pace and is emptied at any. */
export interface Rate {
  /** How many a second, on the average; fractions are fine. */
  readonly perSecond: number;
  /**
   * How many at once, after a pause.
   *
   * @default {Math.max(perSecond, 1)}
   */
  readonly burst?: number;
}

/** How often a procedure may be called. */
export interface ProcedureRate extends Rate {
  /**
   * Whether each client has a bucket of its own, or all have one together.
   *
   * @default {"client"}
   */
  readonly per?: "client" | "server";
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

/**
 * How much a topic keeps for subscribers that missed it. A pattern's topics share
 * one history.
 */
export interface HistoryOptions {
  /**
   * How many publications.
   *
   * @default {limits.historyMessages}
   */
  readonly count?: number;
  /**
   * How many bytes they may have together, as msgpack and with 256 for each; one
   * that has more by itself isn't kept.
   *
   * @default {limits.historyBytes}
   */
  readonly bytes?: number;
  /**
   * For how long, in ms.
   *
   * @default {Infinity}
   */
  readonly age?: number;
}

/** What of a topic's definition is known to both sides. */
export interface TopicLike {
  /** What it is for, in a sentence. */
  readonly description?: string;
  /** What is published. */
  readonly payload?: Schema | undefined;
  /** Whether what is published is held to it. */
  readonly validate?: boolean;
  /** What a subscriber's filter is. */
  readonly filter?: Schema | undefined;
  /** The part of a payload that a filter is interested in. */
  readonly select?: (payload: never, filter: never, topic: string) => unknown;
  /** What happens to its publications at a receiver that is behind. */
  readonly policy?: Exclude<Policy, "wait">;
  /** What the policy `latest` tells its publications apart by. */
  readonly key?: string | ((payload: never) => string);
  /** Whether its publications are compressed. */
  readonly compress?: boolean | CompressOptions;
  /** Whether a client may listen. */
  readonly authorize?: (
    client: never,
    filter: never,
    topic: string,
  ) => boolean | Promise<boolean>;
  /** Called when somebody begins to listen. */
  readonly onFirstSubscriber?: (producing: never) => void | Promise<void>;
  /** Called when nobody listens any more. */
  readonly onLastUnsubscriber?: (topic: string) => void | Promise<void>;
  /** Whether those two are about each topic of a pattern. */
  readonly each?: boolean;
  /** How long nobody may listen until the producer is stopped, in ms. */
  readonly grace?: number;
  /** What is kept of it for those who missed it. */
  readonly history?: HistoryOptions;
  /** Whether clients that can't subscribe get it. */
  readonly wslink?: boolean;
  /** The types of what travels; never there at run time. */
  readonly types?: TopicTypes<unknown, unknown, unknown>;
}

/** The types of what travels for a topic. */
export interface TopicTypes<P, F, R> {
  /** What is published. */
  readonly payload: P;
  /** What a subscriber's filter is; `never` where it takes none. */
  readonly filter: F;
  /** What a filter selects. */
  readonly part: R;
}

/** A server's topics by name; a name may be a pattern, and stands for all topics that it covers. */
export type Topics = Readonly<Record<string, TopicLike>>;

/** A topic's definition by the name that it was defined under; `never` where there is none. */
export type TopicsOf<S> = S extends { readonly topics: infer T } ? T : never;

/** The names that a pattern covers, as far as types can say it. */
export type Covered<K> = K extends `${infer A}*${infer B}` ? `${A}${string}${Covered<B>}`
  : K extends `${infer A}>` ? `${A}${string}`
  : K;

/** The names of a server type's topics; `never` where the server or its topics are unknown. */
export type TopicName<S> = string extends keyof TopicsOf<S> ? never
  : Covered<keyof TopicsOf<S> & string>;

/** The types of one topic of a server type. */
export type TypesOf<S, N> = DefinitionOf<TopicsOf<S>, N> extends
  { readonly types?: infer X extends TopicTypes<unknown, unknown, unknown> | undefined }
  ? NonNullable<X>
  : never;

/** A topic's own definition, or that of a pattern that covers it. */
export type DefinitionOf<T, N> = N extends keyof T ? T[N]
  : { [K in keyof T]: N extends Covered<K> ? T[K] : never }[keyof T];

/** What may be published on a topic: anything where the server's type doesn't say. */
export type TopicPayload<T, N> = [DefinitionOf<T, N>] extends [never] ? unknown
  : DefinitionOf<T, N> extends
    { readonly types?: infer X extends TopicTypes<unknown, unknown, unknown> | undefined }
    ? NonNullable<X>["payload"]
  : unknown;

/** What a subscriber to a topic of a server type may pass as its filter. */
export type TopicFilter<S, N> = TypesOf<S, N>["filter"];

/** What a subscriber without a filter receives. */
export type TopicValue<S, N> = Delivered<TypesOf<S, N>["payload"]>;

/** What a subscriber with a filter receives. */
export type TopicPart<S, N> = Delivered<TypesOf<S, N>["part"]>;

/** A client, as others learn of it. */
export interface PresentClient {
  /** Its id, new for every connection. */
  readonly id: string;
  /** What it lets others know, `null` if nothing: the option `data` of `connect()`. */
  readonly data: unknown;
}

/** What is published on `wslink.presence` and `wslink.presence.<topic>`. */
export interface PresenceEvent {
  /** It has come, or begun to listen; has gone, or ceased to; has changed its data. */
  readonly event: "join" | "leave" | "update";
  /** Which client. */
  readonly client: PresentClient;
}
