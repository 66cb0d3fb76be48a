/**
 * What Hawser uses of Bun, and what Bun of Hawser. Bun's own types are global, and no other runtime's
 * user could have them.
 *
 * @module
 */
import type { ConnectionOrigin } from "../server/server.ts";

/** What `upgrade()` needs of the server that Bun hands to `fetch`. */
export interface BunServer {
  /** Upgrades a request; what is in `data` comes with the socket. */
  upgrade(request: Request, options: { data: ConnectionData }): boolean;
  /** The address that a request comes from. */
  requestIP(request: Request): { readonly address: string } | null;
}

/** What Bun keeps with a socket. */
export interface ConnectionData {
  /** The HTTP request that it came with. */
  readonly request: Request;
  /** Where it comes from. */
  readonly origin: ConnectionOrigin;
}

/** What `websocket()` needs of Bun's `ServerWebSocket`. */
export interface BunSocket {
  /** What came with the upgrade. */
  readonly data: ConnectionData;
  /** 1 while it is open. */
  readonly readyState: number;
  /** Set to `arraybuffer`. */
  binaryType?: string | undefined;
  /** Sends one frame. */
  send(frame: string | Uint8Array<ArrayBuffer>): number;
  /** Sends a ping frame. */
  ping(): number;
  /** Starts the closing handshake. */
  close(code?: number, reason?: string): void;
  /** Drops the connection. */
  terminate(): void;
  /** Bytes that the network has not taken. */
  getBufferedAmount(): number;
}

/** What `Bun.serve()` takes as `websocket`. */
export interface WebSocketHandlers {
  /** How long a frame may be. */
  readonly maxPayloadLength: number;
  /** Without bound: Hawser's own queue holds back, and never drops what must arrive. */
  readonly backpressureLimit: number;
  /** Off: Bun's is in steps of seconds, from 8 on. */
  readonly idleTimeout: 0;
  /** Off, as `idleTimeout` is. */
  readonly sendPings: false;
  /** Off: pictures are compressed already. */
  readonly perMessageDeflate: false;
  /** Takes a connection. */
  open(socket: BunSocket): void;
  /** Takes a frame. */
  message(socket: BunSocket, data: string | ArrayBuffer | Uint8Array): void;
  /** Takes an answer to a ping. */
  pong(socket: BunSocket): void;
  /** Takes the end. */
  close(socket: BunSocket, code: number, reason: string): void;
}
