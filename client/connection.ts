/**
 * The life of a client's sockets: opening one, saying hello, finding out the
 * wire, and coming back after a break.
 *
 * @module
 */
// Not from protocol/mod.ts: what a page loads to connect has no 1.x codec in it (see #hello).
import {
  checkNumber,
  type Decoder,
  type Encoder,
  type Frame,
  type Limits,
  resolveLimits,
  type Wire,
} from "../protocol/codec.ts";
import { defer } from "../protocol/deferred.ts";
import {
  type CloseInfo,
  ConnectionClosedError,
  ProtocolError,
  QueueFullError,
  RpcError,
  TimeoutError,
} from "../protocol/errors.ts";
import { announce, type Feature, FEATURES, readAgreement } from "../protocol/features.ts";
import {
  HELLO_ID,
  HELLO_METHOD,
  isMap,
  type Message,
  type OutgoingMessage,
} from "../protocol/messages.ts";
import { MsgpackDecoder, MsgpackEncoder } from "../protocol/msgpack_codec.ts";
import { isHidden, onWake } from "./_wake.ts";
import { CLOSE_LOST } from "../session/closing.ts";
import type { Codec, Extended, Link, LoadedLater, Outlet, SessionHost } from "./_link.ts";
import { findWebSocket } from "./_websocket.ts";
import type { ConnectOptions, ReconnectOptions, SocketLike } from "./options.ts";
import { ClientSession } from "./session.ts";

/** What a 2.x frame may have before the server says more (wslink `session.js`). */
const FIRST_FRAME_SIZE = 512 * 1024;

/** Whatever a server announces: Deno's WebSockets take 64 MiB a frame, and memory is spent by the frame. */
const MAX_FRAME_SIZE = 16 * 1024 * 1024;

/**
 * And what it takes whatever it announces: one that says 13 bytes would have an
 * argument cut into millions of frames. wslink's servers take 4096 more than
 * they say, and none that says less than 256 is known.
 */
const MIN_FRAME_SIZE = 256;

/** How many messages may come between the hello's answer and the session's readiness. */
const EARLY_MESSAGES = 1024;

/** How long `close()` waits for the server's side of the closing handshake, in ms. */
const CLOSE_TIME = 1000;

/** `WebSocket.OPEN` */
const OPEN = 1;

/**
 * Opens a session.
 *
 * @param url The server's address.
 * @param options How the session is made and kept.
 * @param later What may have to be loaded.
 * @returns The session, once the hello is answered.
 * @throws {RangeError} If a number is out of range.
 */
export async function open(
  url: string | URL,
  options: ConnectOptions,
  later: LoadedLater,
): Promise<ClientSession> {
  const {
    callTimeout = 300_000,
    outbox = 0,
    middleware = [],
    onError = (error: unknown) => console.error("Hawser: a subscriber threw", error),
  } = options;
  const connection = new Connection(url, options, later);
  checkNumber("callTimeout", callTimeout, 0);
  checkNumber("heartbeat", options.heartbeat ?? 0, 0);
  checkNumber("outbox", outbox, 0);
  const session = new ClientSession({
    ...options,
    callTimeout,
    onError,
    around: middleware.length > 0 ? (await later.middleware()).around(middleware) : undefined,
    late: outbox > 0 ? (await later.late()).late : undefined,
  }, connection);
  await connection.start(session);
  return session;
}

/** What a connection needs of the session that it works for. */
type Owner = Pick<
  ClientSession,
  "attach" | "detach" | "setStatus" | "ticket" | "end" | "status"
>;

class Connection implements SessionHost {
  #url: string | URL;
  readonly #options: ConnectOptions;
  readonly #later: LoadedLater;
  readonly #limits: Limits;
  readonly #helloTimeout: number;
  readonly #reconnect: Required<ReconnectOptions> | false;
  /** Aborted by `close()`: ends tries and delays. */
  readonly #closing = new AbortController();
  #socket: ClientSocket | undefined;
  /** What a server that closed asked for, in ms. */
  #retryAfter = 0;
  /** The wire that the server last answered on. */
  #learnt: Wire | undefined;
  #secret: string | (() => string | Promise<string>);

  constructor(url: string | URL, options: ConnectOptions, later: LoadedLater) {
    const { secret = "wslink-secret", helloTimeout = 10_000, limits, reconnect } = options;
    this.#url = url;
    this.#options = options;
    this.#later = later;
    this.#secret = secret;
    this.#limits = resolveLimits({
      ...limits,
      // The server chose its own frames' size; the message's limit holds anyway.
      frameSize: (limits?.messageSize ?? resolveLimits().messageSize) + 12,
    });
    checkNumber("helloTimeout", helloTimeout, 1);
    this.#helloTimeout = helloTimeout;
    this.#reconnect = reconnect !== false && checkReconnect(reconnect);
  }

  secret(): string | Promise<string> {
    return typeof this.#secret === "string" ? this.#secret : this.#secret();
  }

  /** The server has taken a secret, and will take it again; a function knows a newer one by itself. */
  renew(secret: string): void {
    if (typeof this.#secret === "string") this.#secret = secret;
  }

  /** Makes the first connection; the later ones are made in the background. */
  async start(session: Owner): Promise<void> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    const abort = () => this.#closing.abort(signal?.reason);
    signal?.addEventListener("abort", abort);
    try {
      session.attach(await this.#open(session));
    } catch (error) {
      session.end(toError(error));
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
    this.#keep(session);
  }

  async close(): Promise<void> {
    this.#closing.abort(new DOMException("The session was closed", "AbortError"));
    const socket = this.#socket;
    if (socket === undefined) return;
    socket.close(1000, "");
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise((resolve) => timer = setTimeout(resolve, CLOSE_TIME));
    await Promise.race([socket.closed, timeout]);
    clearTimeout(timer);
  }

  /** Waits for breaks, and mends them. */
  async #keep(session: Owner): Promise<void> {
    while (this.#socket) {
      const socket = this.#socket;
      const close = await socket.closed;
      this.#socket = undefined;
      session.detach(close);
      if (this.#closing.signal.aborted) return;
      const error = new ConnectionClosedError("The connection broke", close, {
        cause: socket.error,
      });
      // 1000 is the server's way to say that there is nothing more to come.
      if (this.#reconnect === false || close.code === 1000) return session.end(error);
      await this.#comeBack(session, this.#reconnect, error);
    }
  }

  async #comeBack(
    session: Owner,
    reconnect: Required<ReconnectOptions>,
    error: Error,
  ): Promise<void> {
    const { signal } = this.#closing;
    for (let attempt = 0; attempt < reconnect.maxAttempts; attempt++) {
      const bound = isHidden() ? reconnect.maxDelay : Math.min(
        reconnect.initialDelay * reconnect.factor ** attempt,
        reconnect.maxDelay,
      );
      const delay = (attempt === 0 ? this.#retryAfter : 0) + Math.random() * bound;
      session.setStatus({ state: "waiting", attempt, delay, error });
      await sleep(delay, signal);
      this.#retryAfter = 0;
      if (signal.aborted) return;
      session.setStatus({ state: "connecting", attempt });
      try {
        if (session.attach(await this.#open(session))) return;
        // It ends on the server's side too, and the next hello begins another.
        this.#socket?.close(1000, "");
        this.#socket = undefined;
      } catch (failure) {
        error = toError(failure);
        if (signal.aborted) return;
        // The server answered, and its answer won't be another one next time.
        if (failure instanceof RpcError) break;
      }
    }
    session.end(error);
  }

  /** Opens a socket and says hello, on one wire or on both in turn. */
  async #open(session: Owner): Promise<Link> {
    const { wire = "auto" } = this.#options;
    if (wire !== "auto") return await this.#hello(session, wire);
    const first = this.#learnt ?? "msgpack";
    try {
      return await this.#hello(session, first);
    } catch (error) {
      if (!isOtherWire(error, first)) throw error;
      return await this.#hello(session, first === "msgpack" ? "json" : "msgpack");
    }
  }

  async #hello(session: Owner, wire: Wire): Promise<Link> {
    const { WebSocket = await findWebSocket(), extensions = true } = this.#options;
    // Who doesn't come back needs nothing kept.
    const features = FEATURES.filter((feature) =>
      extensions && (feature !== "resume" || this.#reconnect) &&
      (feature !== "compress" || "DecompressionStream" in globalThis)
    );
    const { signal } = this.#closing;
    // Most never need the 1.x codec, so bundlers put it aside. It is there before
    // the socket is, since frames don't wait.
    const codec = wire === "json"
      ? (await this.#later.json()).jsonCodec(this.#limits)
      : msgpackCodec(this.#limits, features);
    const secret = typeof this.#secret === "string" ? this.#secret : await this.#secret();
    signal.throwIfAborted();
    const socket = new ClientSocket(new WebSocket(this.#url), codec, this.#limits);
    const { promise: failed, reject: fail } = defer<never>();
    const abort = () => fail(signal.reason);
    signal.addEventListener("abort", abort);
    const timer = setTimeout(() => {
      fail(new TimeoutError(`No answer to the hello (${wire}) within ${this.#helloTimeout} ms`));
    }, this.#helloTimeout);
    socket.closed.then((close) => {
      const { opened: sent, error: cause } = socket;
      const what = sent
        ? "The connection closed before the hello was answered"
        : "No connection could be made";
      fail(new ConnectionClosedError(what, { ...close, sent }, { cause }));
    });
    try {
      socket.onOpen = () => {
        const hawser = features.length > 0 ? { hawser: announce(features, session.ticket) } : {};
        // Nothing but this: a 2.x server takes 512 bytes at most before it knows the client.
        socket.send({
          type: "request",
          id: HELLO_ID,
          method: HELLO_METHOD,
          args: [{ secret, ...hawser }],
          kwargs: {},
        });
      };
      socket.welcome(await Promise.race([socket.answer, failed]), features);
      // A page that talks to a wslink server never loads this.
      if (socket.features.size > 0) socket.extend(await this.#later.extended());
      socket.comeBack = (after, url) => {
        this.#retryAfter = after;
        this.#url = url ?? this.#url;
      };
      // close() may have come behind the answer, and knows of no socket yet.
      signal.throwIfAborted();
      this.#learnt = wire;
      this.#socket = socket;
      return socket;
    } catch (error) {
      socket.close(1000, "");
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }
}

function msgpackCodec(limits: Limits, features: readonly Feature[]): Codec {
  const encoder = new MsgpackEncoder({ frameSize: FIRST_FRAME_SIZE, depth: limits.depth });
  const decoder = new MsgpackDecoder(limits);
  // A batch may come right behind the answer that agrees on it.
  decoder.batched = features.includes("batch");
  return { encoder, decoder };
}

/** A WebSocket with a codec, perhaps a queue, and one promise for its end. */
class ClientSocket implements Link {
  clientId = "";
  features: ReadonlySet<Feature> = new Set();
  hawser: unknown;
  extended: Extended | undefined;
  comeBack: Link["comeBack"] = () => {};
  /** Resolves when it has ended, however. */
  readonly closed: Promise<CloseInfo>;
  /** Whether it was ever open. */
  opened = false;
  /** What the server did wrong, if that ended it. */
  error: ProtocolError | undefined;
  onOpen: () => void = () => {};
  readonly #socket: SocketLike;
  readonly #limits: Limits;
  readonly #encoder: Encoder;
  readonly #decoder: Decoder;
  /** Absent as long as no Hawser server has answered: as wslink's clients send, straight to the socket. */
  #outlet: Outlet | undefined;
  /** What came since the last message that was put together, in bytes. */
  #unread = 0;
  /** Bytes that have come, text in UTF-16 units. */
  #received = 0;
  /** Bytes that went out without an outlet. */
  #sent = 0;
  readonly #answer = defer<Message>();
  /** The hello's answer, and what comes behind it before the session is ready. */
  readonly #early: [Message, number][] = [];
  #deliver = (message: Message, size: number): void => {
    this.#answer.resolve(message);
    if (this.#early.push([message, size]) > EARLY_MESSAGES) {
      throw new ProtocolError("policy", `More than ${EARLY_MESSAGES} messages came too early`);
    }
  };
  #end: (close: CloseInfo) => void = () => {};

  constructor(socket: SocketLike, { encoder, decoder }: Codec, limits: Limits) {
    this.#socket = socket;
    this.#limits = limits;
    this.#encoder = encoder;
    this.#decoder = decoder;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.opened = true;
      this.onOpen();
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    this.closed = new Promise((resolve) => {
      this.#end = (close) => {
        socket.onopen = socket.onmessage = socket.onclose = null;
        this.#outlet?.clear();
        resolve(close);
      };
    });
    // Deno says 0 where the standard says 1006: the socket broke without a closing handshake.
    socket.onclose = ({ code, reason }) => this.#end({ code: code || 1006, reason });
    // Whatever failed, the close event follows and says as much as there is to know.
    // The events of the package `ws` have no default to prevent.
    socket.onerror = (event) => event.preventDefault?.();
  }

  get wire(): Wire {
    return this.#encoder.wire;
  }

  /** The first message. */
  get answer(): Promise<Message> {
    return this.#answer.promise;
  }

  send(message: OutgoingMessage, order?: string, minSize?: number): void {
    this.checkRoom(message);
    this.transmit(this.encode(message), order, message, minSize);
  }

  checkRoom(message: OutgoingMessage): void {
    const { queueBytes } = this.#limits;
    const waiting = (this.#outlet?.held ?? 0) + this.#socket.bufferedAmount;
    if (waiting <= queueBytes) return;
    const what = message.type === "request" ? `Call of ${message.method}` : "An answer";
    throw new QueueFullError(
      `${what} was not sent: ${waiting} bytes wait, at most ${queueBytes} may`,
    );
  }

  encode(message: OutgoingMessage): Frame[] {
    return this.#encoder.encode(message);
  }

  transmit(
    frames: readonly Frame[],
    order?: string,
    message?: OutgoingMessage,
    minSize?: number,
  ): void {
    if (this.#outlet) {
      const options = order === undefined ? undefined : { order };
      return this.#outlet.send(frames, options, message, minSize);
    }
    // A socket that is closing takes nothing any more, and some say so by throwing.
    if (this.#socket.readyState !== OPEN) return;
    for (const frame of frames) {
      this.#socket.send(frame);
      this.#sent += frame.length;
    }
  }

  traffic(): ReturnType<Link["traffic"]> {
    return {
      queue: this.#outlet?.stats(),
      receivedBytes: this.#received,
      compression: this.#outlet?.compression(),
    };
  }

  /** Reads the hello's answer. */
  welcome(answer: Message, offered: readonly Feature[]): void {
    if (answer.type === "error" && answer.id === HELLO_ID) throw RpcError.fromWire(answer.error);
    const result = answer.type === "result" && answer.id === HELLO_ID ? answer.result : undefined;
    if (!isMap(result) || typeof result.clientID !== "string") {
      throw new ProtocolError("bad-message", "The hello's answer has no client id");
    }
    const { clientID, maxMsgSize, hawser } = result;
    const encoder = this.#encoder;
    if (encoder instanceof MsgpackEncoder && typeof maxMsgSize === "number" && maxMsgSize > 0) {
      encoder.frameSize = Math.max(MIN_FRAME_SIZE, Math.min(maxMsgSize, MAX_FRAME_SIZE));
    }
    this.clientId = clientID;
    this.features = readAgreement(hawser, offered);
    this.hawser = hawser;
  }

  /** Uses what Hawser's servers make room for. */
  extend(extended: Extended): void {
    const encoder = this.#encoder;
    this.extended = extended;
    this.#outlet = extended.createOutlet(this.#socket, {
      prefix: this.clientId,
      features: this.features,
      encoder,
      frameSize: encoder instanceof MsgpackEncoder ? encoder.frameSize : undefined,
      received: this.#received,
      sent: this.#sent,
      limits: this.#limits,
      deliver: (message, size) => this.#deliver(message, size),
      fail: (error) => this.#fail(error),
    });
  }

  open(receive: (message: Message, size: number) => void): void {
    this.#deliver = receive;
    try {
      for (const [message, size] of this.#early.slice(1)) {
        if (!this.#outlet?.takes(message, size)) receive(message, size);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Begins the closing handshake. */
  close(code: number, reason: string): void {
    this.#outlet?.flush();
    this.#socket.close(code, reason);
  }

  /** Counts as broken from now on; the closing handshake may never come to its end. */
  lose(reason: string): void {
    this.#end({ code: 1006, reason });
    this.close(CLOSE_LOST, reason);
  }

  #receive(data: unknown): void {
    try {
      if (typeof data !== "string" && !(data instanceof ArrayBuffer)) {
        throw new ProtocolError("frame-kind", "A frame is neither a text nor an ArrayBuffer");
      }
      const length = typeof data === "string" ? data.length : data.byteLength;
      this.#received += length;
      this.#unread += length;
      let message = this.#decoder.decode(data);
      let onlyAcks = message !== undefined;
      for (; message; message = this.#decoder.next()) {
        const size = this.#unread;
        this.#unread = 0;
        if (!this.#outlet?.takes(message, size)) {
          onlyAcks = false;
          this.#deliver(message, size);
        }
      }
      this.#outlet?.read(this.#received, onlyAcks);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error;
    this.error = error;
    // What comes after it can't be trusted. A client may only use codes from
    // 3000 on, so 1002 is 4002 and so on.
    this.#socket.onmessage = null;
    this.close(error.closeCode + 3000, error.message.slice(0, 120));
  }
}

/** A 1.x server breaks off at a binary frame, without a close code; a 2.x server never answers text. */
function isOtherWire(error: unknown, wire: Wire): boolean {
  return wire === "msgpack"
    ? error instanceof ConnectionClosedError && error.sent && error.closeCode === 1006
    : error instanceof TimeoutError;
}

/** Waits, but not when the network or the user has come back. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      forget();
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    const forget = onWake(done);
    if (signal.aborted) done();
  });
}

function checkReconnect(options: ReconnectOptions = {}): Required<ReconnectOptions> {
  const { initialDelay = 250, factor = 2, maxDelay = 30_000, maxAttempts = Infinity } = options;
  checkNumber("reconnect.initialDelay", initialDelay, 0);
  checkNumber("reconnect.maxDelay", maxDelay, 0);
  checkNumber("reconnect.factor", factor, 1);
  checkNumber("reconnect.maxAttempts", maxAttempts, 0);
  return { initialDelay, factor, maxDelay, maxAttempts };
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error), { cause: error });
}
