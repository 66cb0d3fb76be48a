// What a user of one runtime's own entry point writes; Node's needs Node's types.
import { createServer as createHttpServer } from "node:http";
import { createServer as createBunServer, upgrade, websocket } from "@hawser/hawser/bun";
import { attach, createServer, serve } from "@hawser/hawser/node";
import { createServer as createWorkersServer } from "@hawser/hawser/workers";

const procedures = { "echo": (value: string) => value };

export async function onNode(): Promise<number> {
  const server = createServer({ procedures });
  attach(server, createHttpServer(), { path: "/ws" });
  const { port, close } = await serve(server, { port: 0 });
  await close();
  return port;
}

export function onBun() {
  const server = createBunServer({ procedures });
  return { fetch: upgrade.bind(undefined, server), websocket: websocket(server) };
}

export function onWorkers(request: Request): Response {
  return createWorkersServer({ procedures }).upgrade(request);
}
