/**
 * How much a connection's socket is given at a time. What is in the socket, or
 * in the kernel's buffers behind it, can be neither dropped nor overtaken.
 *
 * A peer that acknowledges what it has read says how much is on its way, so
 * that no buffer between the two fills. Of another there is only
 * `bufferedAmount`: what the kernel has not taken, in whole frames.
 */

/** The least that a link is given: less would leave it idle between two polls, in bytes. */
const MIN_WATER = 64 * 1024;

/** The most: what 2 GB/s take from one poll to the next, in bytes; loopback takes it all and stands still before. */
const MAX_WATER = 4 * 1024 * 1024;

/** What a link that nothing is known of is given, in bytes: any kernel takes as much at once. */
const FIRST_WATER = 256 * 1024;

/** How long a link may be busy with what the socket holds, in ms: a few polls. */
const WATER_TIME = 10;

/** The smallest piece that a frame is cut into, in bytes: its header and the peer's work are a thousandth. */
const MIN_CHUNK = 16 * 1024;

/** How long a piece keeps the link to a peer that acknowledges busy, in ms: a small message waits for it. */
const CHUNK_TIME = 1;

/** The largest piece, in bytes: on a link that takes 2 GB/s it is done in half a ms. */
const MAX_CHUNK = 1024 * 1024;

/**
 * A peer acknowledges at once when so much has come since it last did, in
 * bytes; and a smaller rest when it has the time.
 */
export const ACK_SIZE = MIN_CHUNK;

/** Clocks are coarse, and both programs have other things to do, in ms. */
const MIN_ROUND_TRIP = 0.25;

/** How often a socket is asked whether it has room, in ms; it doesn't say so by itself. */
const POLL = 2;

/** How often at least, when it has had none for long, in ms. */
const MAX_POLL = 128;

/**
 * The longest frame that goes out whole though it could be cut, in bytes: on
 * loopback 1 MiB in two frames takes 1.5 times as long as in one.
 */
const MAX_WHOLE = 1152 * 1024;

/** A small message may go out on top of bulk: it would be the next one anyway, in bytes. */
const SMALL_SLACK = 64 * 1024;

/** A peer's least window, in bytes: four of the smallest pieces on their way. */
const MIN_WINDOW = 64 * 1024;

/**
 * On a short way programs are slower than the link, and see to a connection
 * every now and then: what keeps it busy meanwhile, in ms and at most in bytes.
 */
const BUSY_TIME = 20;
const FAST_WINDOW = 2 * 1024 * 1024;

/**
 * The same while small messages go out beside bulk: on loopback they would wait
 * four times as long behind 2 MiB. And how long after the last of them, in ms.
 */
const SHARED_WINDOW = 512 * 1024;
const SHARED_TIME = 100;

/** The most for a peer that acknowledges, in bytes: 1 Gbit/s around the world. */
const MAX_WINDOW = 64 * 1024 * 1024;

/** A rate is taken over this time at least, in ms: timers and clocks are coarse. */
const SAMPLE_TIME = 4;

/** A round trip that was longer is believed after so many in a row: programs are late now and then. */
const LATE_PROBES = 4;

/**
 * How long a round trip is believed on a link that is never idle, in ms: what
 * waits behind a window that is too large only shows how large it is.
 */
const PROBE_TIME = 5000;

/** A rate that fell to so little of what it was is believed at once, and no less: the link has become another one. */
const FALL = 1 / 2;
const DEEPEST_FALL = 1 / 8;

/** How long a frame may take that goes out whole to a peer that acknowledges, in ms. */
const WHOLE_TIME = 2;

/** Something that was once written, until it is acknowledged. */
interface Probe {
  /** All that had been written then. */
  readonly bytes: number;
  readonly time: number;
  /** Whether nothing else was under way. */
  readonly alone: boolean;
  readonly size: number;
}

/** What a connection has measured of its link. */
export class Pace {
  /** Bytes handed to the socket since the connection began. */
  written = 0;
  /** Of those, what the peer says that it has read; `undefined` with a peer that doesn't say. */
  acknowledged: number | undefined;
  /** What the link takes, in bytes per ms; 0 as long as nothing was measured. */
  #rate = 0;
  /** Where the current sample began. */
  #sampleBytes = 0;
  #sampleTime: number | undefined;
  /** Whether nothing waited at some time of it. */
  #isDry = false;
  /** What was once written at what time, until it is acknowledged. */
  #probe: Probe | undefined;
  /** The shortest time from writing to acknowledgement, in ms. */
  #roundTrip = Infinity;
  /** When that was found. */
  #roundTripAt = 0;
  /** The shortest of those in a row that took longer, though nothing was before them. */
  #late = Infinity;
  #lateCount = 0;
  /** Whether little is under way for once, so that the round trip shows. */
  #isLooking = false;
  #water = FIRST_WATER;
  #idlePolls = 0;
  /** When a small message last went out beside bulk, if that is not long ago. */
  #sharedAt: number | undefined;

  /** What the link takes, in bytes per ms; 0 as long as nothing was measured. */
  get rate(): number {
    return this.#rate;
  }

  /** How long the way to the peer and back takes, in ms; `undefined` as long as nothing was measured. */
  get roundTrip(): number | undefined {
    return this.#roundTrip === Infinity ? undefined : this.#roundTrip;
  }

  /** How long to wait before the socket is asked again, in ms. */
  get delay(): number {
    return Math.min(POLL * 2 ** this.#idlePolls, MAX_POLL);
  }

  /** The size of the pieces that long frames go out in, in bytes. */
  get chunk(): number {
    const quarter = this.#most / 4;
    // Two at least are under way, or the link is idle until one is acknowledged.
    const size = this.acknowledged === undefined || this.#rate === 0 ||
        (this.#sharedAt === undefined && this.#rate * BUSY_TIME > FAST_WINDOW)
      ? quarter
      : Math.min(2 * quarter, this.#rate * CHUNK_TIME);
    return Math.min(Math.max(size, MIN_CHUNK), MAX_CHUNK);
  }

  /** Bytes between the two programs, as far as is known. */
  underWay(buffered: number): number {
    return this.acknowledged === undefined ? buffered : this.written - this.acknowledged;
  }

  get #most(): number {
    return this.acknowledged === undefined ? this.#water : this.#window;
  }

  /** What may be under way to an acknowledging peer: twice what keeps the link busy, so that a faster one shows. */
  get #window(): number {
    if (this.#isLooking) return MIN_WINDOW;
    if (this.#rate === 0 || this.#roundTrip === Infinity) return FIRST_WATER;
    const fast = this.#sharedAt === undefined ? FAST_WINDOW : SHARED_WINDOW;
    const busy = Math.min(this.#rate * BUSY_TIME, fast);
    return Math.min(Math.max(2 * this.#filling, busy, MIN_WINDOW), MAX_WINDOW);
  }

  /** What keeps the link busy for one round trip. */
  get #filling(): number {
    return this.#roundTrip === Infinity ? 0 : this.#rate * this.#roundTrip;
  }

  roomForSmall(buffered: number): boolean {
    return this.underWay(buffered) < this.#most + SMALL_SLACK;
  }

  roomForBulk(buffered: number): boolean {
    return this.underWay(buffered) < this.#most;
  }

  /** Whether a frame may go out whole if nothing else waits: its pieces would all be handed over now. */
  roomForWhole(buffered: number, size: number): boolean {
    // A peer that acknowledges does so by the frame: a long one would be a leap in the dark.
    if (this.acknowledged !== undefined && size > this.#rate * WHOLE_TIME) return false;
    return size <= MAX_WHOLE && this.underWay(buffered) + size <= this.#most * 1.25;
  }

  /** A message that a newer one may replace leaves when the link has nearly nothing left to do. */
  roomForLatest(buffered: number): boolean {
    const underWay = this.underWay(buffered);
    if (this.acknowledged === undefined) return underWay < MIN_WATER;
    return underWay < Math.max(MIN_CHUNK, 1.25 * this.#filling);
  }

  /** Notes that nothing waits here: what the link takes meanwhile says little of what it can. */
  ranDry(): void {
    this.#isDry = true;
  }

  /** Notes that a small message goes out while bulk waits: more of them will. */
  shared(now: number): void {
    this.#sharedAt = now;
  }

  /** Notes that the socket was given something. */
  wrote(size: number, now: number): void {
    if (this.#sampleTime === undefined) {
      this.#sampleTime = now;
      this.#sampleBytes = this.acknowledged ?? this.written;
      this.#isDry = false;
    }
    const alone = this.written === this.acknowledged;
    this.written += size;
    // A smaller one is acknowledged when the peer finds the time.
    if (this.acknowledged === undefined || size < ACK_SIZE) return;
    this.#probe ??= { bytes: this.written, time: now, alone, size };
  }

  /**
   * Looks at what the socket has handed on since the last time.
   *
   * @param buffered What it still has.
   * @param more Whether anything waits for it.
   */
  poll(buffered: number, more: boolean, now: number): void {
    if (this.acknowledged !== undefined) {
      this.#idlePolls++;
      return;
    }
    const taken = this.written - buffered;
    if (taken > this.#sampleBytes || buffered === 0) this.#idlePolls = 0;
    else this.#idlePolls++;
    const rate = this.#sample(taken, now, buffered === 0);
    if (buffered === 0) {
      this.#sampleTime = undefined;
      // The link was idle while something waited: it can take more. One step at
      // a time, since a kernel's buffers fill at any rate before the link shows.
      if (more) this.#water = Math.min(this.#water * 2, MAX_WATER);
    } else if (rate) {
      this.#water = Math.max(Math.min(this.#rate * WATER_TIME, this.#water), MIN_WATER);
    }
  }

  /**
   * Takes a peer's word for how much it has read; the first one begins it.
   *
   * @param bytes All since the connection began.
   * @param more Whether anything waits here.
   * @returns Whether that can be.
   */
  acknowledge(bytes: number, more: boolean, now: number): boolean {
    if (!(bytes >= (this.acknowledged ?? 0) && bytes <= this.written)) return false;
    if (this.acknowledged === undefined) this.#sampleTime = undefined;
    this.acknowledged = bytes;
    this.#idlePolls = 0;
    if (this.#sharedAt !== undefined && now - this.#sharedAt > SHARED_TIME) {
      this.#sharedAt = undefined;
    }
    if (this.#probe && bytes >= this.#probe.bytes) {
      const { time, alone, size } = this.#probe;
      // What the frame itself took on the link is not the way's.
      const own = this.#rate === 0 ? 0 : size / this.#rate;
      const roundTrip = Math.max(now - time - own, MIN_ROUND_TRIP);
      this.#probe = undefined;
      this.#took(roundTrip, alone, now);
    }
    if (now - this.#roundTripAt > PROBE_TIME && 2 * this.#filling > SHARED_WINDOW) {
      this.#roundTripAt = now;
      this.#isLooking = true;
      this.#probe = undefined;
    }
    const idle = bytes === this.written;
    this.#sample(bytes, now, idle || !more || this.#isLooking);
    if (idle) this.#sampleTime = undefined;
    return true;
  }

  /** Something has gone to the peer and back. */
  #took(roundTrip: number, alone: boolean, now: number): void {
    // What waited behind others says nothing about the path, unless it was faster.
    const isLate = roundTrip > this.#roundTrip && !this.#isLooking;
    if (isLate && !alone) return;
    this.#late = Math.min(this.#late, roundTrip);
    if (isLate && ++this.#lateCount < LATE_PROBES) return;
    this.#roundTrip = this.#late;
    this.#roundTripAt = now;
    this.#late = Infinity;
    this.#lateCount = 0;
    this.#isLooking = false;
  }

  /** Takes a sample of the rate if enough time has passed. A link that was not kept busy can only show that it is faster. */
  #sample(bytes: number, now: number, atLeast: boolean): boolean {
    if (this.#sampleTime === undefined) {
      this.#sampleTime = now;
      this.#sampleBytes = bytes;
      this.#isDry = atLeast;
      return false;
    }
    const time = now - this.#sampleTime;
    if (time < SAMPLE_TIME || bytes <= this.#sampleBytes) return false;
    const rate = (bytes - this.#sampleBytes) / time;
    const onlyMore = atLeast || this.#isDry;
    this.#sampleTime = now;
    this.#sampleBytes = bytes;
    this.#isDry = atLeast;
    // What a socket has taken says less than what a peer has read: it comes in whole frames.
    const isSudden = this.acknowledged !== undefined && rate < this.#rate * FALL;
    if (onlyMore || this.#rate === 0) this.#rate = Math.max(this.#rate, rate);
    else if (isSudden) this.#rate = Math.max(rate, this.#rate * DEEPEST_FALL);
    else this.#rate += (rate - this.#rate) / 4;
    return true;
  }
}
