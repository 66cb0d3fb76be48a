/**
 * A client that does as it is told, right or wrong: on a server's session
 * without a socket, or over a real one.
 */
import { assertEquals } from "@std/assert";
import {
  type Agreement,
  type CloseInfo,
  type Frame,
  HELLO_ID,
  HELLO_METHOD,
  JsonDecoder,
  JsonEncoder,
  type Message,
  MsgpackDecoder,
  MsgpackEncoder,
  type OutgoingMessage,
  type Wire,
} from "@hawser/hawser/protocol";
import type { Server, Socket } from "@hawser/hawser/server";
import { MsgpackWriter } from "../protocol/_msgpack.ts";
import { chunk } from "../scripts/torture/_chunk.ts";

export { chunk };

/** Both wires, for tests that run on each. */
export const WIRES = ["json", "msgpack"] as const satisfies Wire[];

/** A value's msgpack, with no look at whether it is a message. */
export function msgpack(value: unknown): Uint8Array {
  const writer = new MsgpackWriter(1000);
  writer.write(value);
  const bytes = new Uint8Array(writer.size);
  let at = 0;
  for (const piece of writer.pieces()) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** One end of a connection that speaks a wire. */
export class Peer {
  readonly wire: Wire;
  /** Messages that came and that nobody took yet. */
  readonly received: Message[] = [];
  /** Resolves when the connection has ended. */
  readonly closed: Promise<CloseInfo>;
  readonly #write: (frame: Frame) => void;
  readonly #encoder: JsonEncoder | MsgpackEncoder;
  readonly #decoder: JsonDecoder | MsgpackDecoder;
  readonly #closed = Promise.withResolvers<CloseInfo>();
  #waiting: PromiseWithResolvers<Message>[] = [];
  #count = 0;

  /**
   * @param wire The wire that it speaks.
   * @param write Sends a frame.
   */
  constructor(wire: Wire, write: (frame: Frame) => void) {
    this.wire = wire;
    this.closed = this.#closed.promise;
    this.#write = write;
    this.#encoder = wire === "json" ? new JsonEncoder() : new MsgpackEncoder();
    this.#decoder = wire === "json" ? new JsonDecoder() : new MsgpackDecoder();
  }

  /** Sends a message. */
  send(message: OutgoingMessage): void {
    for (const frame of this.#encoder.encode(message)) this.#write(frame);
  }

  /** Sends a frame as it is. */
  sendFrame(frame: Frame): void {
    this.#write(frame);
  }

  /** Sends any value where a message should be. */
  sendValue(value: unknown): void {
    if (this.wire === "json") return this.#write(JSON.stringify(value));
    const content = msgpack(value);
    this.#write(chunk(++this.#count, 0, content.length, content));
  }

  /** Sends a request, and returns its id. */
  request(
    method: string,
    args: unknown[] = [],
    kwargs: Record<string, unknown> = {},
    id = `rpc:c0:${++this.#count}`,
  ): string {
    this.send({ type: "request", id, method, args, kwargs });
    return id;
  }

  /** Sends a request and returns its answer, which must be the next message. */
  async call(
    method: string,
    args?: unknown[],
    kwargs?: Record<string, unknown>,
  ): Promise<Message> {
    const id = this.request(method, args, kwargs);
    const answer = await this.next();
    assertEquals("id" in answer && answer.id, id);
    return answer;
  }

  /** Says hello and returns the answer, which must be the next message. */
  async hello(secret: unknown = "wslink-secret", hawser?: Agreement): Promise<Message> {
    this.request(HELLO_METHOD, [hawser ? { secret, hawser } : { secret }], {}, HELLO_ID);
    return await this.next();
  }

  /** The next message; rejects if the connection ends before. */
  next(): Promise<Message> {
    const message = this.received.shift();
    if (message) return Promise.resolve(message);
    const waiting = Promise.withResolvers<Message>();
    this.#waiting.push(waiting);
    this.closed.then(({ code, reason }) => {
      waiting.reject(new Error(`The connection closed with ${code} "${reason}"`));
    });
    return waiting.promise;
  }

  /** Takes a frame of the other side's. */
  receive(frame: Frame | ArrayBuffer): void {
    const message = this.#decoder.decode(frame);
    if (message === undefined) return;
    const waiting = this.#waiting.shift();
    if (waiting) waiting.resolve(message);
    else this.received.push(message);
  }

  /** The connection has ended. */
  ended(close: CloseInfo): void {
    this.#closed.resolve(close);
  }
}

/** The server's end of a connection without a network. */
export class FakeSocket implements Socket {
  readyState = 1;
  /** What the network has not taken; a test sets it. */
  bufferedAmount = 0;
  /** Whether the other end answers the closing handshake. */
  answersClose = true;
  /** What was sent, in order. */
  readonly frames: Frame[] = [];
  readonly #peer: () => LocalPeer;

  /** @param peer Who is at the other end. */
  constructor(peer: () => LocalPeer) {
    this.#peer = peer;
  }

  send(frame: Frame): void {
    this.frames.push(frame);
    this.#peer().receive(frame);
  }

  close(code = 1005, reason = ""): void {
    this.readyState = 2;
    const peer = this.#peer();
    peer.ended({ code, reason });
    // A real socket tells its end in an event, never within close().
    if (this.answersClose) queueMicrotask(() => peer.leave({ code, reason }));
  }
}

/** A client at a server's session, with no socket between. */
export class LocalPeer extends Peer {
  /** The server's socket. */
  readonly socket: FakeSocket;
  readonly #leave: (close: CloseInfo) => void;

  /**
   * @param server The server.
   * @param wire The wire that the client speaks.
   * @param address Where it comes from, as an adapter would say.
   */
  constructor(server: Pick<Server, "accept">, wire: Wire = "msgpack", address?: string) {
    super(wire, (frame) => {
      session.receive(typeof frame === "string" ? frame : new Uint8Array(frame).buffer);
    });
    this.socket = new FakeSocket(() => this);
    const session = server.accept(this.socket, undefined, { address });
    this.#leave = (close) => session.ended(close);
  }

  /** Goes away, as a socket that breaks. */
  leave(close: CloseInfo = { code: 1006, reason: "" }): void {
    this.socket.readyState = 3;
    this.#leave(close);
    this.ended(close);
  }
}

/** A client that has said a good hello, and its id. */
export async function join(
  server: Pick<Server, "accept">,
  wire: Wire = "msgpack",
  hawser?: Agreement,
): Promise<{ peer: LocalPeer; id: string }> {
  const peer = new LocalPeer(server, wire);
  return { peer, id: clientIdOf(await peer.hello(undefined, hawser)) };
}

/** The client id in a hello's answer. */
export function clientIdOf(answer: Message): string {
  if (answer.type !== "result") throw new TypeError(`No good hello: ${JSON.stringify(answer)}`);
  const id = Reflect.get(Object(answer.result), "clientID");
  if (typeof id !== "string") throw new TypeError("The hello's answer has no client id");
  return id;
}

/** A client over a real WebSocket. */
export class RemotePeer extends Peer implements AsyncDisposable {
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket, wire: Wire) {
    super(wire, (frame) => socket.send(frame));
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.receive(data);
    socket.onclose = ({ code, reason }) => this.ended({ code, reason });
    socket.onerror = (event) => event.preventDefault();
  }

  /** Opens one. */
  static async dial(url: string, wire: Wire): Promise<RemotePeer> {
    const socket = new WebSocket(url);
    const opened = Promise.withResolvers<void>();
    socket.onopen = () => opened.resolve();
    const peer = new RemotePeer(socket, wire);
    await Promise.race([
      opened.promise,
      peer.closed.then(({ code }) => {
        throw new Error(`No connection to ${url}: ${code}`);
      }),
    ]);
    return peer;
  }

  /** Closes the connection, and waits for its end. */
  async close(): Promise<CloseInfo> {
    this.#socket.close(1000);
    return await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
