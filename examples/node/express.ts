/**
 * Hawser beside Express: one port, one route of Express's, one WebSocket.
 *
 *     node express.ts [PORT]
 */
import { attach, createServer } from "@hawser/hawser/node";
// @ts-types="@types/express"
import express from "express";
import process from "node:process";

const server = createServer({ procedures: { "math.add": (a: number, b: number) => a + b } });

const app = express();
app.get("/hello", (_request, response) => {
  response.send("Hello from Express");
});

const port = Number(process.argv[2] ?? 8080);
const http = app.listen(port, "127.0.0.1", () => console.log(JSON.stringify(http.address())));
attach(server, http, { path: "/ws" });
