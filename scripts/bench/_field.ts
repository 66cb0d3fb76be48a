import type { Line } from "./_lines.ts";
import type { Child } from "./_process.ts";
import type { Failure, SideResults } from "./_results.ts";
import type { Side } from "./_sides.ts";

/** How long and how often. */
export interface Effort {
  rounds: number;
  milliseconds: number;
  idleRounds: number;
  idleConnections: number;
}

/** A side's processes. */
export interface Pair {
  side: Side;
  server: Child;
  client: Child;
}

async function start(side: Side): Promise<Pair> {
  const server = await side.server();
  try {
    return { side, server, client: await side.client(server.port) };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function stop({ server, client }: Pair): Promise<void> {
  await client.stop();
  await server.stop();
}

/**
 * Makes room for what will be measured.
 *
 * @param sides Of what.
 * @returns No numbers yet, by side.
 */
export function emptyResults(sides: readonly Side[]): Record<string, SideResults> {
  return Object.fromEntries(sides.map(({ name }) => [name, { rounds: [], cpuMicroseconds: [] }]));
}

/** The sides' processes. A side that fails is told of, begins anew with the next line, and costs the others nothing. */
export class Field {
  readonly #pairs = new Map<Side, Pair>();
  readonly #failures: Failure[];

  constructor(failures: Failure[]) {
    this.#failures = failures;
  }

  /**
   * Has each side do something, one after the other, those that fail no more.
   *
   * @param line What errors say was measured.
   * @param sides The sides that still take part.
   * @param work What a side does.
   * @returns The sides that did it.
   */
  async each(line: string, sides: readonly Side[], work: (pair: Pair) => Promise<void>) {
    const able: Side[] = [];
    for (const side of sides) {
      try {
        const pair = this.#pairs.get(side) ?? await start(side);
        this.#pairs.set(side, pair);
        await work(pair);
        able.push(side);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        console.error(`  ${side.title} failed: ${reason}`);
        this.#failures.push({ side: side.title, line, reason });
        const pair = this.#pairs.get(side);
        this.#pairs.delete(side);
        if (pair) await stop(pair);
      }
    }
    return able;
  }

  /** Ends all processes. */
  async stop(): Promise<void> {
    for (const pair of this.#pairs.values()) await stop(pair);
    this.#pairs.clear();
  }
}

/** By side. */
export type SideRecord = Record<string, SideResults>;

/**
 * Measures one line, the sides in turns.
 *
 * @param line What is done.
 * @param sides Who does it.
 * @param field Their processes.
 * @param effort How long and how often.
 * @returns The numbers of those that did not fail.
 */
export async function measure(
  line: Line,
  sides: readonly Side[],
  field: Field,
  effort: Pick<Effort, "rounds" | "milliseconds">,
): Promise<SideRecord> {
  const { work, title } = line;
  const results = emptyResults(sides);
  const connections = work.kind === "fanout" ? work.receivers : 1;
  let able = await field.each(title, sides, async ({ client }) => {
    await client.ask({ do: "resize", connections });
  });
  for (let round = -1; round < effort.rounds; round++) {
    const milliseconds = effort.milliseconds * (round < 0 ? 0.5 : 1); // the first only warms up
    // Every other round goes the other way, so that no side always follows the same one.
    const order = round % 2 === 0 ? able : able.toReversed();
    const done = await field.each(title, order, async ({ side, server, client }) => {
      const before = server.cpuSeconds();
      const { count, seconds } = await client.ask({ do: "run", work, milliseconds });
      const cpu = server.cpuSeconds() - before;
      if (round < 0) return;
      results[side.name]?.rounds.push(Number(count) * (line.scale ?? 1) / Number(seconds));
      results[side.name]?.cpuMicroseconds.push(cpu * 1e6 / Number(count));
    });
    able = sides.filter((side) => done.includes(side));
  }
  await field.each(title, able, async ({ client }) => {
    await client.ask({ do: "resize", connections: 1 });
  });
  // A side that fell out half-way has fewer rounds than those it is compared with.
  for (const side of sides) if (!able.includes(side)) delete results[side.name];
  return results;
}
