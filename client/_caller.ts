/** How a session makes its calls: as wslink does, or as Hawser's peers do. */
import type { RemoteStream } from "../protocol/api.ts";
import type { CloseInfo } from "../protocol/errors.ts";
import type { Message } from "../protocol/messages.ts";
import { type CallOptions, Outgoing, type OutgoingHost } from "../session/outgoing.ts";
import type { Caller } from "./_link.ts";

/** Calls as wslink makes them: nothing but requests and their answers. */
export class PlainCaller implements Caller {
  readonly #outgoing: Outgoing;

  constructor(host: OutgoingHost) {
    this.#outgoing = new Outgoing(host);
  }

  call(method: string, args: readonly unknown[], options: CallOptions): Promise<unknown> {
    return this.#outgoing.request({ id: this.#outgoing.newId(), method, args, options });
  }

  stream(method: string, args: readonly unknown[], options: CallOptions): ResultStream {
    return new ResultStream((signal) => this.call(method, args, { ...options, signal }), options);
  }

  request(method: string, args: readonly unknown[]): Promise<unknown> {
    return this.#outgoing.request({
      id: this.#outgoing.newId("system"),
      method,
      args,
      options: {},
    });
  }

  receive(message: Message): void {
    // A wslink server asks its clients nothing.
    if (message.type === "result" || message.type === "error") this.#outgoing.receive(message);
  }

  end(close: CloseInfo): void {
    this.#outgoing.end(close);
  }

  suspend(): number {
    return 0;
  }

  get epoch(): undefined {
    return undefined;
  }

  get ticket(): undefined {
    return undefined;
  }

  resume(): boolean {
    return false;
  }
}

/** A stream without items: what is no stream on the other side has just its result. */
export class ResultStream implements RemoteStream<unknown, unknown> {
  readonly #cancel = new AbortController();
  readonly #result: Promise<unknown>;

  /**
   * @param call Makes the call; it is given up when the signal says so.
   * @param options The caller's own signal.
   */
  constructor(call: (signal: AbortSignal) => Promise<unknown>, { signal }: CallOptions = {}) {
    const cancelled = this.#cancel.signal;
    this.#result = call(signal ? AbortSignal.any([signal, cancelled]) : cancelled);
    // Whoever reads it gets the error; whoever doesn't is not to be stopped by it.
    this.#result.catch(() => {});
  }

  async next(): Promise<IteratorResult<unknown, unknown>> {
    return { done: true, value: await this.#result };
  }

  return(): Promise<IteratorResult<unknown, unknown>> {
    this.cancel();
    return Promise.resolve({ done: true, value: undefined });
  }

  then<A = unknown, B = never>(
    onResult?: ((result: unknown) => A | PromiseLike<A>) | null,
    onError?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then(onResult, onError);
  }

  cancel(): void {
    this.#cancel.abort(new DOMException("The stream was cancelled", "AbortError"));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
