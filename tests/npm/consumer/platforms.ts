// What users of Bun and of Cloudflare's workers write, with nobody's types but the package's.
import { connect } from "@hawser/hawser/client";
import {
  type BunServer,
  createServer as createBunServer,
  type Listening,
  serve,
  upgrade,
  websocket,
} from "@hawser/hawser/bun";
import { healthz, readyz } from "@hawser/hawser/metrics";
import { createServer as createWorkersServer, procedure } from "@hawser/hawser/workers";

const procedures = { "echo": (value: string) => value };

export function onBun() {
  const server = createBunServer({ procedures });
  return {
    fetch: (request: Request, bun: BunServer) => upgrade(server, request, bun),
    websocket: websocket(server),
  };
}

export function listenOnBun(): Promise<Listening> {
  const server = createBunServer({ procedures });
  const routes = { "/healthz": healthz(), "/readyz": readyz(server) };
  return serve(server, { port: 0, path: "/ws", routes });
}

/** A Durable Object. */
export class Room {
  readonly #server = createWorkersServer({
    secret: "open sesame",
    procedures: { ...procedures, "who": procedure((call) => call.client.id) },
  });

  fetch(request: Request): Response {
    this.#server.publish("visits", request.url, { policy: "latest" });
    return this.#server.upgrade(request);
  }
}

const bun = createBunServer({ procedures });
const worker = createWorkersServer({ procedures });

export async function typed(url: string): Promise<string> {
  await using first = await connect<typeof bun>(url);
  await using second = await connect<typeof worker>(url);
  // @ts-expect-error: an argument is of the wrong type
  first.call("echo", [1]);
  // @ts-expect-error: there is no such procedure
  second.call("ecco", ["1"]);
  return await first.call("echo", ["1"]) + await second.call("echo", ["2"]);
}
