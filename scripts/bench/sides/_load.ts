// The half of a load client that does not depend on the library: it takes commands on standard
// input, one JSON value a line, and answers each on standard output. Runs in Deno and in Node.
import process from "node:process";
import { createInterface } from "node:readline";
import { SMALL, type Work } from "../_lines.ts";

/** What one timed round came to. */
export interface Outcome {
  /** Calls answered, or messages that arrived. */
  count: number;
  /** The seconds it took. */
  seconds: number;
}

/** A client process, as the benchmark drives it. */
export interface Load {
  /** Opens connections beside the first one, until there are so many; closes those too many. */
  resize(connections: number): Promise<void>;
  /** Works for about so long. */
  run(work: Work, milliseconds: number): Promise<Outcome>;
}

/** What the benchmark sends to a client process. */
export type Command =
  | { do: "resize"; connections: number }
  | { do: "run"; work: Work; milliseconds: number };

/**
 * Obeys commands until standard input ends.
 *
 * @param load What does the work.
 */
export async function obey(load: Load): Promise<void> {
  process.on("SIGTERM", () => process.exit(0)); // so that a profile is written
  await load.resize(1);
  process.stdout.write('{"ready":true}\n');
  for await (const line of createInterface({ input: process.stdin })) {
    const command: Command = JSON.parse(line);
    let answer: unknown = {};
    if (command.do === "resize") await load.resize(command.connections);
    else answer = await load.run(command.work, command.milliseconds);
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
}

/** One connection of a client library, reduced to what the lines need. */
export interface Link {
  /** Calls the procedure and gives its result. */
  call(method: string, args: unknown[]): Promise<unknown>;
  /** Ends the connection. */
  close(): void;
}

/**
 * A load made of a client library's own calls and subscriptions.
 *
 * @param connect Opens a connection that subscribes and tells `arrived` of every publication; one
 * without `arrived` does what the library needs before the first call, and no more.
 * @returns The load.
 */
export function libraryLoad(connect: (arrived?: (value: unknown) => void) => Promise<Link>): Load {
  const links: Link[] = [];
  let missing = 0;
  let complete = Promise.withResolvers<void>();
  let expectedSize = 0;

  function arrived(value: unknown): void {
    if (sizeOf(value) !== expectedSize) throw new Error(`Received ${sizeOf(value)} bytes`);
    if (--missing === 0) complete.resolve();
  }

  async function burst(link: Link, work: Work & { kind: "publish" | "fanout" }): Promise<number> {
    const expected = work.kind === "publish" ? work.count : work.count * links.length;
    missing = expected;
    expectedSize = work.size;
    complete = Promise.withResolvers();
    await link.call(`bench.${work.kind}`, [work.size, work.count]);
    await complete.promise;
    return expected;
  }

  async function once(link: Link, work: Work, bytes: Uint8Array): Promise<number> {
    switch (work.kind) {
      case "echo":
        await link.call("bench.echo", [SMALL]);
        return 1;
      case "connect":
        (await connect()).close();
        return 1;
      case "down": {
        const size = sizeOf(await link.call("bench.down", [work.size]));
        if (size !== work.size) throw new Error(`Received ${size} bytes of ${work.size}`);
        return 1;
      }
      case "up": {
        const size = await link.call("bench.up", [bytes]);
        if (size !== work.size) throw new Error(`The server received ${size} of ${work.size}`);
        return 1;
      }
      default:
        return await burst(link, work);
    }
  }

  return {
    async resize(connections) {
      while (links.length > connections) links.pop()?.close();
      while (links.length < connections) links.push(await connect(arrived));
    },
    async run(work, milliseconds) {
      const [link] = links;
      if (link === undefined) throw new Error("There is no connection");
      const bytes = new Uint8Array("size" in work ? work.size : 0);
      let count = 0;
      const start = performance.now();
      const worker = async () => {
        do {
          const done = await once(link, work, bytes); // not `count += await`: workers interleave
          count += done;
        } while (performance.now() - start < milliseconds);
      };
      const workers = "inFlight" in work ? work.inFlight : 1;
      await Promise.all(Array.from({ length: workers }, worker));
      return { count, seconds: (performance.now() - start) / 1000 };
    },
  };
}

function sizeOf(value: unknown): number {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value === "object" && value !== null && "data" in value) return sizeOf(value.data);
  return -1;
}
