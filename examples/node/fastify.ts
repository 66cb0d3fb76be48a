/**
 * Hawser beside Fastify: one port, one route of Fastify's, one WebSocket.
 *
 *     node fastify.ts [PORT]
 */
import { attach, createServer } from "@hawser/hawser/node";
import { fastify } from "fastify";
import process from "node:process";

const server = createServer({ procedures: { "math.add": (a: number, b: number) => a + b } });

const app = fastify();
app.get("/hello", () => "Hello from Fastify");
// Fastify waits for its connections when it is closed.
app.addHook("preClose", () => server.close());

attach(server, app.server, { path: "/ws" });
await app.listen({ port: Number(process.argv[2] ?? 8080), host: "127.0.0.1" });
console.log(JSON.stringify(app.server.address()));
