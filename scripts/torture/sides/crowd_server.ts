// A server for many clients that do next to nothing.
import { createServer, serve } from "@hawser/hawser/server";
import { obey } from "./_obey.ts";

const server = createServer({
  heartbeat: 0,
  // All come from one address.
  limits: { suspendedSessions: 20_000, connectionsPerAddress: 20_000, helloTime: 120_000 },
});
const listening = await serve(server, { port: 0, hostname: "127.0.0.1" });

function gc(): void {
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
}

obey({ port: listening.port }, {
  tick: () => ({ receivers: server.publish("crowd.tick", 1) }),
  gc,
  clients: () => ({ clients: server.clients.size }),
});
