/**
 * What is counted of calls, by procedure: how many, how they ended, how long
 * they took.
 *
 * @module
 */

/**
 * The bounds of {@linkcode CallStats.times}, in ms: each class reaches up to its
 * bound, and one more holds what took longer than the last. They are the same in
 * all versions of a series, so that the figures of several servers can be added.
 */
export const CALL_TIME_BOUNDS: readonly number[] = [
  0.1,
  0.3,
  1,
  3,
  10,
  30,
  100,
  300,
  1_000,
  3_000,
  10_000,
];

/** How a call ended: with its result, an error, or with nobody who waits for it any more. */
export type CallOutcome = "result" | "error" | "abandoned";

/** What became of the calls of one procedure. */
export interface CallStats {
  /** Its name; `*` stands for all past the first 4096. */
  readonly method: string;
  /** How many calls have ended. */
  readonly count: number;
  /** How many of them ended with an error. */
  readonly errors: number;
  /** How many were given up before they ended: cancelled, too late, or the connection lost. */
  readonly abandoned: number;
  /** How many are running. */
  readonly running: number;
  /** How long those that ended took together, in ms; a stream takes until its end. */
  readonly totalTime: number;
  /** How long the longest took, in ms. */
  readonly maxTime: number;
  /** How many took how long: one number for each of {@linkcode CALL_TIME_BOUNDS}, and one for the rest. */
  readonly times: readonly number[];
}

/** Names may come from a peer's data or a program's; past so many they are counted together. */
const MAX_METERS = 4096;

/** Counts the calls of one procedure. */
export class CallMeter {
  running = 0;
  readonly #method: string;
  #count = 0;
  #errors = 0;
  #abandoned = 0;
  #totalTime = 0;
  #maxTime = 0;
  readonly #times: number[] = Array(CALL_TIME_BOUNDS.length + 1).fill(0);

  /** @param method The procedure's name. */
  constructor(method: string) {
    this.#method = method;
  }

  /**
   * A call has ended.
   *
   * @param time How long it took, in ms.
   * @param outcome How.
   */
  end(time: number, outcome: CallOutcome): void {
    this.running--;
    this.#count++;
    if (outcome === "error") this.#errors++;
    else if (outcome === "abandoned") this.#abandoned++;
    this.#totalTime += time;
    if (time > this.#maxTime) this.#maxTime = time;
    let place = 0;
    // Most calls are short, and done after a compare or two.
    while (time > (CALL_TIME_BOUNDS[place] ?? Infinity)) place++;
    this.#times[place] = (this.#times[place] ?? 0) + 1;
  }

  /**
   * The counters as they are now.
   *
   * @returns A copy.
   */
  read(): CallStats {
    return {
      method: this.#method,
      count: this.#count,
      errors: this.#errors,
      abandoned: this.#abandoned,
      running: this.running,
      totalTime: this.#totalTime,
      maxTime: this.#maxTime,
      times: [...this.#times],
    };
  }
}

/** Counts calls by procedure. */
export class CallMeters<C> {
  /** Told of each call that ends, while somebody wants to know. */
  onEnd: ((call: C, time: number, outcome: CallOutcome) => void) | undefined;
  readonly #meters = new Map<string, CallMeter>();
  /** When the last call of the frame that is being read ended; 0 before the first. */
  #clock = 0;

  /**
   * Finds a procedure's counter.
   *
   * @param method The procedure's name.
   * @returns Its counter, made if there was none.
   */
  of(method: string): CallMeter {
    return this.#meters.get(method) ?? this.#add(method);
  }

  /**
   * A frame has come: what it holds begins now. Within it each call begins where
   * the one before has ended, since a look at the clock takes a tenth of a µs,
   * which is a tenth of a short call.
   */
  frame(): void {
    this.#clock = 0;
  }

  /**
   * A call begins.
   *
   * @returns When, in ms.
   */
  begin(): number {
    return this.#clock ||= performance.now();
  }

  /**
   * A call has ended.
   *
   * @param since When it began.
   * @param reading Whether that was while its frame was being read.
   * @returns How long it took, in ms.
   */
  timeSince(since: number, reading: boolean): number {
    const now = performance.now();
    if (reading) this.#clock = now;
    return now - since;
  }

  #add(method: string): CallMeter {
    const name = this.#meters.size < MAX_METERS ? method : "*";
    const meter = this.#meters.get(name) ?? new CallMeter(name);
    this.#meters.set(name, meter);
    return meter;
  }

  /**
   * The counters as they are now.
   *
   * @returns A copy of each, in the order of the first calls.
   */
  read(): CallStats[] {
    return Array.from(this.#meters.values(), (meter) => meter.read());
  }
}
