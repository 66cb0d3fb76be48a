/**
 * Hawser beside Hono on Node: one port, one route of Hono's, one WebSocket.
 *
 *     node hono.ts [PORT]
 */
import { attach, createServer } from "@hawser/hawser/node";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import process from "node:process";

const server = createServer({ procedures: { "math.add": (a: number, b: number) => a + b } });

const app = new Hono();
app.get("/hello", (context) => context.text("Hello from Hono"));

const port = Number(process.argv[2] ?? 8080);
const http = serve(
  { fetch: app.fetch, port, hostname: "127.0.0.1" },
  (address) => console.log(JSON.stringify(address)),
);
attach(server, http, { path: "/ws" });
