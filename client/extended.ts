/**
 * What only Hawser's servers need: calls that are cancelled, watched and
 * streamed, the server's own calls, and a session that outlives its socket.
 * Loaded once such a server has answered.
 *
 * @module
 */
import type { RemoteStream } from "../protocol/api.ts";
import type { CloseInfo } from "../protocol/errors.ts";
import type { Message, OutgoingMessage } from "../protocol/messages.ts";
import { IncomingCall } from "../session/incoming.ts";
import type { CallOptions } from "../session/outgoing.ts";
import { Peer } from "../session/peer.ts";
import { Registry } from "../session/registry.ts";
import { RECEIVED_METHOD, Reliable } from "../session/reliable.ts";
import type { Caller, ClientSessionOptions, Link, Ticket } from "./_link.ts";

/** Calls a Hawser server, and is called by it. */
export class ExtendedCaller implements Caller {
  readonly #peer: Peer<IncomingCall>;
  readonly #reliable: Reliable | undefined;
  /** The last one while there is none: it can still encode. */
  #link: Link;
  #connected = true;

  /**
   * Takes up work.
   *
   * @param options How the session behaves.
   * @param link The connection.
   * @throws {TypeError} If a procedure's name or definition is bad.
   */
  constructor(options: ClientSessionOptions, link: Link) {
    const registry = new Registry<IncomingCall>();
    for (const [name, definition] of Object.entries(options.procedures)) {
      registry.register(name, definition);
    }
    this.#link = link;
    this.#reliable = link.agreement?.session === undefined ? undefined : new Reliable({
      bound: options.resumeBytes,
      acknowledge: (received) => this.#acknowledge(received),
      release() {},
    });
    this.#peer = new Peer<IncomingCall>({
      prefix: link.clientId,
      callTimeout: options.callTimeout,
      callsInFlight: options.callsInFlight,
      registry,
      exposeErrors: false,
      open: (request, notify) => new IncomingCall(request, notify),
      report: (error) => options.onError(error),
      send: (message, order) => this.#send(message, order),
      system: () => undefined,
    });
    this.#peer.features = link.features;
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

  receive(message: Message, size: number): void {
    const reliable = this.#reliable;
    if (reliable && message.type === "request" && message.method === RECEIVED_METHOD) {
      const [received] = message.args;
      if (typeof received === "number") reliable.acknowledged(received);
    } else if (
      reliable === undefined || message.type === "publication" || message.seq === undefined ||
      reliable.take(message.seq, size)
    ) this.#peer.receive(message);
  }

  suspend(): number {
    this.#connected = false;
    return this.#reliable ? this.#link.agreement?.window ?? 0 : 0;
  }

  get ticket(): Ticket | undefined {
    const session = this.#link.agreement?.session;
    return this.#reliable && session !== undefined
      ? { session, received: this.#reliable.received }
      : undefined;
  }

  resume(link: Link): boolean {
    const missing = this.#reliable?.missing(link.agreement?.received);
    if (missing === undefined) return false;
    this.#link = link;
    this.#connected = true;
    for (const { frames, order } of missing) link.transmit(frames, order);
    return true;
  }

  end(close: CloseInfo): void {
    this.#peer.end(close);
  }

  #send(message: OutgoingMessage, order: string | undefined): void {
    const reliable = this.#reliable;
    if (reliable === undefined || message.type === "publication") {
      return this.#link.send(message, order);
    }
    if (this.#connected) this.#link.checkRoom(message);
    const frames = this.#link.encode({ ...message, seq: reliable.next });
    reliable.hold(frames, order);
    if (this.#connected) this.#link.transmit(frames, order);
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
