// wslink's own JavaScript client. Arguments: port, and the bundle made of its package.
import { TOPIC } from "../_lines.ts";
import { libraryLoad, type Link, obey } from "./_load.ts";

/** The part of wslink's client that is used here. */
interface Wslink {
  newInstance(options: { urls: string; secret: string }): {
    onConnectionReady(callback: () => void): void;
    onConnectionError(callback: (error: unknown) => void): void;
    connect(): {
      call(method: string, args: unknown[]): Promise<unknown>;
      subscribe(topic: string, callback: (values: unknown[]) => void): unknown;
      close(): void;
    };
  };
}

const [port, path = ""] = Deno.args;
const { default: wslink }: { default: Wslink } = await import(path);

await obey(libraryLoad((arrived) => {
  const connection = wslink.newInstance({
    urls: `ws://127.0.0.1:${port}/ws`,
    secret: "wslink-secret",
  });
  return new Promise<Link>((resolve, reject) => {
    connection.onConnectionError(reject);
    connection.onConnectionReady(() => {
      if (arrived) session.subscribe(TOPIC, ([value]) => arrived(value));
      resolve({ call: (method, args) => session.call(method, args), close: () => session.close() });
    });
    const session = connection.connect();
  });
}));
