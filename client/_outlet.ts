/** How a client's frames get to its socket. */
import type { Frame } from "../protocol/codec.ts";
import type { Message } from "../protocol/messages.ts";
import type { QueueStats, SendOptions, Socket } from "../protocol/send_queue.ts";

/** What stands between a session and its socket. */
export interface Outlet {
  /** Bytes that wait here, those in the socket not counted. */
  readonly held: number;
  /** What it has done, and what waits in it; absent where nothing ever waits. */
  stats?(): QueueStats;
  /** Sends a message's frames. */
  send(frames: readonly Frame[], options?: SendOptions): void;
  /** Hands over what may go at once: the socket is about to close. */
  flush(): void;
  /** Forgets everything: the socket is gone. */
  clear(): void;
  /** Takes a message that is its own business, and tells whether it was. */
  takes(message: Message): boolean;
  /** Notes how many bytes have come, and whether the last frame held nothing but {@linkcode Outlet.takes}. */
  read(bytes: number, own: boolean): void;
}

/** `WebSocket.OPEN` */
const OPEN = 1;

/** Straight to the socket, as wslink's clients send. */
export class DirectOutlet implements Outlet {
  readonly held = 0;
  /** Bytes that went out. */
  sent = 0;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** A socket that is closing takes nothing any more, and some say so by throwing. */
  send(frames: readonly Frame[]): void {
    if (this.#socket.readyState !== OPEN) return;
    for (const frame of frames) {
      this.#socket.send(frame);
      this.sent += frame.length;
    }
  }

  flush(): void {}

  clear(): void {}

  takes(): boolean {
    return false;
  }

  read(): void {}
}
