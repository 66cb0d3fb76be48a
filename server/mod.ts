/**
 * What every runtime's entry point exports beside its own `createServer` and `serve`: one list, so
 * that a server moves from one runtime to another by its import alone.
 *
 * @module
 */
export type {
  CallName,
  CallRest,
  CompressOptions,
  Covered,
  DefinitionOf,
  Delivered,
  Handler,
  HistoryOptions,
  PresenceEvent,
  PresentClient,
  ProcedureArgs,
  ProcedureKwargs,
  ProcedureLike,
  ProcedureName,
  ProcedureOf,
  ProcedureRate,
  ProcedureResult,
  Procedures,
  Rate,
  RemoteStream,
  TopicLike,
  TopicPayload,
  Topics,
  TopicsOf,
  TopicTypes,
  TypedOptions,
  TypesOf,
} from "../protocol/api.ts";
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
} from "../protocol/schema.ts";
export {
  type CloseInfo,
  DEFAULT_LIMITS,
  ErrorCode,
  type Feature,
  isRpcError,
  type Limits,
  ProtocolError,
  type ProtocolErrorCode,
  RpcError,
  type RpcErrorObject,
  type RpcErrorOptions,
  SerializeError,
  type Wire,
} from "../protocol/mod.ts";
export type { CompressionStats } from "../protocol/compression.ts";
export type { Policy, QueueStats, SendOptions, Socket } from "../protocol/send_queue.ts";
export type {
  Client,
  DroppingPolicy,
  ErrorContext,
  Publisher,
  Publishing,
  PublishOptions,
  Receivers,
  TopicStats,
  WaitingPublishOptions,
} from "./client.ts";
export type { Authenticate, Authenticated, Hello, NotAuthenticated, Origins } from "./auth.ts";
export { equalSecrets } from "./_secrets.ts";
export { type Authentication, authentication } from "./authentication.ts";
export type {
  Publication,
  PublicationMiddleware,
  Subscribing,
  SubscriptionMiddleware,
} from "./around.ts";
export { type Caller, caller, type CallerOfAll } from "./caller.ts";
export type { PresenceOptions } from "./presence.ts";
export type { CreateServer } from "./create.ts";
export { type Call, type Procedure, procedure } from "./procedure.ts";
export type { AnyMiddleware, Middleware, Next, WithState } from "../session/middleware.ts";
export type { EventsOptions, EventStream } from "../session/events.ts";
export { CALL_TIME_BOUNDS, type CallOutcome, type CallStats } from "../session/meters.ts";
export type {
  ConnectionStats,
  NamedTopicStats,
  QueuesStats,
  RoundTripStats,
  ServerEvent,
  ServerStats,
  Totals,
} from "./stats.ts";
export type { ClosingHint } from "../session/closing.ts";
export type { CallOptions } from "../session/outgoing.ts";
export type {
  CallContext,
  CheckedCall,
  DeclaredError,
  Defined,
  DefineProcedure,
  ProcedureDefinition,
  ProcedureOptions,
  Returns,
} from "../session/procedure.ts";
export {
  type ClientAnswer,
  type CloseOptions,
  type ConnectionOrigin,
  Server,
  type ServerOptions,
  type Upgrade,
} from "./server.ts";
export type { AcceptedConnection } from "./connection.ts";
export type { RevokeOptions, SubscriptionSelector } from "./subscriptions.ts";
export {
  type FilteredTopicOptions,
  type Producing,
  type Topic,
  topic,
  type TopicOptions,
  type TopicSettings,
} from "./topic.ts";
export type { Logger } from "./log.ts";
export type { LimitName } from "../session/limited.ts";
