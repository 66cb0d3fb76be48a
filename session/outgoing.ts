/**
 * The calls that this side makes, as wslink makes them: each ends, with its
 * result or with an error of a known class, whatever happens to the connection.
 *
 * @module
 */
import {
  type CloseInfo,
  ConnectionClosedError,
  RpcError,
  TimeoutError,
} from "../protocol/errors.ts";
import type {
  ErrorMessage,
  OutgoingMessage,
  RequestMeta,
  ResultMessage,
} from "../protocol/messages.ts";
import { defer } from "../protocol/deferred.ts";
import type { CompressOptions } from "../protocol/api.ts";
import type { CallMeter, CallMeters, CallOutcome } from "./meters.ts";

/** How one call is made. */
export interface CallOptions {
  /** Arguments by name, for procedures that take them. */
  readonly kwargs?: Readonly<Record<string, unknown>>;
  /**
   * How long to wait for the answer, in ms; 0 is for ever. A peer that agreed on
   * `call` is told, and stops by itself.
   *
   * @default {ConnectOptions.callTimeout}
   */
  readonly timeout?: number;
  /**
   * Gives the call up; it rejects with the signal's reason, and a peer that
   * agreed on `call` stops running it.
   */
  readonly signal?: AbortSignal;
  /**
   * Called with what the procedure says about how far it has come; what it throws
   * goes to `onError`. Never called by a peer that didn't agree on `call`.
   */
  readonly onProgress?: (value: unknown) => void;
  /** The W3C `traceparent` of the caller's span; sent to a peer that agreed on `call`. */
  readonly traceparent?: string;
  /**
   * `safe`: if the session is lost before the answer has come, the call is made
   * again in the next one, and the server, which remembers calls by their key,
   * runs it once all the same. Not for streams, and not with a server that didn't
   * agree on `resume` or was restarted meanwhile: then the call ends as others do.
   *
   * @default {undefined}
   */
  readonly retry?: "safe";
  /**
   * What tells the call from every other, for `retry`.
   *
   * @default {random}
   */
  readonly key?: string;
  /**
   * Whether its arguments, and the items of streams among them, are compressed
   * for a peer that agreed on `compress`; docs/compression.md says when that pays.
   *
   * @default {false}
   */
  readonly compress?: boolean | CompressOptions;
}

/** What calls need of their session. */
export interface OutgoingHost {
  /** What this side's ids begin with, as in `rpc:<prefix>:7`. */
  readonly prefix: string;
  /** How long a call waits that doesn't say, in ms; 0 is for ever. */
  readonly timeout: number;
  /**
   * Sends a message.
   *
   * @param message The message.
   * @param order Messages with the same one arrive in the order of sending.
   * @param options How the call is made.
   */
  send(message: OutgoingMessage, order: string, options: CallOptions): void;
  /** Where calls are counted; without it they are not. */
  readonly meters?: CallMeters<Request> | undefined;
  /** A call was given up before its answer came. */
  abandoned?(id: string): void;
}

/** One request, ready to be made. */
export interface Request {
  /** Its id, from {@linkcode Outgoing.newId}. */
  readonly id: string;
  /** The procedure's name. */
  readonly method: string;
  /** Its arguments. */
  readonly args: readonly unknown[];
  /** How the call is made. */
  readonly options: CallOptions;
  /** What a Hawser peer is told besides. */
  readonly meta?: RequestMeta;
  /** Called once, when the request holds nothing any more. */
  readonly onSettled?: () => void;
  /** Called with its result before the next message is read, which no promise can be. */
  readonly onResult?: ((result: unknown) => void) | undefined;
}

interface PendingCall {
  readonly request: Request;
  resolve(message: ResultMessage): void;
  reject(reason: unknown): void;
  settle(outcome: CallOutcome): void;
}

/** What a request resolves with when its answer is a stream that begins. */
export const BEGUN = Symbol("a stream has begun");

/**
 * Makes the error of a call that was not sent.
 *
 * @param method What was called.
 * @param why Why it wasn't.
 * @param close How the last connection ended, if there was one.
 * @returns The error.
 */
export function notSent(
  method: string,
  why: string,
  close: CloseInfo = { code: 1006, reason: "" },
): ConnectionClosedError {
  return new ConnectionClosedError(`Call of ${method} was not sent: ${why}`, {
    ...close,
    sent: false,
  });
}

/** The calls of one session that are not answered yet. */
export class Outgoing {
  readonly #calls = new Map<string, PendingCall>();
  readonly #host: OutgoingHost;
  #count = 0;
  /** How the connection ended, once it has: what is asked for behind that is not sent. */
  #close: CloseInfo | undefined;

  /** @param host What calls need of their session. */
  constructor(host: OutgoingHost) {
    this.#host = host;
  }

  /** How many calls wait for their answer. */
  get size(): number {
    return this.#calls.size;
  }

  /**
   * An id that no other request of this side has.
   *
   * @param kind `system` for the protocol's own requests.
   * @returns The id.
   */
  newId(kind: "rpc" | "system" = "rpc"): string {
    // system:…:0 is what nobody answers.
    return `${kind}:${this.#host.prefix}:${kind === "rpc" ? this.#count++ : ++this.#count}`;
  }

  /**
   * Makes a request.
   *
   * @param request The request.
   * @returns What it returns, or {@linkcode BEGUN}, after which it goes on until
   * {@linkcode Outgoing.settle}. It rejects with what the call ended in.
   */
  request(request: Request): Promise<unknown> {
    const { id, method, args, options, meta, onSettled } = request;
    const { kwargs = {}, timeout = this.#host.timeout, signal } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#close) {
      return Promise.reject(notSent(method, "the connection is closed", this.#close));
    }
    const { promise, resolve, reject } = defer<unknown>();
    const meter = this.#meterOf(request);
    // Short ones too: a call that is answered within a ms is one of many.
    const since = meter && this.#host.meters?.begin(meter);
    const abandon = (reason: unknown) => {
      settle("abandoned");
      this.#host.abandoned?.(id);
      reject(reason);
    };
    const timer = timeout > 0 && timeout < 2 ** 31
      ? setTimeout(() => {
        abandon(new TimeoutError(`${method} was not answered within ${timeout} ms`));
      }, timeout)
      : undefined;
    const onAbort = () => abandon(signal?.reason);
    const settle = (outcome: CallOutcome) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      this.#calls.delete(id);
      if (meter) this.#host.meters?.end(request, meter, since, outcome, true);
      onSettled?.();
    };
    signal?.addEventListener("abort", onAbort);
    this.#calls.set(id, {
      request,
      settle,
      resolve({ result, stream }) {
        if (stream) {
          clearTimeout(timer);
          return resolve(BEGUN);
        }
        settle("result");
        request.onResult?.(result);
        resolve(result);
      },
      reject(reason) {
        settle("error");
        reject(reason);
      },
    });
    // Last, since an answer may come before send() is back.
    try {
      const sent = { type: "request", id, method, args, kwargs } as const;
      // What follows a long request, as its cancel does, must not overtake it.
      this.#host.send(meta === undefined ? sent : { ...sent, meta }, id, options);
    } catch (error) {
      settle("error");
      reject(error);
    }
    return promise;
  }

  /** What the protocol asks for itself is no call. */
  #meterOf({ id, method }: Request): CallMeter | undefined {
    const { meters } = this.#host;
    if (meters === undefined || id.startsWith("system:")) return undefined;
    return meters.of(method);
  }

  /**
   * Lets go of a call whose answer doesn't matter any more.
   *
   * @param id Its id.
   * @param outcome How it ended.
   */
  settle(id: string, outcome: CallOutcome): void {
    this.#calls.get(id)?.settle(outcome);
  }

  /**
   * Finds a call that is not answered yet.
   *
   * @param id Its id.
   * @returns The request, or `undefined` if it was answered or given up.
   */
  get(id: string): Request | undefined {
    return this.#calls.get(id)?.request;
  }

  /**
   * Takes an answer; one that nobody waits for any more was given up before.
   *
   * @param message The answer.
   */
  receive(message: ResultMessage | ErrorMessage): void {
    const call = this.#calls.get(message.id);
    if (call === undefined) return;
    if (message.type === "result") call.resolve(message);
    else call.reject(RpcError.fromWire(message.error));
  }

  /**
   * The connection has gone: no answer will come.
   *
   * @param close How it ended.
   */
  end(close: CloseInfo): void {
    this.#close = close;
    for (const call of [...this.#calls.values()]) {
      call.reject(
        new ConnectionClosedError("The connection closed before the answer came", {
          ...close,
          sent: true,
        }),
      );
    }
  }
}
