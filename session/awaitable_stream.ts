/**
 * What all streams of another session's have in common.
 *
 * @module
 */
import type { RemoteStream } from "../protocol/api.ts";

/** A stream that can be awaited instead of read. */
export abstract class AwaitableStream implements RemoteStream<unknown, unknown> {
  /** The next item, or the end with what the producer returned. */
  abstract next(): Promise<IteratorResult<unknown, unknown>>;

  /** What the producer returned; it rejects if the stream fails or is cancelled. */
  abstract final(): Promise<unknown>;

  /** The producer is told to stop. */
  abstract cancel(): void;

  /** What `break` calls. */
  return(): Promise<IteratorResult<unknown, unknown>> {
    this.cancel();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Makes `await` wait for what the producer returns. */
  then<A = unknown, B = never>(
    onResult?: ((result: unknown) => A | PromiseLike<A>) | null,
    onError?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.final().then(onResult, onError);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
