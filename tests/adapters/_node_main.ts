/** The suite's servers on Node, bundled for it. */
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { attach, createServer, serve } from "../../adapters/node.ts";
import { createControl, type Host } from "./_control.ts";

const host: Host = {
  createServer,
  async start(server, { ownHandler = false, ...options }) {
    if (!ownHandler) {
      const listening = await serve(server, { port: 0, ...options });
      return { ...listening, stop: listening.close };
    }
    const http = createHttpServer((_request, response) => {
      response.writeHead(404).end();
    });
    attach(server, http, { path: "/ws" });
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    const address = http.address();
    if (address === null || typeof address === "string") throw new TypeError("No TCP address");
    const finished = once(http, "close").then(() => {});
    async function stop(): Promise<void> {
      await server.close();
      http.close();
      http.closeAllConnections();
      await finished;
    }
    const url = `http://127.0.0.1:${address.port}/`;
    return { url, webSocketUrl: `ws://127.0.0.1:${address.port}/ws`, finished, stop };
  },
};
const { webSocketUrl } = await serve(createControl(host), { port: 0 });
console.log(webSocketUrl);
