/** Where the script goes: both of wslink's Python servers, and Hawser's. */

import { serve } from "../../server.ts";
import { createProbeServer } from "../peers/_hawser_servers.ts";
import { PYTHON_VERSIONS, startPython, wireOf } from "../peers/_python.ts";
import type { Place } from "./_script.ts";
import type { Wire } from "./_subjects.ts";

/** A place that stays until it is disposed of. */
export interface OpenPlace extends Place, AsyncDisposable {}

/** A port that was free a moment ago. */
function nobody(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `ws://127.0.0.1:${listener.addr.port}/ws`;
}

/** A launcher that says where one server is, or something else. */
function startLauncher(sessionURL: string) {
  let asked = 0;
  return Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const headers = {
      "access-control-allow-origin": "*",
      "access-control-allow-headers": "*",
      "access-control-allow-methods": "*",
    };
    if (request.method === "OPTIONS") return new Response(null, { headers });
    switch (new URL(request.url).pathname) {
      case "/ok":
        return Response.json({ id: "1", sessionURL, more: true }, { headers });
      case "/error":
        return Response.json({ error: "no such application" }, { status: 404, headers });
      case "/busy":
        asked = (asked + 1) % 3;
        if (asked !== 0) return new Response("{}", { status: 503, headers });
        return Response.json({ sessionURL }, { headers });
      case "/mirror": {
        const { method } = request;
        const [key, type] = ["x-key", "content-type"].map((name) => request.headers.get(name));
        return Response.json({ method, key, type, body: await request.json() }, { headers });
      }
      case "/process/7":
        return Response.json({ id: "7", method: request.method }, { headers });
      default:
        return new Response("no JSON", { headers });
    }
  });
}

/**
 * Opens Hawser's server with all procedures that the script calls.
 *
 * @returns Where it is.
 */
export async function openHawser(): Promise<OpenPlace> {
  const server = createProbeServer();
  server.register("myprotocol.nested.image", () => ({
    image: { blob: new Uint8Array(8) },
    bytesList: [new Uint8Array(4), new Uint8Array(6)],
  }));
  const listening = await serve(server, { port: 0 });
  const launcher = startLauncher(listening.webSocketUrl);
  return {
    url: listening.webSocketUrl,
    nobody: nobody(),
    // It ends when its client goes.
    nap: 3600,
    launcher: `http://127.0.0.1:${launcher.addr.port}`,
    async [Symbol.asyncDispose]() {
      await launcher.shutdown();
      await listening.close();
    },
  };
}

/**
 * Opens the Python server of a wire.
 *
 * @param wire The wire.
 * @returns Where it is.
 */
export async function openPython(wire: Wire): Promise<OpenPlace> {
  const version = PYTHON_VERSIONS.find((version) => wireOf(version) === wire) ?? "2.5.7";
  const [server, doomed] = await Promise.all([startPython(version), startPython(version)]);
  return {
    url: server.url,
    nobody: nobody(),
    // Python answers a close only after the call that it is at.
    nap: 0.01,
    doomed,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await doomed[Symbol.asyncDispose]();
    },
  };
}
