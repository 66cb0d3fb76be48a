/** The suite's servers on Bun, bundled for it. */
import {
  type BunServer,
  createServer,
  serve,
  upgrade,
  websocket,
  type WebSocketHandlers,
} from "../../adapters/bun.ts";
import { defer } from "../../protocol/deferred.ts";
import { createControl, type Host } from "./_control.ts";

/** The part of Bun that is used here. */
declare const Bun: {
  serve(options: {
    readonly port: number;
    readonly hostname: string;
    readonly websocket: WebSocketHandlers;
    fetch(request: Request, bun: BunServer): Response | undefined;
  }): { readonly port: number; stop(): Promise<void> };
};

const host: Host = {
  createServer,
  async start(server, { ownHandler = false, ...options }) {
    if (!ownHandler) {
      const listening = await serve(server, { port: 0, ...options });
      return { ...listening, stop: listening.close };
    }
    const finished = defer<void>();
    const http = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      websocket: websocket(server),
      fetch(request, bun) {
        const isOurs = new URL(request.url).pathname === "/ws";
        return isOurs ? upgrade(server, request, bun) : new Response("Not found", { status: 404 });
      },
    });
    async function stop(): Promise<void> {
      await server.close();
      await http.stop();
      finished.resolve();
    }
    const url = `http://127.0.0.1:${http.port}/`;
    const webSocketUrl = `ws://127.0.0.1:${http.port}/ws`;
    return { url, webSocketUrl, finished: finished.promise, stop };
  },
};
const { webSocketUrl } = await serve(createControl(host), { port: 0 });
console.log(webSocketUrl);
