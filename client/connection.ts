/**
 * The life of a client's sockets: opening one, saying hello, finding out the
 * wire, and coming back after a break.
 *
 * @module
 */
// Not from protocol/mod.ts: what a page loads to connect has no 1.x codec in it (see #hello).
import type { Procedures } from "../protocol/api.ts";
import {
  type Decoder,
  type Encoder,
  type Frame,
  type Limits,
  resolveLimits,
  type Wire,
} from "../protocol/codec.ts";
import {
  type CloseInfo,
  ConnectionClosedError,
  ProtocolError,
  QueueFullError,
  RpcError,
  TimeoutError,
} from "../protocol/errors.ts";
import {
  announce,
  type Feature,
  FEATURES,
  readAgreement,
  readTicket,
} from "../protocol/features.ts";
import {
  HELLO_ID,
  HELLO_METHOD,
  isMap,
  type Message,
  type OutgoingMessage,
} from "../protocol/messages.ts";
import { MsgpackDecoder, MsgpackEncoder } from "../protocol/msgpack_codec.ts";
import { defer } from "../protocol/deferred.ts";
import type { Socket } from "../protocol/send_queue.ts";
import { CLOSE_LOST } from "../session/closing.ts";
import { findWebSocket } from "./_websocket.ts";
import { DirectOutlet, type Outlet } from "./_outlet.ts";
import type { ClientSessionOptions, Link } from "./_link.ts";
import type { Contract } from "../protocol/description.ts";
import type { ContractDifference } from "./contract.ts";
import type { ClientMiddleware } from "./middleware.ts";
import { ClientSession, type Session } from "./session.ts";

/** When and how often a broken connection is made again. */
export interface ReconnectOptions {
  /**
   * The delay before the first try is random, between 0 and this, in ms: many
   * clients that lose one server must not come back at once ("full jitter").
   *
   * @default {250}
   */
  readonly initialDelay?: number;
  /**
   * What the bound of the delay grows by with each try.
   *
   * @default {2}
   */
  readonly factor?: number;
  /**
   * How far it grows, in ms.
   *
   * @default {30000}
   */
  readonly maxDelay?: number;
  /**
   * How many tries in a row may fail before the session ends.
   *
   * @default {Infinity}
   */
  readonly maxAttempts?: number;
}

/** How a session is made and kept. */
export interface ConnectOptions {
  /**
   * What the server wants to know. A function is asked for every connection, so
   * that one that comes back has a token that holds.
   *
   * @default {"wslink-secret"}
   */
  readonly secret?: string | (() => string | Promise<string>);
  /**
   * The wire: `msgpack` is wslink 2.x, `json` is wslink 1.x. `auto` says hello
   * in msgpack, and once more in JSON if the server breaks off.
   *
   * @default {"auto"}
   */
  readonly wire?: Wire | "auto";
  /**
   * How long a connection may take until the hello is answered, in ms.
   *
   * @default {10000}
   */
  readonly helloTimeout?: number;
  /**
   * How long a call waits for its answer, in ms; 0 is for ever.
   *
   * @default {300000}
   */
  readonly callTimeout?: number;
  /**
   * Whether and how a broken connection is made again. A wrong secret, a close
   * with 1000 by the server, and `close()` are final all the same.
   *
   * @default {{}}
   */
  readonly reconnect?: false | ReconnectOptions;
  /**
   * After how long without a word the server is asked for a sign of life, in ms;
   * after as long again without one the connection counts as broken. 0 is never.
   * Only with a server that agreed on `ping`.
   *
   * @default {30000}
   */
  readonly heartbeat?: number;
  /**
   * How many calls that are made while there is no connection may wait for the
   * next; the others reject at once.
   *
   * @default {0}
   */
  readonly outbox?: number;
  /** What the server may cost, where it differs from `DEFAULT_LIMITS`. */
  readonly limits?: Partial<Limits>;
  /**
   * What the server may call on this client, by name; a server that has no
   * extensions, as wslink's, calls nothing.
   *
   * @default {{}}
   */
  readonly procedures?: Procedures;
  /**
   * What runs around this client's calls, from the outside in.
   *
   * @default {[]}
   */
  readonly middleware?: readonly ClientMiddleware[];
  /**
   * What other clients may learn about this one, from a server with `presence`:
   * any JSON. It is sent behind the hello, and never to a wslink server.
   *
   * @default {null}
   */
  readonly data?: unknown;
  /**
   * Whether to offer Hawser's extensions to the server. Without them a session
   * does what wslink's does, with Hawser's servers too.
   *
   * @default {true}
   */
  readonly extensions?: boolean;
  /**
   * What the server was when this client was built, from the file that
   * `deno task describe --types` writes. It is compared at each connection.
   *
   * @default {undefined}
   */
  readonly contract?: Contract;
  /**
   * Called when the server differs from the contract; the session goes on.
   *
   * @default {console.warn}
   */
  readonly onContract?: (difference: ContractDifference) => void;
  /** Gives up connecting; an open session is ended with `close()`. */
  readonly signal?: AbortSignal;
  /**
   * Called with what a subscription's callback throws.
   *
   * @default {console.error}
   */
  readonly onError?: (error: unknown) => void;
  /**
   * What opens sockets, where it isn't the global one.
   *
   * @default {globalThis.WebSocket}
   */
  readonly WebSocket?: new (url: string | URL) => SocketLike;
}

/**
 * What a session uses of a `WebSocket`: whatever opens a connection must have
 * this much. The browser's class fits, and that of the package `ws`.
 */
export interface SocketLike extends Socket {
  /** Set to `arraybuffer`, in which binary frames must then come. */
  binaryType: string;
  // A method's parameter may be narrower in a class that fits, a function's may not.
  /** Called when it is open. */
  onopen: { on(event: unknown): void }["on"] | null;
  /** Called with each frame. */
  onmessage: { on(event: { readonly data: unknown }): void }["on"] | null;
  /** Called once when it has ended, however. */
  onclose: { on(event: CloseInfo): void }["on"] | null;
  /** Called before `onclose` if it failed. */
  onerror: { on(event: { readonly type: string; preventDefault?(): void }): void }["on"] | null;
}

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

/** How long a closing server may keep its clients away, in ms: a day. */
const MAX_RETRY_AFTER = 86_400_000;

/** How long `close()` waits for the server's side of the closing handshake, in ms. */
const CLOSE_TIME = 1000;

/**
 * Connects to a server: Hawser's, or wslink's of either generation.
 *
 * @typeParam S The server's type, as in `connect<typeof server>(…)`, for calls
 * that are checked.
 * @param url The server's address, as in `ws://localhost:8080/ws`.
 * @param options How the session is made and kept.
 * @returns The session, once the hello is answered. It rejects with `RpcError`
 * (the server refuses the secret), `ConnectionClosedError` (no connection),
 * `TimeoutError` (no answer), or the signal's reason.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { connect } from "@hawser/hawser/client";
 * import { createServer, serve } from "@hawser/hawser/server";
 * import { assertEquals } from "@std/assert";
 *
 * const server = createServer({ procedures: { "text.upper": (s: string) => s.toUpperCase() } });
 * await using listening = await serve(server, { port: 0 });
 *
 * await using session = await connect<typeof server>(listening.webSocketUrl);
 * assertEquals(await session.call("text.upper", ["hawser"], { timeout: 5_000 }), "HAWSER");
 * ```
 */
export async function connect<S = unknown>(
  url: string | URL,
  options: ConnectOptions = {},
): Promise<Session<S>> {
  const { middleware = [] } = options;
  const connection = new Connection(url, options);
  const session = new ClientSession<S>({
    callTimeout: checkTime("callTimeout", options.callTimeout ?? 300_000),
    callsInFlight: resolveLimits(options.limits).callsInFlight,
    openStreams: resolveLimits(options.limits).openStreams,
    resumeBytes: resolveLimits(options.limits).resumeBytes,
    heartbeat: checkTime("heartbeat", options.heartbeat ?? 30_000),
    outbox: checkCount("outbox", options.outbox ?? 0),
    procedures: options.procedures ?? {},
    data: options.data,
    onError: options.onError ?? ((error) => console.error("Hawser: a subscriber threw", error)),
    close: () => connection.close(),
    attached: comparison(options),
    secret: () => connection.secret(),
    renew: (secret) => connection.renew(secret),
    around: middleware.length > 0
      ? (await import("./middleware.ts")).around(middleware)
      : undefined,
  });
  await connection.start(session);
  return session;
}

/** What compares a server with a contract; most clients have none, and never load it. */
function comparison({ contract, onContract }: ConnectOptions): ClientSessionOptions["attached"] {
  if (contract === undefined) return undefined;
  return async (request) => {
    const { compareContract, describeDifference } = await import("./contract.ts");
    const difference = await compareContract(contract, request);
    if (difference === undefined) return;
    if (onContract) onContract(difference);
    else console.warn(describeDifference(difference));
  };
}

/** What a connection needs of the session that it works for. */
type Owner = Pick<
  ClientSession,
  "attach" | "detach" | "setStatus" | "ticket" | "end" | "status"
>;

class Connection {
  #url: string | URL;
  readonly #options: ConnectOptions;
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

  constructor(url: string | URL, options: ConnectOptions) {
    this.#url = url;
    this.#options = options;
    this.#secret = options.secret ?? "wslink-secret";
    this.#limits = resolveLimits({
      ...options.limits,
      // The server chose its own frames' size; the message's limit holds anyway.
      frameSize: (options.limits?.messageSize ?? resolveLimits().messageSize) + 12,
    });
    this.#helloTimeout = options.helloTimeout ?? 10_000;
    if (!(this.#helloTimeout > 0)) {
      throw new RangeError(`helloTimeout must be more than 0 ms: received ${this.#helloTimeout}`);
    }
    this.#reconnect = options.reconnect === false ? false : checkReconnect(options.reconnect);
  }

  /** What the next hello says. */
  async secret(): Promise<string> {
    return typeof this.#secret === "function" ? await this.#secret() : this.#secret;
  }

  /** A secret that the server has taken, and will take again; a function knows a newer one by itself. */
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

  /** A server that closes may say when and where to come back. */
  #heed(hint: unknown): void {
    if (!isMap(hint)) return;
    const { retryAfter, url } = hint;
    if (typeof retryAfter === "number" && retryAfter > 0) {
      this.#retryAfter = Math.min(retryAfter, MAX_RETRY_AFTER);
    }
    if (typeof url === "string" && /^wss?:/.test(url) && URL.canParse(url)) this.#url = url;
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
    const {
      WebSocket = await findWebSocket(),
      extensions = true,
    } = this.#options;
    // Who doesn't come back needs nothing kept.
    const features = !extensions
      ? []
      : FEATURES.filter((feature) => feature !== "resume" || this.#reconnect);
    const { signal } = this.#closing;
    // Most never need the 1.x codec, so bundlers put it aside. It is there before
    // the socket is, since frames don't wait.
    const codec = wire === "json" ? await jsonCodec(this.#limits) : msgpackCodec(this.#limits);
    const secret = typeof this.#secret === "string" ? this.#secret : await this.#secret();
    signal.throwIfAborted();
    // A batch may come right behind the answer that agrees on it.
    if (codec.decoder instanceof MsgpackDecoder) codec.decoder.batched = features.includes("batch");
    const socket = new ClientSocket(new WebSocket(this.#url), codec, this.#limits);
    const answer = defer<Message>();
    /** What comes behind the answer, before the session is ready for it. */
    const early: [Message, number][] = [];
    socket.onMessage = (message) => {
      answer.resolve(message);
      socket.onMessage = (...message) => {
        if (early.push(message) > EARLY_MESSAGES) {
          throw new ProtocolError("policy", `More than ${EARLY_MESSAGES} messages came too early`);
        }
      };
    };
    const abort = () => answer.reject(signal.reason);
    signal.addEventListener("abort", abort);
    const timer = setTimeout(() => {
      answer.reject(
        new TimeoutError(`No answer to the hello (${wire}) within ${this.#helloTimeout} ms`),
      );
    }, this.#helloTimeout);
    socket.closed.then((close) => {
      const what = socket.opened
        ? "The connection closed before the hello was answered"
        : "No connection could be made";
      const cause = socket.error;
      answer.reject(new ConnectionClosedError(what, { ...close, sent: socket.opened }, { cause }));
    });
    try {
      socket.onOpen = () => {
        // Nothing but this: a 2.x server takes 512 bytes at most before it knows the client.
        socket.send({
          type: "request",
          id: HELLO_ID,
          method: HELLO_METHOD,
          args: [
            features.length > 0
              ? { secret, hawser: announce(features, session.ticket) }
              : { secret },
          ],
          kwargs: {},
        });
      };
      const welcome = socket.welcome(await answer.promise, features);
      // A page that talks to a wslink server never loads this.
      const extended = welcome.features.size > 0 ? await import("./extended.ts") : undefined;
      if (extended) socket.extend(extended, welcome);
      // close() may have come behind the answer, and knows of no socket yet.
      signal.throwIfAborted();
      this.#learnt = wire;
      this.#socket = socket;
      return {
        ...welcome,
        wire,
        Extended: extended?.ExtendedCaller,
        send: (message, order) => socket.send(message, order),
        checkRoom: (message) => socket.checkRoom(message),
        encode: (message) => socket.encode(message),
        transmit: (frames, order) => socket.transmit(frames, order),
        traffic: () => socket.traffic(),
        hint: (hint) => this.#heed(hint),
        lose: (reason) => socket.lose(reason),
        open(receive) {
          socket.onMessage = receive;
          for (const [message, size] of early) {
            if (!socket.takes(message)) receive(message, size);
          }
        },
      };
    } catch (error) {
      socket.close(1000, "");
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }
}

/** The two directions of one connection's wire. */
interface Codec {
  readonly encoder: Encoder;
  readonly decoder: Decoder;
}

function msgpackCodec(limits: Limits): Codec {
  const encoder = new MsgpackEncoder({ frameSize: FIRST_FRAME_SIZE, depth: limits.depth });
  return { encoder, decoder: new MsgpackDecoder(limits) };
}

async function jsonCodec(limits: Limits): Promise<Codec> {
  const { JsonDecoder, JsonEncoder } = await import("../protocol/json_codec.ts");
  return { encoder: new JsonEncoder(limits), decoder: new JsonDecoder(limits) };
}

/** A WebSocket with a codec, a queue, and one promise for its end. */
class ClientSocket {
  /** Resolves when it has ended, however. */
  readonly closed: Promise<CloseInfo>;
  /** Whether it was ever open. */
  opened = false;
  /** What the server did wrong, if that ended it. */
  error: ProtocolError | undefined;
  onOpen: () => void = () => {};
  onMessage: (message: Message, size: number) => void = () => {};
  readonly #socket: SocketLike;
  readonly #limits: Limits;
  readonly #encoder: Encoder;
  readonly #decoder: Decoder;
  readonly #direct: DirectOutlet;
  /** Straight to the socket, until a Hawser server has answered. */
  #outlet: Outlet;
  /** What came since the last message that was put together, in bytes. */
  #unread = 0;
  /** Bytes that have come, text in UTF-16 units. */
  #received = 0;
  #end: (close: CloseInfo) => void = () => {};

  constructor(socket: SocketLike, { encoder, decoder }: Codec, limits: Limits) {
    this.#socket = socket;
    this.#limits = limits;
    this.#encoder = encoder;
    this.#decoder = decoder;
    this.#outlet = this.#direct = new DirectOutlet(socket);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.opened = true;
      this.onOpen();
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    this.closed = new Promise((resolve) => {
      this.#end = (close) => {
        socket.onopen = socket.onmessage = socket.onclose = null;
        this.#outlet.clear();
        resolve(close);
      };
    });
    // Deno says 0 where the standard says 1006: the socket broke without a closing handshake.
    socket.onclose = ({ code, reason }) => this.#end({ code: code || 1006, reason });
    // Whatever failed, the close event follows and says as much as there is to know.
    // The events of the package `ws` have no default to prevent.
    socket.onerror = (event) => event.preventDefault?.();
  }

  /** Sends a message, or throws without having sent anything. */
  send(message: OutgoingMessage, order?: string): void {
    this.checkRoom(message);
    this.transmit(this.encode(message), order);
  }

  /** Throws if too much waits to be sent already. */
  checkRoom(message: OutgoingMessage): void {
    const { queueBytes } = this.#limits;
    const waiting = this.#outlet.held + this.#socket.bufferedAmount;
    if (waiting > queueBytes) {
      throw new QueueFullError(
        `${
          message.type === "request" ? `Call of ${message.method}` : "An answer"
        } was not sent: ${waiting} bytes wait, at most ${queueBytes} may`,
      );
    }
  }

  encode(message: OutgoingMessage): Frame[] {
    return this.#encoder.encode(message);
  }

  transmit(frames: readonly Frame[], order?: string): void {
    this.#outlet.send(frames, order === undefined ? undefined : { order });
  }

  traffic(): ReturnType<Link["traffic"]> {
    return { queue: this.#outlet.stats?.(), receivedBytes: this.#received };
  }

  /** Reads the hello's answer. */
  welcome(
    answer: Message,
    features: readonly Feature[],
  ): Pick<Link, "clientId" | "features" | "agreement"> {
    if (answer.type === "error" && answer.id === HELLO_ID) {
      const { code, message, data } = answer.error;
      throw new RpcError(code, message, data);
    }
    const result = answer.type === "result" && answer.id === HELLO_ID ? answer.result : undefined;
    if (!isMap(result) || typeof result.clientID !== "string") {
      throw new ProtocolError("bad-message", "The hello's answer has no client id");
    }
    const { clientID, maxMsgSize, hawser } = result;
    const encoder = this.#encoder;
    if (encoder instanceof MsgpackEncoder && typeof maxMsgSize === "number" && maxMsgSize > 0) {
      encoder.frameSize = Math.max(MIN_FRAME_SIZE, Math.min(maxMsgSize, MAX_FRAME_SIZE));
    }
    const agreed = readAgreement(hawser, features);
    const agreement = agreed.has("resume") ? readTicket(hawser) : undefined;
    return { clientId: clientID, features: agreed, agreement };
  }

  /** Uses what Hawser's servers make room for. */
  extend(
    { createOutlet }: Pick<typeof import("./extended.ts"), "createOutlet">,
    { clientId, features }: Pick<Link, "clientId" | "features">,
  ): void {
    const encoder = this.#encoder;
    this.#outlet = createOutlet(this.#socket, {
      prefix: clientId,
      features,
      encoder,
      frameSize: encoder instanceof MsgpackEncoder ? encoder.frameSize : undefined,
      received: this.#received,
      sent: this.#direct.sent,
    });
  }

  /** Takes a message that is the outlet's business, and tells whether it was. */
  takes(message: Message): boolean {
    return this.#outlet.takes(message);
  }

  close(code: number, reason: string): void {
    this.#outlet.flush();
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
        if (!this.#outlet.takes(message)) {
          onlyAcks = false;
          this.onMessage(message, size);
        }
      }
      this.#outlet.read(this.#received, onlyAcks);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.error = error;
      // What comes after it can't be trusted. A client may only use codes from
      // 3000 on, so 1002 is 4002 and so on.
      this.#socket.onmessage = null;
      this.close(error.closeCode + 3000, error.message.slice(0, 120));
    }
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
    const wake = () => {
      if (!isHidden()) done();
    };
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      globalThis.removeEventListener?.("online", done);
      pageOf()?.removeEventListener("visibilitychange", wake);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    globalThis.addEventListener?.("online", done);
    pageOf()?.addEventListener("visibilitychange", wake);
    if (signal.aborted) done();
  });
}

/** What a browser's page says of itself; other runtimes and workers have none. */
type Page = EventTarget & { readonly visibilityState: string };

function pageOf(): Page | undefined {
  return Reflect.get(globalThis, "document");
}

/** A page that nobody sees waits long, so that a hundred hidden tabs don't come back at once. */
function isHidden(): boolean {
  return pageOf()?.visibilityState === "hidden";
}

function checkTime(name: string, ms: number): number {
  if (!(ms >= 0)) throw new RangeError(`${name} must be 0 or more ms: received ${ms}`);
  return ms;
}

function checkCount(name: string, count: number): number {
  if (!(count >= 0)) throw new RangeError(`${name} must be 0 or more: received ${count}`);
  return count;
}

function checkReconnect(options: ReconnectOptions = {}): Required<ReconnectOptions> {
  const { initialDelay = 250, factor = 2, maxDelay = 30_000, maxAttempts = Infinity } = options;
  checkTime("reconnect.initialDelay", initialDelay);
  checkTime("reconnect.maxDelay", maxDelay);
  if (!(factor >= 1)) {
    throw new RangeError(`reconnect.factor must be 1 or more: received ${factor}`);
  }
  if (!(maxAttempts >= 0)) {
    throw new RangeError(`reconnect.maxAttempts must be 0 or more: received ${maxAttempts}`);
  }
  return { initialDelay, factor, maxDelay, maxAttempts };
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error), { cause: error });
}
