/**
 * Who is connected, and who listens to what: told to clients that ask, and
 * published as it changes.
 *
 * @module
 */
import type { PresenceEvent, PresentClient } from "../protocol/api.ts";
import { ErrorCode, RpcError } from "../protocol/errors.ts";
import { filterKey, PRESENCE_TOPIC } from "../protocol/interest.ts";
import { overlaps } from "../protocol/patterns.ts";
import type { RequestMessage } from "../protocol/messages.ts";
import { checkTopic } from "../protocol/names.ts";
import { Definition } from "./_definition.ts";
import type { Client } from "./client.ts";
import type { ServerSession } from "./session.ts";
import type { ListeningObserver, Subscriptions } from "./subscriptions.ts";

/** How clients know of each other. */
export interface PresenceOptions {
  /**
   * Whether a client may know who is connected, or with a topic, who listens to
   * it; asked for each question and each subscription, and for these again by
   * `server.reauthorize()`. One that throws says no.
   *
   * @param client Who asks.
   * @param topic The topic; `undefined` for everybody.
   * @returns Whether it may.
   *
   * @default {undefined}
   */
  readonly authorize?: (client: Client, topic: string | undefined) => boolean | Promise<boolean>;
}

/** What presence needs of its server. */
export interface PresenceHost {
  readonly options: PresenceOptions;
  /** Takes what `authorize` throws. */
  report(error: unknown): void;
  readonly subscriptions: Subscriptions;
  /** Publishes to these, and to nobody else. */
  publish(topic: string, value: PresenceEvent, sessions: readonly ServerSession[]): void;
}

/** Who is present. */
export class Presence implements ListeningObserver {
  readonly #host: PresenceHost;
  /** What is asked before a client is told anything; absent if all may know. */
  readonly #definition: Definition | undefined;
  /** Those that others may know of, in the order of their coming. */
  readonly #present = new Set<ServerSession>();
  /** Who listens to the topics that somebody asks about. */
  readonly #watched = new Map<string, Set<ServerSession>>();

  /**
   * Starts without clients.
   *
   * @param host What presence needs of its server.
   */
  constructor(host: PresenceHost) {
    this.#host = host;
    const { authorize } = host.options;
    this.#definition = authorize && new Definition(
      PRESENCE_TOPIC,
      {
        wslink: false,
        authorize: (client: Client, _filter: undefined, name: string) =>
          authorize(client, name === PRESENCE_TOPIC ? undefined : watchedTopic(name)),
      },
      { checkPayloads: false, publish: () => 0, report: (error) => host.report(error) },
      undefined,
    );
    host.subscriptions.observe(this);
  }

  /**
   * A client has said a good hello. One that has data says so in its next message,
   * and comes with it.
   *
   * @param session Its session.
   */
  joined(session: ServerSession): void {
    if (!session.features.has("presence")) this.#come(session);
  }

  /**
   * A client has gone.
   *
   * @param session Its session.
   */
  left(session: ServerSession): void {
    if (this.#present.delete(session)) this.#tell("leave", session, PRESENCE_TOPIC);
  }

  /**
   * Answers `wslink.data`.
   *
   * @param session Whose data it is.
   * @param request The data.
   * @throws {RpcError} -32602 if it is no JSON, or too long.
   */
  data(session: ServerSession, { args: [data = null] }: RequestMessage): void {
    try {
      // A copy, since what came may be a view of a large frame.
      session.data = JSON.parse(filterKey(data));
    } catch (error) {
      const message = error instanceof TypeError ? error.message : "The data can't be read";
      throw new RpcError(
        ErrorCode.invalidArguments,
        message.replace("A filter", "A client's data"),
      );
    }
    if (this.#present.has(session)) this.#tell("update", session, PRESENCE_TOPIC);
    else this.#come(session);
  }

  /**
   * Answers `wslink.presence`.
   *
   * @param session Who asks.
   * @param request A topic, or nothing for everybody.
   * @returns Who is present, or listens to the topic.
   * @throws {RpcError} -32602 if it is no topic; or a promise that rejects with
   * -32005 if the client may not know.
   */
  list(
    session: ServerSession,
    { args: [given = null] }: RequestMessage,
  ): PresentClient[] | Promise<PresentClient[]> {
    const topic = given === null ? undefined : checked(given);
    const list = () => {
      const sessions = topic === undefined
        ? this.#present
        : this.#host.subscriptions.listeners(topic);
      return [...sessions].filter((session) => this.#present.has(session)).map(toPresent);
    };
    if (this.#definition === undefined) return list();
    const name = topic === undefined ? PRESENCE_TOPIC : `${PRESENCE_TOPIC}.${topic}`;
    return this.#definition.authorize(session, undefined, name).then(list);
  }

  definitions(name: string): readonly Definition[] | undefined {
    if (name !== PRESENCE_TOPIC && /[*>]/.test(name)) return undefined;
    return this.#definition ? [this.#definition] : [];
  }

  watched(name: string, begun: boolean): void {
    if (name === PRESENCE_TOPIC) return;
    const topic = watchedTopic(name);
    if (begun) this.#watched.set(topic, this.#host.subscriptions.listeners(topic));
    else this.#watched.delete(topic);
  }

  listening(session: ServerSession, name: string, begun: boolean): void {
    for (const [topic, listeners] of this.#watched) {
      if (!overlaps(name, topic) || listeners.has(session) === begun) continue;
      if (this.#host.subscriptions.listens(session, topic) !== begun) continue;
      if (begun) listeners.add(session);
      else listeners.delete(session);
      this.#tell(begun ? "join" : "leave", session, `${PRESENCE_TOPIC}.${topic}`);
    }
  }

  #come(session: ServerSession): void {
    this.#present.add(session);
    this.#tell("join", session, PRESENCE_TOPIC);
  }

  #tell(event: PresenceEvent["event"], session: ServerSession, topic: string): void {
    const watchers = this.#host.subscriptions.watchers(topic);
    if (watchers.length === 0) return;
    this.#host.publish(topic, { event, client: toPresent(session) }, watchers);
  }
}

function toPresent({ id, data }: ServerSession): PresentClient {
  return { id, data };
}

function watchedTopic(name: string): string {
  return name.slice(PRESENCE_TOPIC.length + 1);
}

function checked(topic: unknown): string {
  try {
    if (typeof topic === "string") return checkTopic(topic);
  } catch {
    // Answered below.
  }
  throw new RpcError(ErrorCode.invalidArguments, "A topic is expected", topic);
}
