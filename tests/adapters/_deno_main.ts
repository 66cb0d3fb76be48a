/** The suite's servers on Deno. */
import { createServer, serve } from "../../server.ts";
import { createControl, type Host } from "./_control.ts";

const host: Host = {
  createServer,
  async start(server, { ownHandler = false, ...options }) {
    if (!ownHandler) {
      const listening = await serve(server, { port: 0, ...options });
      return { ...listening, stop: listening.close };
    }
    const http = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
      const isOurs = new URL(request.url).pathname === "/ws";
      return isOurs ? server.upgrade(request) : new Response("Not found", { status: 404 });
    });
    const { finished, addr: { port } } = http;
    async function stop(): Promise<void> {
      await server.close();
      await http.shutdown();
    }
    const url = `http://127.0.0.1:${port}/`;
    return { url, webSocketUrl: `ws://127.0.0.1:${port}/ws`, finished, stop };
  },
};
const { webSocketUrl } = await serve(createControl(host), { port: 0 });
console.log(webSocketUrl);
