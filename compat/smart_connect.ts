/**
 * wslink's `SmartConnect`: a connection to a known address, or to a process
 * that a launcher starts.
 *
 * @module
 */
import type { Wire } from "../protocol/codec.ts";
import { CompositeClosureHelper, isFunction, isNamed } from "./closures.ts";
import { Events, type EventSubscription, type SocketCloseEvent } from "./events.ts";
import { type LaunchConfig, type LauncherResponse, ProcessLauncher } from "./process_launcher.ts";
import type { WslinkSession } from "./session.ts";
import { WebsocketConnection, type WslinkClass } from "./websocket_connection.ts";

/** How an application wants to be connected; a launcher gets all of it. */
export interface SmartConnectConfig extends LaunchConfig {
  /** The server's address. `USE_HOSTNAME` and `USE_HOST` in it stand for the page's. */
  sessionURL?: string;
  /**
   * The launcher's address, for when there is no `sessionURL`.
   *
   * @default {DEFAULT_SESSION_MANAGER_URL}
   */
  sessionManagerURL?: string;
  /**
   * What the server wants to know.
   *
   * @default {"wslink-secret"}
   */
  secret?: string;
  /** Taken for wslink's sake, which does nothing with it either. */
  retry?: boolean | number;
  /** Opens the socket with the page's `WSLINK.createWebSocket(url)`. */
  wsProxy?: boolean;
  /** As `wsProxy`. */
  iframe?: boolean;
  /**
   * The wire: `json` is wslink 1.x, `msgpack` is 2.x, `auto` finds out. Hawser's own.
   *
   * @default {"auto"}
   */
  wire?: Wire | "auto";
}

/** Rewrites a configuration before it is used. */
export type ConfigDecorator = (config: SmartConnectConfig) => SmartConnectConfig;

/** What `SmartConnect.newInstance()` takes. */
export interface SmartConnectOptions {
  /** How to connect. */
  config?: SmartConnectConfig;
  /** Rewrites the configuration, when connecting and once more with what a launcher answered. */
  configDecorator?: ConfigDecorator | null | undefined;
}

/** wslink's connection to a server that may still have to be launched. */
export interface SmartConnect {
  /** Starts connecting. What becomes of it is told by the events. */
  connect(): void;
  /**
   * Gives the session.
   *
   * @returns The session, or `null` while there is none.
   */
  getSession(): WslinkSession | null;
  /**
   * Closes the connection and forgets the callbacks.
   *
   * @param timeout How long the server is to stay, in s: it is asked to stop
   * then. Without, the server is left alone.
   */
  destroy(timeout?: number): void;
  /**
   * Gives the configuration.
   *
   * @returns It as it is now, what a decorator and a launcher changed included.
   */
  getConfig(): SmartConnectConfig;
  /**
   * Gives the decorator.
   *
   * @returns The decorator, or nothing.
   */
  getConfigDecorator(): ConfigDecorator | null | undefined;
  /**
   * Sets the decorator.
   *
   * @param decorator Rewrites the configuration at the next `connect()`.
   */
  setConfigDecorator(decorator: ConfigDecorator | null): void;
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
   * Registers a callback for when the connection can't be made.
   *
   * @param callback Gets the connection and an event of the socket's or a
   * `WslinkError`; or the launcher's answer and the error in it.
   * @returns What takes the callback off.
   */
  onConnectionError(
    callback: (source: WebsocketConnection | LauncherResponse, error: unknown) => void,
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
   * @param source What callbacks get.
   * @param error What callbacks get.
   */
  fireConnectionError(source: WebsocketConnection | LauncherResponse, error: unknown): void;
  /**
   * Sets the event off.
   *
   * @param connection What callbacks get.
   * @param event What callbacks get.
   */
  fireConnectionClose(connection: WebsocketConnection, event: SocketCloseEvent): void;
  /**
   * Takes a connection that is ready for this one's own.
   *
   * @param connection The connection.
   */
  readyForwarder(connection: WebsocketConnection): void;
  /**
   * Takes a connection's error for this one's own.
   *
   * @param source Where it comes from.
   * @param error The error.
   */
  errorForwarder(source: WebsocketConnection | LauncherResponse, error: unknown): void;
  /**
   * Takes a connection's end for this one's own.
   *
   * @param connection The connection.
   * @param event The socket's event.
   */
  closeForwarder(connection: WebsocketConnection, event: SocketCloseEvent): void;
  /**
   * Tells what the object is.
   *
   * @param className A name, as `SmartConnect`.
   * @returns Whether it is one.
   */
  isA(className: string): boolean;
}

interface Model extends SmartConnectOptions {
  config?: SmartConnectConfig;
  subscriptions?: (EventSubscription | null)[];
  gc?: { destroy(): void }[];
  deleted?: boolean;
}

/** The folder of the page, without a slash at its end; nothing where there is no page. */
function pageFolder(): URL | undefined {
  const base: unknown = Reflect.get(Object(Reflect.get(globalThis, "document")), "baseURI");
  const address = typeof base === "string" ? base : globalThis.location?.href;
  if (address === undefined || !URL.canParse(address)) return undefined;
  const page = new URL(address);
  page.search = page.hash = "";
  page.pathname = page.pathname.replace(/\/[^/]*\.html?$/, "").replace(/\/+$/, "");
  return page;
}

function beside(path: string, isSocket: boolean): string {
  const page = pageFolder();
  if (page === undefined) return "";
  const scheme = isSocket ? page.protocol === "https:" ? "wss:" : "ws:" : page.protocol;
  return `${scheme}//${page.host}${page.pathname.replace(/\/$/, "")}${path}`;
}

/** Where a launcher is looked for: `paraview/` beside the page. Empty where there is no page. */
export const DEFAULT_SESSION_MANAGER_URL: string = beside("/paraview/", false);

/** Where a server is looked for when no launcher answers: `ws` beside the page. Empty where there is no page. */
export const DEFAULT_SESSION_URL: string = beside("/ws", true);

function fillIn(config: SmartConnectConfig): SmartConnectConfig {
  const page = globalThis.location;
  // The longer name first, since it begins with the other.
  if (typeof config.sessionURL === "string" && page !== undefined) {
    config.sessionURL = config.sessionURL
      .replaceAll("USE_HOSTNAME", page.hostname)
      .replaceAll("USE_HOST", page.host);
  }
  return config;
}

/** What a launcher put in its answer's `error`. */
function errorIn(response: LauncherResponse | undefined): unknown {
  const body: unknown = response?.response;
  return typeof body === "object" && body !== null ? Reflect.get(body, "error") : undefined;
}

function extend(
  publicAPI: object,
  model: object,
  initialValues: SmartConnectOptions = {},
): SmartConnect {
  const state: Model = Object.assign(model, { config: {} }, initialValues);
  CompositeClosureHelper.destroy(publicAPI, state);
  CompositeClosureHelper.isA(publicAPI, state, "SmartConnect");
  const previous: unknown = Reflect.get(publicAPI, "destroy");
  const isDeleted = () => state.deleted === true;
  const ready = new Events<[WebsocketConnection]>("ConnectionReady", isDeleted);
  const failed = new Events<[WebsocketConnection | LauncherResponse, unknown]>(
    "ConnectionError",
    isDeleted,
  );
  const closed = new Events<[WebsocketConnection, SocketCloseEvent]>("ConnectionClose", isDeleted);
  let session: WslinkSession | null = null;
  state.gc = [];

  function decorate(config: SmartConnectConfig): SmartConnectConfig {
    return fillIn(state.configDecorator ? state.configDecorator(config) : config);
  }

  function open(config: SmartConnectConfig): void {
    const { sessionURL, secret, retry, iframe, wsProxy, wire } = config;
    const connection = WebsocketConnection.newInstance({
      ...sessionURL === undefined ? {} : { urls: sessionURL },
      ...secret === undefined ? {} : { secret },
      ...retry === undefined ? {} : { retry },
      ...wire === undefined ? {} : { wire },
      wsProxy: Boolean(iframe || wsProxy),
    });
    state.subscriptions?.push(
      connection.onConnectionReady(api.readyForwarder),
      connection.onConnectionError(api.errorForwarder),
      connection.onConnectionClose(api.closeForwarder),
    );
    state.gc?.push(connection);
    session = connection.connect();
  }

  function launch(config: SmartConnectConfig): void {
    const launcher = ProcessLauncher.newInstance({
      endPoint: config.sessionManagerURL || DEFAULT_SESSION_MANAGER_URL,
    });
    state.subscriptions?.push(
      launcher.onProcessReady((answer) => {
        state.config = decorate({ ...state.config, ...answer });
        open(state.config);
      }),
      launcher.onError((response) => {
        const error = errorIn(response);
        if (error) return api.errorForwarder(response, error);
        const current = state.config ?? {};
        current.sessionURL = DEFAULT_SESSION_URL;
        state.config = fillIn(current);
        open(state.config);
      }),
    );
    state.gc?.push(launcher);
    launcher.start(config);
  }

  const api: SmartConnect = Object.assign(publicAPI, {
    connect(): void {
      if (isDeleted()) return;
      const config = state.config = decorate(state.config ?? {});
      if (config.sessionURL) return open(config);
      if (!config.wsProxy) return launch(config);
      // The proxy knows where to go, and an address there must be.
      config.sessionURL = "wss://proxy/";
      open(config);
    },
    getSession: (): WslinkSession | null => session,
    getConfig: (): SmartConnectConfig => state.config ?? {},
    getConfigDecorator: (): ConfigDecorator | null | undefined => state.configDecorator,
    setConfigDecorator(decorator: ConfigDecorator | null): void {
      state.configDecorator = decorator;
    },
    readyForwarder(connection: WebsocketConnection): void {
      session = connection.getSession();
      api.fireConnectionReady(connection);
    },
    errorForwarder(source: WebsocketConnection | LauncherResponse, error: unknown): void {
      api.fireConnectionError(source, error);
    },
    closeForwarder(connection: WebsocketConnection, event: SocketCloseEvent): void {
      api.fireConnectionClose(connection, event);
    },
    onConnectionReady: ready.on.bind(ready),
    onConnectionError: failed.on.bind(failed),
    onConnectionClose: closed.on.bind(closed),
    fireConnectionReady: (...args: [WebsocketConnection]) => ready.fire(api, args),
    fireConnectionError: (...args: [WebsocketConnection | LauncherResponse, unknown]) =>
      failed.fire(api, args),
    fireConnectionClose: (...args: [WebsocketConnection, SocketCloseEvent]) =>
      closed.fire(api, args),
    isA: (className: string): boolean => isNamed(model, className),
    destroy(timeout?: number): void {
      if (timeout !== undefined && timeout > 0) {
        session?.call("application.exit.later", [timeout]);
      }
      session?.close();
      session = null;
      for (const made of state.gc?.splice(0).reverse() ?? []) made.destroy();
      if (isFunction(previous)) previous();
      for (const events of [ready, failed, closed]) events.clear();
    },
  });
  return api;
}

const newInstance: (initialValues?: SmartConnectOptions) => Readonly<SmartConnect> =
  CompositeClosureHelper.newInstance(extend);

/**
 * Connects to a server as wslink's applications do.
 *
 * @example
 * ```ts
 * import { SmartConnect, type WebsocketConnection } from "@hawser/hawser/compat";
 * import { createServer, serve } from "@hawser/hawser/server";
 * import { assertEquals } from "@std/assert";
 *
 * const server = createServer({ procedures: { "math.add": (a: number, b: number) => a + b } });
 * await using listening = await serve(server, { port: 0 });
 *
 * const smart = SmartConnect.newInstance({ config: { sessionURL: listening.webSocketUrl } });
 * const ready = new Promise<WebsocketConnection>((resolve) => smart.onConnectionReady(resolve));
 * smart.connect();
 * const session = (await ready).getSession();
 *
 * assertEquals(await session?.call("math.add", [1, 2]), 3);
 * const heard = new Promise((resolve) => session?.subscribe("image", ([image]) => resolve(image)));
 * server.publish("image", "a picture");
 * assertEquals(await heard, "a picture");
 *
 * const closed = new Promise((resolve) => smart.onConnectionClose(resolve));
 * await session?.close();
 * await closed;
 * smart.destroy();
 * ```
 */
export const SmartConnect: WslinkClass<SmartConnectOptions, SmartConnect> = {
  newInstance,
  extend,
};
