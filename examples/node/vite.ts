/**
 * Hawser in Vite's dev server: one port for the page, for Vite's own hot reloading, and for the
 * WebSocket. As a plugin it is the same line in `configureServer`.
 *
 *     node vite.ts [PORT]
 */
import { attach, createServer } from "@hawser/hawser/node";
import process from "node:process";
import { createServer as createViteServer, type Plugin } from "vite";

const server = createServer({ procedures: { "math.add": (a: number, b: number) => a + b } });

const hawser: Plugin = {
  name: "hawser",
  configureServer({ httpServer, middlewares }) {
    if (httpServer) attach(server, httpServer, { path: "/ws" });
    middlewares.use("/hello", (_request, response) => void response.end("Hello from Vite"));
  },
};

const vite = await createViteServer({
  configFile: false,
  logLevel: "error",
  plugins: [hawser],
  server: { host: "127.0.0.1", port: Number(process.argv[2] ?? 8080) },
});
await vite.listen();
console.log(JSON.stringify(vite.httpServer?.address()));
