import type { Random } from "./_random.ts";

/** What happens to a connection, or to all. */
export type Fault = "cut" | "half-close" | "black hole" | "stall";

/** How the way is. */
export interface Way {
  /** Cuts what passes into pieces of at most so many bytes; 1 splits at every byte. */
  readonly split?: number;
  /** How much later everything arrives, in ms. */
  readonly delay?: number;
  /** How many bytes pass in a second, each direction and connection. */
  readonly rate?: number;
}

/** When connections break by themselves. */
export interface Plan {
  /** How many times in all. */
  readonly faults: number;
  /** After how many bytes a connection's comes, both directions together. */
  readonly bytes: readonly [least: number, most: number];
  /** What may happen; what stands twice happens twice as often. */
  readonly kinds: readonly Fault[];
}

const OPTIONS = { hostname: "127.0.0.1" } as const;

/** How much is read at once. */
const CHUNK = 64 * 1024;

/** How many bytes may be under way on a slow link. */
const IN_FLIGHT = 256 * 1024;

/** A TCP proxy that does to connections what networks do. */
export class Proxy implements AsyncDisposable {
  /** Where clients connect to. */
  readonly port: number;
  /** How many faults there were. */
  faults = 0;
  /** Those of each kind. */
  readonly kinds = new Map<Fault, number>();
  #target: number;
  readonly #listener: Deno.TcpListener;
  readonly #random: Random;
  readonly #way: Way;
  readonly #connections = new Set<Connection>();
  readonly #accepting: Promise<void>;
  #plan: Plan | undefined;
  #planned = 0;

  /**
   * Listens.
   *
   * @param target The port that connections are made to.
   * @param random Decides what happens when.
   * @param way How the way is.
   */
  constructor(target: number, random: Random, way: Way = {}) {
    this.#target = target;
    this.#random = random;
    this.#way = way;
    this.#listener = Deno.listen({ ...OPTIONS, port: 0 });
    this.port = this.#listener.addr.port;
    this.#accepting = this.#accept();
  }

  /** How many connections pass. */
  get size(): number {
    return this.#connections.size;
  }

  /** Lets connections break by themselves, those that are made from now on. */
  plan(plan: Plan): void {
    this.#plan = plan;
    this.#planned = 0;
  }

  /** Does something to all connections. */
  strike(kind: Fault): void {
    for (const connection of this.#connections) this.#strike(connection, kind);
  }

  /** Lets what was stalled pass again. */
  release(): void {
    for (const connection of this.#connections) connection.release();
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) this.#connect(client);
  }

  async #connect(client: Deno.TcpConn): Promise<void> {
    let server: Deno.TcpConn;
    try {
      server = await Deno.connect({ ...OPTIONS, port: this.#target });
    } catch {
      client.close(); // there is no server now
      return;
    }
    const connection = new Connection(client, server, this.#way);
    this.#connections.add(connection);
    const plan = this.#plan;
    if (plan && this.#planned < plan.faults) {
      this.#planned++;
      const kind = this.#random.pick(plan.kinds);
      connection.after(this.#random.between(...plan.bytes), () => this.#strike(connection, kind));
      // One that ends before makes room for another.
      connection.ended.then((struck) => struck || this.#planned--);
    }
    await connection.ended;
    this.#connections.delete(connection);
  }

  #strike(connection: Connection, kind: Fault): void {
    if (!connection.strike(kind)) return;
    this.faults++;
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    for (const connection of [...this.#connections]) connection.close();
  }
}

class Connection {
  readonly ended: Promise<boolean>;
  readonly #ends: readonly [client: Deno.TcpConn, server: Deno.TcpConn];
  readonly #way: Way;
  #left = Infinity;
  #due = () => {};
  #struck: Fault | undefined;
  #gate: PromiseWithResolvers<void> | undefined;
  #closed = false;

  constructor(client: Deno.TcpConn, server: Deno.TcpConn, way: Way) {
    this.#ends = [client, server];
    this.#way = way;
    for (const end of this.#ends) end.setNoDelay();
    this.ended = Promise.all([this.#pump(client, server), this.#pump(server, client)]).then(() => {
      this.close();
      return this.#struck !== undefined;
    });
  }

  after(bytes: number, due: () => void): void {
    this.#left = bytes;
    this.#due = due;
  }

  strike(kind: Fault): boolean {
    if (this.#closed || this.#struck === "cut") return false;
    this.#struck = kind;
    if (kind === "cut") this.close();
    else if (kind === "half-close") this.#ends[1].closeWrite().catch(() => {});
    else if (kind === "stall") this.#gate ??= Promise.withResolvers();
    return true;
  }

  release(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
    if (this.#struck === "stall") this.#struck = undefined;
  }

  close(): void {
    this.#closed = true;
    this.#gate?.resolve();
    for (const end of this.#ends) {
      try {
        end.close();
      } catch {
        // It has closed by itself.
      }
    }
  }

  async #pump(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const { delay = 0, rate = Infinity } = this.#way;
    const buffer = new Uint8Array(CHUNK);
    /** What is under way on a long link, and when the last of it arrives. */
    let line: Promise<void> = Promise.resolve();
    let flying = 0;
    let free = 0;
    try {
      for (;;) {
        const read = await from.read(buffer);
        if (read === null) break;
        if (this.#gate) await this.#gate.promise;
        // Both ends go on as if nothing had happened, until one of them gives up.
        if (this.#struck === "black hole") continue;
        const bytes = buffer.subarray(0, Math.min(read, this.#left));
        this.#left -= bytes.length;
        if (delay > 0 || rate < Infinity) {
          const copy = bytes.slice();
          const now = performance.now();
          free = Math.max(free, now) + copy.length / rate * 1000;
          const wait = free + delay - now;
          flying += copy.length;
          line = line.then(() => sleep(wait - (performance.now() - now)))
            .then(() => this.#write(to, copy)).then(() => {
              flying -= copy.length;
            });
          line.catch(() => {});
          if (flying > IN_FLIGHT) await line;
        } else await this.#write(to, bytes);
        if (this.#left === 0) {
          this.#left = Infinity;
          this.#due();
        }
      }
      await line;
      await to.closeWrite();
    } catch {
      // What breaks on one side breaks on the other.
      this.close();
    }
  }

  async #write(to: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
    const { split = bytes.length } = this.#way;
    for (let at = 0; at < bytes.length;) {
      at += await to.write(bytes.subarray(at, at + split));
    }
  }
}

function sleep(ms: number): Promise<void> {
  return ms > 0 ? new Promise((resolve) => setTimeout(resolve, ms)) : Promise.resolve();
}
