import { deno, root } from "../_deno.ts";
import { count, type Figure, type Trial } from "./_figures.ts";

/** The model-based test of the unit suite, with other orders of events and many more of them. */
export async function model({ quick, random, log }: Trial): Promise<Figure[]> {
  const runs = quick ? 100 : 3000;
  const { success, stdout, stderr } = await deno(
    ["test", "-A", "--no-check", "tests/session/model_test.ts"],
    {
      cwd: root,
      env: {
        HAWSER_MODEL_RUNS: String(runs),
        HAWSER_MODEL_SEED: String(random.next() | 0),
        NO_COLOR: "1",
      },
      stdout: "piped",
      stderr: "piped",
    },
  ).output();
  const decoder = new TextDecoder();
  if (!success) log(decoder.decode(stdout) + decoder.decode(stderr));
  return [{
    promise: `${count(runs)} random orders of calls, cancels, cuts, lost sessions, streams and ` +
      "subscriptions on each wire end as the model says",
    measured: success ? "all did" : "one did not: its shortest form is above",
    kept: success,
  }];
}
