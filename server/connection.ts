/**
 * One connection of a server's: finding out the wire, waiting for a good hello,
 * and taking frames to the session and from it. No sockets are opened here.
 *
 * @module
 */
import {
  announce,
  type CloseInfo,
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
import { ackMessage, Acks, isAck } from "../protocol/acks.ts";
import { isCompressed } from "../protocol/compress.ts";
import type { Compressor } from "../protocol/compression.ts";
import type { SendBudget } from "../protocol/send_budget.ts";
import {
  type QueueStats,
  type SendOptions,
  SendQueue,
  type Socket,
} from "../protocol/send_queue.ts";
import { UNKNOWN_SYSTEM_METHOD } from "../session/peer.ts";
import type { Held } from "../session/reliable.ts";
import { type Authenticated, type Hello, isOver, type NotAuthenticated } from "./auth.ts";
import type { LimitName } from "../session/limited.ts";
import type { Client, ErrorContext } from "./client.ts";
import { DROPPED_METHOD } from "../protocol/interest.ts";
import { DropNotes } from "./_drops.ts";
import { ServerSession, type SessionHost } from "./session.ts";

/** What a connection needs of its server. */
export interface ConnectionHost extends SessionHost {
  readonly limits: Limits;
  /** What all queues may hold together. */
  readonly budget: SendBudget;
  /** What holds before a good hello. */
  readonly helloLimits: Limits;
  readonly encoders: Readonly<Record<Wire, Encoder>>;
  /** Absent where the runtime has no zlib: `compress` is not offered then. */
  readonly compressor: Compressor | undefined;
  /** What is offered to clients beyond wslink. */
  readonly features: readonly Feature[];
  /** Finds out who says a hello. */
  authenticate(
    hello: Hello,
    request: Request | undefined,
    client: Client,
  ):
    | Authenticated<unknown>
    | NotAuthenticated
    | Promise<Authenticated<unknown> | NotAuthenticated>;
  report(error: unknown, context: ErrorContext): void;
  /** A client missed a publication. */
  dropped(topic: string, session: ServerSession): void;
  /** Finds the session that a ticket is for, if the client that shows it may have it. */
  findSession(ticket: string, client: Client): ServerSession | undefined;
  /** Its socket has ended. */
  gone(connection: Connection): void;
}

/** The longest frame that a Hawser client gets, in bytes: it has no bound of its own. */
const MAX_FRAME_SIZE = 4 * 1024 * 1024;

/** The close code for a client that doesn't read what it is sent. */
export const SLOW_CONSUMER = 4013;

/** How long the answer to the second failed hello waits, in ms; each further one twice as long. */
const RETRY_DELAY = 250;

/** How many requests a stranger gets an answer to, that it may not make them; wslink's clients make none. */
const STRANGERS_REQUESTS = 64;

/** The request that only asks for a sign of life. */
export const PING_METHOD = "wslink.ping";

/** What `setTimeout` can wait at most, in ms. */
const MAX_TIMER = 2 ** 31 - 1;

/** A connection, as an adapter drives it: what `server.accept()` gives. */
export interface AcceptedConnection {
  /** Whether it has said a good hello: until then an adapter keeps little for it. */
  readonly known: boolean;
  /**
   * Takes the next frame.
   *
   * @param data The frame, as the socket delivered it.
   */
  receive(data: string | ArrayBuffer): void;
  /**
   * The adapter's word that the socket has ended.
   *
   * @param close How it ended.
   */
  ended(close: CloseInfo): void;
}

/** One connection: who drives it and what it sends with are given. */
export class Connection implements AcceptedConnection {
  readonly #host: ConnectionHost;
  readonly #socket: Socket;
  readonly #queue: SendQueue;
  /** Its own, until it takes up one that another connection has lost. */
  #session: ServerSession;
  #decoder: JsonDecoder | MsgpackDecoder | undefined;
  #state: "new" | "open" | "closed" = "new";
  #checking = false;
  #failedHellos = 0;
  /** Requests without a good hello. */
  #refused = 0;
  /** What came since the last message that was put together, in bytes. */
  #unread = 0;
  /** Frames that came while a secret is being checked; they hold no more than one hello may. */
  #backlog: (string | ArrayBuffer)[] = [];
  #helloTimer: ReturnType<typeof setTimeout> | undefined;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  /** Whether a message came or went since the timer looked last. */
  #active = false;
  /** Bytes that have come, text in UTF-16 units. */
  #received = 0;
  #acks: Acks | undefined;
  /** Opens compressed messages, if some may come. */
  #compressor: Compressor | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  /** Only where something was dropped. */
  #drops: DropNotes | undefined;

  /**
   * Starts to wait for the hello.
   *
   * @param host The server's side of it.
   * @param socket The connection, open.
   * @param request The HTTP request that it came with.
   * @param address Where it came from.
   */
  constructor(host: ConnectionHost, socket: Socket, request?: Request, address?: string) {
    this.#host = host;
    this.#socket = socket;
    this.#queue = new SendQueue(socket, {
      bytes: host.limits.queueBytes,
      messages: host.limits.queueMessages,
      budget: host.budget,
      onDrop: (topic = "") => this.#dropped(topic),
      onFull: () => this.#endAt("queueBytes", SLOW_CONSUMER, "The client reads too slowly"),
    });
    this.#session = new ServerSession(host, this, request, address);
    this.#helloTimer = setTimeout(
      () => this.#endAt("helloTime", 1008, "No hello in time"),
      Math.min(host.limits.helloTime, MAX_TIMER),
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

  /** How many publications were dropped because the client couldn't keep up. */
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
    if (this.#checking && this.#state === "new") return this.#defer(data);
    this.#received += sizeOf(data);
    try {
      const decoder = this.#decoderFor(data);
      this.#unread += sizeOf(data);
      let message = decoder.decode(data);
      let onlyAcks = message !== undefined;
      for (; message; message = decoder.next()) {
        if (this.#acks && isAck(message)) this.#queue.acknowledge(message.args[0]);
        else {
          onlyAcks = false;
          this.#handle(this.#open(message));
        }
      }
      this.#acks?.read(this.#received, onlyAcks);
    } catch (error) {
      if (error instanceof ProtocolError) {
        // Until the hello is good, all that a message may be follows from one limit.
        const limit = error.limit && (this.#state === "new" ? "helloSize" : error.limit);
        if (limit) this.#host.counting.limit(limit);
        this.close(error.closeCode, error.message);
      } else {
        this.#host.report(error, { client: this.#session });
        this.close(1011, "Internal error");
      }
    }
  }

  /**
   * Sends a message.
   *
   * @param message The message.
   * @param order Messages with the same one arrive in the order of sending.
   * @param minSize From which size on it is compressed, in bytes; never by default.
   * @throws {SerializeError} If it holds a value that can't be sent.
   */
  send(message: OutgoingMessage, order?: string, minSize?: number): void {
    if (this.#queue.batch > 0) this.#acks?.passing();
    const frames = this.encode(message, minSize);
    if (this.transmit(frames, order)) this.recycle(frames);
    else this.#queue.whenDone(frames, () => this.recycle(frames));
  }

  /**
   * Encodes a message for this connection.
   *
   * @param message The message.
   * @param minSize From which size on it is compressed, in bytes; never by default.
   * @returns Its frames.
   * @throws {SerializeError} If it holds a value that can't be sent.
   */
  encode(message: OutgoingMessage, minSize?: number): readonly Frame[] {
    const encoder = this.#host.encoders[this.wire];
    const frames = encoder.encode(message);
    const { compressor } = this.#host;
    if (minSize === undefined || !compressor || !this.#session.features.has("compress")) {
      return frames;
    }
    const shrunk = compressor.shrink(message, frames, encoder, minSize);
    if (shrunk !== frames) encoder.recycle?.(frames);
    return shrunk;
  }

  /**
   * Sends a message that is encoded.
   *
   * @param frames Its frames.
   * @param order Messages with the same one arrive in the order of sending.
   * @returns Whether it is done with the frames.
   */
  transmit(frames: readonly Frame[], order?: string): boolean {
    return this.#queue.send(frames, order === undefined ? undefined : { order });
  }

  /**
   * Gives frames back that nobody needs any more.
   *
   * @param frames The frames.
   */
  recycle(frames: readonly Frame[]): void {
    this.#host.encoders[this.wire].recycle?.(frames);
  }

  /**
   * Sends a publication's frames.
   *
   * @param frames The frames, shared with other connections.
   * @param options What may happen if the client can't keep up.
   * @returns Whether it is done with the frames.
   */
  deliver(frames: readonly Frame[], options: SendOptions): boolean {
    this.#active = true;
    return this.#state !== "open" || this.#queue.send(frames, options);
  }

  /**
   * Sends a publication's frames if there is room for them.
   *
   * @param frames The frames, shared with other connections.
   * @param order Publications with the same one arrive in the order of sending.
   * @returns Whether there was room.
   */
  offer(frames: readonly Frame[], order: string): boolean {
    this.#active = true;
    return this.#state !== "open" || this.#queue.offer(frames, order);
  }

  /**
   * Sends a publication's frames and tells when there is room for the next.
   *
   * @param frames The frames, shared with other connections.
   * @param order The publication's topic.
   * @param signal Takes it back as long as there is none.
   * @returns When there is, or the connection has ended.
   */
  deliverWhenRoom(
    frames: readonly Frame[],
    order: string,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    this.#active = true;
    if (this.#state !== "open") return Promise.resolve();
    return this.#queue.sendWhenRoom(frames, { order }, signal);
  }

  /**
   * What its queue has done, and what waits in it.
   *
   * @returns The counters as they are now.
   */
  queueStats(): QueueStats {
    return this.#queue.stats();
  }

  /**
   * Ends the connection.
   *
   * @param code The close code.
   * @param reason Cut to what a close frame holds.
   */
  close(code = 1000, reason = ""): void {
    if (this.#state === "closed") return;
    this.#host.counting.close(code);
    this.#queue.flush();
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
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#retryTimer);
    this.#backlog = [];
    this.#acks?.stop();
    this.#drops?.stop();
    this.#queue.clear();
    this.#session.disconnected(this, close);
    // If the session goes on, the client is told over the next connection.
    this.#drops?.flush();
  }

  /**
   * Resolves when no call is running and everything has been sent, or the
   * connection has ended.
   *
   * @returns A promise that never rejects.
   */
  async drained(): Promise<void> {
    await this.#session.idle();
    if (this.#state !== "closed") await this.#queue.drained();
  }

  #dropped(topic: string): void {
    const session = this.#session;
    this.#host.dropped(topic, session);
    if (!session.features.has("drops")) return;
    this.#drops ??= new DropNotes(
      (drops) => this.#session.notify(DROPPED_METHOD, drops),
      () => this.#queue.sent,
    );
    this.#drops.add(topic);
  }

  /** Ends the connection because of a limit. */
  #endAt(limit: LimitName, code: number, reason: string): void {
    this.#host.counting.limit(limit);
    this.close(code, reason);
  }

  /** One timer that looks now and then costs less than one that each message sets anew. */
  #watchIdle(): void {
    const { idleTime } = this.#host.limits;
    if (idleTime === Infinity) return;
    this.#idleTimer = setTimeout(() => {
      // 1000: a client that came back at once would be as idle as before.
      if (!this.#active && !this.#session.busy) {
        return this.#endAt("idleTime", 1000, "Idle for too long");
      }
      this.#active = false;
      this.#watchIdle();
    }, Math.min(idleTime, MAX_TIMER));
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
      this.#endAt("helloSize", 1008, "Too much before the hello's answer");
    }
  }

  /** What a message holds, if it is compressed. */
  #open(message: Message): Message {
    return this.#compressor && isCompressed(message)
      ? this.#compressor.open(message, this.#host.limits, this.wire)
      : message;
  }

  #handle(message: Message): void {
    // A batch may go on behind the message that ended the connection.
    if (this.#state === "closed") return;
    const isRequest = message.type === "request";
    if (!isRequest || message.method !== PING_METHOD) this.#active = true;
    if (isRequest && message.method === HELLO_METHOD && isSystem(message)) {
      if (this.#state === "new" || this.#session.isNew(message, this.#unread)) this.#hello(message);
    } else if (this.#state === "open") {
      const size = this.#unread;
      this.#unread = 0;
      this.#session.receive(message, size);
    } else if (isRequest || message.type === "invalid") {
      this.#reject(
        message.id,
        isRequest && isSystem(message) ? UNKNOWN_SYSTEM_METHOD : UNAUTHORIZED,
      );
      // Otherwise a stranger who doesn't read the answers could pile them up.
      if (++this.#refused > STRANGERS_REQUESTS) {
        this.#endAt("helloSize", 1008, "Too much before the hello");
      }
    }
  }

  #hello({ id, method, args }: RequestMessage): void {
    if (this.#checking) return this.#reject(id, ONE_AT_A_TIME);
    const [hello] = args;
    if (!isMap(hello)) return this.#helloFailed(id);
    const failed = (error: unknown) => {
      this.#host.report(error, { client: this.#session, method });
      return undefined;
    };
    let found: ReturnType<ConnectionHost["authenticate"]>;
    try {
      found = this.#host.authenticate(hello, this.#session.request, this.#session);
    } catch (error) {
      found = failed(error);
    }
    if (!(found instanceof Promise)) return this.#answerHello(id, found, hello.hawser);
    this.#checking = true;
    found.catch(failed).then((found) => {
      if (this.#state === "closed") return;
      this.#checking = false;
      this.#answerHello(id, found, hello.hawser);
      this.#goOn();
    });
  }

  /** Takes what came while a hello was being checked. */
  #goOn(): void {
    if (this.#checking) return;
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const data of backlog) this.receive(data);
  }

  #answerHello(
    id: string,
    found: Authenticated<unknown> | NotAuthenticated,
    offer: unknown,
  ): void {
    if (!found || isOver(found)) return this.#helloFailed(id);
    const { limits } = this.#host;
    const isNew = this.#state !== "open";
    let missing: readonly Held[] | undefined;
    if (isNew) {
      clearTimeout(this.#helloTimer);
      this.#state = "open";
      this.#watchIdle();
      if (this.#decoder) this.#decoder.limits = limits;
      const features = readAgreement(offer, this.#host.features);
      missing = features.has("resume") ? this.#resume(offer) : undefined;
      if (missing === undefined) this.#session.features = features;
    }
    // Not before: a session that goes on may have been another's until now.
    this.#session.identify(found);
    const { features } = this.#session;
    const result = {
      clientID: this.#session.id,
      // A 1.x server's answer has no maxMsgSize: attachments are one frame whatever their size.
      ...(this.wire === "msgpack" ? { maxMsgSize: limits.frameSize } : {}),
      // Once: a client that says who it is once more keeps its ticket.
      ...(isNew && features.size > 0
        ? { hawser: announce(features, this.#session.ticket(missing !== undefined)) }
        : {}),
    };
    if (isNew) {
      this.send({ type: "result", id, result });
      this.#switchOn(features);
    } else this.#session.send({ type: "result", id, result });
    if (missing) this.#session.resumed(missing);
    else if (isNew) this.#session.begin();
  }

  /** Takes up the session that the client has lost with its last socket, if it is still there. */
  #resume(offer: unknown): readonly Held[] | undefined {
    if (!isMap(offer) || typeof offer.session !== "string") return undefined;
    const session = this.#host.findSession(offer.session, this.#session);
    const missing = session?.resume(this, offer.received);
    if (session && missing) this.#session = session;
    return missing;
  }

  /** Begins with what is the connection's own among what was agreed on. */
  #switchOn(features: ReadonlySet<Feature>): void {
    const decoder = this.#decoder;
    if (features.has("batch") && decoder instanceof MsgpackDecoder) {
      decoder.batched = true;
      this.#queue.batch = MAX_FRAME_SIZE;
    }
    if (features.has("compress")) this.#compressor = this.#host.compressor;
    if (features.has("ack")) {
      this.#acks = new Acks(this.#received, (bytes) => this.send(ackMessage("server", bytes)));
    }
  }

  #helloFailed(id: string): void {
    const error = new RpcError(ErrorCode.authentication, "Authentication failed");
    this.#host.counting.failedHellos++;
    const tries = ++this.#failedHellos;
    if (tries >= this.#host.limits.helloAttempts) {
      this.#reject(id, error);
      this.#endAt("helloAttempts", 1008, "Too many failed hellos");
    } else if (tries === 1) this.#reject(id, error);
    else {
      // Whoever mistyped once more doesn't notice; whoever guesses gets nowhere.
      this.#checking = true;
      this.#retryTimer = setTimeout(() => {
        this.#checking = false;
        this.#reject(id, error);
        this.#goOn();
      }, RETRY_DELAY * 2 ** (tries - 2));
    }
  }

  #reject(id: string, error: RpcError): void {
    const message = { type: "error", id, error: error.toWire() } as const;
    if (this.#state === "open") this.#session.send(message);
    else this.send(message);
  }
}

const UNAUTHORIZED = new RpcError(
  ErrorCode.authentication,
  "Unauthorized: Skip message processing",
);

const ONE_AT_A_TIME = new RpcError(
  ErrorCode.authentication,
  "Another hello is being checked",
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
