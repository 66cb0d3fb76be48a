/**
 * Both wires of wslink, and the errors: what a client and a server share. Most
 * users import `@hawser/hawser/client` or `@hawser/hawser/server`; this entry
 * point is for tools that read or write frames themselves.
 *
 * @example Read a frame of wslink 2.x
 * ```ts
 * import { MsgpackDecoder, MsgpackEncoder } from "@hawser/hawser/protocol";
 * import { assertEquals } from "@std/assert";
 *
 * const [frame] = new MsgpackEncoder().encode({
 *   type: "publication",
 *   topic: "image",
 *   result: { blob: new Uint8Array([137, 80]) },
 * });
 * if (frame === undefined) throw new Error("A message has one frame at least");
 * assertEquals(new MsgpackDecoder().decode(frame), {
 *   type: "publication",
 *   topic: "image",
 *   result: { blob: new Uint8Array([137, 80]) },
 * });
 * ```
 *
 * @module
 */
export {
  type Decoder,
  DEFAULT_LIMITS,
  type Encoder,
  type Frame,
  type Limits,
  resolveLimits,
  type Wire,
} from "./codec.ts";
export {
  type CloseInfo,
  ConnectionClosedError,
  ErrorCode,
  type Gap,
  GapError,
  type HistoryPlace,
  isRpcError,
  ProtocolError,
  type ProtocolErrorCode,
  QueueFullError,
  RpcError,
  type RpcErrorObject,
  type RpcErrorOptions,
  SerializeError,
  TimeoutError,
} from "./errors.ts";
export {
  type Agreement,
  announce,
  type Feature,
  FEATURES,
  readAgreement,
  type Ticket,
} from "./features.ts";
export { FramePool } from "./frame_pool.ts";
export {
  JsonDecoder,
  type JsonDecoderLimits,
  JsonEncoder,
  type JsonEncoderOptions,
} from "./json_codec.ts";
export {
  type ErrorMessage,
  HELLO_ID,
  HELLO_METHOD,
  type InvalidMessage,
  isMap,
  type KeptPlace,
  type Message,
  type OutgoingMessage,
  parseError,
  parseMessage,
  type PublicationMessage,
  type RequestMessage,
  type RequestMeta,
  type ResultMessage,
  toWire,
} from "./messages.ts";
export { checkProcedureName, checkTopic } from "./names.ts";
export { readTicket } from "./ticket.ts";
export {
  MsgpackDecoder,
  type MsgpackDecoderLimits,
  MsgpackEncoder,
  type MsgpackEncoderOptions,
} from "./msgpack_codec.ts";
