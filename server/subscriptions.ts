/**
 * Who listens to what: the subscriptions of clients that make some, the rest of
 * the clients, and what each publication has to become for them.
 *
 * @module
 */
import { LimitError } from "../session/limited.ts";
import type { Topics } from "../protocol/api.ts";
import { ErrorCode, RpcError, type RpcErrorObject } from "../protocol/errors.ts";
import {
  filterKey,
  HISTORY_METHOD,
  isInterest,
  PRESENCE_TOPIC,
  UNSUBSCRIBED_METHOD,
} from "../protocol/interest.ts";
import { overlaps } from "../protocol/patterns.ts";
import type { Limits } from "../protocol/codec.ts";
import { isMap, type RequestMessage } from "../protocol/messages.ts";
import { ANSWERED } from "../session/incoming.ts";
import type { Client, ErrorContext } from "./client.ts";
import { aroundSubscribing, type SubscriptionMiddleware } from "./around.ts";
import { Definition, type DefinitionHost } from "./_definition.ts";
import { History, type Kept, valueOf } from "./_history.ts";
import { WHOLE } from "./_replay.ts";
import { TopicIndex } from "./_topic_index.ts";
import type { ServerSession } from "./session.ts";

/** Which subscriptions are meant. */
export interface SubscriptionSelector {
  /** Those that may receive this topic, or one that this pattern covers; all by default. */
  readonly topic?: string;
  /** Those of this client, or of the one with this id; everybody's by default. */
  readonly client?: Client | string;
}

/** Whose subscriptions are ended, and what their clients are told. */
export interface RevokeOptions extends SubscriptionSelector {
  /**
   * Why, in words that the client may read.
   *
   * @default {"Revoked"}
   */
  readonly message?: string;
  /**
   * Why, as a number.
   *
   * @default {ErrorCode.forbidden}
   */
  readonly code?: number;
  /** More about it. */
  readonly data?: unknown;
}

/** What subscriptions need of their server. */
export interface SubscriptionsHost {
  /** How many subscriptions a client may have. */
  readonly limit: number;
  /** Whether only what is defined can be subscribed to and published. */
  readonly strict: boolean;
  /** Whether payloads are held to their schemas where a topic doesn't say. */
  readonly checkPayloads: boolean;
  publish: DefinitionHost["publish"];
  /** What a topic may keep that doesn't say. */
  readonly limits: Limits;
  /** This run of the server. */
  readonly epoch: string;
  /** Has a client read a history from an offset on. */
  replay(session: ServerSession, history: History, selection: number, offset: number): void;
  report(error: unknown, context: ErrorContext): void;
}

/** What becomes of one publication: a value, for these. */
export interface Delivery {
  /** The selection's number; 0 is the whole. */
  readonly selection: number;
  /** The whole, or the part that the selection's filter lets through. */
  readonly value: unknown;
  /** Who gets it, each once. */
  readonly sessions: readonly ServerSession[];
}

/** Who wants to know when a client begins or ceases to listen. */
export interface ListeningObserver {
  /** What is asked whether a client may listen to one of the observer's own topics; `undefined` if it is none. */
  definitions(name: string): readonly Definition[] | undefined;
  /** Somebody has begun to listen to one of its topics, or nobody does any more. */
  watched(name: string, begun: boolean): void;
  /** A client's subscription to a topic or pattern has begun or ended. */
  listening(session: ServerSession, name: string, begun: boolean): void;
}

/** One filter of a topic or pattern, and who has it. */
interface Selection {
  readonly number: number;
  readonly key: string;
  readonly filters: Filters;
  readonly members: Members;
}

/** One topic or pattern that somebody listens to. */
interface Channel {
  readonly name: string;
  readonly definitions: readonly Definition[];
  /** Who has no filter. */
  readonly whole: Members;
  readonly selections: Map<string, Selection>;
}

/** How many subscriptions each client has to the same. */
type Members = Map<ServerSession, number>;

interface Subscription {
  readonly sid: number;
  readonly session: ServerSession;
  readonly channel: Channel;
  /** Absent without a filter. */
  readonly selection: Selection | undefined;
  /** Where it began in each history. */
  readonly begun: Map<History, number>;
}

/** A subscription that is asked for. */
interface Wanted {
  readonly name: string;
  readonly definitions: readonly Definition[];
  /** The filter in one string; empty without one. */
  readonly key: string;
  readonly filters: Filters;
  readonly start: Start;
}

/** Where a subscription begins in the histories of what it is about. */
interface Start {
  /** Where the client was, by the history's topic. */
  readonly since: ReadonlyMap<string, Place>;
  /** How many publications from before it wants, if it hasn't been there. */
  readonly last: number;
}

/** A place in a history, of one run of a server. */
interface Place {
  readonly epoch: string;
  readonly offset: number;
}

/** A filter as each definition that takes it reads it. */
type Filters = ReadonlyMap<Definition, unknown>;

/** What a client has subscribed to; for one that can't, there is none. */
type Own = Map<number, Subscription>;

const UNKNOWN_TOPIC = "Unknown topic";

/** The subscriptions of all clients. */
export class Subscriptions {
  readonly #host: SubscriptionsHost;
  readonly #definitions = new TopicIndex<Definition>();
  readonly #allDefinitions: readonly Definition[];
  readonly #channels = new TopicIndex<Channel>();
  readonly #own = new Map<ServerSession, Own>();
  /** The clients that can't subscribe, and get everything. */
  readonly #everything = new Set<ServerSession>();
  #observer: ListeningObserver | undefined;
  #middleware: SubscriptionMiddleware[] | undefined;
  #lastSid = 0;
  #lastSelection = 0;
  readonly #selections = new Map<number, { channel: Channel; selection: Selection }>();
  /** Grows when permissions change, so that an answer from before isn't taken for one from after. */
  #epoch = 0;

  /**
   * Checks the definitions.
   *
   * @param topics The definitions.
   * @param host What subscriptions need of their server.
   * @throws {TypeError} If a topic's name is bad.
   * @throws {RangeError} If a grace is out of range.
   */
  constructor(topics: Topics, host: SubscriptionsHost) {
    this.#host = host;
    const definitionHost: DefinitionHost = {
      checkPayloads: host.checkPayloads,
      publish: (topic, value, options) => host.publish(topic, value, options),
      report: (error) => host.report(error, {}),
    };
    let histories = 0;
    this.#allDefinitions = Object.entries(topics).map(([name, options]) => {
      const history = options.history &&
        new History(++histories, name, options.history, host.limits);
      const definition = new Definition(name, options, definitionHost, history);
      this.#definitions.set(name, definition);
      return definition;
    });
  }

  /**
   * Lets somebody know who listens.
   *
   * @param observer Who wants to know.
   */
  observe(observer: ListeningObserver): void {
    this.#observer = observer;
  }

  /**
   * Finds the definition that a publication falls under.
   *
   * @param topic The topic's name.
   * @returns Its own, or the first pattern's that covers it.
   * @throws {TypeError} If there is none, and there has to be one.
   */
  definitionOf(topic: string): Definition | undefined {
    const [definition] = this.#definitions.match(topic);
    if (definition === undefined && this.#host.strict) {
      throw new TypeError(`The topic "${topic}" is not defined, and strictTopics is set`);
    }
    return definition;
  }

  /**
   * A client has said a good hello.
   *
   * @param session Its session.
   */
  joined(session: ServerSession): void {
    if (session.features.has("subscribe")) {
      this.#own.set(session, new Map());
      return;
    }
    this.#everything.add(session);
    for (const definition of this.#allDefinitions) {
      if (definition.broadcast) definition.listen(session, definition.name);
    }
    this.#observer?.listening(session, ">", true);
  }

  /**
   * A client has gone.
   *
   * @param session Its session.
   */
  left(session: ServerSession): void {
    const own = this.#own.get(session);
    // First, so that nothing which is told of the end can send to it.
    this.#own.delete(session);
    for (const subscription of own?.values() ?? []) this.#leave(subscription);
    if (!this.#everything.delete(session)) return;
    for (const definition of this.#allDefinitions) {
      if (definition.broadcast) definition.unlisten(session, definition.name);
    }
    this.#observer?.listening(session, ">", false);
  }

  /** Stops all producers: the server closes. */
  stop(): void {
    for (const definition of this.#allDefinitions) definition.stop();
  }

  /**
   * Has something run around every subscription that a client asks for.
   *
   * @param middleware Runs inside of what is there already.
   */
  use(middleware: SubscriptionMiddleware): void {
    (this.#middleware ??= []).push(middleware);
  }

  /**
   * Answers `wslink.subscribe`.
   *
   * @param session Who subscribes.
   * @param request The topic or pattern, and `filter` by name.
   * @returns That it has answered, with the subscription's number and its selection's.
   * @throws {RpcError} -32602 for what can't be subscribed to, -32005 for what may
   * not be; or a promise that rejects with it.
   */
  subscribe(session: ServerSession, request: RequestMessage): unknown {
    return this.#middleware === undefined
      ? this.#subscribe(session, request)
      : this.#subscribeWithin(this.#middleware, session, request);
  }

  async #subscribeWithin(
    middleware: readonly SubscriptionMiddleware[],
    session: ServerSession,
    request: RequestMessage,
  ): Promise<unknown> {
    const { args: [topic], kwargs: { filter } } = request;
    if (!isInterest(topic)) throw invalid("A topic or a pattern is expected", topic);
    const entered = await aroundSubscribing(
      middleware,
      { client: session, topic, filter },
      () => this.#subscribe(session, request),
    );
    if (entered === undefined) throw new RpcError(ErrorCode.forbidden, "Not allowed", topic);
    for (const error of entered.late) this.#host.report(error, { client: session, method: topic });
    return entered.answer;
  }

  #subscribe(session: ServerSession, request: RequestMessage): unknown {
    const { args: [name], kwargs: { filter = null } } = request;
    if (!isInterest(name)) throw invalid("A topic or a pattern is expected", name);
    const start = startOf(request.kwargs);
    this.#checkLimit(session);
    const definitions = this.#definitionsFor(name);
    const key = filter === null ? "" : keyOf(filter);
    const filters = filter === null ? NO_FILTERS : parseFilter(definitions, filter, name);
    if (!(filters instanceof Promise) && !definitions.some(({ guarded }) => guarded)) {
      return this.#enter(session, request.id, { name, definitions, key, filters, start });
    }
    return this.#ask(session, request.id, { name, definitions, key, filters, start });
  }

  /**
   * Answers `wslink.unsubscribe`.
   *
   * @param session Whose subscription it is.
   * @param request The subscription's number.
   * @returns Whether there was one; it may have been revoked a moment ago.
   */
  unsubscribe(session: ServerSession, { args: [sid] }: RequestMessage): boolean {
    const subscription = typeof sid === "number" ? this.#own.get(session)?.get(sid) : undefined;
    if (subscription === undefined) return false;
    this.#own.get(session)?.delete(subscription.sid);
    this.#leave(subscription);
    return true;
  }

  /**
   * Answers `wslink.recover`.
   *
   * @param session Who has come back.
   * @param request The subscription's number; `since` and `last` by name.
   * @returns That it has answered: whether there is such a subscription.
   * @throws {RpcError} -32602 for what is no place or number.
   */
  recover(session: ServerSession, { id, args: [sid], kwargs }: RequestMessage): typeof ANSWERED {
    const start = startOf(kwargs);
    const subscription = typeof sid === "number" ? this.#own.get(session)?.get(sid) : undefined;
    session.answer(id, subscription !== undefined, subscription?.channel.name ?? "");
    if (subscription) this.#beginHistories(subscription, start);
    return ANSWERED;
  }

  /**
   * What a client gets of a publication that was kept.
   *
   * @param session The client.
   * @param number The selection's number.
   * @param history Which history.
   * @param kept The publication.
   * @returns A part, {@linkcode WHOLE}, or `undefined` if it gets nothing.
   */
  part(
    session: ServerSession,
    number: number,
    history: History,
    kept: Kept,
  ): { readonly value: unknown } | typeof WHOLE | undefined {
    if (kept.except === session.id) return undefined;
    if (number === 0) {
      const listens = this.#channels.match(kept.topic).some(({ whole }) => whole.has(session));
      return listens ? WHOLE : undefined;
    }
    const found = this.#selections.get(number);
    if (found === undefined) return undefined;
    const { channel, selection } = found;
    if (!selection.members.has(session)) return undefined;
    try {
      return partOf(channel, selection, history, kept);
    } catch (error) {
      this.#fail(channel, selection, error);
      return undefined;
    }
  }

  /**
   * Tells a client that it misses some of a history.
   *
   * @param session The client.
   * @param number The selection's number.
   * @param history Which history.
   * @param from It has got, or skipped, what came up to this offset.
   * @param to What came up to this one is kept no more.
   */
  missed(
    session: ServerSession,
    number: number,
    history: History,
    from: number,
    to: number,
  ): void {
    for (const subscription of this.#own.get(session)?.values() ?? []) {
      const { channel, selection } = subscription;
      if ((selection?.number ?? 0) !== number) continue;
      if (!channel.definitions.some((definition) => definition.history === history)) continue;
      this.#tell(subscription, history, to, { epoch: this.#host.epoch, offset: from });
    }
  }

  /** Says from where on a subscription gets a history's publications, and sends those that there are. */
  #beginHistories(subscription: Subscription, { since, last }: Start): void {
    const { session, channel, selection, begun } = subscription;
    if (!session.features.has("history")) return;
    const { epoch } = this.#host;
    for (const { history } of channel.definitions) {
      if (history === undefined) continue;
      const known = since.get(history.topic) ??
        (begun.has(history) ? { epoch, offset: begun.get(history) ?? 0 } : undefined);
      const oldest = history.first - 1;
      let from: number;
      let gap: Place | undefined;
      if (known === undefined) from = this.#beforeLast(subscription, history, last);
      else if (known.epoch !== epoch || known.offset > history.last) {
        // The server was restarted: what it has kept since then is new to the client.
        from = oldest;
        gap = known;
      } else {
        from = Math.max(known.offset, oldest);
        if (from > known.offset) gap = known;
      }
      if (known === undefined || known.epoch !== epoch) begun.set(history, from);
      this.#tell(subscription, history, from, gap);
      if (from < history.last) {
        this.#host.replay(session, history, selection?.number ?? 0, from + 1);
      }
    }
  }

  /** The offset behind which the last `count` publications lie that a subscription is about. */
  #beforeLast(
    { session, channel, selection }: Subscription,
    history: History,
    count: number,
  ): number {
    let from = history.last;
    let left = count;
    if (left === 0) return from;
    for (const kept of history.backwards()) {
      if (kept.except === session.id || !overlaps(channel.name, kept.topic)) continue;
      try {
        if (selection && partOf(channel, selection, history, kept) === undefined) continue;
      } catch {
        // It fails again when it is sent, and ends the subscription.
      }
      from = kept.offset - 1;
      if (--left === 0) break;
    }
    return from;
  }

  #tell(
    { sid, session }: Subscription,
    history: History,
    offset: number,
    gap: Place | undefined,
  ): void {
    const { topic, number: log, last: head, order } = history;
    const { epoch } = this.#host;
    const place = { topic, log, epoch, offset, head, ...(gap ? { gap } : {}) };
    session.notify(HISTORY_METHOD, [sid, place], order);
  }

  /** Whether a topic's publications are compressed. */
  get compresses(): boolean {
    return this.#allDefinitions.some(({ minSize }) => minSize !== undefined);
  }

  /**
   * Finds out what one publication has to become.
   *
   * @param topic Its topic.
   * @param value The payload.
   * @param admits Who may get it, whoever listens.
   * @returns The values and who gets them.
   * @throws {TypeError} If the topic is not defined, and has to be.
   */
  deliveries(
    topic: string,
    value: unknown,
    admits: ((session: ServerSession) => boolean) | undefined,
  ): readonly Delivery[] {
    const definition = this.definitionOf(topic);
    const channels = this.#channels.match(topic);
    const everything = definition?.broadcast === false ? NOBODY : this.#everything;
    const deliveries: Delivery[] = [];
    const whole = unite(everything, channels);
    const sessions = admits ? whole.filter(admits) : whole;
    if (sessions.length > 0) deliveries.push({ selection: 0, value, sessions });
    if (definition === undefined) return deliveries;
    for (const channel of channels) {
      for (const selection of [...channel.selections.values()]) {
        if (!selection.filters.has(definition)) continue;
        const members = [...selection.members.keys()].filter(isConnected);
        const sessions = admits ? members.filter(admits) : members;
        if (sessions.length === 0) continue;
        try {
          const part = definition.select(value, selection.filters.get(definition), topic);
          if (part === undefined || part === null) continue;
          deliveries.push({ selection: selection.number, value: part, sessions });
        } catch (error) {
          this.#fail(channel, selection, error);
        }
      }
    }
    return deliveries;
  }

  /**
   * Who receives a topic's publications, in whole or in part.
   *
   * @param topic The topic.
   * @returns Their sessions, each once.
   */
  listeners(topic: string): Set<ServerSession> {
    const [definition] = this.#definitions.match(topic);
    const found = new Set(definition?.broadcast === false ? NOBODY : this.#everything);
    for (const channel of this.#channels.match(topic)) {
      for (const session of channel.whole.keys()) found.add(session);
      for (const { members } of channel.selections.values()) {
        for (const session of members.keys()) found.add(session);
      }
    }
    return found;
  }

  /**
   * Tells whether a client receives a topic's publications.
   *
   * @param session The client.
   * @param topic The topic.
   * @returns Whether it does.
   */
  listens(session: ServerSession, topic: string): boolean {
    if (this.#everything.has(session)) {
      return this.#definitions.match(topic)[0]?.broadcast !== false;
    }
    for (const { channel } of this.#own.get(session)?.values() ?? []) {
      if (overlaps(channel.name, topic)) return true;
    }
    return false;
  }

  /**
   * Ends subscriptions.
   *
   * @param options Which, and why.
   * @returns How many.
   */
  revoke(options: RevokeOptions): number {
    const { code = ErrorCode.forbidden, message = "Revoked", data } = options;
    const error = data === undefined ? { code, message } : { code, message, data };
    this.#epoch++;
    const selected = this.#selected(options);
    for (const subscription of selected) this.#end(subscription, error);
    return selected.length;
  }

  /**
   * Asks `authorize` again, and ends the subscriptions that it refuses now.
   *
   * @param options Which are asked about.
   * @returns How many were ended.
   */
  async reauthorize(options: SubscriptionSelector): Promise<number> {
    this.#epoch++;
    const refused = await Promise.all(
      this.#selected(options).map(async (subscription) => {
        const { session, channel, selection } = subscription;
        try {
          for (const definition of channel.definitions) {
            const filter = selection?.filters.get(definition);
            await definition.authorize(session, filter, channel.name);
          }
          return false;
        } catch (error) {
          const refusal = error instanceof RpcError ? error : NOT_ALLOWED;
          return this.#end(subscription, refusal.toWire());
        }
      }),
    );
    return refused.filter((ended) => ended).length;
  }

  /**
   * Who listens to one of the observer's topics: patterns don't cover those.
   *
   * @param name The topic.
   * @returns Their sessions.
   */
  watchers(name: string): readonly ServerSession[] {
    return [...this.#channels.get(name)?.whole.keys() ?? []].filter(isConnected);
  }

  #definitionsFor(name: string): readonly Definition[] {
    if (isReserved(name)) {
      const own = this.#observer?.definitions(name);
      if (own === undefined) throw invalid(UNKNOWN_TOPIC, name);
      return own;
    }
    const definitions = this.#allDefinitions.filter((each) => overlaps(each.name, name));
    if (definitions.length === 0 && this.#host.strict) throw invalid(UNKNOWN_TOPIC, name);
    return definitions;
  }

  /** Enters a subscription once the application has said that it may be. */
  async #ask(
    session: ServerSession,
    id: string,
    wanted: Omit<Wanted, "filters"> & { readonly filters: Filters | Promise<Filters> },
  ): Promise<unknown> {
    const { name, definitions } = wanted;
    const filters = await wanted.filters;
    let epoch: number;
    do {
      epoch = this.#epoch;
      for (const definition of definitions) {
        await definition.authorize(session, filters.get(definition), name);
      }
    } while (epoch !== this.#epoch);
    // Meanwhile it may have gone, or subscribed to more.
    this.#checkLimit(session);
    return this.#enter(session, id, { ...wanted, filters });
  }

  #checkLimit(session: ServerSession): void {
    const own = this.#own.get(session);
    if (own === undefined) throw new DOMException("The client has gone", "AbortError");
    if (own.size >= this.#host.limit) {
      throw new LimitError("subscriptions", "Too many subscriptions");
    }
  }

  #enter(session: ServerSession, id: string, wanted: Wanted): typeof ANSWERED {
    const { name, definitions, key, filters, start } = wanted;
    let channel = this.#channels.get(name);
    const isNew = channel === undefined;
    if (channel === undefined) {
      channel = { name, definitions, whole: new Map(), selections: new Map() };
      this.#channels.set(name, channel);
    }
    let selection: Selection | undefined;
    if (key !== "") {
      selection = channel.selections.get(key);
      if (selection === undefined) {
        selection = { number: ++this.#lastSelection, key, filters, members: new Map() };
        channel.selections.set(key, selection);
        this.#selections.set(selection.number, { channel, selection });
      }
    }
    const sid = ++this.#lastSid;
    const subscription = { sid, session, channel, selection, begun: new Map() };
    this.#own.get(session)?.set(sid, subscription);
    const members = selection?.members ?? channel.whole;
    members.set(session, (members.get(session) ?? 0) + 1);
    // Before anything is published for it, since nobody else can tell whose a selection is.
    const kept = session.features.has("history") && definitions.some(({ history }) => history);
    session.answer(
      id,
      { sid, selection: selection?.number ?? 0, ...(kept ? { history: true } : {}) },
      name,
    );
    this.#beginHistories(subscription, start);
    for (const definition of definitions) definition.listen(session, name);
    if (isNew && isReserved(name)) this.#observer?.watched(name, true);
    this.#observer?.listening(session, name, true);
    return ANSWERED;
  }

  /** Takes a subscription out of everything but its client's own list. */
  #leave({ session, channel, selection }: Subscription): void {
    const members = selection?.members ?? channel.whole;
    const count = members.get(session) ?? 0;
    if (count > 1) members.set(session, count - 1);
    else members.delete(session);
    if (selection?.members.size === 0) {
      channel.selections.delete(selection.key);
      this.#selections.delete(selection.number);
    }
    if (channel.whole.size === 0 && channel.selections.size === 0) {
      this.#channels.delete(channel.name);
      if (isReserved(channel.name)) this.#observer?.watched(channel.name, false);
    }
    for (const definition of channel.definitions) definition.unlisten(session, channel.name);
    this.#observer?.listening(session, channel.name, false);
  }

  /** Ends a subscription and tells its client why. */
  #end(subscription: Subscription, error: RpcErrorObject): boolean {
    const { sid, session } = subscription;
    // It may have ended by itself, while permissions were looked up.
    if (!this.#own.get(session)?.delete(sid)) return false;
    this.#leave(subscription);
    // Not before the answer that names the subscription.
    session.notify(UNSUBSCRIBED_METHOD, [sid, error], subscription.channel.name);
    return true;
  }

  /** A filter that nobody can work with is its subscribers' affair, and no one else's. */
  #fail(channel: Channel, selection: Selection, error: unknown): void {
    const refusal = error instanceof RpcError ? error : SELECT_FAILED;
    for (const session of [...selection.members.keys()]) {
      this.#host.report(error, { client: session, method: channel.name });
      for (const subscription of [...this.#own.get(session)?.values() ?? []]) {
        if (subscription.selection === selection) this.#end(subscription, refusal.toWire());
      }
    }
  }

  #selected({ topic, client }: SubscriptionSelector): Subscription[] {
    const id = typeof client === "object" ? client.id : client;
    const selected: Subscription[] = [];
    for (const [session, own] of this.#own) {
      if (id !== undefined && session.id !== id) continue;
      for (const subscription of own.values()) {
        if (topic === undefined || overlaps(topic, subscription.channel.name)) {
          selected.push(subscription);
        }
      }
    }
    return selected;
  }
}

const NOBODY: ReadonlySet<ServerSession> = new Set();

const NO_FILTERS: Filters = new Map();

const NOT_ALLOWED = new RpcError(ErrorCode.forbidden, "Not allowed");

const SELECT_FAILED = new RpcError(ErrorCode.exception, "The filter could not be applied");

/** The protocol's own topics, which no pattern covers. */
function isReserved(name: string): boolean {
  return name === PRESENCE_TOPIC || name.startsWith(`${PRESENCE_TOPIC}.`);
}

function invalid(message: string, data?: unknown): RpcError {
  return new RpcError(ErrorCode.invalidArguments, message, data);
}

function keyOf(filter: unknown): string {
  try {
    return filterKey(filter);
  } catch (error) {
    throw invalid(error instanceof TypeError ? error.message : "The filter can't be read");
  }
}

/** Has every definition that takes filters read one; one that refuses it is not listened to. */
function parseFilter(
  definitions: readonly Definition[],
  filter: unknown,
  name: string,
): Filters | Promise<Filters> {
  const taking = definitions.filter(({ filtered }) => filtered);
  if (taking.length === 0) throw invalid("The topic takes no filter", name);
  const filters = new Map<Definition, unknown>();
  let refusal: unknown;
  const refuse = (error: unknown) => void (refusal ??= error);
  const finish = () => {
    if (filters.size === 0) throw refusal;
    return filters;
  };
  const later: Promise<unknown>[] = [];
  for (const definition of taking) {
    try {
      const parsed = definition.parseFilter(filter);
      if (!(parsed instanceof Promise)) filters.set(definition, parsed);
      else later.push(parsed.then((value) => filters.set(definition, value), refuse));
    } catch (error) {
      refuse(error);
    }
  }
  return later.length === 0 ? finish() : Promise.all(later).then(finish);
}

/** Reads where a subscription is to begin. */
function startOf({ since = null, last = 0 }: Readonly<Record<string, unknown>>): Start {
  if (typeof last !== "number" || !Number.isInteger(last) || last < 0) {
    throw invalid("last must be an integer from 0 on", last);
  }
  const places = new Map<string, Place>();
  if (since === null) return { since: places, last };
  if (!isMap(since)) throw invalid("since must be a map of places by topic");
  for (const [topic, place] of Object.entries(since)) {
    if (!isMap(place) || typeof place.epoch !== "string" || typeof place.offset !== "number") {
      throw invalid("A place has an epoch and an offset", topic);
    }
    places.set(topic, { epoch: place.epoch, offset: place.offset });
  }
  return { since: places, last };
}

/** The part of a kept publication that a filter lets through. */
function partOf(
  channel: Channel,
  selection: Selection,
  history: History,
  kept: Kept,
): { readonly value: unknown } | undefined {
  if (!overlaps(channel.name, kept.topic)) return undefined;
  for (const [definition, filter] of selection.filters) {
    if (definition.history !== history) continue;
    const value = definition.select(valueOf(kept), filter, kept.topic);
    return value === undefined || value === null ? undefined : { value };
  }
  return undefined;
}

/** Everybody who gets the whole, each once: a client may have two patterns that meet. */
function unite(
  everything: ReadonlySet<ServerSession>,
  channels: readonly Channel[],
): readonly ServerSession[] {
  const [first, ...others] = channels.filter(({ whole }) => whole.size > 0);
  if (first === undefined) return [...everything].filter(isConnected);
  // Who gets everything has no subscriptions.
  if (others.length === 0) return [...everything, ...first.whole.keys()].filter(isConnected);
  const united = new Set(first.whole.keys());
  for (const { whole } of others) for (const session of whole.keys()) united.add(session);
  return [...everything, ...united].filter(isConnected);
}

/** What a client misses while it has no connection is not sent later, and so not counted. */
function isConnected({ connected }: ServerSession): boolean {
  return connected;
}
