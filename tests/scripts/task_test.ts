import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { pathOf } from "../../scripts/_deno.ts";

/** Starts the launcher as `deno task` does, in an environment where no `deno` is on the PATH. */
function launch(args: string[], env: Record<string, string> = {}): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", pathOf("scripts/task.ts"), ...args],
    env: { PATH: "/usr/bin:/bin", NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function finish(args: string[], env?: Record<string, string>) {
  const { code, stdout, stderr } = await launch(args, env).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("the launcher refuses an unknown task and names those there are", async () => {
  const { code, stderr } = await finish(["dmeo"]);
  assertEquals(code, 2);
  assertStringIncludes(stderr, 'No task "dmeo"; there are demo, ');
});

Deno.test("the launcher refuses a registry that it doesn't know", async () => {
  const { code, stderr } = await finish(["check"], { HAWSER_REGISTRY: "yarn" });
  assertEquals(code, 2);
  assertStringIncludes(stderr, 'HAWSER_REGISTRY must be "jsr" or "npm": received "yarn"');
});

Deno.test("the launcher says in one line where packages come from", async () => {
  const { stderr } = await finish(["example:simple", "--port", "none"], { HAWSER_REGISTRY: "npm" });
  assertMatch(stderr, /^Packages come from npm only, .* \(HAWSER_REGISTRY=npm\)\n/);
});

Deno.test("the launcher passes arguments on, and the exit status back", async () => {
  const { code, stderr } = await finish(["example:simple", "--port", "none"]);
  assertEquals(code, 2);
  assertStringIncludes(stderr, '"none"');
});

for (const signal of ["SIGINT", "SIGTERM"] satisfies Deno.Signal[]) {
  Deno.test(`the launcher passes ${signal} on, and a server behind it ends with 0`, async () => {
    const child = launch(["example:simple", "--port", "0"]);
    const output = child.stdout.pipeThrough(new TextDecoderStream());
    for await (const text of output.values({ preventCancel: true })) {
      if (text.includes("http://")) break;
    }
    child.kill(signal);
    const { code } = await child.status;
    await Promise.all([output.cancel(), child.stderr.cancel()]);
    assertEquals(code, 0);
  });
}
