import type { ProcessLauncher as Launcher } from "./ProcessLauncher/index.d.ts";
import type { SmartConnect as Smart } from "./SmartConnect/index.d.ts";
import type { WebsocketConnection as Connection } from "./WebsocketConnection/index.d.ts";

export { CompositeClosureHelper } from "@hawser/hawser/compat";

/** Asks a launcher for server processes. */
export type ProcessLauncher = Launcher;

/** Makes launchers. */
export declare const ProcessLauncher: typeof Launcher;

/** A connection to a server that may still have to be launched. */
export type SmartConnect = Smart;

/** Makes connections to servers that may still have to be launched. */
export declare const SmartConnect: typeof Smart;

/** One connection. */
export type WebsocketConnection = Connection;

/** Makes connections. */
export declare const WebsocketConnection: typeof Connection;

declare const wslink: {
  CompositeClosureHelper: typeof import("@hawser/hawser/compat").CompositeClosureHelper;
  ProcessLauncher: typeof Launcher;
  SmartConnect: typeof Smart;
  WebsocketConnection: typeof Connection;
};

export default wslink;
