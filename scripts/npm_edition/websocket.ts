/**
 * Takes the place of `client/_websocket.ts` on Node in the npm edition: Node 20 has no global
 * `WebSocket`, and the package `ws` has one. It is loaded only there.
 *
 * @module
 */

import type { ConnectOptions } from "../../client.ts";

type SocketClass = NonNullable<ConnectOptions["WebSocket"]>;

/**
 * Finds a class to open sockets with.
 *
 * @returns The global `WebSocket`, or that of `ws`.
 */
export function findWebSocket(): SocketClass | Promise<SocketClass> {
  return globalThis.WebSocket ?? load();
}

async function load(): Promise<SocketClass> {
  // @ts-types="@types/ws"
  const { WebSocket } = await import("ws");
  return WebSocket;
}
