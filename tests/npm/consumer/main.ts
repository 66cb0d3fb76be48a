// What a user of the npm edition writes, in TypeScript, with nothing but the package's declarations.
import { connect, ConnectionClosedError, type Session, type Status } from "@hawser/hawser";
import { connect as connectClient, type ConnectOptions } from "@hawser/hawser/client";
import { type Frame, MsgpackDecoder, MsgpackEncoder } from "@hawser/hawser/protocol";
import { createServer, procedure, serve } from "@hawser/hawser/server";

const server = createServer({
  secret: (secret, client) => secret === "open sesame" && client.wire === "msgpack",
  procedures: {
    "math.add": (a: number, b: number) => a + b,
    "image.get": procedure((call, size: number) => {
      call.signal.throwIfAborted();
      return { size, blob: new Uint8Array(size) };
    }),
  },
});

export async function main(options: ConnectOptions): Promise<number> {
  const listening = await serve(server, { port: 0, content: "./www" });
  const session = await connect<typeof server>(listening.webSocketUrl, options);
  const sum: number = await session.call("math.add", [1, 2], { timeout: 5_000 });
  const { blob } = await session.call("image.get", [16]);
  // @ts-expect-error: there is no such procedure
  session.call("math.sub", [1, 2]);
  // @ts-expect-error: an argument is of the wrong type
  session.call("math.add", ["1", "2"]);
  for await (const frame of session.subscribe<{ blob: Uint8Array }>("image")) {
    if (frame.blob.length > blob.length) break;
  }
  await session.close();
  await listening.close();
  return sum;
}

export async function untyped(url: string, signal: AbortSignal): Promise<Status["state"]> {
  const session: Session = await connectClient(url, { signal, reconnect: { maxAttempts: 3 } });
  try {
    await session.call<number>("vtk.camera", [1], { kwargs: { reset: true }, signal });
  } catch (error) {
    if (error instanceof ConnectionClosedError && !error.sent) throw error;
  }
  return session.status.state;
}

export function echo(topic: string): unknown {
  const frames: Frame[] = new MsgpackEncoder().encode({ type: "publication", topic, result: 1 });
  const [frame] = frames;
  return frame === undefined ? undefined : new MsgpackDecoder().decode(frame);
}
