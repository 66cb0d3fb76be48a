/**
 * Where a session begins, and what is loaded only once it is known to be needed.
 *
 * @module
 */
import { open } from "./_core.ts";
import type { LoadedLater } from "./_link.ts";
import type { ConnectOptions } from "./options.ts";
import type { Session } from "./session.ts";

/** Bundlers put each of these into a file of its own. */
const LATER: LoadedLater = {
  extended: () => import("./extended.ts"),
  json: () => import("./_json_wire.ts"),
  late: () => import("./_late_calls.ts"),
  middleware: () => import("./middleware.ts"),
};

/**
 * Connects to a server: Hawser's, or wslink's of either generation.
 *
 * @typeParam S The server's type, as in `connect<typeof server>(…)`, for calls
 * that are checked.
 * @param url The server's address, as in `ws://localhost:8080/ws`.
 * @param options How the session is made and kept.
 * @returns The session, once the hello is answered. It rejects with `RpcError`
 * (the server refuses the secret), `ConnectionClosedError` (no connection),
 * `TimeoutError` (no answer), or the signal's reason.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { connect } from "@hawser/hawser/client";
 * import { createServer, serve } from "@hawser/hawser/server";
 * import { assertEquals } from "@std/assert";
 *
 * const server = createServer({ procedures: { "text.upper": (s: string) => s.toUpperCase() } });
 * await using listening = await serve(server, { port: 0 });
 *
 * await using session = await connect<typeof server>(listening.webSocketUrl);
 * assertEquals(await session.call("text.upper", ["hawser"], { timeout: 5_000 }), "HAWSER");
 * ```
 */
export function connect<S = unknown>(
  url: string | URL,
  options?: ConnectOptions,
): Promise<Session<S>>;
// The server's type is what the caller says it is; nothing here could know.
export async function connect(url: string | URL, options: ConnectOptions = {}): Promise<unknown> {
  return await open(url, options, LATER);
}
