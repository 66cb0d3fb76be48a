/**
 * `createServer()`, as every runtime's entry point offers it.
 *
 * @module
 */
import type { Procedures } from "../protocol/api.ts";
import { Server, type ServerOptions, type Upgrade } from "./server.ts";

/** Makes a server: the type of every runtime's `createServer`. */
export interface CreateServer {
  /**
   * Makes a server. It listens once it is given to the runtime's `serve()`, `attach()` or `upgrade()`.
   *
   * @param options How it behaves.
   * @returns The server.
   * @throws {TypeError} If a procedure's name or definition is bad.
   * @throws {RangeError} If a number is out of range.
   */
  <const P extends Procedures = Record<never, never>>(
    options: ServerOptions<P> & { readonly procedures: P },
  ): Server<P>;
  /**
   * Makes a server without procedures: it publishes, and `register()` adds some.
   *
   * @param options How it behaves.
   * @returns The server.
   */
  (options?: Omit<ServerOptions, "procedures">): Server<Record<never, never>>;
}

/**
 * Makes a runtime's `createServer`.
 *
 * @param upgrade What `Server.upgrade()` does in the runtime.
 * @returns The function.
 */
export function createServerWith(upgrade: Upgrade): CreateServer {
  function createServer<const P extends Procedures = Record<never, never>>(
    options: ServerOptions<P> & { readonly procedures: P },
  ): Server<P>;
  function createServer(
    options?: Omit<ServerOptions, "procedures">,
  ): Server<Record<never, never>>;
  function createServer(options: ServerOptions = {}): Server {
    return new Server({ procedures: {}, ...options }, upgrade);
  }
  return createServer;
}
