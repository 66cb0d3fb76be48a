/** A server of the npm edition, in whatever runtime runs this: prints its address. */

import { createServer, procedure, serve } from "../../server.ts";

const server = createServer({
  secret: "open sesame",
  procedures: {
    "echo": (value: unknown) => value,
    "bytes": (size: number) => new Uint8Array(size).fill(7),
    "publish": procedure((call, topic: string, value: unknown) =>
      call.server.publish(topic, value)
    ),
  },
});
const { webSocketUrl } = await serve(server, { port: 0 });
console.log(webSocketUrl);
