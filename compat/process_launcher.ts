/**
 * wslink's `ProcessLauncher`: asks a launcher over HTTP for a server process.
 *
 * @module
 */
import { CompositeClosureHelper, isFunction, isNamed } from "./closures.ts";
import { Events, type EventSubscription } from "./events.ts";
import type { WslinkClass } from "./websocket_connection.ts";

/** What a launcher says about a process: where its server is, and whatever else it likes to. */
export interface LauncherConnection {
  /** The server's address. */
  sessionURL?: string;
  /** The launcher's name for the process. */
  id?: string;
  /** The server's secret. */
  secret?: string;
  /** Whatever else. */
  [key: string]: unknown;
}

/** What a launcher is asked with: the process's name, and whatever else it likes to know. */
export interface LaunchConfig {
  /** HTTP headers for the launcher; they are taken out before the rest is sent. */
  headers?: Record<string, string>;
  /** After how many ms each to try again when the launcher answers 503. */
  launcherRetry?: readonly number[];
  /** Whatever else. */
  [key: string]: unknown;
}

/** A launcher's answer as `onError` gets it: the part of an `XMLHttpRequest` that matters. */
export interface LauncherResponse {
  /** 4, the state of a request that is done. */
  readonly readyState: number;
  /** The HTTP status; 0 if there was no answer. */
  readonly status: number;
  /** The status in words. */
  readonly statusText: string;
  /** The address that answered. */
  readonly responseURL: string;
  /** The answer's JSON; `null` if it is none. */
  readonly response: unknown;
  /**
   * Gives a header of the answer.
   *
   * @param name Its name.
   * @returns Its value, or `null`.
   */
  getResponseHeader(name: string): string | null;
}

/** What `ProcessLauncher.newInstance()` takes. */
export interface ProcessLauncherOptions {
  /** The launcher's address. */
  endPoint?: string | null;
}

/** wslink's launcher of server processes. */
export interface ProcessLauncher {
  /**
   * Asks for a process; `onProcessReady` or `onError` tells what came of it.
   *
   * @param config What the launcher is to know.
   */
  start(config: LaunchConfig): void;
  /**
   * Asks about a process; `onFetch` or `onError` tells what came of it.
   *
   * @param sessionId The launcher's name for it.
   */
  fetchConnection(sessionId: string): void;
  /**
   * Asks to end a process; `onProcessStopped` or `onError` tells what came of it.
   *
   * @param connection What `onProcessReady` told about it.
   */
  stop(connection: LauncherConnection): void;
  /**
   * Lists the processes that were started from here, by any launcher.
   *
   * @returns What the launchers said about them.
   */
  listConnections(): LauncherConnection[];
  /** Gives up requests under way, and forgets the callbacks. */
  destroy(): void;
  /**
   * Registers a callback for a process that was started.
   *
   * @param callback Gets what the launcher says about it.
   * @returns What takes the callback off.
   */
  onProcessReady(callback: (connection: LauncherConnection) => void): EventSubscription | null;
  /**
   * Registers a callback for a process that was ended.
   *
   * @param callback Gets what the launcher says about it.
   * @returns What takes the callback off.
   */
  onProcessStopped(callback: (response: unknown) => void): EventSubscription | null;
  /**
   * Registers a callback for the answer to `fetchConnection()`.
   *
   * @param callback Gets what the launcher says about the process.
   * @returns What takes the callback off.
   */
  onFetch(callback: (response: unknown) => void): EventSubscription | null;
  /**
   * Registers a callback for requests that failed.
   *
   * @param callback Gets the launcher's answer.
   * @returns What takes the callback off.
   */
  onError(callback: (response: LauncherResponse) => void): EventSubscription | null;
  /**
   * Sets the event off.
   *
   * @param connection What callbacks get.
   */
  fireProcessReady(connection: LauncherConnection): void;
  /**
   * Sets the event off.
   *
   * @param response What callbacks get.
   */
  fireProcessStopped(response: unknown): void;
  /**
   * Sets the event off.
   *
   * @param response What callbacks get.
   */
  fireFetch(response: unknown): void;
  /**
   * Sets the event off.
   *
   * @param response What callbacks get.
   */
  fireError(response: LauncherResponse): void;
  /**
   * Tells what the object is.
   *
   * @param className A name, as `ProcessLauncher`.
   * @returns Whether it is one.
   */
  isA(className: string): boolean;
}

interface Model extends ProcessLauncherOptions {
  deleted?: boolean;
}

/** As in wslink, one list for all launchers of a page. */
const connections: LauncherConnection[] = [];

function isConnection(value: unknown): value is LauncherConnection {
  return typeof value === "object" && value !== null;
}

async function request(url: string, init: RequestInit): Promise<LauncherResponse> {
  try {
    const answer = await fetch(url, init);
    const { status, statusText, headers } = answer;
    const response: unknown = await answer.json().catch(() => null);
    return {
      readyState: 4,
      status,
      statusText,
      response,
      responseURL: answer.url,
      getResponseHeader: (name) => headers.get(name),
    };
  } catch {
    // What XMLHttpRequest shows when there was no answer, or none that a page may read.
    return {
      readyState: 4,
      status: 0,
      statusText: "",
      response: null,
      responseURL: "",
      getResponseHeader: () => null,
    };
  }
}

function extend(
  publicAPI: object,
  model: object,
  initialValues: ProcessLauncherOptions = {},
): ProcessLauncher {
  const state: Model = Object.assign(model, { endPoint: null }, initialValues);
  CompositeClosureHelper.destroy(publicAPI, state);
  CompositeClosureHelper.isA(publicAPI, state, "ProcessLauncher");
  const previous: unknown = Reflect.get(publicAPI, "destroy");
  const isDeleted = () => state.deleted === true;
  const ready = new Events<[LauncherConnection]>("ProcessReady", isDeleted);
  const stopped = new Events<[unknown]>("ProcessStopped", isDeleted);
  const fetched = new Events<[unknown]>("Fetch", isDeleted);
  const failed = new Events<[LauncherResponse]>("Error", isDeleted);
  const giveUp = new AbortController();
  const timers = new Set<ReturnType<typeof setTimeout>>();
  let headers: Record<string, string> = {};

  async function ask(
    path: string | undefined,
    init: RequestInit,
    use: (response: LauncherResponse) => void,
  ): Promise<void> {
    const url = [state.endPoint ?? "", ...path === undefined ? [] : [path]].join("/");
    const response = await request(url, { ...init, signal: giveUp.signal });
    if (!isDeleted()) use(response);
  }

  function start(config: LaunchConfig, retries: number[]): void {
    const init = { method: "POST", headers, body: JSON.stringify(config) };
    ask(undefined, init, (answer) => {
      const { status, response } = answer;
      if (status === 200 && isConnection(response) && !response.error) {
        connections.push(response);
        return api.fireProcessReady(response);
      }
      const delay = status === 503 ? retries.shift() : undefined;
      if (delay === undefined) return api.fireError(answer);
      const timer = setTimeout(() => {
        timers.delete(timer);
        start(config, retries);
      }, delay);
      timers.add(timer);
    });
  }

  const api: ProcessLauncher = Object.assign(publicAPI, {
    start(config: LaunchConfig): void {
      if (config.headers) {
        headers = config.headers;
        delete config.headers;
      }
      start(config, [...config.launcherRetry ?? []]);
    },
    fetchConnection(sessionId: string): void {
      ask(sessionId, {}, (answer) => {
        if (answer.status === 200) api.fireFetch(answer.response);
        else api.fireError(answer);
      });
    },
    stop(connection: LauncherConnection): void {
      ask(connection.id, { method: "DELETE" }, (answer) => {
        if (answer.status !== 200) return api.fireError(answer);
        const index = connections.findIndex(({ id }) => id === connection.id);
        if (index !== -1) connections.splice(index, 1);
        api.fireProcessStopped(answer.response);
      });
    },
    listConnections: (): LauncherConnection[] => connections,
    onProcessReady: ready.on.bind(ready),
    onProcessStopped: stopped.on.bind(stopped),
    onFetch: fetched.on.bind(fetched),
    onError: failed.on.bind(failed),
    fireProcessReady: (...args: [LauncherConnection]) => ready.fire(api, args),
    fireProcessStopped: (...args: [unknown]) => stopped.fire(api, args),
    fireFetch: (...args: [unknown]) => fetched.fire(api, args),
    fireError: (...args: [LauncherResponse]) => failed.fire(api, args),
    isA: (className: string): boolean => isNamed(model, className),
    destroy(): void {
      if (isFunction(previous)) previous();
      giveUp.abort();
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      for (const events of [ready, stopped, fetched, failed]) events.clear();
    },
  });
  return api;
}

const newInstance: (initialValues?: ProcessLauncherOptions) => Readonly<ProcessLauncher> =
  CompositeClosureHelper.newInstance(extend);

/**
 * Asks a launcher for server processes.
 *
 * @example
 * ```ts
 * import { ProcessLauncher } from "@hawser/hawser/compat";
 * import { assertEquals } from "@std/assert";
 *
 * const answer = { id: "1", sessionURL: "ws://localhost:9001/ws" };
 * await using http = Deno.serve({ port: 0, onListen() {} }, () => Response.json(answer));
 *
 * const launcher = ProcessLauncher.newInstance({ endPoint: `http://localhost:${http.addr.port}` });
 * const ready = new Promise((resolve) => launcher.onProcessReady(resolve));
 * launcher.start({ application: "cone" });
 * assertEquals(await ready, answer);
 * launcher.destroy();
 * ```
 */
export const ProcessLauncher: WslinkClass<ProcessLauncherOptions, ProcessLauncher> = {
  newInstance,
  extend,
};
