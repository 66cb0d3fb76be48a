/**
 * What every runtime's entry point exports beside its own `createServer` and `serve`: one list, so
 * that a server moves from one runtime to another by its import alone.
 *
 * @module
 */
export type { Handler, ProcedureLike, Procedures } from "../protocol/api.ts";
export {
  type CloseInfo,
  DEFAULT_LIMITS,
  ErrorCode,
  type Limits,
  ProtocolError,
  type ProtocolErrorCode,
  RpcError,
  type RpcErrorObject,
  SerializeError,
  type Wire,
} from "../protocol/mod.ts";
export type { SendOptions, Socket } from "../protocol/send_queue.ts";
export type { Client, ErrorContext, Publisher, PublishOptions } from "./client.ts";
export type { CreateServer } from "./create.ts";
export { type Call, type Procedure, procedure, type ProcedureOptions } from "./registry.ts";
export { type CloseOptions, Server, type ServerOptions, type Upgrade } from "./server.ts";
export type { ServerSession } from "./session.ts";
