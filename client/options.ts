/**
 * What an application says about a session when it asks for one.
 *
 * @module
 */
import type { Procedures } from "../protocol/api.ts";
import type { Limits, Wire } from "../protocol/codec.ts";
import type { Contract } from "../protocol/description.ts";
import type { CloseInfo } from "../protocol/errors.ts";
import type { Socket } from "../protocol/send_queue.ts";
import type { CallOptions } from "../session/outgoing.ts";

/** When and how often a broken connection is made again. */
export interface ReconnectOptions {
  /**
   * The delay before the first try is random, between 0 and this, in ms: many
   * clients that lose one server must not come back at once ("full jitter").
   *
   * @default {250}
   */
  readonly initialDelay?: number;
  /**
   * What the bound of the delay grows by with each try.
   *
   * @default {2}
   */
  readonly factor?: number;
  /**
   * How far it grows, in ms.
   *
   * @default {30000}
   */
  readonly maxDelay?: number;
  /**
   * How many tries in a row may fail before the session ends.
   *
   * @default {Infinity}
   */
  readonly maxAttempts?: number;
}

/** How a session is made and kept. */
export interface ConnectOptions {
  /**
   * What the server wants to know. A function is asked for every connection, so
   * that one that comes back has a token that holds.
   *
   * @default {"wslink-secret"}
   */
  readonly secret?: string | (() => string | Promise<string>);
  /**
   * The wire: `msgpack` is wslink 2.x, `json` is wslink 1.x. `auto` says hello
   * in msgpack, and once more in JSON if the server breaks off.
   *
   * @default {"auto"}
   */
  readonly wire?: Wire | "auto";
  /**
   * How long a connection may take until the hello is answered, in ms.
   *
   * @default {10000}
   */
  readonly helloTimeout?: number;
  /**
   * How long a call waits for its answer, in ms; 0 is for ever.
   *
   * @default {300000}
   */
  readonly callTimeout?: number;
  /**
   * Whether and how a broken connection is made again. A wrong secret, a close
   * with 1000 by the server, and `close()` are final all the same.
   *
   * @default {{}}
   */
  readonly reconnect?: false | ReconnectOptions;
  /**
   * After how long without a word the server is asked for a sign of life, in ms;
   * after as long again without one the connection counts as broken. 0 is never.
   * When the network or the machine has been away, or a page is looked at again,
   * it is asked at once, and has 5 s.
   * Only with a server that agreed on `ping`.
   *
   * @default {30000}
   */
  readonly heartbeat?: number;
  /**
   * How many calls that are made while there is no connection may wait for the
   * next; the others reject at once.
   *
   * @default {0}
   */
  readonly outbox?: number;
  /** What the server may cost, where it differs from `DEFAULT_LIMITS`. */
  readonly limits?: Partial<Limits>;
  /**
   * What the server may call on this client, by name; a server that has no
   * extensions, as wslink's, calls nothing.
   *
   * @default {{}}
   */
  readonly procedures?: Procedures;
  /**
   * What runs around this client's calls, from the outside in.
   *
   * @default {[]}
   */
  readonly middleware?: readonly ClientMiddleware[];
  /**
   * What other clients may learn about this one, from a server with `presence`:
   * any JSON. It is sent behind the hello, and never to a wslink server.
   *
   * @default {null}
   */
  readonly data?: unknown;
  /**
   * Whether to offer Hawser's extensions to the server. Without them a session
   * does what wslink's does, with Hawser's servers too.
   *
   * @default {true}
   */
  readonly extensions?: boolean;
  /**
   * What the server was when this client was built, from the file that
   * `deno task describe --types` writes. It is compared at each connection.
   *
   * @default {undefined}
   */
  readonly contract?: Contract;
  /**
   * Called when the server differs from the contract; the session goes on.
   *
   * @default {console.warn}
   */
  readonly onContract?: (difference: ContractDifference) => void;
  /** Gives up connecting; an open session is ended with `close()`. */
  readonly signal?: AbortSignal;
  /**
   * Called with what a subscription's callback throws.
   *
   * @default {console.error}
   */
  readonly onError?: (error: unknown) => void;
  /**
   * What opens sockets, where it isn't the global one.
   *
   * @default {globalThis.WebSocket}
   */
  readonly WebSocket?: new (url: string | URL) => SocketLike;
}

/** One call of this client's, as middleware sees it. What it changes holds for those behind it. */
export interface OutgoingCall {
  /** The procedure's name. */
  readonly method: string;
  /** Whether a stream is asked for. */
  readonly stream: boolean;
  /** The positional arguments. */
  args: readonly unknown[];
  /** How the call is made; `traceparent` can be added here. */
  options: CallOptions;
}

/**
 * Runs around a client's calls. `next()` makes the call and gives its result, or
 * what a stream's producer returned once the stream has ended. What it returns
 * is the call's result; a stream's is what was sent, whatever is returned.
 */
export type ClientMiddleware = (call: OutgoingCall, next: () => Promise<unknown>) => unknown;

/** How a server differs from what a client was built with. */
export interface ContractDifference {
  /** Procedures and topics that the server has no more, as in `procedure math.add`. */
  readonly missing: readonly string[];
  /** Those that take or give something else now. */
  readonly changed: readonly string[];
}

/**
 * What a session uses of a `WebSocket`: whatever opens a connection must have
 * this much. The browser's class fits, and that of the package `ws`.
 */
export interface SocketLike extends Socket {
  /** Set to `arraybuffer`, in which binary frames must then come. */
  binaryType: string;
  // A method's parameter may be narrower in a class that fits, a function's may not.
  /** Called when it is open. */
  onopen: { on(event: unknown): void }["on"] | null;
  /** Called with each frame. */
  onmessage: { on(event: { readonly data: unknown }): void }["on"] | null;
  /** Called once when it has ended, however. */
  onclose: { on(event: CloseInfo): void }["on"] | null;
  /** Called before `onclose` if it failed. */
  onerror: { on(event: { readonly type: string; preventDefault?(): void }): void }["on"] | null;
}
