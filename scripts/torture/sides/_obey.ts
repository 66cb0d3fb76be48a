// The half of every side that takes commands: one JSON value a line, in Deno and in Node.
import process from "node:process";
import { createInterface } from "node:readline";

type Answer = Readonly<Record<string, number>>;

/** The arguments that the process was started with. */
export function startArguments(): unknown[] {
  return process.argv.slice(2).map((text) => JSON.parse(text));
}

/**
 * Says that it is ready, and obeys until it is killed.
 *
 * @param hello What is said.
 * @param commands What each command does.
 */
export function obey(
  hello: Answer,
  commands: Readonly<Record<string, (...args: never[]) => Answer | void | Promise<Answer | void>>>,
): void {
  const say = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`);
  async function run(line: string): Promise<void> {
    const { id, command, args } = JSON.parse(line);
    try {
      const found = commands[command];
      if (found === undefined) throw new Error(`no command ${command}`);
      say({ id, answer: await Reflect.apply(found, undefined, args) ?? {} });
    } catch (error) {
      say({ id, error: String(error) });
    }
  }
  // Whoever gave the commands has gone, however it ended.
  createInterface({ input: process.stdin }).on("line", run).on("close", () => process.exit());
  say({ id: 0, answer: hello });
}
