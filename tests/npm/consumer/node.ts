// What a user of Node's own entry point writes; it needs Node's types.
import { createServer as createHttpServer } from "node:http";
import { attach, createServer, serve } from "@hawser/hawser/node";

const procedures = { "echo": (value: string) => value };

export async function onNode(): Promise<number> {
  const server = createServer({ procedures });
  attach(server, createHttpServer(), { path: "/ws" });
  const { port, close } = await serve(server, { port: 0 });
  await close();
  return port;
}
