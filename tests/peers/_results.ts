/** Runs cases as steps of a test, and keeps the table of what each peer passed. */

import type { Cases, Outcome } from "./_check.ts";
import type { ServerUnderTest } from "./_hawser_client_cases.ts";
import { pathOf } from "../../scripts/_deno.ts";

/** One line of the table. */
export interface Row {
  /** The peer that others wrote. */
  readonly peer: string;
  readonly version: string;
  readonly wire: "json" | "msgpack" | "both";
  /** Who calls whom. */
  readonly direction: string;
  /** Where the client runs. */
  readonly runtime: string;
}

/**
 * The line for Hawser's client and a server.
 *
 * @param server The server.
 * @param runtime Where the client runs.
 * @returns The line.
 */
export function clientRow({ maker, version, wire }: ServerUnderTest, runtime: string): Row {
  const [peer, server] = maker === "wslink"
    ? ["wslink Python server", "wslink server"]
    : ["Hawser server", "Hawser server"];
  const direction = `Hawser client → ${server}`;
  return { peer, version: version ?? "", wire, direction, runtime };
}

/** A line with what came of it. */
export interface Result extends Row {
  readonly passed: number;
  readonly total: number;
}

/** Where results wait for the table; one file per line, so that suites may run at once. */
const RESULTS = pathOf(".cache/peers");

/**
 * Runs cases as steps of a test, one after the other, and records how many passed.
 *
 * @param t The test.
 * @param row The line of the table.
 * @param cases The cases.
 */
export async function prove(t: Deno.TestContext, row: Row, cases: Cases): Promise<void> {
  let passed = 0;
  for (const [name, run] of Object.entries(cases)) {
    if (await t.step(name, run)) passed++;
  }
  record({ ...row, passed, total: Object.keys(cases).length });
}

/**
 * Records cases that ran elsewhere, as steps of a test.
 *
 * @param t The test.
 * @param row The line of the table.
 * @param names The cases that had to run.
 * @param outcomes How each went.
 */
export async function report(
  t: Deno.TestContext,
  row: Row,
  names: string[],
  outcomes: Outcome[],
): Promise<void> {
  const reported = new Map(outcomes.map((outcome) => [outcome.name, outcome]));
  await prove(
    t,
    row,
    Object.fromEntries(names.map((name) => [name, () => {
      const outcome = reported.get(name);
      const error = outcome === undefined ? "did not run" : outcome.error;
      return error === undefined ? Promise.resolve() : Promise.reject(new Error(error));
    }])),
  );
}

function record(result: Result): void {
  Deno.mkdirSync(RESULTS, { recursive: true });
  const { peer, version, wire, direction, runtime } = result;
  const name = [peer, version, wire, direction, runtime].join(" ").replace(/[^\w.]+/g, "-");
  Deno.writeTextFileSync(`${RESULTS}/${name}.json`, JSON.stringify(result));
}

/**
 * The results recorded since {@linkcode forgetResults}.
 *
 * @returns Them, sorted.
 */
export function readResults(): Result[] {
  const results: Result[] = [];
  for (const { name } of Deno.readDirSync(RESULTS)) {
    results.push(JSON.parse(Deno.readTextFileSync(`${RESULTS}/${name}`)));
  }
  const key = ({ direction, runtime, peer, version, wire }: Result) =>
    [direction, runtime, peer, version, wire].join("\n");
  return results.sort((a, b) => key(a) < key(b) ? -1 : 1);
}

/** Forgets them. */
export function forgetResults(): void {
  try {
    Deno.removeSync(RESULTS, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
