/** Runs cases as steps of a test, and keeps the table of what each peer passed. */

import type { Cases, Outcome } from "./_check.ts";
import type { ServerUnderTest } from "./_hawser_client_cases.ts";
import type { JsVersion } from "./_wslink.ts";
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
export function clientRow(
  { maker, version, wire }: Pick<ServerUnderTest, "maker" | "version" | "wire">,
  runtime: string,
): Row {
  const [peer, server] = maker === "wslink"
    ? ["wslink Python server", "wslink server"]
    : ["Hawser server", "Hawser server"];
  const direction = `Hawser client → ${server}`;
  return { peer, version: version ?? "", wire, direction, runtime };
}

/**
 * The line for wslink's clients and Hawser's server.
 *
 * @param version Their version, or both of them at once.
 * @param runtime Where they run.
 * @returns The line.
 */
export function wslinkRow(version: JsVersion | "both", runtime: string): Row {
  const direction = "wslink client → Hawser server";
  const peer = "wslink JavaScript client";
  if (version === "both") {
    return { peer, version: "1.12.4 and 2.5.0", wire: "both", direction, runtime };
  }
  const wire = version === "1.12.4" ? "json" : "msgpack";
  return { peer, version, wire, direction, runtime };
}

/** A line with what came of it. */
export interface Result extends Row {
  /** The process that it ran in, so that an older run's results are not taken for this one's. */
  readonly run: number;
  readonly passed: number;
  /** The names of all. */
  readonly cases: string[];
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
  Deno.mkdirSync(RESULTS, { recursive: true });
  const result: Result = { ...row, run: Deno.pid, passed, cases: Object.keys(cases) };
  Deno.writeTextFileSync(`${RESULTS}/${nameOf(row)}.json`, JSON.stringify(result));
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

/**
 * The results of this run of `deno test`.
 *
 * @param rows The lines of the table.
 * @returns Those that have been filled in.
 */
export function resultsOf(rows: Row[]): Result[] {
  return rows.flatMap((row) => {
    try {
      const text = Deno.readTextFileSync(`${RESULTS}/${nameOf(row)}.json`);
      const result: Result = JSON.parse(text);
      return result.run === Deno.pid ? [result] : [];
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  });
}

function nameOf({ peer, version, wire, direction, runtime }: Row): string {
  return [peer, version, wire, direction, runtime].join(" ").replace(/[^\w.]+/g, "-");
}
