/**
 * Breaks whatever can break, and holds Hawser to what it promises: prints a table of figures, each
 * with its promise, and ends with 1 if one is missed.
 *
 *     deno task torture [--quick] [--only NAME[,NAME…]] [--seed NUMBER] [--minutes NUMBER] [--write]
 *
 * `--quick` ends in less than three minutes, the whole in half an hour; `--only` tries the named
 * ones alone. What the network does at random comes from the seed, which is printed first; `--minutes` is how
 * long the soak takes instead of 20. `--write` puts the tables into docs/delivery.md, of a whole run
 * alone.
 *
 * @module
 */
import { chooseRegistry, deno, pathOf } from "../_deno.ts";
import { writePart } from "../_parts.ts";
import { longStream, safeCalls } from "./calls.ts";
import { crowd } from "./crowd.ts";
import { topics } from "./topics.ts";
import { soak } from "./soak.ts";
import { fuzz } from "./fuzz.ts";
import { model } from "./model.ts";
import { losses } from "./losses.ts";
import { kills } from "./kills.ts";
import { viewers } from "./viewers.ts";
import { comparison, type Figure, table, type Try } from "./_figures.ts";
import { Random } from "./_random.ts";

/** Those that measure no rates, which is why they may run beside the soak. */
const BESIDE: ReadonlyMap<string, Try> = new Map<string, Try>([
  ["calls", safeCalls],
  ["stream", longStream],
  ["topics", topics],
  ["kills", kills],
  ["fuzz", fuzz],
  ["model", model],
  ["losses", losses],
]);

const TRIALS: ReadonlyMap<string, Try> = new Map<string, Try>([
  ["soak", soak],
  ...BESIDE,
  ["viewers", viewers],
  ["crowd", crowd],
]);

function option(name: string): string | undefined {
  const index = Deno.args.indexOf(name);
  return index < 0 ? undefined : Deno.args[index + 1];
}

const quick = Deno.args.includes("--quick");
/** What others lose, and installing them, is no matter of every change's. */
const usual = [...TRIALS.keys()].filter((name) => !quick || name !== "losses");
const only = option("--only")?.split(",") ?? usual;
const seed = Number(option("--seed") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const given = option("--minutes");
const minutes = given === undefined ? undefined : Number(given);
const unknown = only.filter((name) => !TRIALS.has(name));
if (unknown.length > 0 || !Number.isInteger(seed)) {
  console.error(
    unknown.length > 0
      ? `No trial ${unknown.join(", ")}; there are ${[...TRIALS.keys()].join(", ")}`
      : "--seed takes an integer",
  );
  Deno.exit(2);
}
const write = Deno.args.includes("--write");
if (write && (quick || only !== usual)) {
  console.error("--write takes a whole run: no --quick, no --only");
  Deno.exit(2);
}
await chooseRegistry();
console.log(`Seed ${seed}`);

const rows: (Figure & { trial: string })[] = [];
const started = performance.now();

async function attempt(name: string): Promise<void> {
  const trial = TRIALS.get(name);
  if (!only.includes(name) || trial === undefined) return;
  const begun = performance.now();
  const log = (text: string) => console.log(`  ${name}: ${text}`);
  const random = new Random(seed + [...TRIALS.keys()].indexOf(name));
  const figures = await trial({ quick, minutes, random, log }).catch((error): Figure[] => {
    console.error(error);
    return [{ promise: "the trial comes to its end", measured: String(error), kept: false }];
  });
  rows.push(...figures.map((figure) => ({ ...figure, trial: name })));
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  console.log(
    `${name}: ${seconds} s${figures.some(({ kept }) => kept === false) ? ", MISSED" : ""}`,
  );
}

const soaking = attempt("soak");
for (const name of BESIDE.keys()) await attempt(name);
await soaking;
for (const name of ["viewers", "crowd"]) await attempt(name);

console.log(`\n${table(rows)}\n`);
const missed = rows.filter(({ kept }) => kept === false).length;
const promised = rows.filter(({ kept }) => kept !== undefined).length;
const took = ((performance.now() - started) / 60_000).toFixed(1);
const outcome = `${
  promised - missed
} of ${promised} promises kept in ${took} minutes, seed ${seed}`;
console.log(outcome);
if (write) {
  const path = pathOf("docs/delivery.md");
  const compared = rows.filter(({ of }) => of !== undefined);
  const part = `${navigator.hardwareConcurrency} cores, Deno ${Deno.version.deno}: ${outcome}.

${table(rows.filter(({ of }) => of === undefined))}

What each loses, with the same cuts for all, some of them without a word:

${comparison(compared)}`;
  const page = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, writePart(page, "torture", part));
  await deno(["fmt", "--quiet", path]).output();
}
Deno.exit(missed > 0 ? 1 : 0);
