/** Sockets that do what a test says, and nothing by themselves. */

import { assert, assertEquals } from "@std/assert";
import { connect, type ConnectOptions, type Session, type SocketLike } from "@hawser/hawser/client";
import type { CloseInfo, Frame, Message, RequestMessage, Wire } from "@hawser/hawser/protocol";
import { Peer } from "../_peer.ts";

/** A client's socket; the test is the network and the server. */
export class ScriptedSocket implements SocketLike {
  binaryType = "blob";
  bufferedAmount = 0;
  onclose: SocketLike["onclose"] = null;
  onerror: SocketLike["onerror"] = null;
  onmessage: SocketLike["onmessage"] = null;
  onopen: SocketLike["onopen"] = null;
  readyState = 0;
  /** What the client closed it with, each time. */
  readonly closes: CloseInfo[] = [];
  /** Whether the server answers the closing handshake. */
  answersClose = true;
  readonly url: string;
  #peer: Peer | undefined;

  constructor(url: string | URL) {
    this.url = String(url);
  }

  /** The other end; it speaks the wire of the first frame. */
  get peer(): Peer {
    assert(this.#peer, "the client has sent nothing");
    return this.#peer;
  }

  get wire(): Wire {
    return this.peer.wire;
  }

  send(frame: Frame): void {
    this.#peer ??= new Peer(typeof frame === "string" ? "json" : "msgpack", (frame) => {
      this.deliver(typeof frame === "string" ? frame : frame.slice().buffer);
    });
    this.#peer.receive(typeof frame === "string" ? frame : frame.slice());
  }

  close(code = 1005, reason = ""): void {
    // As every WebSocket does.
    assert(code === 1000 || (code >= 3000 && code < 5000), `${code} is not for clients`);
    assert(new TextEncoder().encode(reason).length <= 123, `the reason is too long: ${reason}`);
    this.closes.push({ code, reason });
    if (this.readyState >= 2) return;
    this.readyState = 2;
    if (this.answersClose) queueMicrotask(() => this.break(code, reason));
  }

  /** The connection stands. */
  open(): void {
    this.readyState = 1;
    this.onopen?.(new Event("open"));
  }

  /** The server sends a frame. */
  deliver(data: string | ArrayBuffer): void {
    this.onmessage?.({ data });
  }

  /** The connection ends. */
  break(code = 1006, reason = ""): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    if (code === 1006) this.onerror?.(new Event("error", { cancelable: true }));
    this.onclose?.({ code, reason });
  }

  /** The next request that the client has sent. */
  request(): RequestMessage {
    const message: Message | undefined = this.peer.received.shift();
    assert(message?.type === "request", "the client has sent no request");
    return message;
  }

  /** Opens, and answers the hello. */
  welcome(clientID = "c1"): void {
    this.open();
    this.accept(clientID);
  }

  /** Answers the hello. */
  accept(clientID: string, more: Record<string, unknown> = {}): void {
    const { id } = this.request();
    this.peer.send({ type: "result", id, result: { clientID, ...more } });
  }

  /** Opens, and refuses the hello. */
  refuse(): void {
    this.open();
    const { id } = this.request();
    const error = { code: -32000, message: "Authentication failed" };
    this.peer.send({ type: "error", id, error });
  }
}

/** Whatever a client opens, in order. */
export class Network {
  readonly sockets: ScriptedSocket[] = [];
  readonly WebSocket: new (url: string | URL) => SocketLike;
  #opened = Promise.withResolvers<void>();

  constructor() {
    const push = (socket: ScriptedSocket) => {
      this.sockets.push(socket);
      this.#opened.resolve();
    };
    this.WebSocket = class extends ScriptedSocket {
      constructor(url: string | URL) {
        super(url);
        push(this);
      }
    };
  }

  /** The newest socket, once there are so many; there must not be more. */
  async socket(count: number): Promise<ScriptedSocket> {
    // The client may have to load a codec before it opens one.
    while (this.sockets.length < count) {
      this.#opened = Promise.withResolvers();
      await this.#opened.promise;
    }
    assertEquals(this.sockets.length, count, "sockets opened");
    const socket = this.sockets.at(-1);
    assert(socket);
    return socket;
  }

  /** Starts to connect. */
  connect(options: ConnectOptions = {}): Promise<Session> {
    return connect("ws://hawser.test/ws", { WebSocket: this.WebSocket, ...options });
  }

  /** Connects, at the first go. */
  async join(options: ConnectOptions = {}): Promise<{ session: Session; socket: ScriptedSocket }> {
    const connecting = this.connect(options);
    const socket = await this.socket(1);
    socket.welcome();
    return { session: await connecting, socket };
  }
}

/** Fixes what `Math.random` says, while it lives. */
export function fixRandom(value: number): Disposable {
  const { random } = Math;
  Math.random = () => value;
  return { [Symbol.dispose]: () => void (Math.random = random) };
}

/** A signal that knows how many listeners it has. */
export class CountedSignal {
  readonly #controller = new AbortController();
  readonly signal: AbortSignal = this.#controller.signal;
  listeners = 0;

  constructor() {
    const { signal } = this;
    const { addEventListener, removeEventListener } = signal;
    Object.defineProperty(signal, "addEventListener", {
      value: (...args: unknown[]) => {
        this.listeners++;
        Reflect.apply(addEventListener, signal, args);
      },
    });
    Object.defineProperty(signal, "removeEventListener", {
      value: (...args: unknown[]) => {
        this.listeners--;
        Reflect.apply(removeEventListener, signal, args);
      },
    });
  }

  abort(reason?: unknown): void {
    this.#controller.abort(reason);
  }
}
