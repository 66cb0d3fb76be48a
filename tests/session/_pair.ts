/** A client's session and a server's, with sockets between them that need no network. */
import { connect, type ConnectOptions, type Session, type SocketLike } from "@hawser/hawser/client";
import type { Procedures, Topics } from "../../protocol/api.ts";
import type { Frame } from "../../protocol/mod.ts";
import type { Server } from "../../server/server.ts";

/** One socket of the client's, wired straight to a server: what is sent arrives a microtask later. */
class WiredSocket implements SocketLike {
  binaryType: BinaryType = "arraybuffer";
  bufferedAmount = 0;
  readyState: SocketLike["readyState"] = 0;
  onopen: SocketLike["onopen"] = null;
  onmessage: SocketLike["onmessage"] = null;
  onclose: SocketLike["onclose"] = null;
  onerror: SocketLike["onerror"] = null;
  readonly #log: Frame[];
  readonly #session: ReturnType<Server["accept"]>;
  readonly #end: (code: number, reason: string) => void;

  /** Whether nothing arrives any more in either direction, and nobody is told. */
  #muted = false;

  constructor(server: Pick<Server, "accept">, log: Frame[], url: string) {
    this.#log = log;
    const serverSide = {
      readyState: 1,
      bufferedAmount: 0,
      send: (frame: Frame) => {
        const data = copy(frame);
        queueMicrotask(() => {
          if (!this.#muted) this.#event("onmessage", new MessageEvent("message", { data }));
        });
      },
      close: (code = 1005, reason = "") => end(code, reason),
    };
    const session = server.accept(serverSide, new Request(url.replace(/^ws/, "http")));
    const end = (code: number, reason: string) => {
      if (this.readyState === 3) return;
      this.readyState = serverSide.readyState = 3;
      queueMicrotask(() => {
        session.ended({ code, reason });
        this.#event("onclose", new CloseEvent("close", { code, reason }));
      });
    };
    this.#session = session;
    this.#end = end;
    queueMicrotask(() => {
      this.readyState = 1;
      this.#event("onopen", new Event("open"));
    });
  }

  send(data: Parameters<SocketLike["send"]>[0]): void {
    if (typeof data !== "string" && !(data instanceof Uint8Array)) throw new TypeError("no frame");
    const frame = typeof data === "string" ? data : new Uint8Array(data);
    this.#log.push(frame);
    const received = copy(frame);
    queueMicrotask(() => {
      if (this.readyState === 1 && !this.#muted) this.#session.receive(received);
    });
  }

  close(code = 1005, reason = ""): void {
    if (!this.#muted) this.#end(code, reason);
  }

  /** Goes half open: the other side is gone and nobody says so. */
  mute(): void {
    this.#muted = true;
  }

  /** Breaks, as a network does. */
  break(): void {
    this.#end(1006, "");
  }

  #event(name: "onopen" | "onmessage" | "onclose", event: Event): void {
    const listener = this[name];
    if (listener) Reflect.apply(listener, this, [event]);
  }
}

function copy(frame: Frame): string | ArrayBuffer {
  return typeof frame === "string" ? frame : new Uint8Array(frame).buffer;
}

/** Connects a session to a server without a network. */
export async function pair<P extends Procedures, T extends Topics = Topics>(
  server: Server<P, T>,
  options: ConnectOptions = {},
): Promise<{
  session: Session<Server<P, T>>;
  /** What the client sent, in order. */
  frames: Frame[];
  /** Breaks the connection that is open now. */
  cut(): void;
  /** Makes the connection that is open now go half open. */
  mute(): void;
  /** Has the next connections reach another server, as when the first was restarted. */
  moveTo(other: Pick<Server, "accept">): void;
}> {
  const frames: Frame[] = [];
  let current: Pick<Server, "accept"> = server;
  let last: WiredSocket | undefined;
  class Socket extends WiredSocket {
    constructor(url: string | URL) {
      super(current, frames, String(url));
      last = this;
    }
  }
  const session = await connect<Server<P, T>>("ws://paired/ws", { WebSocket: Socket, ...options });
  return {
    session,
    frames,
    cut: () => last?.break(),
    mute: () => last?.mute(),
    moveTo: (other) => void (current = other),
  };
}

/** Comes back at once: what is tested is not the delay. */
export const reconnect = { initialDelay: 0 };

/** Resolves when the session is open again after a break, with whether it goes on. */
export async function openAgain(session: Session): Promise<boolean> {
  let broken = false;
  for await (const status of session.statuses()) {
    if (status.state === "waiting") broken = true;
    if (status.state === "closed") throw status.error;
    if (broken && status.state === "open") return status.resumed;
  }
  throw new Error("the session ended");
}
