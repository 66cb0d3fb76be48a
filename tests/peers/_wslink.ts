/** wslink's own JavaScript clients, as their npm packages bring them. */

import "./_wslink_globals.ts";
import wslink1 from "wslink1";
import wslink2 from "wslink2";

/** The versions of wslink for JavaScript that the tests run against. */
export const JS_VERSIONS = ["1.12.4", "2.5.0"] as const;

/** One of the versions of wslink for JavaScript. */
export type JsVersion = typeof JS_VERSIONS[number];

/** wslink's session, as far as the tests use it. */
export interface WslinkSession {
  call(
    method: string,
    args?: unknown[],
    kwargs?: Record<string, unknown>,
  ): Promise<unknown>;
  subscribe(
    topic: string,
    callback: (messages: unknown[]) => void,
  ): { promise: Promise<unknown>; unsubscribe(): Promise<void> };
  addAttachment(payload: unknown): unknown;
  close(): Promise<void>;
}

/** wslink's connection, as far as the tests use it. */
export interface WslinkConnection {
  connect(): WslinkSession | null;
  destroy(timeout?: number): void;
  onConnectionReady(callback: () => void): void;
  onConnectionError(
    callback: (connection: unknown, error: unknown) => void,
  ): void;
  onConnectionClose(
    callback: (connection: unknown, event: CloseEvent) => void,
  ): void;
}

/** wslink's classes, by whoever made them. */
export interface WslinkModule {
  WebsocketConnection: {
    newInstance(options: { urls: string; secret?: string }): WslinkConnection;
  };
  SmartConnect: {
    newInstance(options: { config: { sessionURL: string; secret: string } }): {
      connect(): void;
      getSession(): WslinkSession | null;
      onConnectionReady(callback: () => void): void;
      onConnectionClose(callback: () => void): void;
    };
  };
}

const modules: Record<JsVersion, WslinkModule> = {
  "1.12.4": wslink1,
  "2.5.0": wslink2,
};

/** A connection of wslink's JavaScript client past its hello. */
export interface Link {
  readonly connection: WslinkConnection;
  readonly session: WslinkSession;
  /** Fulfils with the close event once the socket has closed. */
  readonly closed: Promise<CloseEvent>;
}

/**
 * Connects one of wslink's clients.
 *
 * @param version The version of wslink for JavaScript.
 * @param urls The WebSocket's address.
 * @param secret The secret to say hello with.
 * @param client Whose classes to use, if not npm's.
 * @returns The connection, once the hello is answered.
 * @throws What wslink reports if the hello is refused.
 */
export async function link(
  version: JsVersion,
  urls: string,
  secret?: string,
  client: WslinkModule = modules[version],
): Promise<Link> {
  const connection = client.WebsocketConnection.newInstance(
    secret === undefined ? { urls } : { urls, secret },
  );
  const ready = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<CloseEvent>();
  connection.onConnectionReady(() => ready.resolve());
  connection.onConnectionError((_, error) => ready.reject(error));
  connection.onConnectionClose((_, event) => closed.resolve(event));
  const session = connection.connect();
  if (session === null) throw new Error(`There is no session for ${urls}`);
  await ready.promise;
  return { connection, session, closed: closed.promise };
}

/**
 * Connects as applications do, through `SmartConnect`.
 *
 * @param version The version of wslink for JavaScript.
 * @param sessionURL The WebSocket's address.
 * @param client Whose classes to use, if not npm's.
 * @returns The session, once the hello is answered, and when its socket has closed.
 */
export async function smartLink(
  version: JsVersion,
  sessionURL: string,
  client: WslinkModule = modules[version],
): Promise<Pick<Link, "session"> & { closed: Promise<void> }> {
  const config = { sessionURL, secret: "wslink-secret" };
  const smart = client.SmartConnect.newInstance({ config });
  const ready = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  smart.onConnectionReady(() => ready.resolve());
  smart.onConnectionClose(() => closed.resolve());
  smart.connect();
  await ready.promise;
  const session = smart.getSession();
  if (session === null) throw new Error(`There is no session for ${sessionURL}`);
  return { session, closed: closed.promise };
}
