// deno-lint-ignore-file no-explicit-any -- wslink's own types have it, and its users count on that
import type { EventSubscription, SmartConnectConfig } from "@hawser/hawser/compat";
import type { WebsocketConnection, WebsocketSession } from "../WebsocketConnection/index.d.ts";

export { DEFAULT_SESSION_MANAGER_URL, DEFAULT_SESSION_URL } from "@hawser/hawser/compat";

/** How an application wants to be connected; a launcher gets all of it. */
export type ISmartConnectConfig = SmartConnectConfig;

/** Rewrites a configuration before it is used. */
export type ConfigDecorator = (config: ISmartConnectConfig) => ISmartConnectConfig;

/** What `newInstance()` takes. */
export interface ISmartConnectInitialValues {
  config: ISmartConnectConfig;
  configDecorator?: ConfigDecorator | null;
}

export type Event = any;

/** How a connection ended. */
export interface WebsocketCloseEvent {
  code?: number;
  reason?: string;
}

/** A connection to a server that may still have to be launched. */
export interface SmartConnect {
  connect(): void;
  getSession(): WebsocketSession;
  onConnectionReady(callback: (connection: WebsocketConnection) => void): EventSubscription;
  onConnectionError(
    callback: (connection: WebsocketConnection, error: Event) => void,
  ): EventSubscription;
  onConnectionClose(
    callback: (connection: WebsocketConnection, event: WebsocketCloseEvent) => void,
  ): EventSubscription;
  destroy(timeout?: number): void;
  getConfig(): ISmartConnectConfig;
  getConfigDecorator(): ConfigDecorator | null;
  setConfigDecorator(decorator: ConfigDecorator): void;
  isA(className: string): boolean;
}

/** Makes a connection. */
export declare function newInstance(config: ISmartConnectInitialValues): SmartConnect;

/** Adds a connection's methods to an object, over a model. */
export declare function extend(
  publicAPI: object,
  model: object,
  initialValues?: ISmartConnectInitialValues,
): void;

export declare const SmartConnect: {
  newInstance: typeof newInstance;
  extend: typeof extend;
};

export default SmartConnect;
