// Runs on Node, bundled: loads what the benchmark installed beside the bundle.
import { createRequire } from "node:module";

/**
 * Loads a package of another project's, whose types are no business of Hawser's.
 *
 * @param name The package, or a file of it.
 * @returns What it exports; the caller says what it uses of it.
 */
export function load<T>(name: string): T {
  return createRequire(import.meta.url)(name);
}

/** The part of the package ws that is used here. */
export interface Ws {
  WebSocket: typeof WebSocket;
  WebSocketServer: new (options: { port: number; host: string; maxPayload?: number }) => {
    on(event: "connection", listener: (socket: WebSocket) => void): void;
    on(event: "listening", listener: () => void): void;
    address(): { port: number };
  };
}

/** The package ws: as a client it is faster than Node's own `WebSocket`. */
export const ws: Ws = load("ws");
