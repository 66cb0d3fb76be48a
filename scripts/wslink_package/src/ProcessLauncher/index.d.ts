import type { ProcessLauncher as Launcher } from "@hawser/hawser/compat";

/** Asks a launcher for server processes. */
export type ProcessLauncher = Launcher;

/** Makes instances, and lends their methods to other objects. */
export declare const ProcessLauncher: typeof Launcher;

/** Makes one. */
export declare const newInstance: typeof Launcher.newInstance;

/** Adds its methods to an object, over a model. */
export declare const extend: typeof Launcher.extend;

export default ProcessLauncher;
