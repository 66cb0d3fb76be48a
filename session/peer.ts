/**
 * What both ends of a connection do alike once the hello is answered: calls in
 * both directions, their streams, and what the two tell each other about them.
 *
 * @module
 */
import {
  type CloseInfo,
  ConnectionClosedError,
  ErrorCode,
  RpcError,
  type RpcErrorObject,
} from "../protocol/errors.ts";
import { minSizeOf } from "../protocol/compress.ts";
import type { Feature } from "../protocol/features.ts";
import type {
  Message,
  OutgoingMessage,
  RequestMessage,
  RequestMeta,
} from "../protocol/messages.ts";
import {
  CANCEL_METHOD,
  Incoming,
  type IncomingCall,
  type IncomingHost,
  PROGRESS_METHOD,
} from "./incoming.ts";
import { LimitError, type TokenBucket } from "./limited.ts";
import { BEGUN, type CallOptions, Outgoing, type OutgoingHost } from "./outgoing.ts";
import { isStream, type Notify, type StreamReader, Streams } from "./streams.ts";

/** What a peer needs of the session that it works for. */
export interface PeerHost<C extends IncomingCall> extends
  Pick<
    IncomingHost<C>,
    | "registry"
    | "callsInFlight"
    | "openStreams"
    | "limited"
    | "exposeErrors"
    | "safeCalls"
    | "meters"
    | "open"
    | "report"
  > {
  /** What this side's ids begin with. */
  readonly prefix: string;
  /** Where its own calls are counted; without it they are not. */
  readonly outgoing?: OutgoingHost["meters"];
  /** How long a call waits that doesn't say, in ms; 0 is for ever. */
  readonly callTimeout: number;
  /** How often the other end may ask for something. */
  readonly rate?: TokenBucket | undefined;
  /**
   * Sends a message.
   *
   * @param message The message.
   * @param order Messages with the same one arrive in the order of sending.
   * @param minSize From which size on it is compressed, in bytes; never by default.
   */
  send(message: OutgoingMessage, order?: string, minSize?: number): void;
  /**
   * Finds a request of the protocol's own, one under a `system:` id.
   *
   * @param method Its name.
   * @returns What answers it, or `undefined` if there is none or it wasn't agreed on.
   */
  system(method: string): ((request: RequestMessage) => unknown) | undefined;
  /**
   * Takes what the other end tells of the protocol's own and wants no answer to.
   *
   * @param method What it is about.
   * @param args The rest of it.
   * @returns Whether it was one that the session knows.
   */
  notified?(method: string, args: readonly unknown[]): boolean;
}

/** One end of a connection. */
export class Peer<C extends IncomingCall> {
  /** What was agreed on with the other end. */
  features: ReadonlySet<Feature> = new Set();
  readonly #host: PeerHost<C>;
  readonly #streams: Streams;
  readonly #incoming: Incoming<C>;
  readonly #outgoing: Outgoing;

  /**
   * Starts without calls.
   *
   * @param host The session's side of it.
   */
  constructor(host: PeerHost<C>) {
    this.#host = host;
    const notify: Notify = (method, args, order, minSize) =>
      this.notify(method, args, order, minSize);
    this.#streams = new Streams(notify);
    this.#incoming = new Incoming({
      registry: host.registry,
      callsInFlight: host.callsInFlight,
      openStreams: host.openStreams,
      limited: (limit) => host.limited?.(limit),
      exposeErrors: host.exposeErrors,
      safeCalls: host.safeCalls,
      meters: host.meters,
      streams: this.#streams,
      has: (feature) => this.features.has(feature),
      open: host.open,
      report: host.report,
      send: (message, order, minSize) => host.send(message, order, minSize),
      notify,
    });
    this.#outgoing = new Outgoing({
      prefix: host.prefix,
      timeout: host.callTimeout,
      send: (message, order, { compress }) => host.send(message, order, minSizeOf(compress)),
      meters: host.outgoing,
      abandoned: (id) => this.notify(CANCEL_METHOD, [id], id),
    });
  }

  /**
   * Calls a procedure of the other end's.
   *
   * @param method Its name.
   * @param args Its arguments; streams among them are sent as they are read.
   * @param options How the call is made.
   * @returns What it returns; it rejects with what the call ended in.
   */
  call(method: string, args: readonly unknown[], options: CallOptions): Promise<unknown> {
    return this.#request(this.#outgoing.newId(), method, args, options, undefined);
  }

  /**
   * Calls a procedure of the other end's whose result is a stream.
   *
   * @param method Its name.
   * @param args Its arguments.
   * @param options How the call is made; `timeout` is until the stream begins.
   * @returns What reads the items.
   */
  stream(method: string, args: readonly unknown[], options: CallOptions): StreamReader {
    const id = this.#outgoing.newId();
    // The signal outlives the answer, since the stream does.
    const { signal, ...rest } = options;
    const abort = () => reader.abort(signal?.reason);
    const reader = this.#streams.receive(id, (early, failed) => {
      signal?.removeEventListener("abort", abort);
      this.#outgoing.settle(id, early ? "abandoned" : failed ? "error" : "result");
      if (early) this.notify(CANCEL_METHOD, [id], id);
    });
    if (signal?.aborted) {
      reader.fail(signal.reason);
      return reader;
    }
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
   * @param onResult Called with the result before the next message is read.
   * @returns The answer's result; it rejects with what the request ended in.
   */
  request(
    method: string,
    args: readonly unknown[],
    options: CallOptions = {},
    onResult?: (result: unknown) => void,
  ): Promise<unknown> {
    const id = this.#outgoing.newId("system");
    return this.#outgoing.request({ id, method, args, options, onResult });
  }

  /**
   * Tells the other end something that it doesn't answer.
   *
   * @param method What it is about.
   * @param args The rest of it.
   * @param order Messages with the same one arrive in the order of sending.
   * @param minSize From which size on it is compressed, in bytes; never by default.
   */
  notify(method: string, args: readonly unknown[], order?: string, minSize?: number): void {
    const id = `system:${this.#host.prefix}:0`;
    this.#host.send({ type: "request", id, method, args, kwargs: {} }, order, minSize);
  }

  /**
   * Takes a message of the other end's, after the hello. Publications are the
   * session's own.
   *
   * @param message What the codec read.
   * @throws {ProtocolError} If a stream's producer sends more than it was allowed to.
   */
  receive(message: Message): void {
    switch (message.type) {
      case "result":
      case "error":
        this.#outgoing.receive(message);
        break;
      case "request":
        if (message.id.startsWith("system:")) this.#system(message);
        else if (!this.#isTooOften(message)) this.#incoming.run(message);
        break;
      case "invalid":
        this.reject(
          message.id,
          new RpcError(ErrorCode.invalidRequest, "Invalid request", message.reason),
        );
        break;
      default:
        break;
    }
  }

  /**
   * Answers a request with an error.
   *
   * @param id The request's id.
   * @param error What the caller gets.
   */
  reject(id: string, error: RpcError): void {
    this.#incoming.reject(id, error);
  }

  /**
   * The connection has gone: calls of both directions and streams end.
   *
   * @param close How it ended.
   */
  end(close: CloseInfo): void {
    // Errors record where they were made, which takes longer than all the rest of an idle session's end.
    this.#streams.end(() =>
      new ConnectionClosedError("The connection closed before the stream ended", {
        ...close,
        sent: true,
      })
    );
    this.#incoming.end(() => new DOMException("The peer has gone", "AbortError"));
    this.#outgoing.end(close);
  }

  /** Whether a call of the other end's is running. */
  get busy(): boolean {
    return this.#incoming.busy;
  }

  /**
   * Resolves when no call of the other end's is running.
   *
   * @returns A promise that never rejects.
   */
  idle(): Promise<void> {
    return this.#incoming.idle();
  }

  #request(
    id: string,
    method: string,
    args: readonly unknown[],
    options: CallOptions,
    asked: RequestMeta | undefined,
  ): Promise<unknown> {
    const places = this.features.has("stream") ? placesOfStreams(args) : undefined;
    const { timeout, onProgress, traceparent, key } = options;
    if (!asked && !timeout && !onProgress && !traceparent && !key && !places) {
      return this.#outgoing.request({ id, method, args, options });
    }
    const answer = this.#outgoing.request({
      id,
      method,
      args: places ? args.map((arg, i) => places.includes(i) ? null : arg) : args,
      options,
      meta: {
        ...asked,
        ...(timeout ? { timeout } : {}),
        ...(onProgress ? { progress: true } : {}),
        ...(traceparent ? { traceparent } : {}),
        ...(key ? { key } : {}),
        ...(places ? { streams: places } : {}),
      },
      onSettled: () => places?.forEach((place) => this.#streams.cancel(`${id}/${place}`)),
    });
    // Unless the request could not be sent, in which case it is settled by now.
    if (places && this.#outgoing.get(id)) {
      const minSize = minSizeOf(options.compress);
      for (const place of places) {
        const source = args[place];
        if (isStream(source)) {
          this.#streams.send(`${id}/${place}`, source, toUploadError, id, minSize);
        }
      }
    }
    return answer;
  }

  /** Whatever is answered counts; what peers tell each other of running calls and streams doesn't. */
  #isTooOften({ id, method }: RequestMessage): boolean {
    const retryAfter = this.#host.rate?.take() ?? 0;
    if (retryAfter === 0) return false;
    this.reject(id, new LimitError("callRate", "Too many calls", { method, retryAfter }));
    return true;
  }

  #progress(id: unknown, value: unknown): void {
    if (typeof id !== "string") return;
    try {
      this.#outgoing.get(id)?.options.onProgress?.(value);
    } catch (error) {
      this.#host.report(error, undefined);
    }
  }

  #system(request: RequestMessage): void {
    const { method, args } = request;
    if (this.features.size > 0) {
      if (method === CANCEL_METHOD) return this.#incoming.cancel(args[0]);
      if (method === PROGRESS_METHOD) return this.#progress(args[0], args[1]);
      if (this.#streams.handle(method, args)) return;
      if (this.#host.notified?.(method, args)) return;
    }
    if (this.#isTooOften(request)) return;
    this.#incoming.run(request, this.#host.system(method) ?? unknownSystemMethod);
  }
}

/** What wslink's servers answer too. */
export const UNKNOWN_SYSTEM_METHOD = new RpcError(
  ErrorCode.methodNotFound,
  "Unknown system method called",
);

function unknownSystemMethod(): never {
  throw UNKNOWN_SYSTEM_METHOD;
}

function placesOfStreams(args: readonly unknown[]): number[] | undefined {
  let places: number[] | undefined;
  for (let i = 0; i < args.length; i++) if (isStream(args[i])) (places ??= []).push(i);
  return places;
}

/** What the peer learns of an upload that failed: an error of the application's own, or nothing but its class. */
function toUploadError(error: unknown): RpcErrorObject {
  if (error instanceof RpcError) return error.toWire();
  const exception = error instanceof Error ? error.name : typeof error;
  return { code: ErrorCode.exception, message: "Exception raised", data: { exception } };
}
