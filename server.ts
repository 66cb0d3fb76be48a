/**
 * A Hawser server on `Deno.serve`: procedures, topics, binary, for clients of
 * wslink 1.x, wslink 2.x and Hawser alike.
 *
 * @example
 * ```ts
 * import { createServer, procedure, serve } from "@hawser/hawser/server";
 *
 * const server = createServer({
 *   secret: "wslink-secret",
 *   procedures: {
 *     "math.add": (a: number, b: number) => a + b,
 *     "image.get": procedure((_call, size: number) => ({ size, blob: new Uint8Array(size) })),
 *   },
 * });
 * const listening = await serve(server, { port: 0, path: "/ws" });
 * server.publish("image", { blob: new Uint8Array(16) });
 * await listening.close();
 * ```
 *
 * @module
 */
import { upgrade } from "./adapters/deno.ts";
import type { Procedures } from "./protocol/api.ts";
import { Server, type ServerOptions } from "./server/server.ts";

/**
 * Makes a server. It listens once it is given to {@linkcode serve}, or its
 * `upgrade()` is called in a handler of your own.
 *
 * @param options How it behaves.
 * @returns The server.
 * @throws {TypeError} If a procedure's name or definition is bad.
 * @throws {RangeError} If a number is out of range.
 *
 * @example Inside a handler of your own
 * ```ts
 * import { createServer } from "@hawser/hawser/server";
 *
 * const server = createServer({ procedures: { "echo": (value: string) => value } });
 * const http = Deno.serve({ port: 0, onListen() {} }, (request) => server.upgrade(request));
 * await server.close();
 * await http.shutdown();
 * ```
 */
export function createServer<const P extends Procedures = Record<never, never>>(
  options: ServerOptions<P> & { readonly procedures: P },
): Server<P>;
/**
 * Makes a server without procedures: it publishes, and `register()` adds some.
 *
 * @param options How it behaves.
 * @returns The server.
 */
export function createServer(
  options?: Omit<ServerOptions, "procedures">,
): Server<Record<never, never>>;
export function createServer(
  options: ServerOptions = {},
): Server {
  return new Server({ procedures: {}, ...options }, upgrade);
}

export { type Listening, serve, type ServeOptions } from "./adapters/deno.ts";
export type { Handler, ProcedureLike, Procedures } from "./protocol/api.ts";
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
} from "./protocol/mod.ts";
export type { SendOptions, Socket } from "./protocol/send_queue.ts";
export { type Call, type Procedure, procedure, type ProcedureOptions } from "./server/registry.ts";
export { type CloseOptions, Server, type ServerOptions, type Upgrade } from "./server/server.ts";
export type { Client, ErrorContext, Publisher, PublishOptions } from "./server/client.ts";
export type { ServerSession } from "./server/session.ts";
