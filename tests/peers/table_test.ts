/**
 * Prints what the tests of the peers found, and holds docs/peers.md to it. Deno runs test files in
 * the order of their names, so that this one comes after those that fill the table.
 */

import { pathOf } from "../../scripts/_deno.ts";
import { PYTHON_VERSIONS, wireOf } from "./_python.ts";
import { clientRow, type Result, resultsOf, type Row, wslinkRow } from "./_results.ts";

const page = pathOf("docs/peers.md");

/** Where the one file for browsers runs. */
const CHROMIUM_PLACES = ["hawser.js", "worker", "shared worker", "service worker"]
  .map((place) => `Chromium (${place})`);

/** Where the packed npm edition runs. */
const NPM_RUNTIMES = ["Node 20", "Node 22", "Node 24", "Bun", "Deno"].map((name) =>
  `${name} (npm)`
);

function hawserRows(runtime: string): Row[] {
  return (["json", "msgpack"] as const).map((wire) =>
    clientRow({ maker: "hawser", wire }, runtime)
  );
}

const rows: Row[] = [
  ...["Deno", "Chromium"].flatMap((runtime) =>
    (["1.12.4", "2.5.0", "both"] as const).map((version) => wslinkRow(version, runtime))
  ),
  ...["Deno", "Node 22", "Chromium", ...CHROMIUM_PLACES, ...NPM_RUNTIMES].flatMap((runtime) => [
    ...PYTHON_VERSIONS.map((version) =>
      clientRow({ maker: "wslink", version, wire: wireOf(version) }, runtime)
    ),
    ...hawserRows(runtime),
  ]),
].sort((a, b) => a.direction < b.direction ? 1 : a.direction > b.direction ? -1 : 0);

/** The table as `deno fmt` leaves it. */
function table(results: Result[]): string {
  const lines = [
    ["Direction", "Client in", "Peer", "Version", "Wire", "Cases passed"],
    ...results.map(({ direction, runtime, peer, version, wire, passed, cases }) => [
      ...[direction, runtime, peer, version, wire === "both" ? "one on each" : wire],
      `${passed} of ${cases.length}`,
    ]),
  ];
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((cells) => cells[column]?.length ?? 0))
  );
  const [head, ...body] = lines.map((cells) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`
  );
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [head, rule, ...body].join("\n");
}

/** The cases of a direction, as a list. */
function list(results: Result[], wanted: (result: Result) => boolean): string {
  const names = new Set(results.filter(wanted).flatMap(({ cases }) => cases));
  return [...names].map((name) => `- ${name}`).join("\n");
}

function write(results: Result[]): string {
  return `# Peers that others wrote

Made by the tests, from what they found: \`HAWSER_WRITE_PEERS=1 deno task test\` writes this page
anew. Every peer is the unmodified package from PyPI or npm. The lines of Hawser with Hawser are the
measure for the others: the same cases, another runtime. Where it says npm, the client is the packed
npm edition, installed as its users do; the other lines are of the source, bundled for Chromium, and
\`hawser.js\` is what \`deno task build:browser\` makes, under a strict policy.

${table(results)}

## Worth knowing about the peers

- wslink's Python servers run the calls of one connection one after the other, and read nothing from
  it in the meantime: while a call runs for an hour, the next one waits, and so does the answer to a
  close frame. Calls of different connections run side by side.
- The 1.12.4 Python server takes at most 4 MiB in one frame, and a binary value is one frame there:
  a larger one ends the connection. The other way 20 MB pass. 2.5.7 splits both ways.
- wslink's JavaScript client 1.12.4 delivers binary as a \`Blob\`, 2.5.0 as a \`Uint8Array\`.
- Once destroyed, wslink's JavaScript clients throw an uncaught \`TypeError\` at the answer to their
  own \`application.exit.later\`. A page shows it in the console, and goes on.

## The cases of wslink's clients with Hawser's server

${list(results, (result) => result.peer === "wslink JavaScript client" && result.wire !== "both")}

Both clients at once, one on each wire:

${list(results, (result) => result.peer === "wslink JavaScript client" && result.wire === "both")}

## The cases of Hawser's client

${list(results, (result) => result.peer !== "wslink JavaScript client")}
`;
}

Deno.test("docs/peers.md says what the tests of the peers found", () => {
  const results = resultsOf(rows);
  if (results.length > 0) console.log(`\n${table(results)}\n`);
  const complete = results.length === rows.length;
  if (Deno.env.get("HAWSER_WRITE_PEERS") === "1") {
    if (!complete) {
      throw new Error(
        `${results.length} of ${rows.length} lines are known: run tests/browser, tests/npm, tests/peers`,
      );
    }
    Deno.writeTextFileSync(page, write(results));
    return;
  }
  // Whoever runs a part of the tests learns nothing about the rest.
  if (complete && Deno.readTextFileSync(page) !== write(results)) {
    throw new Error("docs/peers.md is out of date: HAWSER_WRITE_PEERS=1 deno task test writes it");
  }
});
