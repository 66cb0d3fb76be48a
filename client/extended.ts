/**
 * What only Hawser's servers need: calls that are cancelled, watched and
 * streamed, and the server's own calls. Loaded once such a server has answered.
 *
 * @module
 */
import type { Procedures } from "../protocol/api.ts";
import type { Feature } from "../protocol/features.ts";
import type { OutgoingMessage } from "../protocol/messages.ts";
import { IncomingCall } from "../session/incoming.ts";
import { Peer } from "../session/peer.ts";
import { Registry } from "../session/registry.ts";

/** What the extended caller needs of its session. */
export interface ExtendedHost {
  /** The client's id. */
  readonly prefix: string;
  /** What was agreed on with the server. */
  readonly features: ReadonlySet<Feature>;
  /** How long a call waits that doesn't say, in ms; 0 is for ever. */
  readonly timeout: number;
  /** How many of the server's calls may run at a time. */
  readonly callsInFlight: number;
  /** What the server may call. */
  readonly procedures: Procedures;
  send(message: OutgoingMessage, order?: string): void;
  /** Called with what an application's callback throws. */
  onError(error: unknown): void;
}

/**
 * Makes what calls a Hawser server, and is called by it.
 *
 * @param host The session's side of it.
 * @returns The caller.
 * @throws {TypeError} If a procedure's name or definition is bad.
 */
export function extend(host: ExtendedHost): Peer<IncomingCall> {
  const registry = new Registry<IncomingCall>();
  for (const [name, definition] of Object.entries(host.procedures)) {
    registry.register(name, definition);
  }
  const peer = new Peer<IncomingCall>({
    prefix: host.prefix,
    callTimeout: host.timeout,
    callsInFlight: host.callsInFlight,
    registry,
    exposeErrors: false,
    open: (request, notify) => new IncomingCall(request, notify),
    report: (error) => host.onError(error),
    send: (message, order) => host.send(message, order),
    system: () => undefined,
  });
  peer.features = host.features;
  return peer;
}
