/**
 * The messages that both wires carry, and the one step that turns what came
 * off the wire into one of them.
 *
 * @module
 */
import { ProtocolError, type RpcErrorObject } from "./errors.ts";

/** A call of a procedure, or of a system method such as `wslink.hello`. */
export interface RequestMessage {
  /** Discriminates the union. */
  readonly type: "request";
  /** `rpc:<clientID>:<n>` or `system:<…>:<n>`; the reply carries it unchanged. */
  readonly id: string;
  /** The procedure's name. */
  readonly method: string;
  /** Positional arguments. */
  readonly args: readonly unknown[];
  /** Arguments by name. */
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** What only a Hawser peer says and reads: the field `hawser` of the message. */
  readonly meta?: RequestMeta;
  /** Its number among the messages of a session that outlives its socket. */
  readonly seq?: number;
}

/** What a Hawser peer says about a call besides its arguments, once the feature is agreed on. */
export interface RequestMeta {
  /** The caller stops waiting after this, in ms. */
  readonly timeout?: number;
  /** The caller reads progress. */
  readonly progress?: boolean;
  /** The caller takes a stream as result. */
  readonly stream?: boolean;
  /** Which of `args` are streams that the caller will send; `null` stands in their places. */
  readonly streams?: readonly number[];
  /** The W3C `traceparent` of the caller's span. */
  readonly traceparent?: string;
  /** What tells the call from every other: a server runs calls of one key once. */
  readonly key?: string;
}

/** The good end of a call. */
export interface ResultMessage {
  /** Discriminates the union. */
  readonly type: "result";
  /** The request's id. */
  readonly id: string;
  /** What the procedure returned. */
  readonly result: unknown;
  /** Instead of a result, a stream of items begins; only if the request asked for one. */
  readonly stream?: boolean;
  /** Its number among the messages of a session that outlives its socket. */
  readonly seq?: number;
}

/** The bad end of a call. */
export interface ErrorMessage {
  /** Discriminates the union. */
  readonly type: "error";
  /** The request's id. */
  readonly id: string;
  /** What went wrong. */
  readonly error: RpcErrorObject;
  /** Its number among the messages of a session that outlives its socket. */
  readonly seq?: number;
}

/** A value published on a topic. */
export interface PublicationMessage {
  /** Discriminates the union. */
  readonly type: "publication";
  /** The topic's name. */
  readonly topic: string;
  /** The published value. */
  readonly result: unknown;
  /**
   * The selection that it belongs to, as the answer to a subscription named it: the `n` of the id.
   * 0, as wslink's servers always send it, is the whole topic.
   */
  readonly selection?: number;
  /** Its place in its topic's history: the field `hawser` of the message. */
  readonly kept?: KeptPlace;
}

/** Where a publication stands among those that its topic's history keeps. */
export interface KeptPlace {
  /** Which history, of those of this run of the server. */
  readonly log: number;
  /** Its number in it, from 1. */
  readonly offset: number;
}

/** A message with an id that is nothing else: its sender can be told so. */
export interface InvalidMessage {
  /** Discriminates the union. */
  readonly type: "invalid";
  /** The id to answer under. */
  readonly id: string;
  /** Which field is wrong, and what it was. */
  readonly reason: string;
  /** Its number among the messages of a session that outlives its socket. */
  readonly seq?: number;
}

/** What may be sent. */
export type OutgoingMessage =
  | RequestMessage
  | ResultMessage
  | ErrorMessage
  | PublicationMessage;

/** What may arrive. */
export type Message = OutgoingMessage | InvalidMessage;

/** The id that wslink's clients say hello under, and compare with (wslink `session.js`). */
export const HELLO_ID = "system:c0:0";

/** The method of the first request on every connection. */
export const HELLO_METHOD = "wslink.hello";

/** Long enough for any client id or topic; an id is echoed, so it is bounded. */
const MAX_ID_LENGTH = 1024;

/** A UUID has 36 characters; an application's own keys may say more. */
const MAX_KEY = 256;

/** A `traceparent` of version 00 has 55 characters; later versions may add to it (W3C Trace Context). */
const MAX_TRACEPARENT = 256;

/**
 * Tells whether a value is a map on the wire: an object that is no list and no
 * binary.
 *
 * @param value Any value.
 * @returns Whether it is a map.
 */
export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !ArrayBuffer.isView(value) && !(value instanceof Date);
}

/**
 * Validates what a codec decoded. `args` that is no list and `kwargs` that is
 * no map count as absent, as in wslink.
 *
 * @param value What came off the wire.
 * @returns The message.
 * @throws {ProtocolError} `bad-message` if the value has no usable id, so that nobody can be answered.
 */
export function parseMessage(value: unknown): Message {
  const message = parseUnnumbered(value);
  const seq = isMap(value) ? value.seq : undefined;
  return typeof seq === "number" && Number.isSafeInteger(seq) && message.type !== "publication"
    ? { ...message, seq }
    : message;
}

function parseUnnumbered(value: unknown): Message {
  if (!isMap(value)) {
    throw new ProtocolError(
      "bad-message",
      `A message is a map: received ${kindOf(value)}`,
    );
  }
  const { id } = value;
  if (typeof id !== "string" || id === "" || id.length > MAX_ID_LENGTH) {
    throw new ProtocolError(
      "bad-message",
      `A message's id is a string of at most ${MAX_ID_LENGTH} characters: received ${kindOf(id)}`,
    );
  }
  const { method } = value;
  if (method !== undefined) {
    if (typeof method !== "string") {
      return {
        type: "invalid",
        id,
        reason: `method is ${kindOf(method)}, not a string`,
      };
    }
    const { args, kwargs, hawser } = value;
    const request = {
      type: "request",
      id,
      method,
      args: Array.isArray(args) ? args : [],
      kwargs: isMap(kwargs) ? kwargs : {},
    } as const;
    return isMap(hawser) ? { ...request, meta: parseMeta(hawser) } : request;
  }
  const { error } = value;
  if (error !== undefined && error !== null) {
    return { type: "error", id, error: parseError(error) };
  }
  const { result = null } = value;
  if (id.startsWith("publish:")) {
    const end = id.lastIndexOf(":");
    if (end > 8) {
      const selection = Number(id.slice(end + 1));
      const kept = placeIn(value.hawser);
      return {
        type: "publication",
        topic: id.slice(8, end),
        result,
        ...(selection > 0 ? { selection } : {}),
        ...(kept ? { kept } : {}),
      };
    }
    return {
      type: "invalid",
      id,
      reason: "a publication's id is publish:<topic>:<n>",
    };
  }
  if (!("result" in value)) {
    return {
      type: "invalid",
      id,
      reason: "there is no method, no result and no error",
    };
  }
  const { hawser } = value;
  return isMap(hawser) && hawser.stream === true
    ? { type: "result", id, result, stream: true }
    : { type: "result", id, result };
}

function placeIn(hawser: unknown): KeptPlace | undefined {
  if (!isMap(hawser)) return undefined;
  const { log, offset } = hawser;
  return typeof log === "number" && typeof offset === "number" ? { log, offset } : undefined;
}

/** What is not of its type counts as absent, as in wslink's own fields. */
function parseMeta(meta: Record<string, unknown>): RequestMeta {
  const { timeout, progress, stream, streams, traceparent, key } = meta;
  return {
    ...(typeof timeout === "number" && timeout > 0 ? { timeout } : {}),
    ...(progress === true ? { progress } : {}),
    ...(stream === true ? { stream } : {}),
    ...(Array.isArray(streams) ? { streams: streams.filter(Number.isInteger) } : {}),
    ...(typeof traceparent === "string" && traceparent.length <= MAX_TRACEPARENT
      ? { traceparent }
      : {}),
    ...(typeof key === "string" && key.length > 0 && key.length <= MAX_KEY ? { key } : {}),
  };
}

/**
 * Reads the error of a reply or of a stream.
 *
 * @param error What came off the wire.
 * @returns The error; one without code and message is its `data`.
 */
export function parseError(error: unknown): RpcErrorObject {
  if (
    isMap(error) && typeof error.code === "number" &&
    typeof error.message === "string"
  ) {
    const { code, message, data, kind } = error;
    return {
      code,
      message,
      ...(data === undefined ? {} : { data }),
      ...(typeof kind === "string" ? { kind } : {}),
    };
  }
  // No known peer sends this; the caller still has to learn that the call failed.
  return {
    code: 0,
    message: "The peer sent an error without code and message",
    data: error,
  };
}

/**
 * The map that stands for a message on either wire.
 *
 * @param message The message.
 * @returns A map that both codecs can write.
 */
export function toWire(message: OutgoingMessage): Record<string, unknown> {
  const wire = toUnnumbered(message);
  if (message.type !== "publication" && message.seq !== undefined) wire.seq = message.seq;
  return wire;
}

function toUnnumbered(message: OutgoingMessage): Record<string, unknown> {
  switch (message.type) {
    case "request": {
      const { id, method, args, kwargs, meta } = message;
      return meta === undefined
        ? { wslink: "1.0", id, method, args, kwargs }
        : { wslink: "1.0", id, method, args, kwargs, hawser: meta };
    }
    case "result": {
      const { id, result, stream } = message;
      return stream === true
        ? { wslink: "1.0", id, result: result ?? null, hawser: { stream } }
        : { wslink: "1.0", id, result: result ?? null };
    }
    case "error":
      return { wslink: "1.0", id: message.id, error: message.error };
    case "publication":
      return {
        wslink: "1.0",
        id: `publish:${message.topic}:${message.selection ?? 0}`,
        result: message.result ?? null,
        ...(message.kept ? { hawser: message.kept } : {}),
      };
  }
}

/** Names a value's kind for an error message, without showing the value. */
function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (ArrayBuffer.isView(value)) return "binary";
  if (typeof value === "string") {
    return `a string of ${value.length} characters`;
  }
  return typeof value === "object" ? "a map" : `a ${typeof value}`;
}
