/**
 * One connection of a server's: who is at the other end, whether it may call,
 * and what is running for it. No sockets are opened here, and none are read.
 *
 * @module
 */
import {
  announce,
  type CloseInfo,
  ConnectionClosedError,
  type Encoder,
  ErrorCode,
  type Feature,
  type Frame,
  HELLO_METHOD,
  isMap,
  JsonDecoder,
  type Limits,
  type Message,
  MsgpackDecoder,
  type OutgoingMessage,
  ProtocolError,
  readAgreement,
  type RequestMessage,
  RpcError,
  type Wire,
} from "../protocol/mod.ts";
import { type SendOptions, SendQueue, type Socket } from "../protocol/send_queue.ts";
import type { Client, ErrorContext, Publisher } from "./client.ts";
import { IncomingCall } from "../session/incoming.ts";
import type { CallOptions } from "../session/outgoing.ts";
import { Peer, UNKNOWN_SYSTEM_METHOD } from "../session/peer.ts";
import type { Registry } from "../session/registry.ts";
import type { Notify } from "../session/streams.ts";
import type { Call } from "./procedure.ts";

/** What a session needs of its server. */
export interface SessionHost {
  readonly limits: Limits;
  /** What holds before a good hello. */
  readonly helloLimits: Limits;
  readonly registry: Registry<IncomingCall>;
  readonly encoders: Readonly<Record<Wire, Encoder>>;
  /** What is offered to clients beyond wslink. */
  readonly features: readonly Feature[];
  /** The protocol's own requests, by method. */
  readonly systemMethods: ReadonlyMap<string, SystemMethod>;
  /** How long a call of a client's procedure waits that doesn't say, in ms. */
  readonly callTimeout: number;
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

/** A request of the protocol's own, for clients that agreed on its feature. */
export interface SystemMethod {
  readonly feature: Feature;
  /** What answers it: its result, or what it throws. */
  run(session: ServerSession, request: RequestMessage): unknown;
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
  readonly #peer: Peer<SessionCall>;

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
    this.#peer = new Peer<SessionCall>({
      // No client's id is this, so the two sides' calls are told apart.
      prefix: "server",
      callTimeout: host.callTimeout,
      callsInFlight: host.limits.callsInFlight,
      registry: host.registry,
      exposeErrors: host.exposeErrors,
      open: (request, notify) => this.#open(request, notify),
      report: (error, method) =>
        host.report(error, method === undefined ? { client: this } : { client: this, method }),
      send: (message) => this.#send(message),
      system: (method) => this.#system(method),
    });
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
   * @returns Whether it is done with the frames.
   */
  deliver(frames: readonly Frame[], options: SendOptions): boolean {
    return this.#state !== "open" || this.#queue.send(frames, options);
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
    this.#peer.end(close);
    this.#host.left(this, close);
  }

  /**
   * Resolves when no call is running and everything has been sent, or the
   * connection has ended.
   *
   * @returns A promise that never rejects.
   */
  async drained(): Promise<void> {
    await this.#peer.idle();
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
    if (message.type === "request" && message.method === HELLO_METHOD && isSystem(message)) {
      this.#hello(message);
    } else if (this.#state === "open") this.#peer.receive(message);
    else if (message.type === "invalid") this.#peer.reject(message.id, UNAUTHORIZED);
    else if (message.type === "request") {
      this.#peer.reject(message.id, isSystem(message) ? UNKNOWN_SYSTEM_METHOD : UNAUTHORIZED);
    }
  }

  #hello({ id, method, args }: RequestMessage): void {
    const [hello] = args;
    if (!isMap(hello) || !Object.hasOwn(hello, "secret")) return this.#helloFailed(id);
    let good: boolean | Promise<boolean>;
    try {
      good = this.#host.checkSecret(hello.secret, this);
    } catch (error) {
      this.#host.report(error, { client: this, method });
      good = false;
    }
    if (typeof good === "boolean") return this.#answerHello(id, good, hello.hawser);
    this.#checking = true;
    good.catch((error: unknown) => {
      this.#host.report(error, { client: this, method });
      return false;
    }).then((good) => {
      if (this.#state === "closed") return;
      this.#checking = false;
      this.#answerHello(id, good, hello.hawser);
      const backlog = this.#backlog;
      this.#backlog = [];
      for (const data of backlog) this.receive(data);
    });
  }

  #answerHello(id: string, good: boolean, offer: unknown): void {
    if (!good) return this.#helloFailed(id);
    const { limits } = this.#host;
    const isNew = this.#state !== "open";
    if (isNew) {
      clearTimeout(this.#helloTimer);
      this.#state = "open";
      if (this.#decoder) this.#decoder.limits = limits;
      this.#peer.features = readAgreement(offer, this.#host.features);
    }
    const { features } = this.#peer;
    const result = {
      clientID: this.id,
      // A 1.x server's answer has no maxMsgSize: attachments are one frame whatever their size.
      ...(this.wire === "msgpack" ? { maxMsgSize: limits.frameSize } : {}),
      ...(features.size > 0 ? { hawser: announce(features) } : {}),
    };
    this.#send({ type: "result", id, result });
    if (isNew) this.#host.joined(this);
  }

  #helloFailed(id: string): void {
    this.#peer.reject(id, new RpcError(ErrorCode.authentication, "Authentication failed"));
    if (++this.#failedHellos >= this.#host.limits.helloAttempts) {
      this.close(1008, "Too many failed hellos");
    }
  }

  #send(message: OutgoingMessage): void {
    const encoder = this.#host.encoders[this.wire];
    const frames = encoder.encode(message);
    if (this.#queue.send(frames)) encoder.recycle?.(frames);
  }

  #system(method: string): ((request: RequestMessage) => unknown) | undefined {
    const found = this.#host.systemMethods.get(method);
    if (found === undefined || !this.#peer.features.has(found.feature)) return undefined;
    return (request) => found.run(this, request);
  }

  /** What was agreed on with the client; nothing with wslink's. */
  get features(): ReadonlySet<Feature> {
    return this.#peer.features;
  }

  call<T = unknown>(
    method: string,
    args?: readonly unknown[],
    options?: CallOptions,
  ): Promise<T>;
  call(
    method: string,
    args: readonly unknown[] = [],
    options: CallOptions = {},
  ): Promise<unknown> {
    if (this.#state !== "open") {
      const what = `Call of ${method} was not sent: the client has gone`;
      const close = { code: 1006, reason: "", sent: false };
      return Promise.reject(new ConnectionClosedError(what, close));
    }
    if (!this.#peer.features.has("call")) {
      const error = new RpcError(ErrorCode.methodNotFound, "The client takes no calls", method);
      return Promise.reject(error);
    }
    return this.#peer.call(method, args, options);
  }

  #open(request: RequestMessage, notify: Notify): SessionCall {
    return new SessionCall(request, notify, this, this.#host.publisher);
  }
}

/** A call, as a server's procedure sees it. */
class SessionCall extends IncomingCall implements Call {
  readonly client: Client;
  readonly server: Publisher;

  constructor(request: RequestMessage, notify: Notify, client: Client, server: Publisher) {
    super(request, notify);
    this.client = client;
    this.server = server;
  }
}

const UNAUTHORIZED = new RpcError(
  ErrorCode.authentication,
  "Unauthorized: Skip message processing",
);

function isSystem({ id }: RequestMessage): boolean {
  return id.startsWith("system:");
}

function sizeOf(data: string | ArrayBuffer): number {
  return typeof data === "string" ? data.length : data.byteLength;
}

/** A close reason has at most 123 bytes (RFC 6455 section 5.5). */
function cut(reason: string): string {
  return reason.slice(0, new TextEncoder().encodeInto(reason, new Uint8Array(123)).read);
}
