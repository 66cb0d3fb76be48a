/**
 * What every adapter answers to a request that is no WebSocket's.
 *
 * @module
 */

/**
 * Refuses what is no WebSocket request, where one is wanted.
 *
 * @param request The request.
 * @returns The response; `undefined` for a WebSocket request.
 */
export function refuse(request: Request): Response | undefined {
  if (request.headers.get("upgrade")?.toLowerCase() === "websocket") return undefined;
  return new Response("A WebSocket is expected here", {
    status: 426,
    headers: { connection: "upgrade", upgrade: "websocket" },
  });
}
