// wslink's own JavaScript client, with a way back that an application writes: a new connection.
import { Heard, obeyAsClient } from "./_losses.ts";
import { startArguments } from "./_obey.ts";

interface Wslink {
  WebsocketConnection: {
    newInstance(options: { urls: string; secret: string }): {
      onConnectionReady(callback: () => void): void;
      onConnectionClose(callback: () => void): void;
      onConnectionError(callback: () => void): void;
      connect(): {
        call(method: string, args: unknown[]): Promise<unknown>;
        subscribe(topic: string, callback: (values: unknown[]) => void): unknown;
      } | null;
    };
  };
}

// wslink reads a page's address while it loads.
const location = new URL("http://localhost/");
Object.assign(globalThis, {
  window: Object.assign(Object.create(globalThis), { location }),
  document: { baseURI: location.href },
});
const { default: wslink }: { default: Wslink } = await import("wslink2");

const [port] = startArguments();
const heard = new Heard();
type WslinkSession = NonNullable<
  ReturnType<
    ReturnType<
      Wslink["WebsocketConnection"]["newInstance"]
    >["connect"]
  >
>;
let session: WslinkSession | undefined;

function open(): Promise<void> {
  return new Promise((resolve) => {
    let over = false;
    const again = () => {
      if (over) return;
      over = true;
      session = undefined;
      setTimeout(() => open().then(resolve), 50);
    };
    const connection = wslink.WebsocketConnection.newInstance({
      urls: `ws://127.0.0.1:${port}/ws`,
      secret: "wslink-secret",
    });
    connection.onConnectionReady(() => {
      session = made;
      made?.subscribe("losses.number", ([value]) => heard.take(value));
      resolve();
    });
    connection.onConnectionClose(again);
    connection.onConnectionError(again);
    const made = connection.connect() ?? undefined;
  });
}
globalThis.addEventListener("unhandledrejection", (event) => event.preventDefault());
await open();
obeyAsClient({
  call: (number) =>
    session === undefined
      ? Promise.reject(new Error("no connection"))
      : session.call("losses.run", [number]),
}, heard);
