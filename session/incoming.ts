/**
 * The calls that the peer makes: finding the procedure, running it, answering
 * with its result, its stream or its error, and stopping it when nobody waits
 * for the answer any more.
 *
 * @module
 */
import { defer, type Deferred } from "../protocol/deferred.ts";
import { ErrorCode, RpcError, SerializeError, TimeoutError } from "../protocol/errors.ts";
import type { Feature } from "../protocol/features.ts";
import type {
  ErrorMessage,
  OutgoingMessage,
  RequestMessage,
  ResultMessage,
} from "../protocol/messages.ts";
import type { CallMeter, CallMeters, CallOutcome } from "./meters.ts";
import type { CallContext } from "./procedure.ts";
import type { Registry } from "./registry.ts";
import { LimitError, type LimitName } from "./limited.ts";
import type { SafeCalls } from "./safe_calls.ts";
import type { Invoke } from "./middleware.ts";
import { isStream, type Notify, StreamMethod, type Streams } from "./streams.ts";

/** The notification `[call, value]`: how far a call has come. */
export const PROGRESS_METHOD = "wslink.progress";

/** The notification `[call]`: nobody waits for the call's answer any more. */
export const CANCEL_METHOD = "wslink.cancel";

/** What a request of the protocol's own returns that has sent its answer by itself. */
export const ANSWERED: unique symbol = Symbol("answered");

/** What running calls need of their session. */
export interface IncomingHost<C extends IncomingCall> {
  readonly registry: Registry<C>;
  /** How many calls may run at a time. */
  readonly callsInFlight: number;
  /** How many streams of the peer's calls may be open. */
  readonly openStreams: number;
  /** A call was refused because of a limit. */
  limited?(limit: LimitName): void;
  /** Whether callers learn an exception's message and stack. */
  readonly exposeErrors: boolean;
  readonly streams: Streams;
  /** Where calls that may be made again are remembered; without it they are like all others. */
  readonly safeCalls?: SafeCalls | undefined;
  /** Where calls are counted; without it they are not. */
  readonly meters?: CallMeters<IncomingCall> | undefined;
  /** Whether a feature was agreed on with the peer. */
  has(feature: Feature): boolean;
  /** Makes what the procedure gets to see. */
  open(request: RequestMessage, notify: Notify): C;
  /**
   * Sends a message; those with the same `order` arrive in the order of sending,
   * and what has `minSize` bytes or more is compressed.
   */
  send(message: OutgoingMessage, order?: string, minSize?: number): void;
  readonly notify: Notify;
  report(error: unknown, method: string | undefined): void;
}

/** One call while it runs, as its procedure sees it. */
export class IncomingCall implements CallContext {
  /** The request. */
  readonly request: RequestMessage;
  /** The arguments by name that have no place of their own. */
  kwargs: Readonly<Record<string, unknown>>;
  /** Whether nobody waits for the answer any more. */
  abandoned = false;
  /** Where it is counted. */
  meter: CallMeter | undefined;
  /** When it began, if it is timed. */
  since: number | undefined;
  /** Reads the caller's streams. */
  readonly uploads: { cancel(): void }[] = [];
  readonly #notify: Notify;
  #controller: AbortController | undefined;
  #reason: unknown;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #state: Record<string, unknown> | undefined;

  /**
   * @param request The request.
   * @param notify Sends a notification to the caller.
   */
  constructor(request: RequestMessage, notify: Notify) {
    this.request = request;
    this.kwargs = request.kwargs;
    this.#notify = notify;
  }

  /** The procedure's name. */
  get method(): string {
    return this.request.method;
  }

  /** Whose calls are counted together, where a rate is one caller's. */
  get caller(): object | undefined {
    return undefined;
  }

  /** What middleware has found out. */
  get state(): Record<string, unknown> {
    return this.#state ??= {};
  }

  /** The W3C `traceparent` of the caller's span. */
  get traceparent(): string | undefined {
    return this.request.meta?.traceparent;
  }

  /** Aborted when nobody waits any more: cancelled, past its deadline, or the connection gone. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.abandoned) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  /** Starts the caller's deadline, for a call that takes its time. */
  watch(abort: (reason: Error) => void): void {
    const timeout = this.request.meta?.timeout;
    if (timeout === undefined || timeout >= 2 ** 31) return;
    this.#timer = setTimeout(() => {
      abort(new TimeoutError(`The caller of ${this.request.method} waited ${timeout} ms`));
    }, timeout);
  }

  /** Nobody waits any more. */
  abandon(reason: unknown): void {
    this.abandoned = true;
    this.#reason = reason;
    this.settled();
    this.#controller?.abort(reason);
  }

  /** Its answer is on the way, or not needed. */
  settled(): void {
    clearTimeout(this.#timer);
    for (const upload of this.uploads) upload.cancel();
  }

  /** Tells the caller how far it has come, if the caller listens. */
  progress(value: unknown): void {
    const { id, meta } = this.request;
    if (!this.abandoned && meta?.progress) this.#notify(PROGRESS_METHOD, [id, value], id);
  }

  /** Makes an error that the procedure declares. */
  error(kind: string, data?: unknown, message = kind): RpcError {
    return new RpcError(ErrorCode.declared, message, data, { kind });
  }
}

/** The calls that one session's peer has made and that are not answered yet. */
export class Incoming<C extends IncomingCall> {
  readonly #host: IncomingHost<C>;
  readonly #running = new Map<string, IncomingCall>();
  /** The keys of calls that are remembered, by id. */
  readonly #safe = new Map<string, string>();
  #idle: Deferred<void> | undefined;
  #ended = false;
  /** Of this peer's calls, arguments and results. */
  #openStreams = 0;

  /** @param host What running calls need of their session. */
  constructor(host: IncomingHost<C>) {
    this.#host = host;
  }

  /**
   * Runs a request and answers it.
   *
   * @param received The request.
   * @param own What runs; the procedure of the method's name, if there is one.
   */
  run(received: RequestMessage, own?: Invoke<C>): void {
    const request = this.#agreed(received);
    const { id, method } = request;
    const { callsInFlight, openStreams, meters } = this.#host;
    const invoke = own ?? this.#host.registry.get(method);
    if (invoke === undefined) {
      return this.reject(
        id,
        new RpcError(ErrorCode.methodNotFound, "Unregistered method called", method),
      );
    }
    if (this.#running.size >= callsInFlight) {
      return this.reject(
        id,
        new LimitError(
          "callsInFlight",
          "Too many calls at once",
          { method },
          ErrorCode.tooManyCalls,
        ),
      );
    }
    if (this.#running.has(id)) {
      return this.reject(
        id,
        new RpcError(ErrorCode.invalidRequest, "Invalid request", "a call of this id is running"),
      );
    }
    const { meta } = request;
    if (meta !== undefined && this.#host.has("stream")) {
      const asked = (meta.streams?.length ?? 0) + (meta.stream ? 1 : 0);
      if (asked > 0 && this.#openStreams + asked > openStreams) {
        return this.reject(id, new LimitError("openStreams", "Too many open streams", { method }));
      }
    }
    const call = this.#host.open(request, this.#host.notify);
    if (request.meta?.key !== undefined && this.#isRepeated(call, request.meta.key)) return;
    if (meters && own === undefined) {
      const meter = meters.of(method);
      call.meter = meter;
      call.since = meters.begin(meter);
    }
    let result: unknown;
    try {
      // The protocol's own requests take no streams.
      const bound = request.meta?.streams && own === undefined && this.#host.has("stream")
        ? { ...request, args: this.#openUploads(call, request.meta.streams) }
        : request;
      result = invoke(bound, call);
    } catch (error) {
      call.settled();
      this.#measure(call, "error", true);
      return this.#fail(id, method, error);
    }
    if (typeof result !== "object" || result === null) {
      call.settled();
      this.#measure(call, "result", true);
      return this.#answer(id, method, result);
    }
    // A stream of another session's can be awaited too, but is to be handed on.
    if (isStream(result)) {
      this.#track(call);
      this.#stream(call, result);
    } else if (isPromiseLike(result)) this.#await(call, result);
    else {
      call.settled();
      this.#measure(call, "result", true);
      this.#answer(id, method, result);
    }
  }

  #measure(call: IncomingCall, outcome: CallOutcome, isWhole = false): void {
    const { meter } = call;
    const { meters } = this.#host;
    if (meter === undefined || meters === undefined) return;
    meters.end(call, meter, call.since, call.abandoned ? "abandoned" : outcome, isWhole);
  }

  /**
   * The peer waits no more.
   *
   * @param id The call's id; a call that has been answered meanwhile is nobody's.
   */
  cancel(id: unknown): void {
    if (typeof id !== "string") return;
    const call = this.#running.get(id);
    if (call) this.#abandon(call, new DOMException("The caller cancelled the call", "AbortError"));
  }

  /**
   * The peer has gone: everything stops.
   *
   * @param makeReason Makes what procedures see in `call.signal.reason`, if any runs.
   */
  end(makeReason: () => unknown): void {
    this.#ended = true;
    const reason = this.busy ? makeReason() : undefined;
    for (const call of [...this.#running.values()]) {
      // Its caller will ask for it again.
      if (!this.#safe.has(call.request.id)) this.#abandon(call, reason);
    }
    this.#idle?.resolve();
  }

  /** Whether a call is running. */
  get busy(): boolean {
    return this.#running.size > 0;
  }

  /**
   * Resolves when no call is running.
   *
   * @returns A promise that never rejects.
   */
  idle(): Promise<void> {
    if (this.#running.size === 0 || this.#ended) return Promise.resolve();
    this.#idle ??= defer();
    return this.#idle.promise;
  }

  /**
   * Answers with an error.
   *
   * @param id The request's id.
   * @param error What the caller gets.
   * @param method The procedure, for the report if even that can't be sent.
   */
  reject(id: string, error: RpcError, method?: string): void {
    if (error instanceof LimitError) this.#host.limited?.(error.limit);
    try {
      this.#reply({ type: "error", id, error: error.toWire() });
    } catch (cause) {
      // An application's own data may be unsendable: the code and message still arrive.
      this.#host.report(cause, method);
      const { code, message, kind } = error;
      const rest = new RpcError(code, message, undefined, kind === undefined ? {} : { kind });
      this.#reply({ type: "error", id, error: rest.toWire() });
    }
  }

  /** Without what a peer asks for that has not agreed on it: it could not read the answer. */
  #agreed(request: RequestMessage): RequestMessage {
    const { meta } = request;
    if (meta === undefined || this.#host.has("call")) return request;
    const { timeout: _timeout, progress: _progress, traceparent: _parent, ...rest } = meta;
    return { ...request, meta: rest };
  }

  /** Runs a call of one key once: whoever asks again gets what it ended with. */
  #isRepeated(call: C, key: string): boolean {
    const { safeCalls } = this.#host;
    if (safeCalls === undefined || !this.#host.has("resume")) return false;
    const { id, method } = call.request;
    const known = safeCalls.get(key);
    if (known) {
      const minSize = this.#host.registry.minSize(method);
      known.then((outcome) => this.#host.send({ ...outcome, id }, undefined, minSize));
      return true;
    }
    const abort = () => this.#abandon(call, new DOMException("The server closes", "AbortError"));
    if (!safeCalls.begin(key, abort)) {
      const full = "Too many calls at once";
      this.reject(id, new LimitError("safeCalls", full, { method }, ErrorCode.tooManyCalls));
      return true;
    }
    this.#safe.set(id, key);
    return false;
  }

  #reply(answer: ResultMessage | ErrorMessage, minSize?: number): void {
    this.#host.send(answer, undefined, minSize);
    if (this.#safe.size > 0) this.#remember(answer);
  }

  #remember(answer: ResultMessage | ErrorMessage): void {
    const key = this.#safe.get(answer.id);
    if (key === undefined) return;
    this.#safe.delete(answer.id);
    this.#host.safeCalls?.end(key, answer);
  }

  /** Whoever asks again for a call that was given up learns that. */
  #endUnanswered(id: string, method: string): void {
    if (this.#safe.size === 0) return;
    const data = { method, exception: "AbortError" };
    const error = new RpcError(ErrorCode.exception, "Exception raised", data);
    this.#remember({ type: "error", id, error: error.toWire() });
  }

  /** Puts readers where the caller announced streams. */
  #openUploads(call: IncomingCall, places: readonly number[]): unknown[] {
    const { id, args } = call.request;
    const opened = [...args];
    for (const place of places) {
      if (place < 0 || place >= opened.length) continue;
      const reader = this.#host.streams.receive(`${id}/${place}`, (early) => {
        this.#openStreams--;
        if (early) this.#host.notify(StreamMethod.cancel, [`${id}/${place}`], `${id}/${place}`);
      });
      this.#openStreams++;
      call.uploads.push(reader);
      opened[place] = reader;
    }
    return opened;
  }

  #track(call: IncomingCall): void {
    this.#running.set(call.request.id, call);
    const { meter } = call;
    if (meter) call.since = this.#host.meters?.waits(meter, call.since);
    call.watch((reason) => this.#abandon(call, reason));
  }

  #untrack(call: IncomingCall): void {
    call.settled();
    if (this.#running.get(call.request.id) !== call) return;
    this.#running.delete(call.request.id);
    if (this.#running.size === 0) {
      this.#idle?.resolve();
      this.#idle = undefined;
    }
  }

  #await(call: IncomingCall, result: PromiseLike<unknown>): void {
    const { id, method } = call.request;
    this.#track(call);
    result.then((value) => {
      if (isStream(value)) {
        this.#stream(call, value);
        return;
      }
      this.#untrack(call);
      this.#measure(call, "result");
      if (call.abandoned) this.#endUnanswered(id, method);
      else this.#answer(id, method, value);
    }, (error: unknown) => {
      this.#untrack(call);
      this.#measure(call, "error");
      // A call that nobody waits for is not answered, and its AbortError is nobody's news.
      if (call.abandoned) this.#endUnanswered(id, method);
      else this.#fail(id, method, error);
    });
  }

  async #stream(
    call: IncomingCall,
    source: AsyncIterable<unknown> | ReadableStream,
  ): Promise<void> {
    const { id, method, meta } = call.request;
    const { streams } = this.#host;
    let outcome: CallOutcome = "result";
    if (call.abandoned) await discard(source);
    else if (meta?.stream && this.#host.has("stream")) {
      // Several may have been asked for when there was room for one of them.
      if (this.#openStreams >= this.#host.openStreams) {
        outcome = "error";
        this.reject(id, new LimitError("openStreams", "Too many open streams", { method }));
        await discard(source);
      } else {
        this.#openStreams++;
        this.#host.send({ type: "result", id, result: null, stream: true }, id);
        await streams.send(
          id,
          source,
          (error) => {
            outcome = "error";
            return this.#errorOf(method, error).toWire();
          },
          undefined,
          this.#host.registry.minSize(method),
        );
        this.#openStreams--;
      }
    } else {
      outcome = "error";
      const error = new RpcError(
        ErrorCode.streamRefused,
        "The result is a stream, and the caller takes none",
        method,
      );
      this.reject(id, error);
      await discard(source);
    }
    this.#untrack(call);
    this.#measure(call, outcome);
    this.#endUnanswered(id, method);
  }

  #abandon(call: IncomingCall, reason: unknown): void {
    // It keeps its place until the procedure has really stopped: otherwise calling
    // and cancelling would get past the bound on running calls.
    call.abandon(reason);
    this.#host.streams.cancel(call.request.id);
  }

  #answer(id: string, method: string, result: unknown): void {
    if (result === ANSWERED) return;
    try {
      this.#reply({ type: "result", id, result }, this.#host.registry.minSize(method));
    } catch (error) {
      // Not a SerializeError alone: a text may grow longer than the engine
      // allows, and nobody catches what is thrown from here.
      this.#host.report(error, method);
      this.reject(id, unserializable(method));
    }
  }

  #fail(id: string, method: string, error: unknown): void {
    this.reject(id, this.#errorOf(method, error), method);
  }

  #errorOf(method: string, error: unknown): RpcError {
    if (error instanceof RpcError) return error;
    this.#host.report(error, method);
    if (error instanceof SerializeError) return unserializable(method);
    const data = { method, ...describe(error, this.#host.exposeErrors) };
    return new RpcError(ErrorCode.exception, "Exception raised", data);
  }
}

function unserializable(method: string): RpcError {
  return new RpcError(ErrorCode.unserializable, "Method result cannot be serialized", method);
}

async function discard(source: AsyncIterable<unknown> | ReadableStream): Promise<void> {
  try {
    if (source instanceof ReadableStream) await source.cancel();
    else await source[Symbol.asyncIterator]().return?.();
  } catch {
    // It was not asked for.
  }
}

function isPromiseLike(value: object): value is PromiseLike<unknown> {
  return "then" in value && typeof value.then === "function";
}

/** What a peer learns of an exception: its class, unless the server chose to tell all. */
function describe(error: unknown, expose: boolean): Record<string, string> {
  if (!(error instanceof Error)) return { exception: expose ? String(error) : typeof error };
  if (!expose) return { exception: error.name };
  return { exception: String(error), trace: error.stack ?? "" };
}
