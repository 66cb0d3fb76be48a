import { connect } from "@hawser/hawser/client";
import { createServer, procedure, serve } from "@hawser/hawser/server";
const server = createServer({
  procedures: {
    "mesh.refine": procedure(async (call, levels: number) => {
      console.log("run", levels, call.signal.aborted);
      call.signal.addEventListener("abort", () => console.log("stopped", levels));
      await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
      return levels;
    }),
  },
});
const listening = await serve(server, { port: 0 });
const session = await connect<typeof server>(listening.webSocketUrl);
await session.call("mesh.refine", [3], { timeout: 50 }).catch(console.log);
const controller = new AbortController();
const refining = session.call("mesh.refine", [9], { signal: controller.signal });
controller.abort(new Error("not so fine"));
await refining.catch(console.log);
console.log("closing");
await listening.close();
console.log("closed");
