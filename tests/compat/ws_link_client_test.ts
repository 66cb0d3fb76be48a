/** `WsLinkClient` beside the one of vtk.js that it is for those without vtk.js. */

import { assertEquals } from "@std/assert";
import { build, stop } from "esbuild";
import { pathOf } from "../../scripts/_deno.ts";
import { type ProtocolFactory, SmartConnect, WsLinkClient } from "../../compat.ts";
import { createServer, RpcError, serve } from "../../server.ts";
import { requirePeer } from "../peers/_installed.ts";

interface Client {
  connect(config?: object, decorator?: unknown): Promise<unknown>;
  disconnect(timeout?: number): void;
  beginBusy(): void;
  endBusy(): void;
  isBusy(): boolean;
  isConnected(): boolean;
  registerProtocol(name: string, protocol: ProtocolFactory): void;
  unregisterProtocol(name: string): void;
  getRemote(): Record<string, Record<string, (...args: unknown[]) => Promise<unknown>>>;
  getConfig(): object;
  onBusyChange(callback: (count: number) => void): unknown;
  onConnectionReady(callback: (client: unknown) => void): unknown;
  onConnectionError(callback: (source: unknown) => void): unknown;
  onConnectionClose(callback: (source: unknown) => void): unknown;
  delete(): void;
}

interface ClientClass {
  newInstance(values: object): Client;
  setSmartConnectClass(made: unknown): void;
}

/** vtk.js' own, in one file, since Deno doesn't look for packages where npm put them. */
async function loadOriginal(): Promise<ClientClass> {
  const entry = requirePeer(
    ".cache/vtk/node_modules/@kitware/vtk.js/IO/Core/WSLinkClient.js",
    "vtk.js",
  );
  const outfile = pathOf(".cache/ws_link_client/original.js");
  await build({ entryPoints: [entry], outfile, bundle: true, format: "esm", logLevel: "error" });
  await stop();
  const { default: made } = await import(`file://${outfile}`);
  return made;
}

/** What an application sees of one of them. */
async function use(made: ClientClass, url: string): Promise<unknown[]> {
  const seen: unknown[] = [];
  made.setSmartConnectClass(SmartConnect);
  const client = made.newInstance({
    createImageStream: false,
    notBusyList: ["quiet"],
    notificationTimeout: 0,
    protocols: {
      Maths: (session: { call(method: string, args: unknown[]): Promise<unknown> }) => ({
        add: (...args: unknown[]) => session.call("math.add", args),
        fail: () => session.call("math.fail", []),
        quiet: () => session.call("math.add", [0, 0]),
      }),
    },
  });
  let idle = () => {};
  client.onBusyChange((count) => {
    seen.push(["busy", count, client.isBusy()]);
    if (count === 0) idle();
  });
  const rest = () => new Promise<void>((resolve) => idle = resolve);
  client.onConnectionReady((self) => seen.push(["ready", self === client, client.isConnected()]));
  client.onConnectionError(() => seen.push("error"));
  const closed = new Promise<void>((resolve) => {
    client.onConnectionClose(() => {
      seen.push("close");
      resolve();
    });
  });
  seen.push(client.isConnected(), client.isBusy());
  const config = { sessionURL: url, more: 1 };
  const resolved = await client.connect(config, (config: object) => ({ ...config, decorated: 1 }));
  seen.push(resolved === client, Object.keys(client.getConfig()).sort());
  seen.push(await client.connect(config).catch((error) => `${error.name}: ${error.message}`));

  const { Maths } = client.getRemote();
  seen.push(Object.keys(client.getRemote()), Object.keys(Maths ?? {}));
  const first = rest();
  seen.push(await Promise.all([Maths?.add?.(1, 2), Maths?.add?.(3, 4)]));
  await first;
  const second = rest();
  seen.push(await Maths?.fail?.().catch((error) => error));
  await second;
  seen.push(await Maths?.quiet?.());
  const third = rest();
  client.beginBusy();
  client.beginBusy();
  client.endBusy();
  client.endBusy();
  await third;

  client.registerProtocol("Other", () => ({ nothing: () => Promise.resolve(1) }));
  client.unregisterProtocol("Maths");
  seen.push(Object.keys(client.getRemote()));
  const fourth = rest();
  seen.push(await client.getRemote().Other?.nothing?.());
  await fourth;
  const session = Object(client).getConnection().getSession();
  session.close();
  await closed;
  seen.push(client.isConnected());
  client.disconnect();
  seen.push(client.isConnected());
  client.delete();
  return seen;
}

// esbuild's service ends in its own time.
const options = { sanitizeOps: false, sanitizeResources: false };

Deno.test("WsLinkClient does as vtk.js' vtkWSLinkClient does", options, async () => {
  const procedures = {
    "math.add": (a: number, b: number) => a + b,
    "math.fail": () => {
      throw new RpcError(1001, "No such number");
    },
  };
  await using listening = await serve(createServer({ procedures }), { port: 0 });
  const original = await use(await loadOriginal(), listening.webSocketUrl);
  assertEquals(await use(WsLinkClient, listening.webSocketUrl), original);
});
