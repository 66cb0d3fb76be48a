/**
 * What runs around a client's calls: logging, timing, tracing. Loaded only where
 * `connect()` is given some.
 *
 * @module
 */
import type { RemoteStream } from "../protocol/api.ts";
import { defer } from "../protocol/deferred.ts";
import { AwaitableStream } from "../session/awaitable_stream.ts";
import "./_core.ts";
import type { Around } from "./_link.ts";
import type { ClientMiddleware, OutgoingCall } from "./options.ts";

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
class LateStream extends AwaitableStream {
  readonly #inner = defer<{ readonly stream: RemoteStream<unknown, unknown> }>();
  /** What the producer returned, or why there is no more. */
  readonly #end = defer<unknown>();
  #cancelled = false;

  /** @param run Runs the middleware, which gives the stream and waits for its end. */
  constructor(
    run: (opened: (stream: RemoteStream<unknown, unknown>) => Promise<unknown>) => Promise<unknown>,
  ) {
    super();
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

  final(): Promise<unknown> {
    const result = this.#inner.promise.then(({ stream }) => stream);
    result.then(this.#end.resolve, this.#end.reject);
    return result;
  }

  cancel(): void {
    this.#cancelled = true;
    this.#end.resolve(undefined);
    this.#inner.promise.then(({ stream }) => stream.cancel(), () => {});
  }
}
