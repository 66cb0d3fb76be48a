/**
 * What happens in a server or a session, for whoever wants to watch it.
 *
 * @module
 */
import { BoundedStream } from "./bounded_stream.ts";

/** Which events somebody follows, and how many may wait. */
export interface EventsOptions<T extends string = string> {
  /**
   * The types of those that are wanted; the others cost nothing.
   *
   * @default {undefined}
   */
  readonly only?: readonly T[];
  /**
   * How many may wait for the reader; past it, the oldest is dropped and counted.
   *
   * @default {256}
   */
  readonly buffer?: number;
  /** Ends it when aborted. */
  readonly signal?: AbortSignal;
}

/** Events, for one reader with `for await`. */
export interface EventStream<E> extends AsyncIterableIterator<E, void, void> {
  /** How many events were dropped because the reader was behind. */
  readonly dropped: number;
}

/** Hands events to those who follow them. */
export class Watchers<E extends { readonly type: string }> {
  readonly #watchers = new Set<
    { wants(type: string): boolean; push(event: E): void; end(): void }
  >();
  readonly #onChange: () => void;
  #ended = false;

  /** @param onChange Called when somebody begins to watch, and when somebody has stopped. */
  constructor(onChange: () => void = () => {}) {
    this.#onChange = onChange;
  }

  /**
   * Whether somebody wants events of a type.
   *
   * @param type The type.
   * @returns Whether anybody does.
   */
  wants(type: E["type"]): boolean {
    for (const watcher of this.#watchers) if (watcher.wants(type)) return true;
    return false;
  }

  /**
   * Tells whoever wants to know.
   *
   * @param event What has happened.
   */
  emit(event: E): void {
    for (const watcher of this.#watchers) if (watcher.wants(event.type)) watcher.push(event);
  }

  /**
   * Begins to watch.
   *
   * @param options What is wanted.
   * @returns The events from now on.
   * @throws {RangeError} If `buffer` is less than 1.
   */
  watch<T extends E["type"]>(
    options: EventsOptions<T> = {},
  ): EventStream<Extract<E, { readonly type: T }>> {
    const { only, buffer = 256, signal } = options;
    if (!(buffer >= 1)) throw new RangeError(`buffer must be 1 or more: received ${buffer}`);
    signal?.throwIfAborted();
    const wanted = only && new Set<string>(only);
    const end = () => stream.end();
    const stream = new BoundedStream<Extract<E, { readonly type: T }>>(buffer, () => {
      signal?.removeEventListener("abort", end);
      if (this.#watchers.delete(watcher)) this.#onChange();
    });
    const watcher = {
      wants: (type: string) => wanted?.has(type) ?? true,
      push(event: E) {
        if (isOneOf<E, T>(event, wanted)) stream.push(event);
      },
      end,
    };
    if (this.#ended) stream.end();
    else {
      signal?.addEventListener("abort", end);
      this.#watchers.add(watcher);
      this.#onChange();
    }
    return stream;
  }

  /** Nothing will happen any more. */
  end(): void {
    this.#ended = true;
    for (const watcher of [...this.#watchers]) watcher.end();
  }
}

function isOneOf<E extends { readonly type: string }, T extends E["type"]>(
  event: E,
  wanted: ReadonlySet<string> | undefined,
): event is Extract<E, { readonly type: T }> {
  return wanted?.has(event.type) ?? true;
}
