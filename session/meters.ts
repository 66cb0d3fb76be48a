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

/**
 * What became of the calls of one procedure. All are counted. As long as they are
 * short, below 1 ms and on a server without a promise, every eighth is timed and
 * stands for the seven behind it, since a look at the clock takes a tenth of such
 * a call; while somebody follows the `call` events, each is timed.
 */
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
  /** How long the longest of those that were timed took, in ms. */
  readonly maxTime: number;
  /** How many took how long: one number for each of {@linkcode CALL_TIME_BOUNDS}, and one for the rest. */
  readonly times: readonly number[];
}

/** Names may come from a peer's data or a program's; past so many they are counted together. */
const MAX_METERS = 4096;

/** How many short calls go untimed behind one that was timed. */
const UNTIMED = 7;

/** Which calls are short, in ms: the clock would be a part of them worth saving. */
const SHORT = 1;

/** Counts the calls of one procedure. */
export class CallMeter {
  readonly #method: string;
  #running = 0;
  #count = 0;
  #errors = 0;
  #abandoned = 0;
  #totalTime = 0;
  #maxTime = 0;
  readonly #times: number[] = Array(CALL_TIME_BOUNDS.length + 1).fill(0);
  /** What calls that are not timed are taken to be like: the last one that was. */
  #lastTime = 0;
  #lastClass = 0;
  #isShort = false;
  #untimed = 0;

  /** @param method The procedure's name. */
  constructor(method: string) {
    this.#method = method;
  }

  /**
   * A call begins.
   *
   * @returns Whether it is to be timed.
   */
  begin(): boolean {
    this.#running++;
    if (this.#untimed > 0) {
      this.#untimed--;
      return false;
    }
    if (this.#isShort) this.#untimed = UNTIMED;
    return true;
  }

  /** A call takes longer than it takes to return: those behind it are timed from their beginning. */
  waits(): void {
    this.#isShort = false;
    this.#untimed = 0;
  }

  /**
   * A call has ended.
   *
   * @param outcome How.
   * @param time How long it took, in ms; `undefined` if it was not timed.
   * @param isWhole Whether the next ones may go untimed if that is short.
   */
  end(outcome: CallOutcome, time: number | undefined, isWhole = false): void {
    this.#running--;
    this.#count++;
    if (outcome === "error") this.#errors++;
    else if (outcome === "abandoned") this.#abandoned++;
    if (time !== undefined) this.#timed(time, isWhole);
    this.#totalTime += this.#lastTime;
    this.#times[this.#lastClass] = (this.#times[this.#lastClass] ?? 0) + 1;
  }

  #timed(time: number, isWhole: boolean): void {
    if (time > this.#maxTime) this.#maxTime = time;
    let place = 0;
    // Most calls are short, and done after a compare or two.
    while (time > (CALL_TIME_BOUNDS[place] ?? Infinity)) place++;
    this.#lastTime = time;
    this.#lastClass = place;
    this.#isShort = isWhole && time < SHORT;
    if (!this.#isShort) this.#untimed = 0;
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
      running: this.#running,
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
   * A call begins.
   *
   * @param meter Its procedure's counter.
   * @returns When, in ms; `undefined` if it isn't to be timed.
   */
  begin(meter: CallMeter): number | undefined {
    // What somebody follows has a time of its own.
    return meter.begin() || this.onEnd ? performance.now() : undefined;
  }

  /**
   * A call goes on when its procedure has returned.
   *
   * @param meter Its procedure's counter.
   * @param since When it began.
   * @returns When it began: now, if nobody has looked before.
   */
  waits(meter: CallMeter, since: number | undefined): number {
    meter.waits();
    return since ?? performance.now();
  }

  /**
   * A call has ended.
   *
   * @param call The call.
   * @param meter Its procedure's counter.
   * @param since When it began; `undefined` if it isn't timed.
   * @param outcome How it ended.
   * @param isWhole Whether the next ones may go untimed if that was short.
   */
  end(
    call: C,
    meter: CallMeter,
    since: number | undefined,
    outcome: CallOutcome,
    isWhole: boolean,
  ): void {
    if (since === undefined) return meter.end(outcome, undefined);
    const time = performance.now() - since;
    meter.end(outcome, time, isWhole);
    this.onEnd?.(call, time, outcome);
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
