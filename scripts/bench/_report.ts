import { type Goal, goals, OTHERS, type Standing, standings } from "./_goals.ts";
import { LINES } from "./_lines.ts";
import { BEHIND, REASONS } from "./_reasons.ts";
import { middle, ratio, type Results } from "./_results.ts";
import { digits, table } from "./_stats.ts";

const times = (value: number) => Number.isFinite(value) ? `${digits(value)} ×` : "–";

/** Numbers of one line, the largest of them in bold. */
function bestInBold(values: readonly number[]): string[] {
  const best = Math.max(...values.filter(Number.isFinite));
  return values.map((value) => value === best ? `**${digits(value)}**` : digits(value));
}

function describe(entries: Record<string, string>): string {
  return Object.entries(entries).map(([name, value]) => `${name} ${value}`).join(", ");
}

function standing({ title, measured, ahead, behind }: Standing): string {
  const said = `- **${title}**: Hawser is ahead on ${ahead} of ${measured} lines`;
  if (behind.length === 0) return `${said}.`;
  return `${said}; behind on ${
    behind.map(([, line, share]) => `${line} (${digits(share)})`).join(", ")
  }.`;
}

/** Why others are ahead: each line once. */
function reasonsBehind(all: readonly Standing[]): string[] {
  const lines = new Map(
    all.flatMap(({ behind }) => behind.map(([line, title]) => [line, title] as const)),
  );
  return [...lines].map(([line, title]) =>
    `- ${title}: ${BEHIND[line] ?? "no profile explains it yet."}`
  );
}

function goalRow({ title, goal, measured, isMet }: Goal): string[] {
  return [title, goal, measured, isMet ? "met" : "**missed**"];
}

/** A sentence for each missed goal. */
function reasonsMissed(all: readonly Goal[]): string[] {
  const missed = new Map(all.filter(({ isMet }) => !isMet).map((goal) => [goal.key, goal.title]));
  return [...missed].map(([key, title]) =>
    `- ${title}: ${REASONS[key] ?? "no profile explains it yet."}`
  );
}

/**
 * Makes the page with all tables.
 *
 * @param results What was measured.
 * @returns The page.
 */
export function markdown(results: Results): string {
  const { lines, bundles, failures, sides } = results;
  const rates = (line: string, side: string) => lines[line]?.[side]?.rounds;
  const measured = LINES.filter(({ name }) => name in lines);
  const libraries = ["hawser", "hawser-node", ...OTHERS.map(([side]) => side)];
  const titles = ["Hawser", "Hawser, Node", ...OTHERS.map(([, title]) => title)];
  const rateRow = (name: string, over: string, under: readonly string[]) =>
    under.map((side) => times(ratio(rates(name, over), rates(name, side))));
  const rows = measured.map(({ name, title, unit }) => [
    title,
    unit,
    ...bestInBold(libraries.map((side) => middle(rates(name, side)))),
  ]);
  const ratioRows = measured.map(({ name, title }) => [
    title,
    ...rateRow(name, "hawser", OTHERS.map(([side]) => side)),
  ]);
  const serverRows = measured.map(({ name, title, unit }) => [
    title,
    unit,
    ...["raw", "hawser-raw", "hawser-batch", "wslink-raw"]
      .map((side) => digits(middle(rates(name, side)))),
    ...["hawser-raw", "hawser-batch", "wslink-raw"]
      .flatMap((side) => rateRow(name, side, ["raw"])),
  ]);
  const runtimeRows = measured.filter(({ name }) => lines[name]?.["node-raw"] !== undefined)
    .map(({ name, title, unit }) => [
      title,
      unit,
      ...["raw", "hawser-raw", "node-raw", "node-hawser-raw", "bun-raw", "bun-hawser-raw"]
        .map((side) => digits(middle(rates(name, side)))),
      ...["", "node-", "bun-"].flatMap((runtime) =>
        rateRow(name, `${runtime}hawser-raw`, [`${runtime}raw`])
      ),
    ]);
  const cpuSides = ["raw", "hawser-raw", "wslink-raw", ...libraries];
  const cpuTitles = ["raw", "Hawser", "wslink", ...titles.map((title) => `${title} *`)];
  const cpuRows = measured.map(({ name, title }) => [
    title,
    ...cpuSides.map((side) => digits(middle(lines[name]?.[side]?.cpuMicroseconds))),
  ]);
  const { rounds = 0, milliseconds = 0, idleRounds = 0, idleConnections = 0 } = results.effort;

  const sections = [
    "# Benchmark",
    "Written by `deno task bench`, which measures all sides in one run: they take turns round by " +
    "round, each with a server and a client process of its own, and the numbers are medians of " +
    `${rounds} rounds of ${milliseconds} ms after a warm-up. A ratio is the median of the rounds' ` +
    "ratios. Absolute numbers are those of this machine; ratios travel better. " +
    "[performance.md](performance.md) says how to read them and where time goes.",
    `Machine: ${describe(results.machine)}. Versions: ${describe(results.versions)}.` +
    busy(results.machine),
  ];
  if (failures.length > 0) {
    sections.push(
      "## Failed",
      "These did not run to their end; their numbers are missing below.",
      failures.map(({ side, line, reason }) => `- ${side}, ${line}: ${reason}`).join("\n"),
    );
  }
  const compared = standings(results);
  if (compared.length > 0) {
    sections.push(
      "## Who is ahead",
      "Hawser's server and client on Deno beside the others. In brackets what Hawser reaches of the " +
        "other one; of memory and size, what the other one needs of Hawser's.",
      compared.map(standing).join("\n"),
    );
    const reasons = reasonsBehind(compared);
    if (reasons.length > 0) sections.push("Why:", reasons.join("\n"));
  }
  if (rows.length > 0) {
    const left = sides.flatMap(({ title, skips = {} }) => {
      const reason = Object.entries(skips).find(([name, why]) => why !== "" && name in lines)?.[1];
      return reason === undefined ? [] : [`${title}: ${reason}.`];
    });
    sections.push(
      "## Library to library",
      "Hawser's server and client, on Deno and on Node; wslink's Python server with its JavaScript " +
        "client on Deno; socket.io, Cap'n Web and tRPC on Node, over WebSocket alone, the latter two " +
        "with the package `ws`; Debian's NATS server, which hands calls on to a service on Node " +
        "and to its client on Node, over WebSocket. The best of each line is bold; more is better.",
      table(["", "", ...titles], rows),
      "Cap'n Web and tRPC send JSON, bytes as base64. " + left.join(" "),
      "Hawser on Deno to the others:",
      table(["", ...OTHERS.map(([, title]) => title)], ratioRows),
      "## The server alone",
      "The same load client for all: it sends frames that were encoded beforehand and only counts " +
        "what comes back. Raw is a bare `Deno.serve` WebSocket that moves the same frames and " +
        "understands nothing: the limit. *In batches* the load client and Hawser put small messages " +
        "of one turn into one frame, as Hawser's own client does. More is better.",
      table(
        [
          ...["", "", "raw", "Hawser", "in batches", "wslink"],
          ...["Hawser to raw", "in batches", "wslink to raw"],
        ],
        serverRows,
      ),
    );
  }
  if (runtimeRows.length > 0) {
    sections.push(
      "## The server on each runtime",
      "The same load client again, and Hawser's server on Deno, Node and Bun, each beside what its " +
        "runtime does when it understands nothing: `Deno.serve`, the package `ws`, `Bun.serve`. More " +
        "is better.",
      table(
        [
          ...["", "", "raw Deno", "Hawser", "raw ws", "Hawser", "raw Bun", "Hawser"],
          ...["on Deno", "on Node", "on Bun"],
        ],
        runtimeRows,
      ),
    );
  }
  if (cpuRows.length > 0) {
    sections.push(
      "## Processor time",
      "Processor time of the server (user and system, all threads; of NATS both processes) for each " +
        "call or message, in microseconds: first with the load client, then (\\*) with each " +
        "library's own. Less is better.",
      table(["µs", ...cpuTitles.map((title) => title.replace("*", "\\*"))], cpuRows),
    );
  }
  if ("idle" in lines) {
    const measuredIdle = ["raw", "hawser-raw", "wslink-raw", "socket.io"];
    sections.push(
      "## An idle connection",
      `Growth of the server's resident memory by ${idleConnections} connections that said hello and ` +
        `do nothing, for each; medians of ${idleRounds} fresh servers.`,
      table(["", "raw", "Hawser", "wslink", "socket.io"], [
        ["kB", ...measuredIdle.map((side) => digits(middle(rates("idle", side)) / 1000))],
      ]),
    );
  }
  if (Object.keys(bundles).length > 0) {
    sections.push(
      "## The client in a browser",
      "What an application loads to connect, bundled by esbuild with its dependencies.",
      table(
        ["", "min", "min+gz"],
        Object.entries(bundles).map(([name, { minified, gzipped }]) => [
          name === "hawser" ? "Hawser" : name,
          `${digits(minified / 1000)} kB`,
          `${digits(gzipped / 1000)} kB`,
        ]),
      ),
    );
  }
  const all = goals(results);
  if (all.length > 0) {
    const reasons = reasonsMissed(all);
    sections.push(
      "## Goals",
      "*Server* is measured with the load client, *both ends* with Hawser's own client on Deno.",
      table(["", "goal", "measured", ""], all.map(goalRow)),
      ...(reasons.length > 0 ? ["Why goals are missed:", reasons.join("\n")] : []),
    );
  }
  return `${sections.join("\n\n")}\n`;
}

/** A sentence where the machine had other work as well: its numbers are worth less. */
function busy(machine: Record<string, string>): string {
  const load = Number(machine["load before"]);
  return load < 0.5 ? "" : ` The machine had other work meanwhile (load ${load}).`;
}

/**
 * Makes the README's part about speed.
 *
 * @param results What was measured.
 * @returns A table, and who is ahead.
 */
export function speedTable(results: Results): string {
  const { lines, bundles, machine, versions } = results;
  const columns = [["hawser", "Hawser"], ...OTHERS] as const;
  const rows = LINES.map(({ name, title, unit }) => [
    title,
    unit,
    ...bestInBold(columns.map(([side]) => middle(lines[name]?.[side]?.rounds))),
  ]);
  const sizes = columns.map(([side]) => digits((bundles[side]?.gzipped ?? NaN) / 1000));
  return [
    table(["", "", ...columns.map(([, title]) => title)], [
      ...rows,
      ["client, minified and gzipped", "kB", ...sizes],
    ]),
    standings(results).map(standing).join("\n"),
    `Measured by \`deno task bench\` (Deno ${versions.deno}, ${machine.cores} cores, ` +
    `${machine.processor}), all sides in one run and alternating, Hawser on Deno; in brackets what ` +
    "Hawser reaches of the other one. [docs/benchmark.md](docs/benchmark.md) has every line, the " +
    "reasons, and Hawser on Node and Bun." + busy(machine),
  ].join("\n\n");
}
