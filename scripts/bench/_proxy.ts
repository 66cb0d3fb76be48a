/**
 * A link between two real sockets that is as slow, late or broken as a test
 * wants it. What it does at random comes from a seed.
 */

/** How a link is. */
export interface LinkOptions {
  /** Bytes that pass in a ms, each way. */
  rate?: number;
  /** How late everything arrives, in ms. */
  delay?: number;
  /** The most bytes that are handed on at a time; with a seed, any number up to it. */
  piece?: number;
  /** Makes the pieces' sizes random, the same ones each time. */
  seed?: number;
}

/** Which way bytes go: `down` is to the client. */
export type Direction = "up" | "down";

/** One connection through the proxy. */
class Pipe {
  readonly ends: { readonly client: Deno.TcpConn; readonly server: Deno.TcpConn };
  readonly finished: Promise<unknown>;

  constructor(proxy: Proxy, client: Deno.TcpConn, server: Deno.TcpConn) {
    this.ends = { client, server };
    this.finished = Promise.all([
      proxy.carry("up", client, server),
      proxy.carry("down", server, client),
    ]).finally(() => this.cut());
  }

  cut(): void {
    for (const end of Object.values(this.ends)) {
      try {
        end.close();
      } catch (error) {
        if (!(error instanceof Deno.errors.BadResource)) throw error; // it is closed already
      }
    }
  }
}

/** A TCP proxy before a server. */
export class Proxy implements AsyncDisposable {
  /** What is forwarded, in bytes. */
  readonly forwarded: Record<Direction, number> = { up: 0, down: 0 };
  /** Called after each piece. */
  onForward: (direction: Direction, size: number) => void = () => {};
  readonly #listener: Deno.TcpListener;
  readonly #port: number;
  readonly #options: LinkOptions;
  readonly #pipes = new Set<Pipe>();
  readonly #accepting: Promise<void>;
  #random: number;
  #stalled: PromiseWithResolvers<void> | undefined;
  #blackHole = false;
  #closed = false;

  /**
   * @param url The server's WebSocket, as in `ws://127.0.0.1:8080/ws`.
   * @param options How the link is; it may be changed at any time.
   */
  constructor(url: string, options: LinkOptions = {}) {
    const { port } = new URL(url);
    this.#port = Number(port);
    this.#options = options;
    this.#random = options.seed ?? 0;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const own = new URL(url);
    own.port = String(this.#listener.addr.port);
    this.url = own.href;
    this.#accepting = this.#accept();
  }

  /** The WebSocket's address through the proxy. */
  readonly url: string;

  /** Changes the link. */
  set(options: LinkOptions): void {
    Object.assign(this.#options, options);
  }

  /** Nothing passes any more, and nothing is read. */
  stall(): void {
    this.#stalled ??= Promise.withResolvers();
  }

  /** Everything passes again. */
  resume(): void {
    this.#stalled?.resolve();
    this.#stalled = undefined;
  }

  /** Everything is read, and nothing arrives: neither side notices. */
  blackHole(on = true): void {
    this.#blackHole = on;
  }

  /** Breaks all connections, as a cable that is pulled; new ones can be made. */
  cut(): void {
    for (const pipe of this.#pipes) pipe.cut();
  }

  /** Ends one direction of all connections, and leaves the other open. */
  async halfClose(direction: Direction): Promise<void> {
    for (const { ends } of this.#pipes) {
      await ends[direction === "up" ? "server" : "client"].closeWrite();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#listener.close();
    this.resume();
    this.cut();
    await this.#accepting;
    await Promise.all([...this.#pipes].map(({ finished }) => finished));
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port: this.#port });
      client.setNoDelay();
      server.setNoDelay();
      const pipe = new Pipe(this, client, server);
      this.#pipes.add(pipe);
      pipe.finished.finally(() => this.#pipes.delete(pipe));
      if (this.#closed) pipe.cut();
    }
  }

  /** Carries one direction of a connection until either end closes. */
  async carry(direction: Direction, from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(16 * 1024);
    /** When the link has passed on what it has taken, in ms. */
    let free = 0;
    let last: Promise<void> = Promise.resolve();
    try {
      for (;;) {
        const size = await from.read(buffer.subarray(0, this.#pieceSize(buffer.length)));
        if (size === null) break;
        await this.#stalled?.promise;
        if (this.#blackHole) continue;
        const { rate = Infinity, delay = 0 } = this.#options;
        const now = performance.now();
        free = Math.max(free, now) + size / rate;
        if (free - now > 1) await later(free - now);
        const bytes = buffer.slice(0, size);
        if (delay > 0) {
          // What is on its way doesn't keep the next from setting out.
          const before = last;
          last = later(delay).then(() => before).then(() => this.#write(direction, to, bytes));
          last.catch(() => {});
        } else await this.#write(direction, to, bytes);
      }
      await last;
      await to.closeWrite();
    } catch (error) {
      // Either end has gone: so does the other.
      if (!(error instanceof Deno.errors.BadResource) && !isBreak(error)) throw error;
    }
  }

  async #write(direction: Direction, to: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
    this.forwarded[direction] += bytes.length;
    this.onForward(direction, bytes.length);
  }

  #pieceSize(most: number): number {
    const { piece = most, seed } = this.#options;
    if (seed === undefined) return Math.min(piece, most);
    // xorshift32
    let x = this.#random || 1;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x;
    return 1 + (x >>> 0) % Math.min(piece, most);
  }
}

function isBreak(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.NotConnected;
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
