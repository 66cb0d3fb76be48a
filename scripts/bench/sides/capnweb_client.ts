// Cap'n Web's client on Node. Bundled. Argument: port.
import process from "node:process";
import { libraryLoad, obey } from "./_load.ts";
import { load, ws } from "./_node.ts";

type Remote = Disposable & Record<string, (...args: unknown[]) => Promise<unknown>>;

/** The part of capnweb that is used here. */
interface CapnWeb {
  newWebSocketRpcSession(socket: WebSocket): Remote;
}

const { newWebSocketRpcSession }: CapnWeb = load("capnweb");
const [, , port] = process.argv;

await obey(libraryLoad(async (arrived) => {
  const remote = newWebSocketRpcSession(new ws.WebSocket(`ws://127.0.0.1:${port}`));
  // There is no hello: the connection stands once something was answered.
  await (arrived ? remote.subscribe?.(arrived) : remote.echo?.(0));
  return {
    async call(method, args) {
      const [, name = ""] = method.split(".");
      return await remote[name]?.(...args);
    },
    close: () => remote[Symbol.dispose](),
  };
}));
