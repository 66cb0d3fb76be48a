/**
 * Who receives what: a publication is encoded once for each wire that one of
 * its receivers speaks, and its frames are shared.
 *
 * @module
 */
import { checkTopic, type Encoder, type Frame, type Wire } from "../protocol/mod.ts";
import type { SendOptions } from "../protocol/send_queue.ts";
import type { Client, Publisher, PublishOptions } from "./client.ts";
import type { ServerSession } from "./session.ts";

/** The publishing side of a server. */
export class Topics implements Publisher {
  /** The sessions that said a good hello, by client id. */
  readonly clients: ReadonlyMap<string, ServerSession>;
  readonly #encoders: Readonly<Record<Wire, Encoder>>;

  /**
   * @param clients The sessions that said a good hello; the map stays the server's.
   * @param encoders One encoder for each wire.
   */
  constructor(
    clients: ReadonlyMap<string, ServerSession>,
    encoders: Readonly<Record<Wire, Encoder>>,
  ) {
    this.clients = clients;
    this.#encoders = encoders;
  }

  /**
   * Publishes a value.
   *
   * @param topic Dot-separated words.
   * @param value What is published; binary anywhere in it.
   * @param options Whom it goes to.
   * @returns How many clients it went to.
   * @throws {TypeError} If the topic is no such name.
   * @throws {SerializeError} If the value can't be sent.
   */
  publish(topic: string, value: unknown, options: PublishOptions = {}): number {
    checkTopic(topic);
    const { to, except, policy = "queue", key = "" } = options;
    const sending: SendOptions = policy === "latest"
      ? { policy: "latest", key: `${topic}\n${key}` }
      : { policy: "drop" };
    const frames: { [W in Wire]?: Frame[] } = {};
    let held = false;
    let receivers = 0;
    const skipped = idOf(except);
    for (const session of this.#receivers(idOf(to))) {
      if (session.id === skipped) continue;
      const { wire } = session;
      frames[wire] ??= this.#encoders[wire].encode({ type: "publication", topic, result: value });
      if (!session.deliver(frames[wire], sending) && wire === "msgpack") held = true;
      receivers++;
    }
    const { msgpack } = frames;
    if (msgpack && !held) this.#encoders.msgpack.recycle?.(msgpack);
    return receivers;
  }

  #receivers(id: string | undefined): Iterable<ServerSession> {
    if (id === undefined) return this.clients.values();
    const session = this.clients.get(id);
    return session ? [session] : [];
  }
}

function idOf(client: Client | string | undefined): string | undefined {
  return typeof client === "object" ? client.id : client;
}
