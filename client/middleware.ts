/**
 * What runs around a client's calls: logging, timing, tracing. Loaded only where
 * `connect()` is given some.
 *
 * @module
 */
import type { RemoteStream } from "../protocol/api.ts";
import { defer } from "../protocol/deferred.ts";
import type { CallOptions } from "../session/outgoing.ts";

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

/** Calls with something around them. */
export interface Around {
  /**
   * Makes a call.
   *
   * @param request The call.
   * @param send What makes it in the end.
   * @returns Its result.
   */
  call(request: OutgoingCall, send: (request: OutgoingCall) => Promise<unknown>): Promise<unknown>;
  /**
   * Makes a call for a stream.
   *
   * @param request The call.
   * @param open What makes it in the end.
   * @returns The stream.
   */
  stream(
    request: OutgoingCall,
    open: (request: OutgoingCall) => RemoteStream<unknown, unknown>,
  ): RemoteStream<unknown, unknown>;
}

/**
 * Puts middleware around calls.
 *
 * @param middleware From the outside in.
 * @returns What makes calls with it.
 */
export function around(middleware: readonly ClientMiddleware[]): Around {
  async function run(request: OutgoingCall, innermost: () => Promise<unknown>): Promise<unknown> {
    const chain = middleware.reduceRight<() => Promise<unknown>>(
      (next, outer) => async () => await outer(request, next),
      innermost,
    );
    return await chain();
  }
  return {
    call: (request, send) => run(request, () => send(request)),
    stream: (request, open) =>
      new LateStream((opened) => run(request, () => opened(open(request)))),
  };
}

/** A stream that begins once the middleware before it has let it. */
class LateStream implements RemoteStream<unknown, unknown> {
  readonly #inner = defer<{ readonly stream: RemoteStream<unknown, unknown> }>();
  /** What the producer returned, or why there is no more. */
  readonly #end = defer<unknown>();
  #cancelled = false;

  /** @param run Runs the middleware, which gives the stream and waits for its end. */
  constructor(
    run: (opened: (stream: RemoteStream<unknown, unknown>) => Promise<unknown>) => Promise<unknown>,
  ) {
    // Whoever reads the stream gets the error; whoever doesn't is not to be stopped by it.
    this.#inner.promise.catch(() => {});
    this.#end.promise.catch(() => {});
    run((stream) => {
      if (this.#cancelled) stream.cancel();
      // In a map, since a promise would await the stream itself.
      this.#inner.resolve({ stream });
      return this.#end.promise;
    }).then(
      () => this.#inner.reject(new TypeError("The middleware didn't make the call")),
      (error) => this.#inner.reject(error),
    );
  }

  async next(): Promise<IteratorResult<unknown, unknown>> {
    const { stream } = await this.#inner.promise;
    try {
      const step = await stream.next();
      if (step.done) this.#end.resolve(step.value);
      return step;
    } catch (error) {
      this.#end.reject(error);
      throw error;
    }
  }

  return(): Promise<IteratorResult<unknown, unknown>> {
    this.cancel();
    return Promise.resolve({ done: true, value: undefined });
  }

  then<A = unknown, B = never>(
    onResult?: ((result: unknown) => A | PromiseLike<A>) | null,
    onError?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const result = this.#inner.promise.then(({ stream }) => stream);
    result.then(this.#end.resolve, this.#end.reject);
    return result.then(onResult, onError);
  }

  cancel(): void {
    this.#cancelled = true;
    this.#end.resolve(undefined);
    this.#inner.promise.then(({ stream }) => stream.cancel(), () => {});
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
