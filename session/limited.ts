/**
 * What is answered at a limit, and the buckets that rates are measured with.
 *
 * @module
 */
import type { Rate } from "../protocol/api.ts";
import type { Limits } from "../protocol/codec.ts";
import { ErrorCode, RpcError } from "../protocol/errors.ts";

/** What a call can run into: a limit of {@linkcode Limits}, or the procedure's own rate. */
export type LimitName = keyof Limits | "rate";

/** A call that a limit refuses; on the wire an `RpcError` whose data name the limit. */
export class LimitError extends RpcError {
  /** Which limit. */
  readonly limit: LimitName;

  /**
   * @param limit Which limit.
   * @param message What there is too much of.
   * @param details What the caller learns besides; `retryAfter`, in ms, where time helps.
   * @param code -32007, or the older code of one limit.
   */
  constructor(
    limit: LimitName,
    message: string,
    details: { readonly method?: string; readonly retryAfter?: number } = {},
    code: number = ErrorCode.limitReached,
  ) {
    super(code, message, { ...details, limit });
    this.limit = limit;
  }
}

/** One bucket (RFC 2697 calls it committed). */
export class TokenBucket {
  readonly #perMs: number;
  readonly #size: number;
  readonly #now: () => number;
  #tokens: number;
  #filled: number;

  /**
   * Starts full.
   *
   * @param rate How fast it fills, and how much it holds.
   * @param now The time, in ms.
   */
  constructor({ perSecond, burst = perSecond }: Rate, now: () => number = () => performance.now()) {
    this.#perMs = perSecond / 1000;
    // A rate of less than one a second would never let anything through.
    this.#size = Math.max(burst, 1);
    this.#tokens = this.#size;
    this.#now = now;
    this.#filled = now();
  }

  /**
   * Takes one out.
   *
   * @returns 0, or in how many ms there will be one.
   */
  take(): number {
    const now = this.#now();
    this.#tokens = Math.min(this.#size, this.#tokens + (now - this.#filled) * this.#perMs);
    this.#filled = now;
    // What was computed in fractions may lack the last bit.
    if (this.#tokens >= 1 - 1e-9) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.ceil((1 - this.#tokens) / this.#perMs);
  }
}

/**
 * Checks a rate that an application gave.
 *
 * @param name What it is called.
 * @param rate The rate.
 * @throws {RangeError} If one of its numbers is not positive.
 */
export function checkRate(name: string, { perSecond, burst = 1 }: Rate): void {
  if (!(perSecond > 0)) {
    throw new RangeError(`${name}.perSecond must be a positive number: received ${perSecond}`);
  }
  if (!(burst >= 1)) throw new RangeError(`${name}.burst must be at least 1: received ${burst}`);
}
