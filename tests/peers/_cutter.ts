/** A way to a server that breaks without a word, as a network does. */

/** Where it is. */
export interface Cutter extends AsyncDisposable {
  readonly url: string;
}

/** What a connection may carry to the server, in bytes: a hello and small calls, not a picture. */
const enough = 100_000;

/**
 * Starts a relay that cuts the first connection off whose client has sent 100 kB, and no other.
 *
 * @param target The server's address, as in `ws://127.0.0.1:8080/ws`.
 * @returns Where it is.
 */
export function startCutter(target: string): Cutter {
  const { hostname, port, pathname } = new URL(target);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.Conn>();
  let hasCut = false;

  async function relay(client: Deno.Conn): Promise<void> {
    const server = await Deno.connect({ hostname, port: Number(port) });
    const ends = [client, server];
    for (const end of ends) connections.add(end);
    let sent = 0;
    const counted = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        sent += chunk.length;
        if (hasCut || sent <= enough) return controller.enqueue(chunk);
        hasCut = true;
        controller.error(new Error("Cut off"));
      },
    });
    // Each way ends the other one; that a cut is an error is its point.
    await Promise.race([
      client.readable.pipeThrough(counted).pipeTo(server.writable),
      server.readable.pipeTo(client.writable),
    ]).catch(() => {});
    for (const end of ends) close(end);
  }
  function close(end: Deno.Conn): void {
    connections.delete(end);
    try {
      end.close();
    } catch {
      // Its stream has closed it.
    }
  }
  const accepting = (async () => {
    for await (const client of listener) relay(client).catch(() => close(client));
  })();
  return {
    url: `ws://127.0.0.1:${listener.addr.port}${pathname}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const end of [...connections]) close(end);
      await accepting;
    },
  };
}
