/** How many tests or checks passed and failed. */
export interface Counts {
  passed: number;
  failed: number;
}

/**
 * The line that ends a run: `412 passed, 0 failed`.
 *
 * @param counts How many passed and failed.
 * @returns The line.
 */
export function line({ passed, failed }: Counts): string {
  return `${passed} passed, ${failed} failed`;
}

/**
 * Reads such a line, the last one of a text.
 *
 * @param text What a run printed.
 * @returns The numbers, or `undefined` if there is no such line.
 */
export function parseLine(text: string): Counts | undefined {
  const last = [...text.matchAll(/^(\d+) passed, (\d+) failed$/gm)].at(-1);
  return last && { passed: Number(last[1]), failed: Number(last[2]) };
}

/**
 * What an ended `deno test` amounts to. An ignored test counts as failed: a test that can't run
 * proves nothing. So does a run without a summary, or with a bad end after a good one.
 *
 * @param success Whether it ended with status 0.
 * @param output The end of what it printed.
 * @returns How many passed and failed.
 */
export function ended(success: boolean, output: string): Counts {
  // deno-lint-ignore no-control-regex -- a terminal's colours
  const plain = output.replaceAll(/\x1b\[[\d;]*m/g, "");
  const summary = [...plain.matchAll(/^(?:ok|FAILED) \| (.*) \(\d+\w+\)$/gm)].at(-1)?.[1] ?? "";
  function count(word: string): number {
    return Number(summary.match(new RegExp(`(\\d+) ${word}`))?.[1] ?? 0);
  }
  const failed = count("failed") + count("ignored");
  return { passed: count("passed"), failed: failed === 0 && !success ? 1 : failed };
}
