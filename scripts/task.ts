/**
 * The launcher behind every `deno task`. It finds out which registry answers, says so in one line,
 * and runs the task with packages from there.
 *
 * @module
 */

import { chooseRegistry, deno, root } from "./_deno.ts";

/** What each task runs; the task's own arguments follow. */
const tasks = new Map<string, [string, ...string[]]>([
  ["demo", ["run", "-A", "examples/viewer/main.ts"]],
  ["example:simple", ["run", "-A", "examples/simple/main.ts"]],
  ["example:chat", ["run", "-A", "examples/chat/main.ts"]],
  ["describe", ["run", "-A", "scripts/describe.ts"]],
  ["setup", ["run", "-A", "scripts/setup.ts"]],
  ["test", ["run", "-A", "scripts/test.ts"]],
  ["bench", ["run", "-A", "scripts/bench/main.ts"]],
  ["bench:profile", ["run", "-A", "scripts/bench/profile.ts"]],
  ["bench:streams", ["run", "-A", "scripts/bench/streams.ts"]],
  ["torture", ["run", "-A", "--v8-flags=--expose-gc", "scripts/torture/main.ts"]],
  ["bench:flow", ["run", "-A", "scripts/bench/flow.ts"]],
  ["bench:compression", ["run", "-A", "scripts/bench/compression.ts"]],
  ["ok", ["run", "-A", "scripts/ok.ts"]],
  ["check", ["check", "--doc"]],
  ["lock", ["run", "-A", "scripts/check_lock.ts"]],
  ["build:npm", ["run", "-A", "scripts/build_npm.ts"]],
  ["release", ["run", "-A", "scripts/release.ts"]],
  ["build:browser", ["run", "-A", "scripts/build_browser.ts"]],
]);

const [name = "", ...args] = Deno.args;
const task = tasks.get(name);
if (task === undefined) {
  console.error(`No task ${JSON.stringify(name)}; there are ${[...tasks.keys()].join(", ")}`);
  Deno.exit(2);
}
await chooseRegistry().catch((error: Error) => {
  console.error(error.message);
  Deno.exit(2);
});
const child = deno([...task, ...args], { cwd: root }).spawn();
// A terminal sends Ctrl-C to the child as well, so whatever runs here takes a second signal calmly.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  if (Deno.build.os === "windows" && signal === "SIGTERM") continue;
  Deno.addSignalListener(signal, () => {
    try {
      child.kill(signal);
    } catch {
      // It has ended already, and its status is on the way.
    }
  });
}
const { code } = await child.status;
Deno.exit(code);
