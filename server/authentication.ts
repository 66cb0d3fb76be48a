/**
 * What procedures learn of who calls, with its type.
 *
 * @module
 */
import type { WithState } from "../session/middleware.ts";
import type { DefineProcedure } from "../session/procedure.ts";
import type { Authenticate } from "./auth.ts";
import type { Client } from "./client.ts";
import { type Call, procedure } from "./procedure.ts";

/** A way to find out who clients are, and what knows the type of who they are. */
export interface Authentication<Identity> {
  /** For `createServer({ authenticate })`. */
  readonly authenticate: Authenticate<Identity>;
  /** A `procedure()` whose calls have `call.state.identity`. */
  readonly procedure: DefineProcedure<WithState<Call, { identity: Identity }>>;
  /**
   * Who a client is.
   *
   * @param client A client of a server with this `authenticate`.
   * @returns Its identity.
   * @throws {TypeError} If the client was let in otherwise.
   */
  identityOf(client: Client): Identity;
}

/**
 * Defines how clients are told apart, with the type of what is found out.
 *
 * @param authenticate Decides who a client is.
 * @returns What the server and its procedures are made with.
 *
 * @example
 * ```ts
 * import { authentication, createServer } from "@hawser/hawser/server";
 *
 * const users = new Map([["t0ken", { name: "ada", admin: true }]]);
 * const auth = authentication((hello) => {
 *   const user = users.get(String(hello.secret));
 *   return user && { identity: user, expires: Date.now() + 3_600_000 };
 * });
 * const server = createServer({
 *   authenticate: auth.authenticate,
 *   procedures: {
 *     "user.name": auth.procedure((call) => call.state.identity.name),
 *     "user.list": auth.procedure(
 *       { authorize: (call) => call.state.identity.admin },
 *       () => [...users.values()].map(({ name }) => name),
 *     ),
 *   },
 * });
 * await server.close();
 * ```
 */
export function authentication<Identity>(
  authenticate: Authenticate<Identity>,
): Authentication<Identity> {
  /** Identities are objects of this call's alone, so that what is in here has its type. */
  const known = new WeakMap<object, Identity>();
  function identityOf(client: Client): Identity {
    const { authenticated } = client;
    const identity = authenticated && known.get(authenticated);
    if (identity === undefined) {
      throw new TypeError("The client was not let in by this authentication");
    }
    return identity;
  }
  return {
    async authenticate(hello, request) {
      const found = await authenticate(hello, request);
      if (found) known.set(found, found.identity);
      return found;
    },
    procedure: procedure.use<{ identity: Identity }>((call, next) =>
      next({ identity: identityOf(call.client) })
    ),
    identityOf,
  };
}
