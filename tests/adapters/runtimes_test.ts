/**
 * Runs the adapters' suite in every runtime, prints what each passed, and holds docs/runtimes.md to
 * it. `HAWSER_RUNTIMES=Bun,workerd` runs it in those alone.
 */
import { pathOf } from "../../scripts/_deno.ts";
import { type Start, TestServer } from "../_adapter.ts";
import { CASES, DIFFERENCES } from "../_behaviour.ts";
import { RUNTIMES, startRuntime } from "./_runtimes.ts";

/** What became of a case: passed, or the reason why it can't. */
type Outcome = { readonly passed: true } | { readonly passed: false; readonly reason: string };

const page = pathOf("docs/runtimes.md");
const outcomes = new Map<string, Map<string, Outcome>>();
const differences = new Map<string, Map<string, string>>();

function put<T>(table: Map<string, Map<string, T>>, name: string, runtime: string, value: T): void {
  const row = table.get(name) ?? new Map<string, T>();
  table.set(name, row.set(runtime, value));
}

/** A case that hangs must not keep the others from running. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("It does not end")), 60_000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

const wanted = Deno.env.get("HAWSER_RUNTIMES")?.split(",");
for (const runtime of RUNTIMES.filter(({ name }) => wanted?.includes(name) ?? true)) {
  Deno.test(`the adapter of ${runtime.name} does what all do`, async (t) => {
    await using running = await startRuntime(runtime);
    const start: Start = (options) => TestServer.start(running.control, options);
    for (const { name, run, except } of CASES) {
      const reason = except?.[runtime.name];
      const title = reason === undefined ? name : `${name} (can't: ${reason})`;
      const ok = await t.step(title, async () => {
        if (reason === undefined) return await inTime(run(start, 10_000));
        const passed = await inTime(run(start, 3_000)).then(() => true, () => false);
        if (passed) throw new Error(`It passes: ${runtime.name} is no exception any more`);
      });
      if (ok) {
        put(
          outcomes,
          name,
          runtime.name,
          reason === undefined ? { passed: true } : { passed: false, reason },
        );
      }
    }
    for (const { name, run } of DIFFERENCES) {
      await t.step(
        name,
        async () => put(differences, name, runtime.name, await inTime(run(start))),
      );
    }
  });
}

const names = RUNTIMES.map(({ name }) => name);

/** A table as `deno fmt` leaves it. */
function table(lines: string[][]): string {
  const [head = []] = lines;
  const widths = head.map((_, column) =>
    Math.max(3, ...lines.map((cells) => cells[column]?.length ?? 0))
  );
  const [first, ...rest] = lines.map((cells) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`
  );
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [first, rule, ...rest].join("\n");
}

function matrix(): string {
  return table([
    ["Case", ...names],
    ...CASES.map(({ name }) => [
      name,
      ...names.map((runtime) => outcomes.get(name)?.get(runtime)?.passed ? "yes" : "no"),
    ]),
  ]);
}

/** Why a runtime can't: a table, since the formatter breaks long lines elsewhere. */
function reasons(): string {
  const lines = CASES.flatMap(({ except = {} }) => Object.entries(except));
  const texts = new Map(lines.map((line) => [line.join(), line]));
  return table([["Runtime", "Why"], ...texts.values()]);
}

function measured(): string {
  return table([
    ["What", ...names],
    ...DIFFERENCES.map(({ name }) => [
      name,
      ...names.map((runtime) => differences.get(name)?.get(runtime) ?? ""),
    ]),
  ]);
}

/** The part of the page that is made here: from its first table to the end. */
const MARK = "<!-- From here on the tests write. -->\n";

function write(): string {
  return `## What the adapters do

One suite, in a process of each runtime, over real sockets. This part is written anew by
\`HAWSER_WRITE_RUNTIMES=1 deno task test tests/adapters\`.

${matrix()}

Where it says no:

${reasons()}

## What they do differently, as measured

${measured()}
`;
}

Deno.test("docs/runtimes.md says what the suite of the adapters found", () => {
  const complete = CASES.every(({ name }) => outcomes.get(name)?.size === names.length) &&
    DIFFERENCES.every(({ name }) => differences.get(name)?.size === names.length);
  if (outcomes.size > 0) console.log(`\n${matrix()}\n\n${measured()}\n`);
  const isWriting = Deno.env.get("HAWSER_WRITE_RUNTIMES") === "1";
  if (!complete) {
    // Whoever runs a part of the suite learns nothing about the rest, and a case that fails says so.
    if (isWriting) throw new Error("Not every case is known: run all of it, and pass");
    return;
  }
  const [text = "", made] = Deno.readTextFileSync(page).split(MARK);
  if (isWriting) Deno.writeTextFileSync(page, `${text}${MARK}\n${write()}`);
  else if (made !== `\n${write()}`) {
    throw new Error(
      "docs/runtimes.md is out of date: HAWSER_WRITE_RUNTIMES=1 deno task test tests/adapters writes it",
    );
  }
});
