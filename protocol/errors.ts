/**
 * Every error that Hawser raises or sends: one class per condition that a
 * caller can tell apart, each with a stable `code`. docs/errors.md lists them
 * with cause and cure.
 *
 * @module
 */

/**
 * The error codes that travel on the wire, as wslink numbers them
 * (wslink `protocol.py`, after JSON-RPC 2.0 section 5.1), and Hawser's own:
 * `invalidRequest`, `invalidArguments`, `tooManyCalls`, `streamRefused`, `forbidden`, `declared` and
 * `limitReached`.
 *
 * @example Tell an unknown method from other failures
 * ```ts
 * import { ErrorCode, RpcError } from "@hawser/hawser/protocol";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new RpcError(ErrorCode.methodNotFound, "Unregistered method called");
 * assertEquals(error.code, -32601);
 * ```
 */
export const ErrorCode = {
  /** The message has an id but is no request: its fields have wrong types. */
  invalidRequest: -32600,
  /** No procedure has the called name. */
  methodNotFound: -32601,
  /** The procedure refuses these arguments. */
  invalidArguments: -32602,
  /** The secret is wrong, or a request came before a good hello. */
  authentication: -32000,
  /** The procedure raised an exception. */
  exception: -32001,
  /** The procedure's result holds a value that the wire can't carry. */
  unserializable: -32002,
  /** The connection has as many calls running as its limit allows. */
  tooManyCalls: -32003,
  /** The result is a stream, and the caller didn't ask for one or can't read any. */
  streamRefused: -32004,
  /** The client may not make this call, or not listen to this topic: its `authorize` says no. */
  forbidden: -32005,
  /** One of the errors that the procedure declares: `kind` says which. */
  declared: -32006,
  /** Too much of something: `data.limit` says which limit, `data.retryAfter` when to try again, in ms. */
  limitReached: -32007,
} as const;

/** What an {@linkcode RpcError} is on the wire: the `error` field of a reply. */
export interface RpcErrorObject {
  /** What went wrong, as a number: one of {@linkcode ErrorCode}, or the application's own. */
  readonly code: number;
  /** What went wrong, in words. */
  readonly message: string;
  /** More about it, of whatever shape the peer chose. */
  readonly data?: unknown;
  /** Which of the procedure's declared errors it is; wslink's peers skip the field. */
  readonly kind?: string;
}

/** What an {@linkcode RpcError} may have besides code, message and data. */
export interface RpcErrorOptions extends ErrorOptions {
  /**
   * Which of the procedure's declared errors it is, as in `mesh/too-large`.
   *
   * @default {undefined}
   */
  readonly kind?: string;
}

/**
 * The peer answered a call with an error. A procedure that throws one sends
 * its code, message and data to the caller unchanged; every other exception
 * reaches the caller as -32001 without its text.
 *
 * @example Throw one on purpose
 * ```ts
 * import { RpcError } from "@hawser/hawser/protocol";
 * import { assertThrows } from "@std/assert";
 *
 * function loadMesh(cells: number) {
 *   if (cells > 1e6) throw new RpcError(1001, "Mesh too large", { cells });
 * }
 * assertThrows(() => loadMesh(2e6), RpcError, "Mesh too large");
 * ```
 */
export class RpcError extends Error {
  /** The class's name, for logs and for telling errors apart across realms. */
  override readonly name = "RpcError";
  /** What went wrong, as a number: one of {@linkcode ErrorCode}, or the application's own. */
  readonly code: number;
  /** More about it, of whatever shape the peer chose; `undefined` when it sent none. */
  readonly data: unknown;
  /** Which of the procedure's declared errors it is, as in `mesh/too-large`. */
  readonly kind: string | undefined;

  /**
   * Makes the error.
   *
   * @param code One of {@linkcode ErrorCode}, or a number of the application's own.
   * @param message What went wrong, in words that the caller may read.
   * @param data More about it; must be sendable.
   * @param options The kind, and the standard `cause`, which stays on this side.
   */
  constructor(
    code: number,
    message: string,
    data?: unknown,
    options?: RpcErrorOptions,
  ) {
    super(message, options);
    this.code = code;
    this.data = data;
    this.kind = options?.kind;
  }

  /**
   * Reads the `error` field of a reply.
   *
   * @param error The wire's form.
   * @returns The error.
   */
  static fromWire({ code, message, data, kind }: RpcErrorObject): RpcError {
    return new RpcError(code, message, data, kind === undefined ? {} : { kind });
  }

  /**
   * The error as the `error` field of a reply.
   *
   * @returns The wire's form; `data` and `kind` are left out when there are none.
   */
  toWire(): RpcErrorObject {
    const { code, message, data, kind } = this;
    return {
      code,
      message,
      ...(data === undefined ? {} : { data }),
      ...(kind === undefined ? {} : { kind }),
    };
  }
}

/**
 * Tells whether an error is a peer's answer, and one of a certain kind.
 * `session.isError()` knows the type of its data as well.
 *
 * @param error What was caught.
 * @param kind The kind, as the procedure declares it.
 * @returns Whether it is.
 *
 * @example
 * ```ts
 * import { ErrorCode, isRpcError, RpcError } from "@hawser/hawser/protocol";
 *
 * const error = new RpcError(ErrorCode.declared, "Too large", { cells: 9 }, {
 *   kind: "mesh/too-large",
 * });
 * console.assert(isRpcError(error, "mesh/too-large"));
 * console.assert(!isRpcError(error, "mesh/empty"));
 * ```
 */
export function isRpcError<K extends string>(
  error: unknown,
  kind: K,
): error is RpcError & { readonly kind: K } {
  return error instanceof RpcError && error.kind === kind;
}

/** What a {@linkcode ProtocolError} complains of; each has one close code. */
export type ProtocolErrorCode =
  | "malformed"
  | "bad-message"
  | "bad-chunk"
  | "frame-kind"
  | "too-large"
  | "policy";

/** RFC 6455 section 7.4.1 gives the codes their meaning. */
const CLOSE_CODES: Readonly<Record<ProtocolErrorCode, number>> = {
  /** A frame that is no JSON, no msgpack, or too short for its header. */
  malformed: 1007,
  /** A well-formed value that is no wslink message. */
  "bad-message": 1002,
  /** A chunk that repeats, overlaps or contradicts another. */
  "bad-chunk": 1002,
  /** A text frame on the msgpack wire, or a binary one that no header announced. */
  "frame-kind": 1003,
  /** A message or frame over its limit. */
  "too-large": 1009,
  /** Too much of something that is bounded otherwise: hellos, incomplete messages. */
  policy: 1008,
};

/**
 * The peer sent what the wire doesn't allow. The connection that it came from
 * is closed with {@linkcode ProtocolError.closeCode}; no other one notices.
 *
 * @example
 * ```ts
 * import { ProtocolError } from "@hawser/hawser/protocol";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new ProtocolError("too-large", "a frame of 9 bytes").closeCode, 1009);
 * ```
 */
export class ProtocolError extends Error {
  /** The class's name. */
  override readonly name = "ProtocolError";
  /** What the complaint is about. */
  readonly code: ProtocolErrorCode;
  /** The limit that was reached; `undefined` if it is none. */
  readonly limit:
    | "attachments"
    | "depth"
    | "frameSize"
    | "incompleteMessages"
    | "keys"
    | "messageSize"
    | "values"
    | undefined;

  /**
   * Makes the error.
   *
   * @param code What the complaint is about.
   * @param message What was expected and what came.
   * @param options The standard `cause`, and the limit that was reached.
   */
  constructor(
    code: ProtocolErrorCode,
    message: string,
    options: ErrorOptions & { readonly limit?: ProtocolError["limit"] } = {},
  ) {
    super(message, options);
    this.code = code;
    this.limit = options.limit;
  }

  /** The WebSocket close code that a server ends the connection with. */
  get closeCode(): number {
    return CLOSE_CODES[this.code];
  }
}

/**
 * A value can't be sent. Nothing of its message has been: what is sent is sent
 * whole.
 *
 * @example The path leads to the value
 * ```ts
 * import { MsgpackEncoder, SerializeError } from "@hawser/hawser/protocol";
 * import { assertThrows } from "@std/assert";
 *
 * const error = assertThrows(() =>
 *   new MsgpackEncoder().encode({
 *     type: "result",
 *     id: "rpc:c1:0",
 *     result: { mesh: { points: new Map() } },
 *   }), SerializeError);
 * console.assert(error.path === "result.mesh.points");
 * ```
 */
export class SerializeError extends TypeError {
  /** The class's name. */
  override readonly name = "SerializeError";
  /** A stable name for the condition. */
  readonly code = "unserializable";
  /** Where the value stands in its message, as in `result.mesh.points` or `args[0]`. */
  readonly path: string;

  /**
   * Makes the error.
   *
   * @param path Where the value stands in its message.
   * @param reason Why it can't be sent.
   * @param options The standard `cause`.
   */
  constructor(path: string, reason: string, options?: ErrorOptions) {
    super(`Cannot send ${path}: ${reason}`, options);
    this.path = path;
  }
}

/**
 * An answer didn't come within the time that the caller gave it.
 *
 * @example
 * ```ts
 * import { TimeoutError } from "@hawser/hawser/protocol";
 *
 * console.assert(new TimeoutError("No answer within 5000 ms").code === "timeout");
 * ```
 */
export class TimeoutError extends Error {
  /** The class's name: the one that `AbortSignal.timeout()` uses. */
  override readonly name = "TimeoutError";
  /** A stable name for the condition. */
  readonly code = "timeout";
}

/**
 * More waits to be sent than `limits.queueBytes` allows; what was refused was
 * not sent.
 *
 * @example
 * ```ts
 * import { QueueFullError } from "@hawser/hawser/protocol";
 *
 * console.assert(new QueueFullError("9 bytes wait").code === "queue-full");
 * ```
 */
export class QueueFullError extends Error {
  /** The class's name. */
  override readonly name = "QueueFullError";
  /** A stable name for the condition. */
  readonly code = "queue-full";
}

/** A place in the history of a topic, or of the topics of a pattern. */
export interface HistoryPlace {
  /** Which run of the server gave the offset; another run counts anew. */
  readonly epoch: string;
  /** The number of a publication, from 1. */
  readonly offset: number;
}

/** Publications that a subscription has missed, and that the server keeps no more. */
export interface Gap {
  /** The topic with the history, or the pattern that the server defined it under. */
  readonly topic: string;
  /** What came up to here was received, or not asked for. */
  readonly from: HistoryPlace;
  /**
   * What follows comes. In the same epoch the publications between are missing, as
   * far as they were for this subscription; in another one nobody knows how many.
   */
  readonly to: HistoryPlace;
}

/**
 * Publications of a topic with a history are missing, and the server keeps them
 * no more. Only `onError` gets it, where a subscription has no `onGap`.
 *
 * @example
 * ```ts
 * import { GapError } from "@hawser/hawser/protocol";
 *
 * const from = { epoch: "7c9e6679", offset: 12 };
 * const error = new GapError({ topic: "log", from, to: { ...from, offset: 99 } });
 * console.assert(error.gap.to.offset === 99);
 * ```
 */
export class GapError extends Error {
  /** The class's name. */
  override readonly name = "GapError";
  /** A stable name for the condition. */
  readonly code = "gap";
  /** What is missing. */
  readonly gap: Gap;

  /**
   * Makes the error.
   *
   * @param gap What is missing.
   */
  constructor(gap: Gap) {
    const { topic, from, to } = gap;
    super(
      from.epoch === to.epoch
        ? `Publications of ${topic} are missing: ${from.offset + 1} to ${to.offset}`
        : `Publications of ${topic} are missing behind ${from.offset}: the server was restarted`,
    );
    this.gap = gap;
  }
}

/** How a connection ended: the WebSocket close code and reason. */
export interface CloseInfo {
  /** The close code (RFC 6455 section 7.4): 1006 when the socket broke without one. */
  readonly code: number;
  /** The peer's words, possibly empty. */
  readonly reason: string;
}

/**
 * The connection is closed, was closed while a call was under way, or could
 * not be made.
 *
 * @example Was the call sent before the socket dropped?
 * ```ts
 * import { ConnectionClosedError } from "@hawser/hawser/protocol";
 *
 * const error = new ConnectionClosedError("Connection closed", { code: 1006, reason: "", sent: true });
 * console.assert(error.sent && error.closeCode === 1006);
 * ```
 */
export class ConnectionClosedError extends Error {
  /** The class's name. */
  override readonly name = "ConnectionClosedError";
  /** A stable name for the condition. */
  readonly code = "connection-closed";
  /** The WebSocket close code; 1006 when the socket broke without one. */
  readonly closeCode: number;
  /** The close reason, possibly empty. */
  readonly reason: string;
  /** Whether the call had been handed to the socket, so that the peer may have run it. */
  readonly sent: boolean;

  /**
   * Makes the error.
   *
   * @param message What was under way.
   * @param close How the connection ended, and whether the call had been sent.
   * @param options The standard `cause`.
   */
  constructor(
    message: string,
    close: CloseInfo & { readonly sent?: boolean },
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.closeCode = close.code;
    this.reason = close.reason;
    this.sent = close.sent ?? false;
  }
}
