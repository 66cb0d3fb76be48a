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
import { type CreateServer, createServerWith } from "./server/create.ts";

/**
 * Makes a server. It listens once it is given to {@linkcode serve}, or its
 * `upgrade()` is called in a handler of your own.
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
export const createServer: CreateServer = createServerWith(upgrade);

export { type Listening, serve, type ServeOptions } from "./adapters/deno.ts";
export * from "./server/mod.ts";
