/**
 * One connection as wslink's API shows it, over one session of Hawser's client:
 * the sockets' own events are passed on, those of a try on the other wire
 * excepted.
 */
import { connect } from "../client/connect.ts";
import type { SocketLike } from "../client/options.ts";
import type { Session } from "../client/session.ts";
import { RpcError } from "../protocol/errors.ts";
import type { Wire } from "../protocol/codec.ts";

/** What a line is made of. */
export interface LineOptions {
  readonly secret: string;
  readonly wire: Wire | "auto";
  /** Opens a socket; a proxy's may be less than a real one. */
  readonly createSocket: (url: string) => WebSocket;
  readonly isProxy: boolean;
  readonly onError: (error: unknown) => void;
  readonly onClose: (event: CloseEvent) => void;
}

/** wslink sets no limit to what a server may send; a gigabyte is more than a page can hold twice. */
const MESSAGE_SIZE = 1024 ** 3;

/** As many as fit a message of that size in a scene of numbers, at what memory they need. */
const VALUES = 32_000_000;

/** A 1.x scene has a binary part for each array of each object in it. */
const ATTACHMENTS = 65_536;

/** A launched process may take minutes until its socket answers, and wslink waits; timers know no more. */
const FOR_EVER = 2 ** 31 - 1;

/** An event of a socket's, until it is known whether the application is to hear of it. */
type SocketEvent =
  | { readonly type: "error"; readonly error: unknown }
  | { readonly type: "close"; readonly event: CloseEvent };

/** A connection being made, open, or gone. */
export class Line {
  /** The address that was asked for. */
  readonly asked: string;
  /** Fulfils with the session once the hello is answered; rejects when `onError` is told or will be. */
  readonly opened: Promise<Session>;
  readonly #options: LineOptions;
  readonly #closing = new AbortController();
  #channel: Channel;
  /** What happened to the socket while it isn't known whether another one follows. */
  #held: SocketEvent[] | undefined = [];
  #isMuted = false;

  /**
   * @param url The address.
   * @param options What a line is made of.
   * @throws What opening the socket throws.
   */
  constructor(url: string, options: LineOptions) {
    const { secret, wire } = options;
    this.asked = url;
    this.#options = options;
    // wslink's connect() reports at once what can't be opened at all, so the
    // first socket isn't left to the client.
    let first: Channel | undefined = this.#channel = this.#open();
    const next = () => {
      if (first === undefined) {
        this.#held = [];
        this.#channel = this.#open();
      }
      first = undefined;
      return this.#channel;
    };
    this.opened = connect(url, {
      secret,
      wire,
      // Nothing that wslink's own clients don't say.
      extensions: false,
      helloTimeout: FOR_EVER,
      callTimeout: 0,
      reconnect: false,
      limits: { messageSize: MESSAGE_SIZE, values: VALUES, attachments: ATTACHMENTS },
      signal: this.#closing.signal,
      WebSocket: class extends Port {
        constructor() {
          super(next());
        }
      },
    });
    this.opened.then(() => this.#release(), (error: unknown) => {
      if (error instanceof RpcError) {
        // wslink leaves the socket open after a refused hello, so its
        // application hears of the refusal, and of no close.
        this.#isMuted = true;
        const { code, message, data } = error;
        options.onError(data === undefined ? { code, message } : { code, message, data });
      } else this.#release();
    });
  }

  /** The socket's address, as the socket writes it. */
  get url(): string {
    return this.#channel.socket.url ?? this.asked;
  }

  /** As of a `WebSocket`. */
  get readyState(): number {
    return this.#channel.socket.readyState;
  }

  /** How many bytes the socket has not sent yet. */
  get waiting(): number {
    return this.#channel.socket.bufferedAmount ?? 0;
  }

  /** Closes the socket, as `WebSocket.close()` without a code does. */
  close(): void {
    this.#channel.socket.close();
    this.#closing.abort(new DOMException("The connection was closed", "AbortError"));
  }

  #open(): Channel {
    const { createSocket, isProxy } = this.#options;
    const channel = new Channel(createSocket(this.asked), isProxy, (event) => {
      // What becomes of a socket that was given up is nobody's business.
      if (channel !== this.#channel || this.#isMuted) return;
      if (this.#held) this.#held.push(event);
      else this.#tell(event);
    });
    return channel;
  }

  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const event of held) this.#tell(event);
  }

  #tell(event: SocketEvent): void {
    if (event.type === "error") this.#options.onError(event.error);
    else this.#options.onClose(event.event);
  }
}

/** A socket, whose events go to the line and to the client, once that is there. */
class Channel {
  readonly socket: WebSocket;
  readonly isProxy: boolean;
  #port: Port | undefined;
  /** What came before the client, which may have to load its codec first. */
  #early: ((port: Port) => void)[] = [];
  /** The blob that is being read, after which what came later is passed on. */
  #reading: Promise<void> | undefined;

  constructor(socket: WebSocket, isProxy: boolean, onEvent: (event: SocketEvent) => void) {
    this.socket = socket;
    this.isProxy = isProxy;
    socket.onopen = (event) => this.#pass((port) => port.onopen?.(event));
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onerror = (event) => {
      // A proxy's event may be anything, and the close that follows says enough.
      if (event instanceof Event) this.#pass((port) => port.onerror?.(event));
      onEvent({ type: "error", error: event });
    };
    socket.onclose = (event) => {
      const { code = 1006, reason = "" }: Partial<CloseEvent> = event ?? {};
      this.#pass((port) => port.onclose?.({ code, reason }));
      onEvent({ type: "close", event });
    };
  }

  /** Connects the client, which sets its callbacks as soon as it has the port. */
  plug(port: Port): void {
    queueMicrotask(() => {
      this.#port = port;
      for (const pass of this.#early.splice(0)) pass(port);
    });
  }

  #pass(pass: (port: Port) => void): void {
    if (this.#port) pass(this.#port);
    else this.#early.push(pass);
  }

  #receive(data: unknown): void {
    const isReady = typeof data === "string" || data instanceof ArrayBuffer;
    if (this.#reading === undefined && isReady) {
      this.#pass((port) => port.onmessage?.({ data }));
      return;
    }
    // A proxy may not know `binaryType`, and deliver blobs or views.
    const reading = (this.#reading ?? Promise.resolve()).then(async () => {
      const frame = await read(data);
      this.#pass((port) => port.onmessage?.({ data: frame }));
      if (this.#reading === reading) this.#reading = undefined;
    });
    this.#reading = reading;
  }
}

function read(data: unknown): Promise<ArrayBuffer> | ArrayBuffer | string {
  if (data instanceof Blob) return data.arrayBuffer();
  if (data instanceof Uint8Array) return new Uint8Array(data).buffer;
  return data instanceof ArrayBuffer ? data : String(data);
}

/** A channel's socket as Hawser's client drives it. */
class Port implements SocketLike {
  onopen: SocketLike["onopen"] = null;
  onmessage: SocketLike["onmessage"] = null;
  onclose: SocketLike["onclose"] = null;
  onerror: SocketLike["onerror"] = null;
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
    channel.plug(this);
  }

  get readyState(): number {
    return this.#channel.socket.readyState;
  }

  get binaryType(): BinaryType {
    return this.#channel.socket.binaryType;
  }

  set binaryType(type: BinaryType) {
    this.#channel.socket.binaryType = type;
  }

  /**
   * Nothing, so that every frame is handed over at once: as with wslink,
   * `close()` then loses none. What really waits is the line's `waiting`.
   */
  get bufferedAmount(): number {
    return 0;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    const { socket, isProxy } = this.#channel;
    if (!isProxy) return socket.send(data);
    // wslink tells its socket so, which a proxy may have to know.
    const options = typeof data === "string" ? [] : [{ binary: true }];
    Reflect.apply(socket.send, socket, [data, ...options]);
  }

  close(code?: number, reason?: string): void {
    const { socket } = this.#channel;
    // Not close(undefined): a browser takes that for the code 0.
    if (code === undefined) socket.close();
    else socket.close(code, reason);
  }
}
