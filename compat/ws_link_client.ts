/**
 * `WsLinkClient`: what vtk.js' `vtkWSLinkClient` does on top of `SmartConnect`,
 * for applications without vtk.js.
 *
 * @module
 */
import { defer } from "../protocol/deferred.ts";
import { CompositeClosureHelper } from "./closures.ts";
import { Events, type EventSubscription } from "./events.ts";
import type { WslinkSession } from "./session.ts";
import { type ConfigDecorator, SmartConnect, type SmartConnectConfig } from "./smart_connect.ts";
import type { WebsocketConnection, WslinkClass } from "./websocket_connection.ts";

/** A method of a protocol: it makes a call and returns its promise. */
// A method's parameters may be narrower in a function that fits, a function's may not.
export type ProtocolMethod = { call(...args: unknown[]): Promise<unknown> }["call"];

/** The methods of a protocol, by name. */
export type ProtocolMethods = Record<string, ProtocolMethod>;

/** Makes a protocol's methods over a session. */
export type ProtocolFactory = (session: WslinkSession) => ProtocolMethods;

/** What makes the connection: `SmartConnect`, or what extends it. */
export type SmartConnectClass = Pick<typeof SmartConnect, "newInstance">;

/** What `WsLinkClient.newInstance()` takes. */
export interface WsLinkClientOptions {
  /** The protocols, by name; their methods are found in `getRemote()`. */
  protocols?: Record<string, ProtocolFactory>;
  /**
   * Names of methods that don't count as work.
   *
   * @default {[]}
   */
  notBusyList?: readonly string[];
  /**
   * How long nothing must be under way until `onBusyChange` says 0, in ms.
   *
   * @default {50}
   */
  notificationTimeout?: number;
  /** Rewrites the configuration. */
  configDecorator?: ConfigDecorator | null;
}

/** A client that knows protocols by name, and says when it is busy. */
export interface WsLinkClient {
  /**
   * Connects.
   *
   * @param config How to connect.
   * @param configDecorator Rewrites the configuration.
   * @returns The client, once calls can be made. It rejects with the
   * connection if it can't be made, and with an `Error` if there is one already.
   */
  connect(
    config?: SmartConnectConfig,
    configDecorator?: ConfigDecorator | null,
  ): Promise<WsLinkClient>;
  /**
   * Closes the connection.
   *
   * @param timeout How long the server is to stay, in s; it is 60 without.
   */
  disconnect(timeout?: number): void;
  /** Counts one more piece of work under way. */
  beginBusy(): void;
  /** Counts one less. */
  endBusy(): void;
  /**
   * Tells whether work is under way.
   *
   * @returns Whether there is any.
   */
  isBusy(): boolean;
  /**
   * Tells whether there is a connection.
   *
   * @returns Whether `connect()` has succeeded, and `disconnect()` not been called.
   */
  isConnected(): boolean;
  /**
   * Adds a protocol to a client that is connected.
   *
   * @param name Its name.
   * @param protocol Makes its methods.
   */
  registerProtocol(name: string, protocol: ProtocolFactory): void;
  /**
   * Takes a protocol off.
   *
   * @param name Its name.
   */
  unregisterProtocol(name: string): void;
  /**
   * Gives the protocols' methods.
   *
   * @returns For each protocol, by name, its methods.
   */
  getRemote(): Record<string, ProtocolMethods>;
  /**
   * Gives the connection.
   *
   * @returns The connection, or `null`.
   */
  getConnection(): WebsocketConnection | null;
  /**
   * Gives the configuration.
   *
   * @returns It as the connection was made with.
   */
  getConfig(): SmartConnectConfig;
  /**
   * Registers a callback for work that begins or ends.
   *
   * @param callback Gets how many pieces are under way; 0 comes after a pause.
   * @returns What takes the callback off.
   */
  onBusyChange(callback: (count: number) => void): EventSubscription | null;
  /**
   * Registers a callback for when calls can be made.
   *
   * @param callback Gets the client.
   * @returns What takes the callback off.
   */
  onConnectionReady(callback: (client: WsLinkClient) => void): EventSubscription | null;
  /**
   * Registers a callback for when the connection can't be made.
   *
   * @param callback Gets the connection or the launcher's answer.
   * @returns What takes the callback off.
   */
  onConnectionError(callback: (source: unknown) => void): EventSubscription | null;
  /**
   * Registers a callback for when the connection has closed.
   *
   * @param callback Gets the connection.
   * @returns What takes the callback off.
   */
  onConnectionClose(
    callback: (connection: WebsocketConnection) => void,
  ): EventSubscription | null;
  /** Closes the connection without asking the server to stop, and forgets the callbacks. */
  delete(): void;
}

let smartConnectClass: SmartConnectClass = SmartConnect;

function setSmartConnectClass(made: SmartConnectClass): void {
  smartConnectClass = made;
}

function extend(
  publicAPI: object,
  model: object,
  initialValues: WsLinkClientOptions = {},
): WsLinkClient {
  const { protocols = {}, notBusyList = [], notificationTimeout = 50 } = initialValues;
  let { configDecorator = null } = initialValues;
  Object.assign(model, initialValues);
  let isDeleted = false;
  // As in vtk.js, these callbacks are called at once.
  const busy = new Events<[number]>("BusyChange", () => isDeleted, false);
  const ready = new Events<[WsLinkClient]>("ConnectionReady", () => isDeleted, false);
  const failed = new Events<[unknown]>("ConnectionError", () => isDeleted, false);
  const closed = new Events<[WebsocketConnection]>("ConnectionClose", () => isDeleted, false);
  const remote: Record<string, ProtocolMethods> = {};
  let connection: WebsocketConnection | null = null;
  let smart: SmartConnect | undefined;
  let config: SmartConnectConfig = {};
  let count = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function update(delta: number): void {
    count += delta;
    clearTimeout(timer);
    if (isDeleted) return;
    if (count > 0) busy.fire(api, [count]);
    else timer = setTimeout(() => busy.fire(api, [count]), notificationTimeout);
  }

  function watched(methods: ProtocolMethods): ProtocolMethods {
    const wrapped = Object.entries(methods).map(([name, method]) => {
      if (notBusyList.includes(name)) return [name, method] as const;
      const counted = (...args: unknown[]) => {
        update(1);
        return method(...args).finally(() => update(-1));
      };
      return [name, counted] as const;
    });
    return Object.fromEntries(wrapped);
  }

  const api: WsLinkClient = Object.assign(publicAPI, {
    connect(
      wanted: SmartConnectConfig = {},
      decorator: ConfigDecorator | null = null,
    ): Promise<WsLinkClient> {
      if (connection) return Promise.reject(new Error("Need to disconnect first"));
      config = wanted;
      configDecorator = decorator ?? configDecorator;
      const { promise, resolve, reject } = defer<WsLinkClient>();
      const made = smart = smartConnectClass.newInstance({ config, configDecorator });
      made.onConnectionReady((open) => {
        connection = open;
        config = made.getConfig();
        const session = open.getSession();
        if (session) {
          for (const [name, protocol] of Object.entries(protocols)) {
            remote[name] = watched(protocol(session));
          }
        }
        ready.fire(api, [api]);
        resolve(api);
      });
      made.onConnectionError((source) => {
        failed.fire(api, [source]);
        reject(source);
      });
      made.onConnectionClose((open) => {
        closed.fire(api, [open]);
        reject(open);
      });
      made.connect();
      return promise;
    },
    disconnect(timeout = 60): void {
      connection?.destroy(timeout);
      connection = null;
    },
    beginBusy: (): void => update(1),
    endBusy: (): void => update(-1),
    isBusy: (): boolean => count > 0,
    isConnected: (): boolean => connection !== null,
    registerProtocol(name: string, protocol: ProtocolFactory): void {
      const session = connection?.getSession();
      if (!session) throw new Error(`Protocol ${name} needs a connection, and there is none`);
      remote[name] = watched(protocol(session));
    },
    unregisterProtocol(name: string): void {
      delete remote[name];
    },
    getRemote: (): Record<string, ProtocolMethods> => remote,
    getConnection: (): WebsocketConnection | null => connection,
    getConfig: (): SmartConnectConfig => config,
    onBusyChange: busy.on.bind(busy),
    onConnectionReady: ready.on.bind(ready),
    onConnectionError: failed.on.bind(failed),
    onConnectionClose: closed.on.bind(closed),
    delete(): void {
      isDeleted = true;
      clearTimeout(timer);
      smart?.destroy();
      connection = null;
      for (const events of [busy, ready, failed, closed]) events.clear();
    },
  });
  return api;
}

const newInstance: (initialValues?: WsLinkClientOptions) => Readonly<WsLinkClient> =
  CompositeClosureHelper.newInstance(extend);

/** Makes {@linkcode WsLinkClient}s, over a `SmartConnect` of one's own if one likes. */
export interface WsLinkClientClass extends WslinkClass<WsLinkClientOptions, WsLinkClient> {
  /** Sets what makes the connections; Hawser's `SmartConnect` does without. */
  readonly setSmartConnectClass: (made: SmartConnectClass) => void;
}

/**
 * Makes a client that knows protocols by name, and says when it is busy.
 *
 * @example
 * ```ts
 * import { WsLinkClient } from "@hawser/hawser/compat";
 * import { createServer, serve } from "@hawser/hawser/server";
 * import { assertEquals } from "@std/assert";
 *
 * const procedures = { "math.add": (a: number, b: number) => a + b };
 * await using listening = await serve(createServer({ procedures }), { port: 0 });
 *
 * const client = WsLinkClient.newInstance({
 *   protocols: {
 *     Maths: (session) => ({ add: (...args: number[]) => session.call("math.add", args) }),
 *   },
 * });
 * const counts: number[] = [];
 * client.onBusyChange((count) => counts.push(count));
 * await client.connect({ sessionURL: listening.webSocketUrl });
 * const idle = new Promise<void>((resolve) => {
 *   client.onBusyChange((count) => count === 0 && resolve());
 * });
 * assertEquals(await client.getRemote().Maths?.add?.(1, 2), 3);
 * await idle;
 * assertEquals(counts, [1, 0]);
 * client.delete();
 * ```
 */
export const WsLinkClient: WsLinkClientClass = { newInstance, extend, setSmartConnectClass };
