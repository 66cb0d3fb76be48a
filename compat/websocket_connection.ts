/**
 * wslink's `WebsocketConnection`: one connection, its events and its session.
 *
 * @module
 */
import type { Wire } from "../protocol/codec.ts";
import { CompositeClosureHelper, type Extend, isFunction, isNamed } from "./closures.ts";
import { Events, type EventSubscription, type SocketCloseEvent } from "./events.ts";
import { Line } from "./_line.ts";
import { CompatSession, type WslinkSession } from "./session.ts";

/** What `WebsocketConnection.newInstance()` takes. */
export interface WebsocketConnectionOptions {
  /** The server's address, or several, of which the first is used. */
  urls?: string | readonly string[];
  /**
   * What the server wants to know.
   *
   * @default {"wslink-secret"}
   */
  secret?: string | null;
  /**
   * Taken for wslink's sake, which does nothing with it either: a connection
   * that breaks stays broken.
   *
   * @default {false}
   */
  retry?: boolean | number;
  /**
   * Opens the socket with the page's `WSLINK.createWebSocket(url)`.
   *
   * @default {false}
   */
  wsProxy?: boolean;
  /**
   * The wire, which wslink's version decides there: `json` is 1.x, `msgpack`
   * is 2.x, `auto` finds out. Hawser's own.
   *
   * @default {"auto"}
   */
  wire?: Wire | "auto";
}

/** wslink's connection. */
export interface WebsocketConnection {
  /**
   * Opens the connection. What becomes of it is told by the events.
   *
   * @returns The session, which can be used from `onConnectionReady` on; `null` if there is no usable address.
   */
  connect(): WslinkSession | null;
  /**
   * Gives the session.
   *
   * @returns The session of the last `connect()`, or `null` before it.
   */
  getSession(): WslinkSession | null;
  /**
   * Gives the address.
   *
   * @returns The address of the open connection, or `undefined`.
   */
  getUrl(): string | undefined;
  /**
   * Closes the connection and forgets the callbacks.
   *
   * @param timeout How long the server is to stay, in s: it is asked to stop
   * then. 0 or less leaves the server alone.
   */
  destroy(timeout?: number): void;
  /**
   * Registers a callback for when calls can be made.
   *
   * @param callback Gets the connection.
   * @returns What takes the callback off.
   */
  onConnectionReady(
    callback: (connection: WebsocketConnection) => void,
  ): EventSubscription | null;
  /**
   * Registers a callback for when the connection can't be made, the secret is
   * refused, or the socket fails.
   *
   * @param callback Gets the connection, and an event of the socket's or a `WslinkError`.
   * @returns What takes the callback off.
   */
  onConnectionError(
    callback: (connection: WebsocketConnection, error: unknown) => void,
  ): EventSubscription | null;
  /**
   * Registers a callback for when the connection has closed.
   *
   * @param callback Gets the connection and the socket's event.
   * @returns What takes the callback off.
   */
  onConnectionClose(
    callback: (connection: WebsocketConnection, event: SocketCloseEvent) => void,
  ): EventSubscription | null;
  /**
   * Sets the event off.
   *
   * @param connection What callbacks get.
   */
  fireConnectionReady(connection: WebsocketConnection): void;
  /**
   * Sets the event off.
   *
   * @param connection What callbacks get.
   * @param error What callbacks get.
   */
  fireConnectionError(connection: WebsocketConnection, error: unknown): void;
  /**
   * Sets the event off.
   *
   * @param connection What callbacks get.
   * @param event What callbacks get.
   */
  fireConnectionClose(connection: WebsocketConnection, event: SocketCloseEvent): void;
  /**
   * Tells what the object is.
   *
   * @param className A name, as `WebsocketConnection`.
   * @returns Whether it is one.
   */
  isA(className: string): boolean;
}

const DEFAULT_SECRET = "wslink-secret";

interface Model extends WebsocketConnectionOptions {
  connection?: Line | null;
  session?: WslinkSession | null;
  deleted?: boolean;
}

function createProxySocket(url: string): WebSocket {
  const create: unknown = Reflect.get(Object(Reflect.get(globalThis, "WSLINK")), "createWebSocket");
  if (!isFunction(create)) {
    throw new TypeError("wsProxy needs the page's WSLINK.createWebSocket(url), and there is none");
  }
  const socket: unknown = create(url);
  if (isSocket(socket)) return socket;
  throw new TypeError("WSLINK.createWebSocket(url) gave no socket");
}

function isSocket(value: unknown): value is WebSocket {
  return typeof value === "object" && value !== null && "send" in value && "close" in value;
}

function checkUrls(urls: string | readonly string[]): string {
  const list = typeof urls === "string" ? [urls] : urls;
  for (const url of list) {
    if (!/^wss?:/.test(url)) {
      throw new TypeError(`A server's address starts with ws: or wss:, received ${url}`);
    }
  }
  const [first] = list;
  if (first === undefined) throw new TypeError("The list of addresses is empty");
  return first;
}

function extend(
  publicAPI: object,
  model: object,
  initialValues: WebsocketConnectionOptions = {},
): WebsocketConnection {
  const state: Model = Object.assign(
    model,
    { secret: DEFAULT_SECRET, connection: null, session: null, retry: false, wsProxy: false },
    initialValues,
  );
  CompositeClosureHelper.destroy(publicAPI, state);
  CompositeClosureHelper.isA(publicAPI, state, "WebsocketConnection");
  const previous: unknown = Reflect.get(publicAPI, "destroy");
  const isDeleted = () => state.deleted === true;
  const ready = new Events<[WebsocketConnection]>("ConnectionReady", isDeleted);
  const failed = new Events<[WebsocketConnection, unknown]>("ConnectionError", isDeleted);
  const closed = new Events<[WebsocketConnection, SocketCloseEvent]>("ConnectionClose", isDeleted);

  function open(url: string): WslinkSession {
    const { wire = "auto", wsProxy = false } = state;
    const line: Line = new Line(url, {
      secret: state.secret || DEFAULT_SECRET,
      wire,
      createSocket: wsProxy ? createProxySocket : (url) => new WebSocket(url),
      isProxy: wsProxy,
      onError(error) {
        if (!isDeleted()) api.fireConnectionError(api, error);
      },
      onClose(event) {
        if (isDeleted()) return;
        api.fireConnectionClose(api, event);
        if (state.connection === line) state.connection = null;
      },
    });
    const session = new CompatSession(line, wire);
    state.connection = line;
    state.session = session;
    line.opened.then((hawser) => {
      session.attach(hawser);
      if (!isDeleted()) api.fireConnectionReady(api);
    }, () => {
      // onError is told.
    });
    return session;
  }

  const api: WebsocketConnection = Object.assign(publicAPI, {
    connect(): WslinkSession | null {
      if (isDeleted() || !state.urls || state.urls.length === 0) return null;
      try {
        const url = checkUrls(state.urls);
        const { connection, session } = state;
        if (connection && session) {
          if (connection.asked === url && connection.readyState < 2) return session;
          connection.close();
        }
        return open(url);
      } catch (error) {
        console.error(error);
        api.fireConnectionError(api, error);
        return null;
      }
    },
    getSession: (): WslinkSession | null => state.session ?? null,
    getUrl: (): string | undefined => state.connection?.url,
    onConnectionReady: ready.on.bind(ready),
    onConnectionError: failed.on.bind(failed),
    onConnectionClose: closed.on.bind(closed),
    fireConnectionReady: (...args: [WebsocketConnection]) => ready.fire(api, args),
    fireConnectionError: (...args: [WebsocketConnection, unknown]) => failed.fire(api, args),
    fireConnectionClose: (...args: [WebsocketConnection, SocketCloseEvent]) =>
      closed.fire(api, args),
    isA: (className: string): boolean => isNamed(model, className),
    destroy(timeout = 10): void {
      const { connection, session } = state;
      if (connection?.readyState === 1 && timeout > 0) {
        session?.call("application.exit.later", [timeout]);
      }
      connection?.close();
      if (isFunction(previous)) previous();
      for (const events of [ready, failed, closed]) events.clear();
    },
  });
  return api;
}

const newInstance: (initialValues?: WebsocketConnectionOptions) => Readonly<WebsocketConnection> =
  CompositeClosureHelper.newInstance(extend);

/** A class of wslink's: it makes instances, and lends its methods to other objects. */
export interface WslinkClass<Values, Api> {
  /** Makes one. */
  readonly newInstance: (initialValues?: Values) => Readonly<Api>;
  /** Adds its methods to an object, over a model. */
  readonly extend: Extend<Values, Api>;
}

/**
 * Makes one connection to a server.
 *
 * @example
 * ```ts
 * import { WebsocketConnection } from "@hawser/hawser/compat";
 * import { createServer, serve } from "@hawser/hawser/server";
 * import { assertEquals } from "@std/assert";
 *
 * const procedures = { "math.add": (a: number, b: number) => a + b };
 * await using listening = await serve(createServer({ procedures }), { port: 0 });
 *
 * const connection = WebsocketConnection.newInstance({ urls: listening.webSocketUrl });
 * const ready = new Promise((resolve) => connection.onConnectionReady(resolve));
 * const closed = new Promise((resolve) => connection.onConnectionClose(resolve));
 * const session = connection.connect();
 * await ready;
 * assertEquals(await session?.call("math.add", [1, 2]), 3);
 * await session?.close();
 * await closed;
 * ```
 */
export const WebsocketConnection: WslinkClass<WebsocketConnectionOptions, WebsocketConnection> = {
  newInstance,
  extend,
};
