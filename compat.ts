/**
 * wslink's own JavaScript API on Hawser's client: an application that imports
 * `SmartConnect` and its like goes on as it is, with servers of both wires.
 * New code is better off with `connect()` of `@hawser/hawser/client`.
 *
 * @example
 * ```ts
 * import { SmartConnect } from "@hawser/hawser/compat";
 * import { createServer, serve } from "@hawser/hawser/server";
 * import { assertEquals } from "@std/assert";
 *
 * const procedures = { "math.add": (a: number, b: number) => a + b };
 * await using listening = await serve(createServer({ procedures }), { port: 0 });
 *
 * const smart = SmartConnect.newInstance({ config: { sessionURL: listening.webSocketUrl } });
 * const sum = await new Promise((resolve, reject) => {
 *   smart.onConnectionReady((connection) => {
 *     connection.getSession()?.call("math.add", [1, 2]).then(resolve, reject);
 *   });
 *   smart.connect();
 * });
 * assertEquals(sum, 3);
 * const closed = new Promise((resolve) => smart.onConnectionClose(resolve));
 * smart.getSession()?.close();
 * await closed;
 * smart.destroy();
 * ```
 *
 * @module
 */
export {
  capitalize,
  CompositeClosureHelper,
  type Extend,
  type Instance,
} from "./compat/closures.ts";
export type { EventSubscription, SocketCloseEvent } from "./compat/events.ts";
export {
  type LaunchConfig,
  type LauncherConnection,
  type LauncherResponse,
  ProcessLauncher,
  type ProcessLauncherOptions,
} from "./compat/process_launcher.ts";
export type {
  SubscriptionCallback,
  SubscriptionInfo,
  WslinkError,
  WslinkSession,
  WslinkSubscription,
} from "./compat/session.ts";
export {
  type ConfigDecorator,
  DEFAULT_SESSION_MANAGER_URL,
  DEFAULT_SESSION_URL,
  SmartConnect,
  type SmartConnectConfig,
  type SmartConnectOptions,
} from "./compat/smart_connect.ts";
export {
  WebsocketConnection,
  type WebsocketConnectionOptions,
  type WslinkClass,
} from "./compat/websocket_connection.ts";
export {
  type ProtocolFactory,
  type ProtocolMethod,
  type ProtocolMethods,
  type SmartConnectClass,
  WsLinkClient,
  type WsLinkClientClass,
  type WsLinkClientOptions,
} from "./compat/ws_link_client.ts";
export type { RpcErrorObject, Wire } from "./protocol/mod.ts";
