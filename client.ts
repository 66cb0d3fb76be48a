/**
 * A client for Hawser's servers and for wslink's, of both generations: calls
 * that always end, subscriptions, and reconnecting, on the standard
 * `WebSocket` of Deno, Node 22 and the browser.
 *
 * @example
 * ```ts
 * import { connect } from "@hawser/hawser/client";
 * import { createServer, serve } from "@hawser/hawser/server";
 * import { assertEquals } from "@std/assert";
 *
 * const server = createServer({ procedures: { "math.add": (a: number, b: number) => a + b } });
 * await using listening = await serve(server, { port: 0 });
 *
 * await using session = await connect<typeof server>(listening.webSocketUrl);
 * assertEquals(await session.call("math.add", [1, 2]), 3);
 *
 * const frames = session.subscribe<{ blob: Uint8Array }>("image");
 * await frames.ready;
 * server.publish("image", { blob: new Uint8Array([1, 2, 3]) });
 * for await (const { blob } of frames) {
 *   assertEquals(blob.length, 3);
 *   break;
 * }
 * ```
 *
 * @module
 */
export { connect } from "./client/connect.ts";
export type {
  ClientMiddleware,
  ConnectOptions,
  ContractDifference,
  OutgoingCall,
  ReconnectOptions,
  SocketLike,
} from "./client/options.ts";
export type {
  ArgumentDescription,
  Contract,
  Description,
  JsonSchema,
  ProcedureDescription,
  TopicDescription,
} from "./protocol/description.ts";
export { procedure } from "./client/procedure.ts";
export type {
  ClientCall,
  Session,
  SubscribeOptions,
  SubscribeStreamOptions,
} from "./client/session.ts";
export type {
  CallMember,
  CallMembers,
  CallNamespace,
  NamespaceOptions,
  NextWord,
  StreamMember,
  StreamMembers,
  StreamNamespace,
} from "./client/namespace.ts";
export type {
  ArgsInput,
  ArgsOutput,
  ArgsSchema,
  Issue,
  JsonSchemaOptions,
  JsonSchemaSource,
  Schema,
  SchemaInput,
  SchemaIssue,
  SchemaOutput,
  SchemaResult,
} from "./protocol/schema.ts";
export type { AnyMiddleware, Middleware, Next, WithState } from "./session/middleware.ts";
export type {
  CallContext,
  CheckedCall,
  DeclaredError,
  Defined,
  DefineProcedure,
  ProcedureDefinition,
  ProcedureOptions,
  Returns,
} from "./session/procedure.ts";
export type { Subscription } from "./client/subscriptions.ts";
export type { EventsOptions, EventStream } from "./session/events.ts";
export type { CallOutcome, CallStats } from "./session/meters.ts";
export type { CompressOptions } from "./protocol/api.ts";
export type { CompressionStats } from "./protocol/compression.ts";
export type { QueueStats } from "./protocol/send_queue.ts";
export type { Status } from "./client/status.ts";
export type {
  DroppedStats,
  SessionEvent,
  SessionStats,
  SubscriptionStats,
} from "./client/stats.ts";
export type { CallOptions } from "./session/outgoing.ts";
export type {
  CallName,
  CallRest,
  Covered,
  DefinitionOf,
  Delivered,
  ErrorData,
  ErrorKind,
  Handler,
  PresenceEvent,
  PresentClient,
  ProcedureArgs,
  ProcedureKwargs,
  ProcedureLike,
  ProcedureName,
  ProcedureOf,
  ProcedureResult,
  Procedures,
  RemoteStream,
  Returned,
  Sent,
  Settled,
  StreamItem,
  StreamName,
  StreamResult,
  TopicFilter,
  TopicName,
  TopicPart,
  TopicsOf,
  TopicValue,
  TypedOptions,
  TypesOf,
} from "./protocol/api.ts";
export { DEFAULT_LIMITS, type Limits, type Wire } from "./protocol/codec.ts";
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
} from "./protocol/errors.ts";
