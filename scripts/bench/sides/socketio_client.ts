// Runs on Node, bundled. Arguments: port, and the folder whose node_modules has socket.io-client.
import { createRequire } from "node:module";
import process from "node:process";
import { TOPIC } from "../_lines.ts";
import { libraryLoad, obey } from "./_load.ts";

/** The part of socket.io's client that is used here. */
interface Client {
  io(url: string, options: Record<string, unknown>): {
    on(event: string, listener: (value: unknown) => void): void;
    emitWithAck(event: string, ...args: unknown[]): Promise<unknown>;
    close(): void;
  };
}

const [, , port, folder = ""] = process.argv;
const { io }: Client = createRequire(`${folder}/package.json`)("socket.io-client");

await obey(libraryLoad((arrived) => {
  const socket = io(`http://127.0.0.1:${port}`, { transports: ["websocket"], forceNew: true });
  if (arrived) socket.on(TOPIC, arrived);
  return new Promise((resolve, reject) => {
    socket.on("connect_error", reject);
    socket.on("connect", () =>
      resolve({
        call: (method, args) => socket.emitWithAck(method, ...args),
        close: () => socket.close(),
      }));
  });
}));
