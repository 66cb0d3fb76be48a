/**
 * Installs what the tests need, then runs them: all of them, or those that the arguments name.
 *
 * ```sh
 * deno task test
 * deno task test tests/protocol --filter "chunk"
 * ```
 *
 * @module
 */

import { type Counts, ended, line } from "./_counts.ts";
import { frozenFlags } from "./check_lock.ts";
import { deno, root } from "./_deno.ts";
import { setup } from "./setup.ts";

/**
 * Runs tests and shows what Deno prints of them.
 *
 * @param args Paths and options for `deno test`; without any, every test and every example of the
 * documentation is run.
 * @returns How many passed and failed.
 */
export async function runTests(args: string[] = []): Promise<Counts> {
  const missing = await setup();
  if (missing.length > 0 && args.length === 0) return { passed: 0, failed: missing.length };
  const flags = ["-A", "--doc", "--sanitize-ops", "--sanitize-resources", "--trace-leaks"];
  const child = deno(["test", ...frozenFlags(), ...flags, ...args], {
    cwd: root,
    stdin: "null",
    stdout: "piped",
    env: Deno.stdout.isTerminal() ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" },
  }).spawn();
  let output = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    await Deno.stdout.write(chunk);
    output = (output + decoder.decode(chunk, { stream: true })).slice(-2_000);
  }
  return ended((await child.status).success, output);
}

if (import.meta.main) {
  const counts = await runTests(Deno.args);
  console.log(line(counts));
  if (counts.failed > 0) Deno.exit(1);
}
