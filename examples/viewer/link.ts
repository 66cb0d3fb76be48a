/**
 * A link that can be made slow, so that one sees what a server does for a slow viewer. It stands
 * between the server and a client's socket, as a modem would.
 *
 * @module
 */
import type { Socket } from "@hawser/hawser/server";

/** A socket whose way out takes so many bytes a second, and no more. */
export class SlowLink implements Socket {
  readonly #socket: Socket;
  #rate = Infinity;
  #frames: (string | Uint8Array<ArrayBuffer>)[] = [];
  #held = 0;
  /** When the link will have taken what was handed over so far. */
  #free = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param socket The client's socket. */
  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** What it takes, in bytes a second. */
  get rate(): number {
    return this.#rate;
  }

  set rate(rate: number) {
    this.#rate = rate;
    this.#free = performance.now();
    clearTimeout(this.#timer);
    this.#pump();
  }

  get readyState(): number {
    return this.#socket.readyState;
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount + this.#held;
  }

  // Frames that wait here are not copied: the server must leave their memory alone.
  readonly copies = false;

  send(frame: string | Uint8Array<ArrayBuffer>): void {
    if (this.#frames.length === 0) this.#free = Math.max(this.#free, performance.now());
    this.#frames.push(frame);
    this.#held += frame.length;
    if (this.#frames.length === 1) this.#pump();
  }

  close(code?: number, reason?: string): void {
    clearTimeout(this.#timer);
    // What waits is on its way already, as far as anybody can tell.
    for (const frame of this.#frames.splice(0)) this.#socket.send(frame);
    this.#socket.close(code, reason);
  }

  /** Hands over what the link has had the time for, and comes back when there is more. */
  #pump(): void {
    for (let frame = this.#frames[0]; frame !== undefined; frame = this.#frames[0]) {
      if (this.#socket.readyState !== 1) return this.#drop();
      const arrives = this.#free + frame.length / this.#rate * 1000;
      const wait = arrives - performance.now();
      if (wait > 1) {
        this.#timer = setTimeout(() => this.#pump(), wait);
        return;
      }
      this.#free = arrives;
      this.#frames.shift();
      this.#held -= frame.length;
      this.#socket.send(frame);
    }
  }

  #drop(): void {
    this.#frames = [];
    this.#held = 0;
  }
}
