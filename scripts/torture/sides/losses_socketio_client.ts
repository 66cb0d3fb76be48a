// Runs on Node. Arguments: port, the folder whose node_modules has socket.io-client, and retries.
import { createRequire } from "node:module";
import { Heard, obeyAsClient } from "./_losses.ts";
import { startArguments } from "./_obey.ts";

interface Client {
  io(url: string, options: Record<string, unknown>): {
    on(event: string, listener: (value: unknown) => void): void;
    emitWithAck(event: string, ...args: unknown[]): Promise<unknown>;
  };
}

const [port, folder, retries] = startArguments();
const { io }: Client = createRequire(`${folder}/package.json`)("socket.io-client");
const heard = new Heard();
const socket = io(`http://127.0.0.1:${port}`, {
  transports: ["websocket"],
  reconnectionDelay: 50,
  reconnectionDelayMax: 500,
  ...(retries ? { retries, ackTimeout: 2000 } : {}),
});
socket.on("losses.number", (value) => heard.take(value));
await new Promise<void>((resolve) => socket.on("connect", () => resolve()));
obeyAsClient({ call: (number) => socket.emitWithAck("losses.run", number) }, heard);
