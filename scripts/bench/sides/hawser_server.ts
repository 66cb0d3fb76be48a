import { createServer, serve } from "../../../server.ts";
import { createBenchServer } from "./_hawser.ts";

const { port } = await serve(createBenchServer(createServer), { port: 0 });
console.log(JSON.stringify({ port }));
Deno.addSignalListener("SIGTERM", () => Deno.exit());
