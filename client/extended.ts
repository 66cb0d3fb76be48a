/**
 * What only Hawser's servers need: calls that are cancelled, watched and
 * streamed, the server's own calls, and a session that outlives its socket.
 * Loaded once such a server has answered.
 *
 * @module
 */
import type { PresentClient, RemoteStream } from "../protocol/api.ts";
import { ackMessage, Acks, isAck } from "../protocol/acks.ts";
import { resolveLimits } from "../protocol/codec.ts";
import { createCompressor } from "../protocol/compression.ts";
import { DESCRIBE_METHOD } from "../protocol/description.ts";
import { type CloseInfo, ConnectionClosedError } from "../protocol/errors.ts";
import type { Feature, Ticket } from "../protocol/features.ts";
import { DATA_METHOD, DROPPED_METHOD, filterKey, PRESENCE_METHOD } from "../protocol/interest.ts";
import { isMap, type Message, type OutgoingMessage } from "../protocol/messages.ts";
import { SendQueue, type Socket } from "../protocol/send_queue.ts";
import { readTicket } from "../protocol/ticket.ts";
import { CLOSING_METHOD, PING_METHOD } from "../session/closing.ts";
import { type EventsOptions, type EventStream, Watchers } from "../session/events.ts";
import { IncomingCall } from "../session/incoming.ts";
import { CallMeters } from "../session/meters.ts";
import type { CallOptions, Request } from "../session/outgoing.ts";
import { Peer } from "../session/peer.ts";
import { Registry } from "../session/registry.ts";
import { RECEIVED_METHOD, Reliable } from "../session/reliable.ts";
import "./_core.ts";
import type {
  Caller,
  ClientSessionOptions,
  Extension,
  ExtensionHost,
  Link,
  Outlet,
  OutletOptions,
  ShownTicket,
  Subscribers,
} from "./_link.ts";
import { Packing, Unpacking } from "./_compression.ts";
import { onWake } from "./_wake.ts";
import { RemoteSubscriptions } from "./_remote_subscriptions.ts";
import type { CallerStats, Happened, SessionEvent } from "./stats.ts";

export { late } from "./_late_calls.ts";

/** How long a closing server may keep its clients away, in ms: a day. */
const MAX_RETRY_AFTER = 86_400_000;

/** What is counted and told of one session, over one connection after the other. */
class SessionRecord {
  readonly meters = new CallMeters<Request>();
  readonly watchers = new Watchers<SessionEvent>(() => this.#observe());
  readonly drops = new Map<string, number>();

  happened(event: Happened<SessionEvent>): void {
    this.watchers.emit({ ...event, at: Date.now() });
    if (event.type === "status" && event.status.state === "closed") this.watchers.end();
  }

  /** The server has dropped publications; how it says so is anything yet. */
  dropped(drops: readonly unknown[]): void {
    for (const drop of drops) {
      const [topic, count] = Array.isArray(drop) ? drop : [];
      if (typeof topic !== "string" || !Number.isSafeInteger(count) || count < 1) continue;
      const name = this.drops.size < MAX_DROPS || this.drops.has(topic) ? topic : "*";
      this.drops.set(name, (this.drops.get(name) ?? 0) + count);
      this.happened({ type: "dropped", by: "server", topic, count });
    }
  }

  /** Calls are many, so that they are looked at only while somebody wants to. */
  #observe(): void {
    this.meters.onEnd = !this.watchers.wants("call")
      ? undefined
      : ({ method }, time, outcome) => this.happened({ type: "call", method, time, outcome });
  }
}

/** Names come from the server: past so many topics, drops are counted together. */
const MAX_DROPS = 4096;

/** What goes over no connection. */
const NO_TRAFFIC = { queue: undefined, receivedBytes: 0, compression: undefined };

/**
 * Adds to a session what it can do with Hawser's servers.
 *
 * @param session The session.
 * @param options How it behaves.
 * @returns What is added.
 */
export function extend(session: ExtensionHost, options: ClientSessionOptions): Extension {
  session.subscriptions.filterKey = filterKey;
  return new HawserExtension(session, options);
}

class HawserExtension implements Extension {
  readonly #session: ExtensionHost;
  readonly #options: ClientSessionOptions;
  readonly #record = new SessionRecord();
  /** What makes the calls, or made them last. */
  #caller: ExtendedCaller | undefined;
  /** Whether it has lost its connection and may go on over the next. */
  #suspended = false;
  #lost: CloseInfo = { code: 1006, reason: "" };
  #window: ReturnType<typeof setTimeout> | undefined;

  constructor(session: ExtensionHost, options: ClientSessionOptions) {
    this.#session = session;
    this.#options = options;
  }

  begin(link: Link): Caller {
    const { subscriptions } = this.#session;
    const caller = new ExtendedCaller(this.#options, link, subscriptions, this.#record);
    this.#caller = caller;
    this.sendData().catch((error: unknown) => {
      // What ends with the connection is sent again over the next.
      if (!(error instanceof ConnectionClosedError)) this.#options.onError(error);
    });
    if (link.features.has("describe")) this.#compare(caller).catch(this.#options.onError);
    return caller;
  }

  /** Compares the server with the contract, if there is one. */
  async #compare(caller: Caller): Promise<void> {
    const { contract, onContract } = this.#options;
    if (contract === undefined) return;
    const { compareContract, describeDifference } = await import("./contract.ts");
    const difference = await compareContract(
      contract,
      (method, args) => caller.request(method, args),
    );
    if (difference === undefined) return;
    if (onContract) onContract(difference);
    else console.warn(describeDifference(difference));
  }

  resume(link: Link): Caller | false | undefined {
    if (this.#suspended && this.#caller?.resume(link)) {
      clearTimeout(this.#window);
      this.#suspended = false;
      return this.#caller;
    }
    this.abandon();
    const isResumed = ticketOf(link)?.received !== undefined &&
      link.clientId === this.#caller?.clientId;
    return isResumed ? false : undefined;
  }

  get ticket(): ShownTicket | undefined {
    return this.#suspended ? this.#caller?.ticket : undefined;
  }

  suspend(caller: Caller | undefined, close: CloseInfo): boolean {
    // Any other code than that of a broken socket is somebody's decision.
    if (caller === undefined || caller !== this.#caller || close.code !== 1006) return false;
    const window = this.#caller.suspend();
    if (window === 0) return false;
    this.#suspended = true;
    this.#lost = close;
    this.#window = setTimeout(() => this.abandon(), window);
    return true;
  }

  abandon(): void {
    if (!this.#suspended) return;
    clearTimeout(this.#window);
    this.#suspended = false;
    this.#session.abandon(this.#caller, this.#lost);
  }

  async presence(topic: string | undefined): Promise<readonly PresentClient[]> {
    const answer = await this.#caller?.request(PRESENCE_METHOD, topic === undefined ? [] : [topic]);
    if (!Array.isArray(answer)) return [];
    return answer.filter(isMap).map(({ id, data }) => ({ id: String(id), data }));
  }

  async sendData(): Promise<void> {
    const caller = this.#caller;
    if (caller?.connected && caller.has("presence")) {
      await caller.request(DATA_METHOD, [this.#session.data ?? null]);
    }
  }

  async ping(options: CallOptions): Promise<number> {
    return await this.#caller?.ping(options) ?? NaN;
  }

  async describe(): Promise<unknown> {
    return await this.#caller?.request(DESCRIBE_METHOD, []);
  }

  stats(): CallerStats {
    const { meters, drops } = this.#record;
    return {
      calls: meters.read(),
      dropped: Array.from(drops, ([topic, count]) => ({ topic, count })),
      roundTrip: undefined,
      ...NO_TRAFFIC,
      ...this.#caller?.stats(),
    };
  }

  events(options?: EventsOptions<SessionEvent["type"]>): EventStream<SessionEvent> {
    return this.#record.watchers.watch(options);
  }

  happened(event: Happened<SessionEvent>): void {
    this.#record.happened(event);
  }
}

/** What the server said about taking the session up again; `undefined` if it can't be. */
function ticketOf({ features, hawser }: Link): Ticket | undefined {
  return features.has("resume") ? readTicket(hawser) : undefined;
}

/** How long a server has for a sign of life once the machine or its network is back, in ms. */
const PROBE_TIME = 5_000;

/** Calls a Hawser server, and is called by it. */
class ExtendedCaller implements Caller {
  /** What the server knows of the session's subscriptions. */
  readonly subscriptions: RemoteSubscriptions | undefined;
  readonly #peer: Peer<IncomingCall>;
  readonly #reliable: Reliable | undefined;
  readonly #heartbeat: number;
  /** How long the last sign of life took. */
  #roundTrip: number | undefined;
  /** Whether anything has come since the last beat. */
  #heard = true;
  #asked = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #forgetWake = () => {};
  /** The last one while there is none: it can still encode. */
  #link: Link;
  #connected = true;

  /**
   * Takes up work.
   *
   * @param options How the session behaves.
   * @param link The connection.
   * @param subscribers Who is told what the server says about subscriptions.
   * @param record What is counted.
   * @throws {TypeError} If a procedure's name or definition is bad.
   */
  constructor(
    options: ClientSessionOptions,
    link: Link,
    subscribers: Subscribers,
    record: SessionRecord,
  ) {
    const { callTimeout, procedures = {}, heartbeat = 30_000 } = options;
    const { callsInFlight, openStreams, resumeBytes } = resolveLimits(options.limits);
    const registry = new Registry<IncomingCall>();
    for (const [name, definition] of Object.entries(procedures)) {
      registry.register(name, definition);
    }
    this.#link = link;
    this.#reliable = ticketOf(link)?.session === undefined ? undefined : new Reliable({
      bound: resumeBytes,
      acknowledge: (received) => this.#acknowledge(received),
      release() {},
    });
    this.#peer = new Peer<IncomingCall>({
      prefix: link.clientId,
      outgoing: record.meters,
      callTimeout,
      callsInFlight,
      openStreams,
      registry,
      exposeErrors: false,
      open: (request, notify) => new IncomingCall(request, notify),
      report: (error) => options.onError(error),
      send: (message, order, minSize) => this.#send(message, order, minSize),
      system: () => undefined,
      notified: (method, args) => {
        if (method !== DROPPED_METHOD) return this.subscriptions?.notified(method, args) ?? false;
        record.dropped(args);
        return true;
      },
    });
    this.#peer.features = link.features;
    this.subscriptions = link.features.has("subscribe")
      ? new RemoteSubscriptions({
        request: (method, args, options, onResult) =>
          this.#peer.request(method, args, options, onResult),
        subscribers,
        onError: options.onError,
      })
      : undefined;
    this.#heartbeat = this.has("ping") ? heartbeat : 0;
    this.#watch();
  }

  /** Keeps an eye on the connection. */
  #watch(): void {
    if (this.#heartbeat === 0) return;
    this.#forgetWake = onWake(() => this.#probe());
    this.#beat();
  }

  #watchNoMore(): void {
    clearTimeout(this.#timer);
    this.#forgetWake();
  }

  /**
   * Asks for a sign of life after a time without one, and gives the socket up
   * after as long again: a browser can't send pings, and a network that has gone
   * says nothing.
   */
  #beat(): void {
    const due = Date.now() + this.#heartbeat;
    this.#timer = setTimeout(() => {
      // The machine was asleep, and meanwhile the server may have given this side up.
      if (Date.now() - due > this.#heartbeat) return this.#probe();
      if (this.#heard) this.#heard = this.#asked = false;
      else if (this.#asked) return this.#link.lose("No sign of life");
      else {
        this.#asked = true;
        // The answer is heard like everything else; what else it ends in says nothing.
        this.ping({ timeout: this.#heartbeat }).catch(() => {});
      }
      this.#beat();
    }, this.#heartbeat);
  }

  /** The machine or its network was away: the server has to answer at once, or the socket is given up. */
  #probe(): void {
    clearTimeout(this.#timer);
    this.#heard = false;
    this.#asked = true;
    const timeout = Math.min(this.#heartbeat, PROBE_TIME);
    this.ping({ timeout }).catch(() => {});
    this.#timer = setTimeout(() => {
      if (this.#heard) this.#beat();
      else this.#link.lose("No sign of life");
    }, timeout);
  }

  /** The id that the server gave. */
  get clientId(): string {
    return this.#link.clientId;
  }

  /** Whether it has a connection. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Whether a feature was agreed on. */
  has(feature: Feature): boolean {
    return this.#link.features.has(feature);
  }

  async ping(options: CallOptions): Promise<number> {
    const since = performance.now();
    await this.#peer.request(PING_METHOD, [], options);
    return this.#roundTrip = performance.now() - since;
  }

  /** What is known of the connection. */
  stats(): Omit<CallerStats, "calls" | "dropped"> {
    const traffic = this.#connected ? this.#link.traffic() : NO_TRAFFIC;
    return { ...traffic, roundTrip: this.#roundTrip };
  }

  call(method: string, args: readonly unknown[], options: CallOptions): Promise<unknown> {
    return this.#peer.call(method, args, options);
  }

  stream(
    method: string,
    args: readonly unknown[],
    options: CallOptions,
  ): RemoteStream<unknown, unknown> {
    return this.#peer.stream(method, args, options);
  }

  request(method: string, args: readonly unknown[]): Promise<unknown> {
    return this.#peer.request(method, args);
  }

  receive(message: Message, size: number): void {
    this.#heard = true;
    if (message.type === "request" && message.method === CLOSING_METHOD) {
      return this.#heed(message.args[0]);
    }
    const reliable = this.#reliable;
    if (reliable && message.type === "request" && message.method === RECEIVED_METHOD) {
      const [received] = message.args;
      if (typeof received === "number") reliable.acknowledged(received);
    } else if (
      reliable === undefined || message.type === "publication" || message.seq === undefined ||
      reliable.take(message.seq, size)
    ) this.#peer.receive(message);
  }

  /** A server that closes may say when and where to come back. */
  #heed(hint: unknown): void {
    if (!isMap(hint)) return;
    const { retryAfter, url } = hint;
    const isAddress = typeof url === "string" && /^wss?:/.test(url) && URL.canParse(url);
    this.#link.comeBack(
      typeof retryAfter === "number" && retryAfter > 0 ? Math.min(retryAfter, MAX_RETRY_AFTER) : 0,
      isAddress ? url : undefined,
    );
  }

  /**
   * The connection has gone, and the session may go on over the next one.
   *
   * @returns How long the server waits for that, in ms; 0 if it doesn't.
   */
  suspend(): number {
    this.#connected = false;
    this.#watchNoMore();
    return this.#reliable ? ticketOf(this.#link)?.window ?? 0 : 0;
  }

  get ticket(): ShownTicket | undefined {
    const session = ticketOf(this.#link)?.session;
    return this.#reliable && session !== undefined
      ? { session, received: this.#reliable.received }
      : undefined;
  }

  resume(link: Link): boolean {
    const missing = this.#reliable?.missing(ticketOf(link)?.received);
    if (missing === undefined) return false;
    this.#link = link;
    this.#connected = this.#heard = true;
    this.#watch();
    for (const { frames, order } of missing) link.transmit(frames, order);
    this.subscriptions?.resumed();
    return true;
  }

  get epoch(): string | undefined {
    return ticketOf(this.#link)?.epoch;
  }

  end(close: CloseInfo): void {
    this.#watchNoMore();
    this.#connected = false;
    this.#peer.end(close);
  }

  #send(message: OutgoingMessage, order?: string, minSize?: number): void {
    const reliable = this.#reliable;
    if (reliable === undefined || message.type === "publication") {
      return this.#link.send(message, order, minSize);
    }
    if (this.#connected) this.#link.checkRoom(message);
    const numbered = { ...message, seq: reliable.next };
    const frames = this.#link.encode(numbered);
    reliable.hold(frames, order);
    if (this.#connected) this.#link.transmit(frames, order, numbered, minSize);
  }

  #acknowledge(received: number): void {
    if (!this.#connected) return;
    const id = `system:${this.#link.clientId}:0`;
    this.#link.send({
      type: "request",
      id,
      method: RECEIVED_METHOD,
      args: [received],
      kwargs: {},
    });
  }
}

/** How much may take turns with a long upload, in bytes: little, since a server doesn't announce its `messageSize`. */
const MAX_INTERLEAVED = 4 * 1024 * 1024;

/**
 * The largest batch of Deno's own `WebSocket`, in bytes. It hands a longer payload to the system
 * behind its header, and Nagle's algorithm may hold that back for 40 ms: docs/runtimes.md.
 */
const DENO_BATCH = 1024;

function isDenos(socket: Socket): boolean {
  return "Deno" in globalThis && socket instanceof WebSocket;
}

/**
 * Makes the queue to a Hawser server's socket: small messages before bulk, in
 * batches, at the server's pace, and compressed where that is asked for.
 *
 * @param socket The socket.
 * @param options What was agreed on.
 * @returns The queue.
 */
export function createOutlet(
  socket: Socket,
  options: OutletOptions,
): Outlet {
  const { prefix, features, encoder, frameSize, received, sent, limits } = options;
  // Who sends looks at what waits before adding to it, so the queue's own bound has nothing to do.
  const queue = new SendQueue(socket, { interleaved: MAX_INTERLEAVED, sent });
  if (features.has("batch") && frameSize !== undefined) {
    queue.batch = isDenos(socket) ? Math.min(frameSize, DENO_BATCH) : frameSize;
  }
  const acks = features.has("ack")
    ? new Acks(received, (bytes) => queue.sendLast(() => encoder.encode(ackMessage(prefix, bytes))))
    : undefined;
  const compressor = features.has("compress") ? createCompressor(prefix, limits.depth) : undefined;
  const packing = compressor && new Packing(queue, encoder, compressor);
  const unpacking = compressor && new Unpacking(options, compressor, (bytes) => {
    acks?.read(bytes, false);
  });
  return {
    get held() {
      return queue.held + (packing?.held ?? 0);
    },
    stats: () => queue.stats(),
    compression: () => compressor?.stats,
    send(frames, options, message, minSize) {
      if (queue.batch > 0) acks?.passing();
      if (packing) packing.send(frames, options, message, minSize);
      else queue.send(frames, options);
    },
    flush: () => queue.flush(),
    clear() {
      acks?.stop();
      queue.clear();
      packing?.stop();
      unpacking?.stop();
    },
    takes(message, size) {
      if (!acks || !isAck(message)) return unpacking?.takes(message, size) ?? false;
      queue.acknowledge(message.args[0]);
      return true;
    },
    read(bytes, own) {
      if (!unpacking?.read(bytes)) acks?.read(bytes, own);
    },
  };
}
