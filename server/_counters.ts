/**
 * What a server counts of the attempts to get more of it than there is.
 */
import type { LimitName } from "../session/limited.ts";
import type { Totals } from "./stats.ts";

/** The counters of one server, while they are counted. */
export class Counting {
  accepted = 0;
  joined = 0;
  resumed = 0;
  failedHellos = 0;
  errors = 0;
  /** Told of each limit that is reached, and how often it has been. */
  onLimit: ((name: LimitName, count: number) => void) | undefined;
  readonly #limits = new Map<LimitName, number>();
  readonly #closed = new Map<number, number>();

  /** A limit was reached. */
  limit(name: LimitName): void {
    const count = (this.#limits.get(name) ?? 0) + 1;
    this.#limits.set(name, count);
    this.onLimit?.(name, count);
  }

  /** The server closes a connection. */
  close(code: number): void {
    // An application may use any code; there are not so many that it would matter.
    this.#closed.set(code, (this.#closed.get(code) ?? 0) + 1);
  }

  /**
   * The counters as they are now.
   *
   * @returns A copy.
   */
  read(): Totals {
    const { accepted, joined, resumed, failedHellos, errors } = this;
    return {
      accepted,
      joined,
      resumed,
      failedHellos,
      errors,
      limits: Object.fromEntries(this.#limits),
      closed: Object.fromEntries(this.#closed),
    };
  }
}
