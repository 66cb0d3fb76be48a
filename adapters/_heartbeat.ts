/**
 * Finds dead peers where the runtime doesn't do it by itself.
 *
 * @module
 */

/** A socket that can ask its peer for a sign of life. */
export interface Pingable {
  /** Sends a ping frame, which any WebSocket answers by itself. */
  ping(): unknown;
}

/** A running heartbeat. */
export interface Heartbeat<S> {
  /** The socket's peer gave a sign of life. */
  heard(socket: S): void;
  /** Ends it. */
  stop(): void;
}

/**
 * Pings all sockets in turn; one whose peer has given no sign of life when the next ping is due is
 * lost.
 *
 * @param ms How often; 0 is never.
 * @param sockets The sockets that are open, whenever it looks.
 * @param lost Gets rid of a socket.
 * @returns The heartbeat.
 */
export function startHeartbeat<S extends Pingable>(
  ms: number,
  sockets: Iterable<S>,
  lost: (socket: S) => void,
): Heartbeat<S> {
  const asked = new WeakSet<S>();
  function beat(): void {
    for (const socket of sockets) {
      if (asked.has(socket)) lost(socket);
      else {
        asked.add(socket);
        socket.ping();
      }
    }
  }
  const timer = ms > 0 ? setInterval(beat, ms) : undefined;
  return { heard: (socket) => void asked.delete(socket), stop: () => clearInterval(timer) };
}
