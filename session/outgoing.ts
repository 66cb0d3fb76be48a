/**
 * The calls that this side makes: each ends, with its result or with an error
 * of a known class, whatever happens to the connection.
 *
 * @module
 */
import {
  type CloseInfo,
  ConnectionClosedError,
  RpcError,
  TimeoutError,
} from "../protocol/errors.ts";
import type { Feature } from "../protocol/features.ts";
import type {
  ErrorMessage,
  OutgoingMessage,
  RequestMessage,
  RequestMeta,
  ResultMessage,
} from "../protocol/messages.ts";
import { defer } from "../protocol/deferred.ts";
import { CANCEL_METHOD } from "./incoming.ts";
import { isStream, type Notify, type StreamReader, type Streams } from "./streams.ts";

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
}

/** What calls need of their session. */
export interface OutgoingHost {
  /** What this side's ids begin with, as in `rpc:<prefix>:7`. */
  readonly prefix: string;
  /** How long a call waits that doesn't say, in ms; 0 is for ever. */
  readonly timeout: number;
  readonly streams: Streams;
  /** Whether a feature was agreed on with the peer. */
  has(feature: Feature): boolean;
  send(message: OutgoingMessage): void;
  readonly notify: Notify;
  /** Called with what a progress callback throws. */
  report(error: unknown): void;
}

interface PendingCall {
  resolve(message: ResultMessage): void;
  reject(reason: unknown): void;
  /** Lets go of everything that the call holds. */
  settle(): void;
  readonly progress: ((value: unknown) => void) | undefined;
}

/** The calls of one session that are not answered yet. */
export class Outgoing {
  readonly #calls = new Map<string, PendingCall>();
  readonly #host: OutgoingHost;
  #count = 0;

  /** @param host What calls need of their session. */
  constructor(host: OutgoingHost) {
    this.#host = host;
  }

  /** How many calls wait for their answer. */
  get size(): number {
    return this.#calls.size;
  }

  /**
   * Calls a procedure.
   *
   * @param method Its name.
   * @param args Its arguments; streams among them are sent as they are read.
   * @param options How the call is made.
   * @returns What it returns; it rejects with what the call ended in.
   */
  call(
    method: string,
    args: readonly unknown[],
    options: CallOptions,
  ): Promise<unknown> {
    const id = `rpc:${this.#host.prefix}:${this.#count++}`;
    return this.#request(id, method, args, options, undefined);
  }

  /**
   * Calls a procedure whose result is a stream.
   *
   * @param method Its name.
   * @param args Its arguments.
   * @param options How the call is made; `timeout` is until the stream begins.
   * @returns What reads the items.
   */
  stream(
    method: string,
    args: readonly unknown[],
    options: CallOptions,
  ): StreamReader {
    const id = `rpc:${this.#host.prefix}:${this.#count++}`;
    const { signal, ...rest } = options;
    const abort = () => reader.abort(signal?.reason);
    const reader = this.#host.streams.receive(id, (early) => {
      signal?.removeEventListener("abort", abort);
      this.#calls.get(id)?.settle();
      if (early && this.#host.has("call")) this.#host.notify(CANCEL_METHOD, [id]);
    });
    if (signal?.aborted) {
      reader.fail(signal.reason);
      return reader;
    }
    // The signal outlives the answer, since the stream does.
    signal?.addEventListener("abort", abort);
    this.#request(id, method, args, rest, { stream: true }).then(
      (result) => {
        // What is no stream has a result and no items.
        if (result !== BEGUN) reader.end(result);
      },
      (error) => reader.fail(error),
    );
    return reader;
  }

  /**
   * Makes a request of the protocol's own.
   *
   * @param method Its name, as in `wslink.subscribe`.
   * @param args Its arguments.
   * @param options How it is made.
   * @returns The answer's result; it rejects with what the request ended in.
   */
  request(
    method: string,
    args: readonly unknown[],
    options: CallOptions = {},
  ): Promise<unknown> {
    // 0 is what nobody answers.
    const id = `system:${this.#host.prefix}:${++this.#count}`;
    return this.#request(id, method, args, options, undefined);
  }

  #request(
    id: string,
    method: string,
    args: readonly unknown[],
    options: CallOptions,
    asked: RequestMeta | undefined,
  ): Promise<unknown> {
    const { kwargs = {}, timeout = this.#host.timeout, signal, onProgress } = options;
    const { promise, resolve, reject } = defer<unknown>();
    if (signal?.aborted) {
      reject(signal.reason);
      return promise;
    }
    const uploads = this.#host.has("stream") ? placesOfStreams(args) : undefined;
    const give = (reason: unknown) => {
      settle();
      if (this.#host.has("call")) this.#host.notify(CANCEL_METHOD, [id]);
      reject(reason);
    };
    const timer = timeout > 0 && timeout < 2 ** 31
      ? setTimeout(() => {
        give(new TimeoutError(`${method} was not answered within ${timeout} ms`));
      }, timeout)
      : undefined;
    const onAbort = () => give(signal?.reason);
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      this.#calls.delete(id);
      for (const place of uploads ?? []) this.#host.streams.cancel(`${id}/${place}`);
    };
    signal?.addEventListener("abort", onAbort);
    this.#calls.set(id, {
      progress: onProgress,
      settle,
      resolve({ result, stream }) {
        if (stream) {
          // Uploads go on beside the stream.
          clearTimeout(timer);
          return resolve(BEGUN);
        }
        settle();
        resolve(result);
      },
      reject(reason) {
        settle();
        reject(reason);
      },
    });
    // Last, since an answer may come before send() is back.
    try {
      this.#host.send(this.#message(id, method, args, kwargs, options, asked, uploads));
      for (const place of uploads ?? []) {
        const source = args[place];
        if (isStream(source)) this.#host.streams.send(`${id}/${place}`, source, toUploadError);
      }
    } catch (error) {
      settle();
      reject(error);
    }
    return promise;
  }

  #message(
    id: string,
    method: string,
    args: readonly unknown[],
    kwargs: Readonly<Record<string, unknown>>,
    { timeout, onProgress, traceparent }: CallOptions,
    asked: RequestMeta | undefined,
    streams: readonly number[] | undefined,
  ): RequestMessage {
    const request = { type: "request", id, method, args, kwargs } as const;
    if (!this.#host.has("call")) return request;
    const meta: RequestMeta = {
      ...asked,
      ...(timeout ? { timeout } : {}),
      ...(onProgress ? { progress: true } : {}),
      ...(traceparent ? { traceparent } : {}),
      ...(streams ? { streams } : {}),
    };
    if (Object.keys(meta).length === 0) return request;
    if (streams === undefined) return { ...request, meta };
    return { ...request, meta, args: args.map((arg, i) => streams.includes(i) ? null : arg) };
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
   * Takes a progress notification.
   *
   * @param id The call's id.
   * @param value How far it has come.
   */
  progress(id: unknown, value: unknown): void {
    if (typeof id !== "string") return;
    try {
      this.#calls.get(id)?.progress?.(value);
    } catch (error) {
      this.#host.report(error);
    }
  }

  /**
   * The connection has gone: no answer will come.
   *
   * @param close How it ended.
   */
  end(close: CloseInfo): void {
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

/** What a request resolves with when its answer is a stream that begins. */
const BEGUN = Symbol("a stream has begun");

function placesOfStreams(args: readonly unknown[]): number[] | undefined {
  let places: number[] | undefined;
  for (let i = 0; i < args.length; i++) if (isStream(args[i])) (places ??= []).push(i);
  return places;
}

/** What the peer learns of an upload that failed: an error of the application's own, or nothing but its class. */
function toUploadError(error: unknown) {
  if (error instanceof RpcError) return error.toWire();
  const exception = error instanceof Error ? error.name : typeof error;
  return { code: -32001, message: "Exception raised", data: { exception } };
}
