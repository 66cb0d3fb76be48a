/**
 * Makes the parts of README.md that say what was measured: which runtime does what, from the pages
 * that the suites write, and what a page loads.
 *
 * @module
 */

import { build, stop } from "esbuild";
import { gzipSync } from "node:zlib";
import { clientSize } from "./check_size.ts";
import { pathOf } from "./_deno.ts";

/** The cells of each line of the first table below a heading, without its head and rule. */
function tableAfter(page: string, start: RegExp): { head: string[]; lines: string[][] } {
  const [, rest = ""] = page.split(start);
  const table = rest.match(/(?:^\|.*\n)+/m)?.[0] ?? "";
  const [head = [], , ...lines] = table.trim().split("\n")
    .map((line) => line.slice(1, -1).split("|").map((cell) => cell.trim()));
  return { head, lines };
}

/** The runtime that a line of docs/peers.md is of: an edition is no runtime of its own. */
function runtimeOf(name: string): string {
  const place = name.match(/^Chromium \((.*)\)$/)?.[1];
  if (place === undefined) {
    return name === "Chromium" ? "Chromium, page" : name.split(" (")[0] ?? "";
  }
  return place === "hawser.js" ? "Chromium, page" : `Chromium, ${place}`;
}

const order = ["Deno", "Node", "Bun", "workerd", "Chromium"];

function orderOf(runtime: string): string {
  return `${order.findIndex((name) => runtime.startsWith(name))} ${runtime}`;
}

interface Score {
  passed: number;
  all: number;
}

function show(score: Score | undefined): string {
  return score === undefined ? "–" : `${score.passed} of ${score.all}`;
}

/** A table as `deno fmt` leaves it. */
function format(lines: string[][]): string {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((cells) => cells[column]?.length ?? 0))
  );
  const [head, ...body] = lines.map((cells) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`
  );
  return [head, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body].join("\n");
}

/**
 * Makes the table of runtimes.
 *
 * @param peers The text of docs/peers.md: clients.
 * @param runtimes The text of docs/runtimes.md: servers.
 * @returns The table: how many cases each runtime passed, by role and wire.
 */
export function supportMatrix(peers: string, runtimes: string): string {
  const scores = new Map<string, Map<string, Score>>();
  function add(runtime: string, column: string, passed: number, all: number): void {
    const row = scores.get(runtime) ?? new Map<string, Score>();
    const score = row.get(column) ?? { passed: 0, all: 0 };
    row.set(column, { passed: score.passed + passed, all: score.all + all });
    scores.set(runtime, row);
  }
  for (
    const [direction, runtime = "", , , wire, cases = ""] of tableAfter(peers, /^# .*$/m).lines
  ) {
    if (!direction?.startsWith("Hawser client")) continue;
    const [passed = NaN, all = NaN] = cases.split(" of ").map(Number);
    add(runtimeOf(runtime), `client ${wire}`, passed, all);
  }
  const { head, lines } = tableAfter(runtimes, /^## What the adapters do$/m);
  for (const [name = "", ...results] of lines) {
    for (const wire of ["json", "msgpack"]) {
      if (/\((?:json|msgpack)\)$/.test(name) && !name.endsWith(`(${wire})`)) continue;
      results.forEach((result, index) =>
        add(head[index + 1] ?? "", `server ${wire}`, result === "yes" ? 1 : 0, 1)
      );
    }
  }
  return format([
    ["Runtime", "Client, 1.x wire", "Client, 2.x wire", "Server, 1.x wire", "Server, 2.x wire"],
    ...[...scores].sort(([a], [b]) => orderOf(a).localeCompare(orderOf(b))).map((
      [runtime, row],
    ) => [
      runtime === "workerd" ? "Cloudflare workers" : runtime,
      ...["client json", "client msgpack", "server json", "server msgpack"]
        .map((column) => show(row.get(column))),
    ]),
  ]);
}

/** What something weighs, in bytes. */
export interface Weight {
  readonly name: string;
  readonly minified: number;
  readonly gzipped: number;
}

/**
 * Weighs what a page loads.
 *
 * @returns The weights.
 */
export async function weigh(): Promise<Weight[]> {
  const { initial, hawser, json } = await clientSize();
  const whole = async (name: string, entry: string) => {
    const { outputFiles } = await build({
      ...{ entryPoints: [pathOf(entry)], bundle: true, minify: true, write: false },
      ...{ format: "esm", target: "es2022", logLevel: "error" },
    });
    const bytes = outputFiles[0]?.contents ?? new Uint8Array();
    const gzipped = gzipSync(bytes, { level: 9 }).length;
    return { name, minified: bytes.length, gzipped };
  };
  const weights = [
    { name: "`@hawser/hawser/client`, to connect", ...initial },
    { name: "what it loads once a Hawser server has answered", ...hawser },
    { name: "what it loads for a server of wslink 1.x", ...json },
    await whole("`hawser.js`: all of it in one file", "mod.ts"),
    await whole("`@hawser/hawser/compat`, all of it in one file", "compat.ts"),
  ];
  await stop();
  return weights;
}

/**
 * Makes the table of sizes.
 *
 * @param weights What was weighed.
 * @returns The table, in kB.
 */
export function sizeTable(weights: readonly Weight[]): string {
  const kB = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
  return format([
    ["Bundle", "Minified", "Gzipped"],
    ...weights.map(({ name, minified, gzipped }) => [name, kB(minified), kB(gzipped)]),
  ]);
}
