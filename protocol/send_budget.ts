/**
 * What all send queues of a server may hold together.
 *
 * @module
 */
import type { Frame } from "./codec.ts";

/** A queue, as its budget sees it. */
export interface BudgetMember {
  /** Bytes that wait in it. */
  readonly held: number;
  /**
   * Drops what may be dropped, oldest first.
   *
   * @param bytes How much of it.
   * @returns Whether there was any.
   */
  relieve(bytes: number): boolean;
  /** Says that it holds what can't be dropped and must go. */
  overflow(): void;
  /** Takes in messages that wait for room. */
  admit(): void;
}

/**
 * A bound over several queues. Frames that several of them share count once:
 * they are in memory once.
 */
export class SendBudget {
  readonly #bytes: number;
  #held = 0;
  readonly #shares = new Map<readonly Frame[], number>();
  readonly #members = new Set<BudgetMember>();
  readonly #waiting = new Set<BudgetMember>();
  #enforcing = false;

  /**
   * Makes it ready for the first queue.
   *
   * @param bytes How many bytes may wait in all queues.
   */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** Bytes that wait, those that are shared counted once. */
  get held(): number {
    return this.#held;
  }

  /**
   * Whether a message may wait without anything being dropped for it.
   *
   * @param frames Its frames.
   * @param cost What it costs.
   * @returns Whether there is room; always if nothing else waits.
   */
  fits(frames: readonly Frame[], cost: number): boolean {
    return this.#held === 0 || this.#shares.has(frames) || this.#held + cost <= this.#bytes;
  }

  /**
   * Counts a message.
   *
   * @param member Whose it is.
   * @param frames Its frames.
   * @param cost What it costs.
   */
  add(member: BudgetMember, frames: readonly Frame[], cost: number): void {
    this.#members.add(member);
    const shares = this.#shares.get(frames) ?? 0;
    this.#shares.set(frames, shares + 1);
    if (shares === 0) this.#held += cost;
  }

  /**
   * Drops from the largest queue first until the rest fits. The newest message
   * may come on top, as it may in a queue.
   *
   * @param newest What the newest message costs.
   */
  enforce(newest: number): void {
    // Closing a connection empties its queue, which may bring this here again.
    if (this.#held <= this.#bytes || this.#enforcing) return;
    this.#enforcing = true;
    // Some more than needed, so that the next message doesn't go through all of it again.
    const target = Math.max(newest, this.#bytes * 0.875);
    const members = [...this.#members].sort((a, b) => b.held - a.held);
    for (const member of members) {
      // What others hold as well is not free yet, so it may take more than once.
      while (this.#held > target && member.relieve(this.#held - target));
    }
    // What is left is replies: a client that doesn't read them has to go.
    for (const member of members) {
      if (this.#held - newest <= this.#bytes) break;
      member.overflow();
    }
    this.#enforcing = false;
  }

  /**
   * Forgets a message.
   *
   * @param member Whose it was.
   * @param frames Its frames.
   * @param cost What it cost.
   */
  remove(member: BudgetMember, frames: readonly Frame[], cost: number): void {
    if (member.held === 0) this.#members.delete(member);
    const shares = (this.#shares.get(frames) ?? 1) - 1;
    if (shares > 0) {
      this.#shares.set(frames, shares);
      return;
    }
    this.#shares.delete(frames);
    this.#held -= cost;
    if (this.#waiting.size === 0) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const member of waiting) member.admit();
  }

  /**
   * Has a queue told when there is room.
   *
   * @param member A queue with messages that wait for it.
   */
  callBack(member: BudgetMember): void {
    this.#waiting.add(member);
  }

  /**
   * Forgets a queue that has been emptied for good.
   *
   * @param member The queue.
   */
  leave(member: BudgetMember): void {
    this.#members.delete(member);
    this.#waiting.delete(member);
  }
}
