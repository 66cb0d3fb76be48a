// NATS' own client over WebSocket, on Node. Bundled. Argument: port.
import process from "node:process";
import { TOPIC } from "../_lines.ts";
import { libraryLoad, obey } from "./_load.ts";
import { load, ws } from "./_node.ts";

interface Message {
  data: Uint8Array;
  json(): unknown;
}

/** The part of @nats-io/nats-core that is used here. */
interface Nats {
  wsconnect(options: { servers: string }): Promise<{
    subscribe(
      subject: string,
      options: { callback(error: Error | null, message: Message): void },
    ): void;
    request(
      subject: string,
      data: Uint8Array | string,
      options: { timeout: number },
    ): Promise<Message>;
    flush(): Promise<void>;
    close(): Promise<void>;
  }>;
}

globalThis.WebSocket = ws.WebSocket;
const { wsconnect }: Nats = load("@nats-io/nats-core");
const [, , port] = process.argv;
const timeout = 30_000;

await obey(libraryLoad(async (arrived) => {
  const connection = await wsconnect({ servers: `ws://127.0.0.1:${port}` });
  if (arrived) {
    connection.subscribe(TOPIC, { callback: (_error, { data }) => arrived(data) });
    await connection.flush();
  }
  return {
    async call(method, args) {
      const [value] = args;
      const message = method === "bench.up" && value instanceof Uint8Array
        ? await connection.request(method, value, { timeout })
        : await connection.request(
          method,
          JSON.stringify(method === "bench.echo" ? value : args),
          { timeout },
        );
      if (method === "bench.down") return message.data;
      return message.data.length > 0 ? message.json() : undefined;
    },
    close: () => void connection.close(),
  };
}));
