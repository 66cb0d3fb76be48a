/**
 * Procedures as members of an object: `session.api.math.add(1, 2)`.
 *
 * @module
 */
import type {
  CallName,
  ProcedureArgs,
  ProcedureResult,
  RemoteStream,
  StreamItem,
  StreamName,
  StreamResult,
  TypedOptions,
} from "../protocol/api.ts";
import type { CallOptions } from "../session/outgoing.ts";

/** How calls through a namespace are made; arguments by name go through `session.call()`. */
export type NamespaceOptions = Omit<CallOptions, "kwargs">;

/**
 * A server type's procedures with one result, as members by the words of their
 * names. As a function it gives the same with options:
 * `session.api({ timeout: 5_000 }).math.add(1, 2)`.
 */
export type CallNamespace<S> =
  & ((options: NamespaceOptions) => CallMembers<S, CallName<S>, "">)
  & CallMembers<S, CallName<S>, "">;

/** A server type's procedures whose result is a stream, as {@linkcode CallNamespace} has the others. */
export type StreamNamespace<S> =
  & ((options: NamespaceOptions) => StreamMembers<S, StreamName<S>, "">)
  & StreamMembers<S, StreamName<S>, "">;

/** What can be called under a beginning of names. */
export type CallMembers<S, N extends string, P extends string> = {
  readonly [W in NextWord<N, P>]: CallMember<S, N, `${P}${W}`> & CallMembers<S, N, `${P}${W}.`>;
};

/** What streams under a beginning of names. */
export type StreamMembers<S, N extends string, P extends string> = {
  readonly [W in NextWord<N, P>]: StreamMember<S, N, `${P}${W}`> & StreamMembers<S, N, `${P}${W}.`>;
};

/** The next words of names that begin alike. */
export type NextWord<N extends string, P extends string> = N extends `${P}${infer Rest}`
  ? Rest extends `${infer First}.${string}` ? First : Rest
  : never;

/** A name that is a procedure's: its call. One that needs arguments by name can't be called so. */
export type CallMember<S, N, M> = M extends N
  ? Partial<TypedOptions<S, M, CallOptions>> extends TypedOptions<S, M, CallOptions>
    ? (...args: Extract<ProcedureArgs<S, M>, readonly unknown[]>) => Promise<ProcedureResult<S, M>>
  : unknown
  : unknown;

/** A name that is a procedure's: its stream, with the same exception. */
export type StreamMember<S, N, M> = M extends N
  ? Partial<TypedOptions<S, M, CallOptions>> extends TypedOptions<S, M, CallOptions> ? (
      ...args: Extract<ProcedureArgs<S, M>, readonly unknown[]>
    ) => RemoteStream<StreamItem<S, M>, StreamResult<S, M>>
  : unknown
  : unknown;

/** What makes a call. */
type Invoke = (method: string, args: readonly unknown[], options: NamespaceOptions) => unknown;

/**
 * Makes a namespace.
 *
 * @param invoke What makes a call.
 * @returns The namespace. Its members are made when they are first used, and kept.
 */
export function namespace<T>(invoke: Invoke): T;
export function namespace(invoke: Invoke): unknown {
  return member("", invoke, {});
}

function member(path: string, invoke: Invoke, options: NamespaceOptions): unknown {
  const members = new Map<string, unknown>();
  return new Proxy(() => {}, {
    get(_target, word) {
      // What is awaited or returned from an async function is asked for its `then`.
      if (typeof word !== "string" || word === "then") return undefined;
      let found = members.get(word);
      if (found === undefined) {
        found = member(path === "" ? word : `${path}.${word}`, invoke, options);
        members.set(word, found);
      }
      return found;
    },
    apply: (_target, _self, args) =>
      path === "" ? member("", invoke, args[0]) : invoke(path, args, options),
  });
}
