/**
 * Hawser is wslink for TypeScript: remote procedure calls, publish/subscribe
 * and binary payloads over one WebSocket, with Python (VTK, ParaView, trame)
 * or TypeScript at either end. This entry point is the client and the
 * protocol's types, for every runtime; the server is `@hawser/hawser/server`.
 *
 * @example
 * ```ts
 * import { connect, RpcError } from "@hawser/hawser";
 * import { createServer, serve } from "@hawser/hawser/server";
 * import { assertRejects } from "@std/assert";
 *
 * await using listening = await serve(createServer({ secret: "open sesame" }), { port: 0 });
 * await assertRejects(
 *   () => connect(listening.webSocketUrl, { secret: "open barley" }),
 *   RpcError,
 *   "Authentication failed",
 * );
 * ```
 *
 * @module
 */
export {
  type CallContext,
  type CallName,
  type CallOptions,
  type CallRest,
  type ClientCall,
  type CloseInfo,
  connect,
  ConnectionClosedError,
  type ConnectOptions,
  DEFAULT_LIMITS,
  type Delivered,
  ErrorCode,
  type Handler,
  type Limits,
  type ProcedureArgs,
  type ProcedureLike,
  type ProcedureName,
  type ProcedureOf,
  type ProcedureResult,
  type Procedures,
  ProtocolError,
  type ProtocolErrorCode,
  QueueFullError,
  type ReconnectOptions,
  type RemoteStream,
  type Returned,
  RpcError,
  type RpcErrorObject,
  type Sent,
  SerializeError,
  type Session,
  type SocketLike,
  type Status,
  type StreamItem,
  type StreamName,
  type StreamResult,
  type SubscribeOptions,
  type SubscribeStreamOptions,
  type Subscription,
  TimeoutError,
  type Wire,
} from "./client.ts";
