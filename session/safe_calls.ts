/**
 * The record of calls that may be made again: one key, one run, one end,
 * however often a client that lost its connection asks.
 *
 * @module
 */
import { defer, type Deferred } from "../protocol/deferred.ts";
import type { ErrorMessage, ResultMessage } from "../protocol/messages.ts";
import { sizeOf } from "./streams.ts";

/** How a call ended. */
export type Outcome = ResultMessage | ErrorMessage;

/** What a record costs besides what the call ended with. */
const RECORD_COST = 256;

interface SafeCall {
  readonly outcome: Deferred<Outcome>;
  readonly abort: () => void;
  /** Of its end, in bytes; `undefined` while it runs. */
  size: number | undefined;
}

/** A server's record; its sessions share it, since a call outlives the one it came by. */
export class SafeCalls {
  readonly #calls = new Map<string, SafeCall>();
  readonly #count: number;
  readonly #bytes: number;
  #held = 0;

  /**
   * @param count How many calls may run or be remembered.
   * @param bytes How many bytes their ends may have together.
   */
  constructor(count: number, bytes: number) {
    this.#count = count;
    this.#bytes = bytes;
  }

  /**
   * Finds a call that was made before.
   *
   * @param key Its key.
   * @returns How it ended or will end, or `undefined` if nothing is known of it.
   */
  get(key: string): Promise<Outcome> | undefined {
    return this.#calls.get(key)?.outcome.promise;
  }

  /**
   * Begins a call.
   *
   * @param key Its key, of which nothing is known.
   * @param abort Stops it.
   * @returns Whether there is room for it.
   */
  begin(key: string, abort: () => void): boolean {
    if (this.#calls.size >= this.#count && !this.#forget()) return false;
    this.#calls.set(key, { outcome: defer(), abort, size: undefined });
    return true;
  }

  /**
   * Remembers how a call ended.
   *
   * @param key Its key.
   * @param outcome Its answer, whoever it went to.
   */
  end(key: string, outcome: Outcome): void {
    const call = this.#calls.get(key);
    if (call === undefined || call.size !== undefined) return;
    call.size = RECORD_COST +
      sizeOf(outcome.type === "result" ? outcome.result : outcome.error);
    this.#held += call.size;
    call.outcome.resolve(outcome);
    // Again to the end of the line: what ended longest ago is forgotten first.
    this.#calls.delete(key);
    this.#calls.set(key, call);
    while (this.#held > this.#bytes && this.#forget());
  }

  /** Stops what runs: the server is closing. */
  close(): void {
    for (const { size, abort } of this.#calls.values()) if (size === undefined) abort();
  }

  #forget(): boolean {
    for (const [key, { size }] of this.#calls) {
      if (size === undefined) continue;
      this.#calls.delete(key);
      this.#held -= size;
      return true;
    }
    return false;
  }
}
