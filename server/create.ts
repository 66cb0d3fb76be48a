/**
 * `createServer()`, as every runtime's entry point offers it.
 *
 * @module
 */
import type { Procedures, Topics } from "../protocol/api.ts";
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
  <
    const P extends Procedures = Record<never, never>,
    T extends Topics = Record<never, never>,
  >(
    options: ServerOptions<P, T> & { readonly procedures: P },
  ): Server<P, T>;
  /**
   * Makes a server without procedures: it publishes, and `register()` adds some.
   *
   * @param options How it behaves.
   * @returns The server.
   */
  <T extends Topics = Record<never, never>>(
    options?: Omit<ServerOptions<Procedures, T>, "procedures">,
  ): Server<Record<never, never>, T>;
}

/**
 * Makes a runtime's `createServer`.
 *
 * @param upgrade What `Server.upgrade()` does in the runtime.
 * @returns The function.
 */
export function createServerWith(upgrade: Upgrade): CreateServer {
  function createServer<
    const P extends Procedures = Record<never, never>,
    T extends Topics = Record<never, never>,
  >(
    options: ServerOptions<P, T> & { readonly procedures: P },
  ): Server<P, T>;
  function createServer<T extends Topics = Record<never, never>>(
    options?: Omit<ServerOptions<Procedures, T>, "procedures">,
  ): Server<Record<never, never>, T>;
  function createServer(options: ServerOptions = {}): Server {
    return new Server({ procedures: {}, topics: {}, ...options }, upgrade);
  }
  return createServer;
}
