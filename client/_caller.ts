/** How a session makes its calls with wslink's servers. */
import type { CloseInfo } from "../protocol/errors.ts";
import type { Message } from "../protocol/messages.ts";
import { AwaitableStream } from "../session/awaitable_stream.ts";
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
    const id = this.#outgoing.newId("system");
    return this.#outgoing.request({ id, method, args, options: {} });
  }

  receive(message: Message): void {
    // A wslink server asks its clients nothing.
    if (message.type === "result" || message.type === "error") this.#outgoing.receive(message);
  }

  end(close: CloseInfo): void {
    this.#outgoing.end(close);
  }
}

/** A stream without items: what is no stream on the other side has just its result. */
export class ResultStream extends AwaitableStream {
  readonly #cancel = new AbortController();
  readonly #result: Promise<unknown>;

  /**
   * @param call Makes the call; it is given up when the signal says so.
   * @param options The caller's own signal.
   */
  constructor(call: (signal: AbortSignal) => Promise<unknown>, { signal }: CallOptions = {}) {
    super();
    const cancelled = this.#cancel.signal;
    this.#result = call(signal ? AbortSignal.any([signal, cancelled]) : cancelled);
    // Whoever reads it gets the error; whoever doesn't is not to be stopped by it.
    this.#result.catch(() => {});
  }

  async next(): Promise<IteratorResult<unknown, unknown>> {
    return { done: true, value: await this.#result };
  }

  final(): Promise<unknown> {
    return this.#result;
  }

  cancel(): void {
    this.#cancel.abort(new DOMException("The stream was cancelled", "AbortError"));
  }
}
