/**
 * All that CI checks: format, lint, types, documentation, layers, publishing, the client's size,
 * the promises of `deno task torture --quick`, and the tests. The last line says how much of it passed.
 *
 * ```sh
 * deno task ok
 * deno task ok --tests-from test.log
 * ```
 *
 * `--tests-from` takes the tests' result from the output of a `deno task test` that has just run.
 *
 * @module
 */

import { checkAudit } from "./check_audit.ts";
import { checkDocs } from "./check_docs.ts";
import { checkImports } from "./check_imports.ts";
import { checkJsr } from "./check_jsr.ts";
import { checkLayers } from "./check_layers.ts";
import { checkLock } from "./check_lock.ts";
import { checkPublish } from "./check_publish.ts";
import { checkSize } from "./check_size.ts";
import { type Counts, line, parseLine } from "./_counts.ts";
import { deno, root } from "./_deno.ts";
import { runTests } from "./test.ts";

/** A check gives one text for each problem it finds. */
type Check = () => Promise<string[]>;

function command(...args: [string, ...string[]]): Check {
  return async () => {
    const { success, stdout, stderr } = await deno(args, { cwd: root }).output();
    const decoder = new TextDecoder();
    return success ? [] : [(decoder.decode(stdout) + decoder.decode(stderr)).trim()];
  };
}

/** Its table is worth reading, kept promises or not. */
async function torture(): Promise<string[]> {
  const flags = ["-A", "--v8-flags=--expose-gc"];
  const { success, stdout, stderr } = await deno(
    ["run", ...flags, "scripts/torture/main.ts", "--quick"],
    { cwd: root },
  ).output();
  const decoder = new TextDecoder();
  console.log(decoder.decode(stdout).trim());
  return success ? [] : [`a promise was missed: see above. ${decoder.decode(stderr)}`.trim()];
}

const checks = new Map<string, Check>([
  ["format", command("fmt", "--check")],
  // That one rule would ask JSR for the package's imports; publishing checks the same.
  ["lint", command("lint", "--rules-exclude=no-slow-types")],
  ["types, those in documentation too", command("check", "--quiet", "--doc")],
  ["documentation", checkDocs],
  ["layers", () => checkLayers(root)],
  ["both import lists", checkImports],
  ["lock file", checkLock],
  ["audit of the dependencies", checkAudit],
  ["publish --dry-run", checkPublish],
  ["what JSR scores", checkJsr],
  ["size of the client", checkSize],
  ["torture --quick", torture],
]);

async function countTests(): Promise<Counts> {
  const [option, path] = Deno.args;
  if (option === undefined) return await runTests();
  if (option !== "--tests-from" || path === undefined) {
    throw new TypeError(`ok takes --tests-from FILE, received ${Deno.args.join(" ")}`);
  }
  return parseLine(await Deno.readTextFile(path)) ?? { passed: 0, failed: 1 };
}

const counts: Counts = { passed: 0, failed: 0 };
for (const [name, check] of checks) {
  const problems = await check().catch((error) => [`${name} broke off: ${error}`]);
  console.log(`${problems.length === 0 ? "ok    " : "FAILED"} ${name}`);
  for (const problem of problems) console.log(problem.replaceAll(/^/gm, "    "));
  if (problems.length === 0) counts.passed++;
  else counts.failed++;
}
const tests = await countTests();
console.log(`${tests.failed === 0 ? "ok    " : "FAILED"} tests`);
counts.passed += tests.passed;
counts.failed += tests.failed;
console.log(line(counts));
Deno.exit(counts.failed === 0 ? 0 : 1);
