/** The socket's close event: a browser's `CloseEvent`, by a name that Node's types have no need of. */
export type SocketCloseEvent = Event & {
  /** The close code. */
  readonly code: number;
  /** The peer's words. */
  readonly reason: string;
  /** Whether both sides shook hands on it. */
  readonly wasClean: boolean;
};

/** What ends something: a callback's registration, a subscription. */
export interface EventSubscription {
  /** Ends it. */
  readonly unsubscribe: () => void;
}

/** A callback of an event. Its `this` is the object that the event belongs to. */
export type EventCallback<Args extends readonly unknown[]> = (...args: Args) => void;

/**
 * The callbacks of one event, in the order of their registration. By default
 * they are called from a timer of 0 ms, so that whoever sets an event off has
 * done its work before anyone hears of it; wslink's applications count on that
 * to register callbacks after `connect()`.
 */
export class Events<Args extends readonly unknown[]> {
  readonly #name: string;
  readonly #isDeleted: () => boolean;
  readonly #isAsynchronous: boolean;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #callbacks: { readonly callback: EventCallback<Args> }[] = [];

  /**
   * @param name The event's name, for what is printed.
   * @param isDeleted Whether its owner was destroyed.
   * @param isAsynchronous Whether callbacks are called from a timer.
   */
  constructor(name: string, isDeleted: () => boolean, isAsynchronous = true) {
    this.#name = name;
    this.#isDeleted = isDeleted;
    this.#isAsynchronous = isAsynchronous;
  }

  on(callback: EventCallback<Args>): EventSubscription | null {
    if (this.#refuse()) return null;
    const entry = { callback };
    this.#callbacks.push(entry);
    return Object.freeze({
      unsubscribe: () => {
        this.#callbacks = this.#callbacks.filter((other) => other !== entry);
      },
    });
  }

  fire(owner: object, args: Args): void {
    if (this.#refuse()) return;
    if (!this.#isAsynchronous) return this.#call(owner, args);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#call(owner, args);
    }, 0);
    this.#timers.add(timer);
  }

  /** Forgets the callbacks, and whatever was still to be told. */
  clear(): void {
    this.#callbacks = [];
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #call(owner: object, args: Args): void {
    for (const entry of [...this.#callbacks]) {
      // One that was taken off by an earlier one isn't called any more.
      if (!this.#callbacks.includes(entry)) continue;
      try {
        Reflect.apply(entry.callback, owner, args);
      } catch (error) {
        console.error(`Hawser: a callback of ${this.#name} threw`, error);
      }
    }
  }

  #refuse(): boolean {
    const isDeleted = this.#isDeleted();
    if (isDeleted) console.log(`${this.#name}: the instance was destroyed, nothing happens`);
    return isDeleted;
  }
}
