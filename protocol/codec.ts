/**
 * What both wires have in common: frames, the two directions of a codec, and
 * the limits that a peer is held to.
 *
 * @module
 */
import type { Message, OutgoingMessage } from "./messages.ts";

/** The two wires: wslink 2.x speaks `msgpack`, wslink 1.x `json`. */
export type Wire = "msgpack" | "json";

/** One WebSocket frame: text or binary. */
export type Frame = string | Uint8Array<ArrayBuffer>;

/**
 * Turns messages into frames. It holds nothing of a connection's, so one
 * encoder serves all connections of its wire, and a message for many receivers
 * is encoded once.
 */
export interface Encoder {
  /** The wire it writes. */
  readonly wire: Wire;
  /**
   * Encodes one message. It is copied into the frames, so the caller may change
   * its buffers as soon as this returns. The frames are nobody's to change or
   * transfer: they may go to many receivers, and small ones are views of a
   * buffer that other frames lie in too (and that a kept one keeps, 32 KiB).
   *
   * @param message The message.
   * @returns Its frames, to be sent in this order with nothing of the same
   * connection's between them (1.x), or between other messages' frames (2.x).
   * @throws {SerializeError} If it holds a value that can't be sent.
   */
  encode(message: OutgoingMessage): Frame[];
  /**
   * Takes a message's frames back that nobody holds any more, neither a queue
   * nor a socket: their memory is used for the next messages.
   *
   * @param frames All of the message's frames, which are not read or sent again.
   */
  recycle?(frames: readonly Frame[]): void;
}

/**
 * Puts messages together from one connection's frames. A frame may hold several
 * where both sides agreed on it, so read all of them:
 *
 * ```ts ignore
 * let message = decoder.decode(frame);
 * for (; message; message = decoder.next()) handle(message);
 * ```
 */
export interface Decoder {
  /** The wire it reads. */
  readonly wire: Wire;
  /**
   * Takes the next frame. Binary values in the message may be views of the
   * frame's buffer, which belongs to the decoder from here on.
   *
   * @param frame The frame, as the socket delivered it.
   * @returns The message that the frame completes, the first one of a batch, or `undefined`.
   * @throws {ProtocolError} If the wire doesn't allow the frame; the connection can't go on.
   */
  decode(
    frame: string | ArrayBuffer | Uint8Array<ArrayBuffer>,
  ): Message | undefined;
  /**
   * Reads on in the frame that was decoded last.
   *
   * @returns The next message of a batch, or `undefined` if that was all.
   * @throws {ProtocolError} If the rest of the batch is bad; the connection can't go on.
   */
  next(): Message | undefined;
}

/**
 * What a peer may cost: sizes in bytes, times in ms. {@linkcode DEFAULT_LIMITS}
 * gives the reason for each number.
 */
export interface Limits {
  /** The largest message, put together, and all that incomplete messages may hold together. */
  readonly messageSize: number;
  /** The largest 2.x frame, header included; a server announces it as `maxMsgSize`. */
  readonly frameSize: number;
  /** The largest message before a good hello, and all that such a connection may hold. */
  readonly helloSize: number;
  /** How long a connection may stay without a good hello. */
  readonly helloTime: number;
  /** How many hellos with a wrong secret one connection may send. */
  readonly helloAttempts: number;
  /** How many 2.x messages one peer may leave incomplete at a time. */
  readonly incompleteMessages: number;
  /** How many 1.x attachments may wait for the message that refers to them. */
  readonly attachments: number;
  /** How deep values may be nested. */
  readonly depth: number;
  /** How many values a message may be made of: elements of lists, keys and values of maps. */
  readonly values: number;
  /** How many keys one map of a message may have. */
  readonly keys: number;
  /** How many calls of one connection may run at a time. */
  readonly callsInFlight: number;
  /** How many subscriptions one client may have. */
  readonly subscriptions: number;
  /** How many calls one client may make in a second, on the average. */
  readonly callRate: number;
  /** How many of them at once, after a pause. */
  readonly callBurst: number;
  /** How many streams of one peer's calls may be open, arguments and results together. */
  readonly openStreams: number;
  /** How long a connection may stay without a message in either direction, pings apart; it is closed after twice as long at the latest. */
  readonly idleTime: number;
  /** How many connections a server has, those without a good hello included. */
  readonly connections: number;
  /** How many of them may come from one address, where the adapter knows it; of IPv6 from one /64. */
  readonly connectionsPerAddress: number;
  /** How many bytes of messages may be held until the other side has them, for a session that outlives its socket. */
  readonly resumeBytes: number;
  /** How many sessions a server keeps that have lost their socket. */
  readonly suspendedSessions: number;
  /** How many calls with `retry: "safe"` a server keeps the end of, and may have running. */
  readonly safeCalls: number;
  /** How many bytes those ends may have together. */
  readonly safeBytes: number;
  /** How many publications a topic's history keeps, where the topic doesn't say. */
  readonly historyMessages: number;
  /** How many bytes they may have together, where the topic doesn't say. */
  readonly historyBytes: number;
  /** How many bytes may wait for a connection's socket; what happens then is each publication's policy. */
  readonly queueBytes: number;
  /** How many messages may. */
  readonly queueMessages: number;
  /** How many bytes may wait for all connections of a server, those of shared frames counted once. */
  readonly totalQueueBytes: number;
}

/** The limits that hold where none are given. */
export const DEFAULT_LIMITS: Limits = {
  // A 100 MB mesh fits twice. wslink takes 4 GB from whoever knows the secret,
  // which is more than most servers have.
  messageSize: 256 * 1024 * 1024,
  // wslink's own default (WSLINK_MAX_MSG_SIZE), well under Deno's 64 MiB.
  frameSize: 4 * 1024 * 1024,
  // wslink's own default (WSLINK_AUTH_MSG_SIZE). A server with a longer secret
  // adds the secret's length, see ServerOptions.secret.
  helloSize: 512,
  // A person may be typing the secret; a socket that says nothing is no person.
  helloTime: 60_000,
  // Enough for typing errors, useless for guessing.
  helloAttempts: 5,
  // wslink's clients send one message after the other: 1 is the usual number.
  incompleteMessages: 64,
  // Each is announced before its message; wslink's Python may leave a few behind.
  attachments: 1024,
  // More than any known scene, less than what makes Python's msgpack give up (1024).
  depth: 256,
  // A list of a million numbers fits twice. A value of one byte takes up to 135
  // bytes of memory (an empty list in a list), so that this, not the message's
  // size, bounds the memory: 270 MB at worst. Large data travels as binary.
  values: 2_000_000,
  // Objects by name, as many as any scene has: past that a list is
  // better. A map of names takes 2.5 µs a key to build, longer than all else.
  keys: 100_000,
  // 500 calls at once are seen in practice; each costs a promise here.
  callsInFlight: 4096,
  // A page with a subscription for each of a thousand objects fits; each costs
  // a few hundred bytes here, and its filter.
  subscriptions: 4096,
  // What a call costs, only the application knows: one core answers 100,000 quick
  // ones a second. Set it where strangers connect.
  callRate: Infinity,
  // What a page asks for when it loads; no matter as long as callRate is infinite.
  callBurst: 1000,
  // 4 MiB each may wait for a reader: 256 MiB at worst, as much as one message.
  openStreams: 64,
  // Who only watches may do so for hours, and wslink's clients don't come back by themselves.
  idleTime: Infinity,
  // Each is a file descriptor and some 20 kB. Most systems have to be told to
  // allow more than 1,024 descriptors: docs/operations.md.
  connections: 16_384,
  // A university behind one address. A proxy that `addressHeader` doesn't name is one address too.
  connectionsPerAddress: 1024,
  // A second of 100 Mbit/s and more; past it a session ends with its socket.
  resumeBytes: 16 * 1024 * 1024,
  // A server's other clients come back within the window after a break of its network.
  suspendedSessions: 1024,
  // A thousand clients come back with a few calls each.
  safeCalls: 8192,
  safeBytes: 64 * 1024 * 1024,
  // A minute of 16 publications a second, and twice the time a session is kept.
  historyMessages: 1024,
  // What a session may hold as well; a topic of meshes says how many it wants kept.
  historyBytes: 16 * 1024 * 1024,
  // The largest message fits; frames published to many are shared, so what
  // several slow viewers hold is mostly the same memory.
  queueBytes: 256 * 1024 * 1024,
  // Half a minute of 2,000 small publications a second; a queue that is this
  // long helps nobody.
  queueMessages: 65_536,
  // Four of the largest queues. Past it the server would swap sooner than
  // its viewers catch up.
  totalQueueBytes: 1024 * 1024 * 1024,
};

/**
 * Fills in the defaults and checks every number.
 *
 * @param limits What differs from {@linkcode DEFAULT_LIMITS}.
 * @returns All limits.
 * @throws {RangeError} If one is not a positive number, or a frame could hold no content.
 *
 * @example
 * ```ts
 * import { resolveLimits } from "@hawser/hawser/protocol";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(resolveLimits({ depth: 8 }).depth, 8);
 * assertThrows(() => resolveLimits({ depth: -1 }), RangeError, "limits.depth");
 * ```
 */
export function resolveLimits(limits: Partial<Limits> = {}): Limits {
  const resolved = { ...DEFAULT_LIMITS, ...limits };
  for (const [name, value] of Object.entries(resolved)) {
    checkNumber(`limits.${name}`, value, name === "frameSize" ? MIN_FRAME_SIZE : 1);
  }
  return resolved;
}

/** So much room for content a frame has at least, in bytes. */
const MIN_FRAME_SIZE = 1024;

/**
 * Checks a number among options.
 *
 * @param name The option's name.
 * @param value What was given.
 * @param least The least that it may be.
 * @throws {RangeError} If it is less, or no number.
 */
export function checkNumber(name: string, value: number, least: number): void {
  if (!(value >= least)) {
    throw new RangeError(`${name} must be ${least} or more: received ${value}`);
  }
}
