/**
 * What every runtime's entry point exports beside its own `createServer` and `serve`: one list, so
 * that a server moves from one runtime to another by its import alone.
 *
 * @module
 */
export type { Handler, ProcedureLike, Procedures, RemoteStream } from "../protocol/api.ts";
export {
  type CloseInfo,
  DEFAULT_LIMITS,
  ErrorCode,
  type Feature,
  type Limits,
  ProtocolError,
  type ProtocolErrorCode,
  RpcError,
  type RpcErrorObject,
  SerializeError,
  type Wire,
} from "../protocol/mod.ts";
export type { Policy, QueueStats, SendOptions, Socket } from "../protocol/send_queue.ts";
export type {
  Client,
  DroppingPolicy,
  ErrorContext,
  Publisher,
  PublishOptions,
  Receivers,
  TopicStats,
  WaitingPublishOptions,
} from "./client.ts";
export type { CreateServer } from "./create.ts";
export { type Call, type Procedure, procedure } from "./procedure.ts";
export type { CallOptions } from "../session/outgoing.ts";
export type {
  CallContext,
  DefineProcedure,
  ProcedureDefinition,
  ProcedureOptions,
} from "../session/procedure.ts";
export { type CloseOptions, Server, type ServerOptions, type Upgrade } from "./server.ts";
export type { Connection } from "./connection.ts";
