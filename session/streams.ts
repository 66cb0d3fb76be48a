/**
 * The streams of one session, in both directions: values that are made while
 * they are sent, at the pace of whoever reads them. docs/protocol.md has their
 * messages.
 *
 * @module
 */
import { defer, type Deferred } from "../protocol/deferred.ts";
import { ProtocolError, RpcError, type RpcErrorObject } from "../protocol/errors.ts";
import { parseError } from "../protocol/messages.ts";
import { AwaitableStream } from "./awaitable_stream.ts";

/**
 * How many items may be under way, so that small ones wait for their reader and
 * not for the line: with 1024, items of 100 bytes came to Deno's client at a
 * tenth of the rate. The bytes bound the rest.
 */
const WINDOW_ITEMS = 4096;

/** How many bytes may be under way: 4 MiB keeps 100 Mbit/s busy over 300 ms. */
const WINDOW_BYTES = 4 * 1024 * 1024;

/**
 * A reader gives back a quarter of a window at a time. With a half, a producer
 * whose other half fills the connection's own window falls silent, and its
 * silence costs 40 ms: behind a client with Nagle's algorithm, as Deno's, the
 * next small frame waits until the last one is acknowledged.
 */
const CREDIT_ITEMS = WINDOW_ITEMS / 4;
const CREDIT_BYTES = WINDOW_BYTES / 4;

/** What an item costs besides its content. */
const ITEM_COST = 16;

/** The notifications of streams, by what they tell. */
export const StreamMethod = {
  /** `[stream, value, size]`: the next item. */
  item: "wslink.stream.item",
  /** `[stream, value]`: there are no more items; the value is what the producer returned. */
  end: "wslink.stream.end",
  /** `[stream, error]`: the producer failed. */
  error: "wslink.stream.error",
  /** `[stream, items, bytes]`: so much was read, and may be sent in addition. */
  credit: "wslink.stream.credit",
  /** `[stream]`: nobody reads any more. */
  cancel: "wslink.stream.cancel",
} as const;

/**
 * Tells the peer something that it doesn't answer; what has the same `order`
 * keeps its order, and what has `minSize` bytes or more is compressed.
 */
export type Notify = (
  method: string,
  args: readonly unknown[],
  order?: string,
  minSize?: number,
) => void;

/**
 * Tells whether a value is a stream: what `for await` can read.
 *
 * @param value Any value.
 * @returns Whether it is an async iterable or a `ReadableStream`.
 */
export function isStream(value: unknown): value is AsyncIterable<unknown> | ReadableStream {
  return typeof value === "object" && value !== null &&
    (Symbol.asyncIterator in value || value instanceof ReadableStream);
}

/** The streams of one session. */
export class Streams {
  readonly #notify: Notify;
  readonly #outgoing = new Map<string, Producer>();
  readonly #incoming = new Map<string, StreamReader>();

  /**
   * Starts without streams.
   *
   * @param notify Sends a notification to the peer.
   */
  constructor(notify: Notify) {
    this.#notify = notify;
  }

  /** How many streams are under way, both directions together. */
  get size(): number {
    return this.#outgoing.size + this.#incoming.size;
  }

  /**
   * Sends what a source yields, as fast as the peer reads it.
   *
   * @param id The stream's id.
   * @param source What yields the items; it is ended when the peer stops reading.
   * @param toError Turns what the source throws into what the peer may know.
   * @param order What the items are in order with besides each other: an upload's
   * come behind their request.
   * @param minSize From which size on items are compressed; never by default.
   * @returns When the stream has ended, however; it never rejects.
   */
  async send(
    id: string,
    source: AsyncIterable<unknown> | ReadableStream,
    toError: (error: unknown) => RpcErrorObject,
    order: string = id,
    minSize?: number,
  ): Promise<void> {
    const producer = new Producer();
    this.#outgoing.set(id, producer);
    const iterator = iterate(source);
    let done = false;
    try {
      for (;;) {
        if (!producer.hasCredit) await producer.moreCredit();
        if (producer.cancelled) break;
        const step = await iterator.next();
        if (producer.cancelled) break;
        if (step.done) {
          done = true;
          this.#notify(StreamMethod.end, [id, step.value ?? null], order, minSize);
          break;
        }
        const size = sizeOf(step.value);
        producer.spend(size);
        this.#notify(StreamMethod.item, [id, step.value, size], order, minSize);
      }
    } catch (error) {
      if (!producer.cancelled) this.#notify(StreamMethod.error, [id, toError(error)], order);
    } finally {
      this.#outgoing.delete(id);
      // `break` on the other side is `finally` on this one; what it throws has no reader.
      if (!done) await ended(iterator);
    }
  }

  /**
   * Gets ready for a stream of the peer's.
   *
   * @param id The stream's id.
   * @param onEnd Called at its end; `early` if it is this side that stops, so
   * that the peer has to be told, and `failed` if its reader gets an error.
   * @returns What reads it.
   */
  receive(
    id: string,
    onEnd: (early: boolean, failed: boolean) => void = (early) => {
      if (early) this.#notify(StreamMethod.cancel, [id], id);
    },
  ): StreamReader {
    const reader = new StreamReader({
      credit: (items, bytes) => this.#notify(StreamMethod.credit, [id, items, bytes], id),
      end: (early, failed) => {
        this.#incoming.delete(id);
        onEnd(early, failed);
      },
    });
    this.#incoming.set(id, reader);
    return reader;
  }

  /**
   * Stops sending a stream.
   *
   * @param id The stream's id.
   */
  cancel(id: string): void {
    this.#outgoing.get(id)?.cancel();
  }

  /**
   * Takes a notification of the peer's about a stream. One about a stream that
   * has ended here crossed the end, and is nobody's.
   *
   * @param method One of {@linkcode StreamMethod}.
   * @param args Its arguments.
   * @returns Whether it was about a stream.
   * @throws {ProtocolError} If the peer sends more than it was allowed to.
   */
  handle(method: string, args: readonly unknown[]): boolean {
    const [id, second, third] = args;
    if (typeof id !== "string") return method.startsWith("wslink.stream.");
    switch (method) {
      case StreamMethod.item:
        this.#incoming.get(id)?.push(second, isCount(third) ? third : 0);
        return true;
      case StreamMethod.end:
        this.#incoming.get(id)?.end(second);
        return true;
      case StreamMethod.error:
        this.#incoming.get(id)?.fail(RpcError.fromWire(parseError(second)));
        return true;
      case StreamMethod.credit:
        if (isCount(second) && isCount(third)) this.#outgoing.get(id)?.grant(second, third);
        return true;
      case StreamMethod.cancel:
        this.#outgoing.get(id)?.cancel();
        return true;
      default:
        return false;
    }
  }

  /**
   * Ends all streams: the connection has gone.
   *
   * @param makeError Makes what readers get, if there are any.
   */
  end(makeError: () => Error): void {
    for (const producer of this.#outgoing.values()) producer.cancel();
    if (this.#incoming.size === 0) return;
    const error = makeError();
    for (const reader of [...this.#incoming.values()]) reader.fail(error);
  }
}

/** The sending end: what it may still send. */
class Producer {
  #items = WINDOW_ITEMS;
  #bytes = WINDOW_BYTES;
  #waiting: Deferred<void> | undefined;
  cancelled = false;

  get hasCredit(): boolean {
    return this.#items > 0 && this.#bytes > 0;
  }

  moreCredit(): Promise<void> {
    this.#waiting ??= defer();
    return this.#waiting.promise;
  }

  spend(bytes: number): void {
    this.#items--;
    this.#bytes -= bytes;
  }

  grant(items: number, bytes: number): void {
    this.#items = Math.min(this.#items + items, WINDOW_ITEMS);
    this.#bytes = Math.min(this.#bytes + bytes, WINDOW_BYTES);
    if (this.hasCredit) this.#wake();
  }

  cancel(): void {
    this.cancelled = true;
    this.#wake();
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}

/** What a reader tells its session. */
interface ReaderHooks {
  credit(items: number, bytes: number): void;
  /** `early`: the peer doesn't know yet. `failed`: the reader gets an error. */
  end(early: boolean, failed: boolean): void;
}

/** How a stream ended. */
type Outcome = { readonly result: unknown } | { readonly error: unknown };

/**
 * The reading end of a stream: an async iterator that holds the producer back
 * while it isn't read.
 */
export class StreamReader extends AwaitableStream {
  readonly #hooks: ReaderHooks;
  #values: { readonly value: unknown; readonly size: number }[] = [];
  #readers: Deferred<IteratorResult<unknown, unknown>>[] = [];
  #outcome: Outcome | undefined;
  #final: Deferred<unknown> | undefined;
  /** Sent by the peer and not yet given back as credit. */
  #items = 0;
  #bytes = 0;
  /** Read, and not yet given back. */
  #readItems = 0;
  #readBytes = 0;
  /** Whether somebody has begun to read items. */
  started = false;

  /**
   * For {@linkcode Streams.receive}.
   *
   * @param hooks What the reader tells its session.
   */
  constructor(hooks: ReaderHooks) {
    super();
    this.#hooks = hooks;
  }

  /** The next item, or the end with what the producer returned. */
  next(): Promise<IteratorResult<unknown, unknown>> {
    this.started = true;
    const first = this.#values.shift();
    if (first !== undefined) {
      this.#consume(first.size);
      return Promise.resolve({ done: false, value: first.value });
    }
    const reader = defer<IteratorResult<unknown, unknown>>();
    if (this.#outcome) finish(reader, this.#outcome);
    else this.#readers.push(reader);
    return reader.promise;
  }

  /**
   * What the producer returns. Where nobody reads the items, they are forgotten
   * as they come, since the producer would wait for ever.
   *
   * @returns What the producer returned; it rejects if the stream fails or is cancelled.
   */
  final(): Promise<unknown> {
    if (this.#final === undefined) {
      this.#final = defer();
      if (this.#outcome) settle(this.#final, this.#outcome);
      else if (!this.started) this.#drain();
    }
    return this.#final.promise;
  }

  async #drain(): Promise<void> {
    try {
      while (!(await this.next()).done);
    } catch {
      // Whoever asked for the end gets it.
    }
  }

  /** Stops reading: what waits is forgotten, and the producer is told. */
  cancel(): void {
    this.abort(new DOMException("The stream was cancelled", "AbortError"));
    // An iterator that was ended from this side is just at its end.
    this.#outcome = { result: undefined };
  }

  /**
   * Stops reading with an error.
   *
   * @param error What the reader gets.
   */
  abort(error: unknown): void {
    this.#values = [];
    this.#close({ error }, true);
  }

  /**
   * Takes the next item.
   *
   * @param value The item.
   * @param size What the producer counts for it, in bytes.
   * @throws {ProtocolError} If it is more than the producer was allowed to send.
   */
  push(value: unknown, size: number): void {
    if (this.#outcome) return;
    if (
      this.#items >= WINDOW_ITEMS || this.#bytes >= WINDOW_BYTES ||
      // Both sides count alike but for what a wire changes, as a date that has become a string.
      sizeOf(value) > size * 2 + 1024
    ) {
      throw new ProtocolError(
        "policy",
        `A stream's item of ${size} bytes came without credit: ${this.#items} items of ${this.#bytes} bytes are unread`,
      );
    }
    this.#items++;
    this.#bytes += size;
    const reader = this.#readers.shift();
    if (reader) {
      reader.resolve({ done: false, value });
      this.#consume(size);
    } else this.#values.push({ value, size });
  }

  /**
   * The producer has returned.
   *
   * @param result What it returned.
   */
  end(result: unknown): void {
    this.#close({ result }, false);
  }

  /**
   * The producer, or the way to it, has failed.
   *
   * @param error What the reader gets, behind the items that wait.
   */
  fail(error: unknown): void {
    this.#close({ error }, false);
  }

  #consume(size: number): void {
    this.#readItems++;
    this.#readBytes += size;
    if (
      this.#outcome === undefined &&
      (this.#readItems >= CREDIT_ITEMS || this.#readBytes >= CREDIT_BYTES)
    ) {
      this.#items -= this.#readItems;
      this.#bytes -= this.#readBytes;
      this.#hooks.credit(this.#readItems, this.#readBytes);
      this.#readItems = this.#readBytes = 0;
    }
  }

  #close(outcome: Outcome, early: boolean): void {
    if (this.#outcome) return;
    this.#outcome = outcome;
    const readers = this.#readers;
    this.#readers = [];
    for (const reader of readers) finish(reader, outcome);
    if (this.#final) settle(this.#final, outcome);
    this.#hooks.end(early, "error" in outcome);
  }
}

function finish(reader: Deferred<IteratorResult<unknown, unknown>>, outcome: Outcome): void {
  if ("error" in outcome) reader.reject(outcome.error);
  else reader.resolve({ done: true, value: outcome.result });
}

function settle(final: Deferred<unknown>, outcome: Outcome): void {
  if ("error" in outcome) final.reject(outcome.error);
  else final.resolve(outcome.result);
}

function iterate(source: AsyncIterable<unknown> | ReadableStream): AsyncIterator<unknown> {
  // Safari's ReadableStream is no async iterable, whatever the types say.
  if (Reflect.has(source, Symbol.asyncIterator) || !(source instanceof ReadableStream)) {
    return source[Symbol.asyncIterator]();
  }
  const reader = source.getReader();
  return {
    next: async () => {
      const { done, value } = await reader.read();
      return done ? { done, value: undefined } : { done, value };
    },
    return: async () => {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}

async function ended(iterator: AsyncIterator<unknown>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // There is no one left to tell.
  }
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && value >= 0;
}

/**
 * What an item weighs, counted alike on both sides: its binary and text, and a
 * little for each value. A value that no window could hold is not counted to
 * its end, which also ends the count of one that contains itself.
 */
export function sizeOf(value: unknown): number {
  let size = 0;
  const stack = [value];
  while (stack.length > 0 && size < WINDOW_BYTES) {
    const value = stack.pop();
    size += ITEM_COST;
    if (typeof value === "string") size += value.length;
    else if (typeof value === "object" && value !== null) {
      if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) size += value.byteLength;
      else if (Array.isArray(value)) stack.push(...value.slice(0, WINDOW_BYTES / ITEM_COST));
      else {
        for (const [key, child] of Object.entries(value)) {
          size += key.length;
          stack.push(child);
        }
      }
    }
  }
  return size;
}
