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
  type AnyMiddleware,
  type ArgsInput,
  type ArgsOutput,
  type ArgsSchema,
  type CallContext,
  type CallMember,
  type CallMembers,
  type CallName,
  type CallNamespace,
  type CallOptions,
  type CallRest,
  type CheckedCall,
  type ClientCall,
  type ClientMiddleware,
  type CloseInfo,
  connect,
  ConnectionClosedError,
  type ConnectOptions,
  type DeclaredError,
  DEFAULT_LIMITS,
  type Defined,
  type DefineProcedure,
  type Delivered,
  ErrorCode,
  type ErrorData,
  type ErrorKind,
  type Handler,
  isRpcError,
  type Issue,
  type JsonSchemaOptions,
  type JsonSchemaSource,
  type Limits,
  type Middleware,
  type NamespaceOptions,
  type Next,
  type NextWord,
  type OutgoingCall,
  procedure,
  type ProcedureArgs,
  type ProcedureDefinition,
  type ProcedureKwargs,
  type ProcedureLike,
  type ProcedureName,
  type ProcedureOf,
  type ProcedureOptions,
  type ProcedureResult,
  type Procedures,
  ProtocolError,
  type ProtocolErrorCode,
  QueueFullError,
  type ReconnectOptions,
  type RemoteStream,
  type Returned,
  type Returns,
  RpcError,
  type RpcErrorObject,
  type RpcErrorOptions,
  type Schema,
  type SchemaInput,
  type SchemaIssue,
  type SchemaOutput,
  type SchemaResult,
  type Sent,
  SerializeError,
  type Session,
  type Settled,
  type SocketLike,
  type Status,
  type StreamItem,
  type StreamMember,
  type StreamMembers,
  type StreamName,
  type StreamNamespace,
  type StreamResult,
  type SubscribeOptions,
  type SubscribeStreamOptions,
  type Subscription,
  TimeoutError,
  type TypedOptions,
  type Wire,
  type WithState,
} from "./client.ts";
