/**
 * One connection of a server's: who is at the other end, whether it may call,
 * and what is running for it. No sockets are opened here, and none are read.
 *
 * @module
 */
import {
  type CloseInfo,
  type Encoder,
  ErrorCode,
  type Frame,
  HELLO_METHOD,
  isMap,
  JsonDecoder,
  type Limits,
  type Message,
  MsgpackDecoder,
  type OutgoingMessage,
  ProtocolError,
  type RequestMessage,
  RpcError,
  type Wire,
} from "../protocol/mod.ts";
import { defer, type Deferred } from "../protocol/deferred.ts";
import { type SendOptions, SendQueue, type Socket } from "../protocol/send_queue.ts";
import type { Client, ErrorContext, Publisher } from "./client.ts";
import type { Call, Registry } from "./registry.ts";

/** What a session needs of its server. */
export interface SessionHost {
  readonly limits: Limits;
  /** What holds before a good hello. */
  readonly helloLimits: Limits;
  readonly registry: Registry;
  readonly encoders: Readonly<Record<Wire, Encoder>>;
  readonly publisher: Publisher;
  readonly exposeErrors: boolean;
  checkSecret(secret: unknown, client: Client): boolean | Promise<boolean>;
  joined(session: ServerSession): void;
  /** Nothing is sent to it any more. */
  left(session: ServerSession, close: CloseInfo): void;
  /** Its socket has ended. */
  gone(session: ServerSession): void;
  report(error: unknown, context: ErrorContext): void;
}

/** The close code for a client that doesn't read what it is sent. */
export const SLOW_CONSUMER = 4013;

/** A connection, as an adapter drives it. */
export class ServerSession implements Client {
  /** `c` and 32 hex digits. */
  readonly id: string = `c${crypto.randomUUID().replaceAll("-", "")}`;
  /** The HTTP request that it came with. */
  readonly request: Request | undefined;
  readonly #host: SessionHost;
  readonly #socket: Socket;
  readonly #queue: SendQueue;
  #decoder: JsonDecoder | MsgpackDecoder | undefined;
  #state: "new" | "open" | "closed" = "new";
  #checking = false;
  #failedHellos = 0;
  /** Frames that came while a secret is being checked; they hold no more than one hello may. */
  #backlog: (string | ArrayBuffer)[] = [];
  #helloTimer: ReturnType<typeof setTimeout> | undefined;
  #context: Map<unknown, unknown> | undefined;
  #abort: AbortController | undefined;
  #running = 0;
  #idle: Deferred<void> | undefined;

  /**
   * Starts to wait for the hello.
   *
   * @param host The server's side of it.
   * @param socket The connection, open.
   * @param request The HTTP request that it came with.
   */
  constructor(host: SessionHost, socket: Socket, request?: Request) {
    this.#host = host;
    this.#socket = socket;
    this.request = request;
    this.#queue = new SendQueue(
      socket,
      host.limits.queueBytes,
      () => this.close(SLOW_CONSUMER, "The client reads too slowly"),
    );
    this.#helloTimer = setTimeout(
      () => this.close(1008, "No hello in time"),
      host.limits.helloTime,
    );
  }

  /** The wire that the first frame was of. */
  get wire(): Wire {
    return this.#decoder?.wire ?? "msgpack";
  }

  /** Whether it has said a good hello: until then an adapter keeps little for it. */
  get known(): boolean {
    return this.#state === "open";
  }

  /** Whatever the application keeps about the client. */
  get context(): Map<unknown, unknown> {
    return this.#context ??= new Map();
  }

  /** How many publications it missed. */
  get dropped(): number {
    return this.#queue.dropped;
  }

  /**
   * Takes the next frame.
   *
   * @param data The frame, as the socket delivered it.
   */
  receive(data: string | ArrayBuffer): void {
    if (this.#state === "closed") return;
    if (this.#checking) return this.#defer(data);
    try {
      const decoder = this.#decoderFor(data);
      let message = decoder.decode(data);
      for (; message; message = decoder.next()) this.#handle(message);
    } catch (error) {
      if (error instanceof ProtocolError) this.close(error.closeCode, error.message);
      else {
        this.#host.report(error, { client: this });
        this.close(1011, "Internal error");
      }
    }
  }

  /**
   * Sends a publication's frames.
   *
   * @param frames The frames, shared with other sessions.
   * @param options What may happen if the client can't keep up.
   */
  deliver(frames: readonly Frame[], options: SendOptions): void {
    if (this.#state === "open") this.#queue.send(frames, options);
  }

  /**
   * Ends the connection.
   *
   * @param code The close code.
   * @param reason Cut to what a close frame holds.
   */
  close(code = 1000, reason = ""): void {
    if (this.#state === "closed") return;
    this.#socket.close(code, cut(reason));
    // The socket's own close event may take as long as the peer likes.
    this.#release({ code, reason });
  }

  /**
   * The adapter's word that the socket has ended.
   *
   * @param close How it ended.
   */
  ended(close: CloseInfo): void {
    this.#release(close);
    this.#host.gone(this);
  }

  #release(close: CloseInfo): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    clearTimeout(this.#helloTimer);
    this.#backlog = [];
    this.#queue.clear();
    this.#abort?.abort(new DOMException("The client has gone", "AbortError"));
    this.#idle?.resolve();
    this.#host.left(this, close);
  }

  /**
   * Resolves when no call is running and everything has been sent, or the
   * connection has ended.
   *
   * @returns A promise that never rejects.
   */
  async drained(): Promise<void> {
    if (this.#running > 0) {
      this.#idle ??= defer();
      await this.#idle.promise;
    }
    if (this.#state !== "closed") await this.#queue.drained();
  }

  #decoderFor(data: string | ArrayBuffer): JsonDecoder | MsgpackDecoder {
    const { helloLimits } = this.#host;
    return this.#decoder ??= typeof data === "string"
      ? new JsonDecoder(helloLimits)
      : new MsgpackDecoder(helloLimits);
  }

  #defer(data: string | ArrayBuffer): void {
    this.#backlog.push(data);
    const size = this.#backlog.reduce((sum, frame) => sum + sizeOf(frame) + 64, 0);
    if (size > this.#host.limits.helloSize * 4) {
      this.close(1008, "Too much before the hello's answer");
    }
  }

  #handle(message: Message): void {
    // A batch may go on behind the message that ended the connection.
    if (this.#state === "closed") return;
    switch (message.type) {
      case "request":
        if (message.id.startsWith("system:")) this.#system(message);
        else if (this.#state !== "open") this.#reject(message.id, UNAUTHORIZED);
        else this.#call(message);
        break;
      case "invalid":
        this.#reject(
          message.id,
          this.#state === "open"
            ? new RpcError(ErrorCode.invalidRequest, "Invalid request", message.reason)
            : UNAUTHORIZED,
        );
        break;
      default:
        // Nothing was asked of this client: a reply or publication of its is nobody's.
        break;
    }
  }

  #system({ id, method, args }: RequestMessage): void {
    if (method !== HELLO_METHOD) {
      this.#reject(id, new RpcError(ErrorCode.methodNotFound, "Unknown system method called"));
      return;
    }
    const [hello] = args;
    if (!isMap(hello) || !Object.hasOwn(hello, "secret")) return this.#helloFailed(id);
    let good: boolean | Promise<boolean>;
    try {
      good = this.#host.checkSecret(hello.secret, this);
    } catch (error) {
      this.#host.report(error, { client: this, method });
      good = false;
    }
    if (typeof good === "boolean") return this.#answerHello(id, good);
    this.#checking = true;
    good.catch((error: unknown) => {
      this.#host.report(error, { client: this, method });
      return false;
    }).then((good) => {
      if (this.#state === "closed") return;
      this.#checking = false;
      this.#answerHello(id, good);
      const backlog = this.#backlog;
      this.#backlog = [];
      for (const data of backlog) this.receive(data);
    });
  }

  #answerHello(id: string, good: boolean): void {
    if (!good) return this.#helloFailed(id);
    const { limits } = this.#host;
    const isNew = this.#state !== "open";
    if (isNew) {
      clearTimeout(this.#helloTimer);
      this.#state = "open";
      if (this.#decoder) this.#decoder.limits = limits;
    }
    // A 1.x server's answer has no maxMsgSize: attachments are one frame whatever their size.
    const result = this.wire === "msgpack"
      ? { clientID: this.id, maxMsgSize: limits.frameSize }
      : { clientID: this.id };
    this.#send({ type: "result", id, result });
    if (isNew) this.#host.joined(this);
  }

  #helloFailed(id: string): void {
    this.#reject(id, new RpcError(ErrorCode.authentication, "Authentication failed"));
    if (++this.#failedHellos >= this.#host.limits.helloAttempts) {
      this.close(1008, "Too many failed hellos");
    }
  }

  #call(request: RequestMessage): void {
    const { id, method } = request;
    const invoke = this.#host.registry.get(method);
    if (invoke === undefined) {
      const error = new RpcError(ErrorCode.methodNotFound, "Unregistered method called", method);
      return this.#reject(id, error);
    }
    if (this.#running >= this.#host.limits.callsInFlight) {
      const error = new RpcError(ErrorCode.tooManyCalls, "Too many calls at once", {
        method,
        limit: this.#host.limits.callsInFlight,
      });
      return this.#reject(id, error);
    }
    let result: unknown;
    try {
      result = invoke(request, (kwargs) => new SessionCall(this, method, kwargs));
    } catch (error) {
      return this.#fail(id, method, error);
    }
    if (!isPromiseLike(result)) return this.#finish(id, method, result);
    this.#running++;
    result.then((value) => {
      this.#settled();
      this.#finish(id, method, value);
    }, (error: unknown) => {
      this.#settled();
      this.#fail(id, method, error);
    });
  }

  #settled(): void {
    if (--this.#running === 0) {
      this.#idle?.resolve();
      this.#idle = undefined;
    }
  }

  #finish(id: string, method: string, result: unknown): void {
    if (this.#state === "closed") return;
    try {
      this.#send({ type: "result", id, result });
    } catch (error) {
      // Not a SerializeError alone: a text may grow longer than the engine
      // allows, and nobody catches what is thrown from here.
      this.#host.report(error, { client: this, method });
      this.#reject(
        id,
        new RpcError(ErrorCode.unserializable, "Method result cannot be serialized", method),
      );
    }
  }

  #fail(id: string, method: string, error: unknown): void {
    // A call whose client has gone is not answered, and its AbortError is nobody's news.
    if (this.#state === "closed") return;
    if (error instanceof RpcError) return this.#reject(id, error, method);
    this.#host.report(error, { client: this, method });
    const data = { method, ...describe(error, this.#host.exposeErrors) };
    this.#reject(id, new RpcError(ErrorCode.exception, "Exception raised", data));
  }

  #reject(id: string, error: RpcError, method?: string): void {
    try {
      this.#send({ type: "error", id, error: error.toWire() });
    } catch (cause) {
      // An application's own data may be unsendable: the code and message still arrive.
      this.#host.report(cause, method === undefined ? { client: this } : { client: this, method });
      this.#send({ type: "error", id, error: { code: error.code, message: error.message } });
    }
  }

  #send(message: OutgoingMessage): void {
    this.#queue.send(this.#host.encoders[this.wire].encode(message));
  }

  /** Aborted when the connection ends. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#state === "closed") this.#abort.abort();
    return this.#abort.signal;
  }

  /** The server's publishing side. */
  get publisher(): Publisher {
    return this.#host.publisher;
  }
}

/** A call; its signal is made only if it is asked for. */
class SessionCall implements Call {
  readonly client: ServerSession;
  readonly method: string;
  readonly kwargs: Call["kwargs"];

  constructor(client: ServerSession, method: string, kwargs: Call["kwargs"]) {
    this.client = client;
    this.method = method;
    this.kwargs = kwargs;
  }

  get signal(): AbortSignal {
    return this.client.signal;
  }

  get server(): Publisher {
    return this.client.publisher;
  }
}

const UNAUTHORIZED = new RpcError(
  ErrorCode.authentication,
  "Unauthorized: Skip message processing",
);

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}

/** What a peer learns of an exception: its class, unless the server chose to tell all. */
function describe(error: unknown, expose: boolean): Record<string, string> {
  if (!(error instanceof Error)) return { exception: expose ? String(error) : typeof error };
  if (!expose) return { exception: error.name };
  return { exception: String(error), trace: error.stack ?? "" };
}

function sizeOf(data: string | ArrayBuffer): number {
  return typeof data === "string" ? data.length : data.byteLength;
}

/** A close reason has at most 123 bytes (RFC 6455 section 5.5). */
function cut(reason: string): string {
  return reason.slice(0, new TextEncoder().encodeInto(reason, new Uint8Array(123)).read);
}
