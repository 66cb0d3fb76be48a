import { deno, pathOf } from "../_deno.ts";

/** What a process answers to a command. */
export type Answer = Readonly<Record<string, number>>;

/** A process of ours that is told what to do on its standard input, a JSON value a line. */
export class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #name: string;
  readonly #asked = new Map<number, PromiseWithResolvers<Answer>>();
  readonly #reading: Promise<void>;
  readonly #ready = Promise.withResolvers<Answer>();
  #last = 0;

  private constructor(name: string, process: Deno.ChildProcess) {
    this.#name = name;
    this.#process = process;
    this.#input = process.stdin.getWriter();
    this.#asked.set(0, this.#ready);
    this.#reading = this.#read();
  }

  /**
   * Starts a process and waits until it is ready.
   *
   * @param side Its module in `sides/`, without the ending.
   * @param args What it is told at the start.
   * @param program What runs it; Deno if absent.
   * @returns The process, and what it said when it was ready.
   */
  static async start(
    side: string,
    args: readonly unknown[] = [],
    program?: readonly [string, ...string[]],
  ): Promise<{ child: Child; hello: Answer }> {
    const options = { stdin: "piped", stdout: "piped", stderr: "inherit" } as const;
    const rest = args.map((arg) => JSON.stringify(arg));
    const main = pathOf(`scripts/torture/sides/${side}`);
    const process = program
      ? new Deno.Command(program[0], { args: [...program.slice(1), main, ...rest], ...options })
        .spawn()
      : deno(
        ["run", "-A", "--quiet", "--no-check", "--v8-flags=--expose-gc", main, ...rest],
        options,
      )
        .spawn();
    const child = new Child(side, process);
    return { child, hello: await child.#ready.promise };
  }

  async #read(): Promise<void> {
    const text = this.#process.stdout.pipeThrough(new TextDecoderStream());
    let rest = "";
    for await (const part of text) {
      const lines = (rest + part).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines.filter((line) => line.includes("{"))) {
        // wslink's server says something of its own, and ends it with no line.
        const { id, answer, error } = JSON.parse(line.slice(line.indexOf("{")));
        const asked = this.#asked.get(id);
        this.#asked.delete(id);
        if (error === undefined) asked?.resolve(answer);
        else asked?.reject(new Error(`${this.#name}: ${error}`));
      }
    }
    for (const { promise, reject } of this.#asked.values()) {
      promise.catch(() => {});
      reject(new Error(`${this.#name} has ended`));
    }
  }

  /**
   * Gives a command; several may be under way.
   *
   * @param command Its name.
   * @param args Its arguments.
   * @returns The answer.
   */
  async ask(command: string, ...args: readonly unknown[]): Promise<Answer> {
    const id = ++this.#last;
    const asked = Promise.withResolvers<Answer>();
    this.#asked.set(id, asked);
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify({ id, command, args })}\n`));
    return await asked.promise;
  }

  /** The memory it occupies, in bytes. */
  get rss(): number {
    const status = Deno.readTextFileSync(`/proc/${this.#process.pid}/status`);
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  /** How many files and sockets it has open. */
  get handles(): number {
    return [...Deno.readDirSync(`/proc/${this.#process.pid}/fd`)].length;
  }

  /** Kills it, which it can't see coming. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#process.status;
    await this.#input.abort().catch(() => {});
    await this.#reading.catch(() => {});
  }
}
