/** Publishes pictures of 200 kB with their time, 30 a second, on Hawser's server. */
import { createServer, serve } from "@hawser/hawser/server";

const picture = new Uint8Array(200_000).fill(7);
let mesh = new Uint8Array(0);

const server = createServer({
  procedures: {
    "flow.small": (n: number) => n,
    "flow.mesh": (size: number) => {
      if (mesh.length !== size) mesh = new Uint8Array(size).fill(7);
      return { blob: mesh };
    },
    "flow.start": () => {
      setInterval(() => {
        const value = { time: Date.now(), blob: picture };
        server.publish("flow.image", value, { policy: "latest" });
      }, 1000 / 30);
    },
  },
});
const { port } = await serve(server, { port: 0 });
console.log(JSON.stringify({ port }));
