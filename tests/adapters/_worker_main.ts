/** The suite's servers in one Durable Object, bundled for workerd. */
import { createServer, type Server } from "../../adapters/workers.ts";
import { defer } from "../../protocol/deferred.ts";
import { createControl, type Host } from "./_control.ts";

/** Every server of the suite is at a path of its own: an object has no ports. */
export class Servers {
  readonly #servers = new Map<string, Server>();
  #origin = "";
  #count = 0;

  constructor() {
    const host: Host = {
      createServer,
      start: (server, { ownHandler: _, ...place }) => {
        if (Object.keys(place).length > 0) throw new TypeError("There is no serve() here");
        const path = `${++this.#count}`;
        this.#servers.set(path, server);
        const finished = defer<void>();
        const stop = async () => {
          await server.close();
          this.#servers.delete(path);
          finished.resolve();
        };
        const url = `${this.#origin}/${path}/`;
        const webSocketUrl = `${url.replace("http", "ws")}ws`;
        return Promise.resolve({ url, webSocketUrl, finished: finished.promise, stop });
      },
    };
    this.#servers.set("control", createControl(host));
  }

  fetch(request: Request): Response {
    const { origin, pathname } = new URL(request.url);
    this.#origin ||= origin;
    const [, path = "", rest] = pathname.split("/");
    const server = rest === "ws" ? this.#servers.get(path) : undefined;
    return server?.upgrade(request) ?? new Response("Not found", { status: 404 });
  }
}

/** The worker's bindings. */
interface Environment {
  readonly SERVERS: {
    idFromName(name: string): unknown;
    get(id: unknown): { fetch(request: Request): Promise<Response> };
  };
}

export default {
  fetch(request: Request, { SERVERS }: Environment): Promise<Response> {
    return SERVERS.get(SERVERS.idFromName("the one")).fetch(request);
  },
};
