/**
 * What opens sockets where the user names nothing. In the npm edition, Node gets
 * another module in this one's place, which knows a package to fall back on.
 *
 * @module
 */

/**
 * Finds the runtime's own class.
 *
 * @returns The global `WebSocket`.
 * @throws {TypeError} If there is none.
 */
export function findWebSocket(): typeof WebSocket | Promise<typeof WebSocket> {
  // A promise is for the module that may take this one's place.
  const found = globalThis.WebSocket;
  if (found === undefined) {
    throw new TypeError("No global WebSocket: connect() takes one as its option WebSocket");
  }
  return found;
}
