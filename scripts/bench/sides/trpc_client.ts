// tRPC's WebSocket link on Node. Bundled. Argument: port. Bytes travel as base64.
import { Buffer } from "node:buffer";
import process from "node:process";
import { libraryLoad, type Link, obey } from "./_load.ts";
import { load, ws } from "./_node.ts";

interface Procedure {
  query(input: unknown): Promise<unknown>;
  mutate(input: unknown): Promise<unknown>;
  subscribe(
    input: undefined,
    options: { onStarted(): void; onData(value: string): void; onError(error: Error): void },
  ): unknown;
}
interface Socket {
  close(): void;
}

/** The part of @trpc/client that is used here. */
interface Trpc {
  createWSClient(options: { url: string; WebSocket: typeof WebSocket }): Socket;
  wsLink(options: { client: Socket }): unknown;
  createTRPCClient(options: { links: unknown[] }): Record<
    "echo" | "down" | "up" | "publish" | "fanout" | "topic",
    Procedure
  >;
}

const { createTRPCClient, createWSClient, wsLink }: Trpc = load("@trpc/client");
const [, , port] = process.argv;

await obey(libraryLoad(async (arrived) => {
  const socket = createWSClient({ url: `ws://127.0.0.1:${port}`, WebSocket: ws.WebSocket });
  const client = createTRPCClient({ links: [wsLink({ client: socket })] });
  if (arrived) {
    await new Promise<void>((onStarted, onError) =>
      client.topic.subscribe(undefined, {
        onStarted,
        onError,
        onData: (value) => arrived(Buffer.from(value, "base64")),
      })
    );
  } else await client.echo.query(0); // there is no hello
  const call: Link["call"] = async (method, args) => {
    switch (method) {
      case "bench.echo":
        return await client.echo.query(args[0]);
      case "bench.down": {
        const { data } = await client.down.query(args) as { data: string };
        return { data: Buffer.from(data, "base64") };
      }
      case "bench.up": {
        const [data] = args;
        if (!(data instanceof Uint8Array)) throw new TypeError("Bytes are expected");
        const { buffer, byteOffset, length } = data;
        return await client.up.mutate(Buffer.from(buffer, byteOffset, length).toString("base64"));
      }
      default:
        return await client[method === "bench.publish" ? "publish" : "fanout"].mutate(args);
    }
  };
  return { call, close: () => socket.close() };
}));
