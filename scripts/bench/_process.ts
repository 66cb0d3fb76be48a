import { deno } from "../_deno.ts";

/** A server or client process that prints JSON lines, the first of them when it is ready. */
export class Child {
  readonly #process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #name: string;
  /** The first line. */
  hello: Record<string, unknown> = {};

  private constructor(name: string, process: Deno.ChildProcess) {
    this.#name = name;
    this.#process = process;
    this.#input = process.stdin.getWriter();
    this.#lines = process.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new LineStream()).getReader();
  }

  /**
   * Starts a process and waits until it is ready.
   *
   * @param name What errors call it.
   * @param command What to run.
   * @returns The process.
   */
  static async start(name: string, command: readonly string[]): Promise<Child> {
    const [program = "", ...args] = command;
    const options = { stdin: "piped", stdout: "piped", stderr: "inherit" } as const;
    const process = program === "deno"
      ? deno(["run", "-A", "--quiet", "--no-check", ...args], options).spawn()
      : new Deno.Command(program, { args, env: { WSLINK_READY_MSG: "" }, ...options }).spawn();
    const child = new Child(name, process);
    try {
      child.hello = await child.#next();
    } catch (error) {
      await child.stop();
      throw error;
    }
    return child;
  }

  /** Where the server listens, as it said. */
  get port(): string {
    return String(this.hello.port);
  }

  async #next(): Promise<Record<string, unknown>> {
    const { value, done } = await this.#lines.read();
    if (done) throw new Error(`${this.#name} ended unexpectedly`);
    return JSON.parse(value);
  }

  /**
   * Sends a command and waits for its answer.
   *
   * @param command The command.
   * @param timeout The milliseconds after which it counts as stuck.
   * @returns The answer.
   */
  async ask(command: unknown, timeout = 60_000): Promise<Record<string, unknown>> {
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify(command)}\n`));
    const stuck = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => stuck.reject(new Error(`${this.#name} does not answer ${JSON.stringify(command)}`)),
      timeout,
    );
    try {
      return await Promise.race([this.#next(), stuck.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The process, and those that it started and told of. */
  get #pids(): number[] {
    const { pids } = this.hello;
    return [this.#process.pid, ...(Array.isArray(pids) ? pids.map(Number) : [])];
  }

  /** The processor time it has used, all threads, in seconds. */
  cpuSeconds(): number {
    return this.#pids.reduce((sum, pid) => {
      const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
      // The name, in parentheses, may have spaces; utime and stime are the 12th and 13th after it.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return sum + (Number(fields[11]) + Number(fields[12])) / TICKS;
    }, 0);
  }

  /** The memory it occupies, in bytes. */
  residentBytes(): number {
    return this.#pids.reduce((sum, pid) => {
      const status = Deno.readTextFileSync(`/proc/${pid}/status`);
      return sum + Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
    }, 0);
  }

  /** Asks the process to end, and waits until it has: a profile is written then. */
  async end(): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.status;
    await this.stop();
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    for (const pid of this.#pids) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
    await this.#lines.cancel();
    await this.#input.abort().catch(() => {});
    await this.#process.status;
  }
}

/** Clock ticks a second; Linux has had this number for user space for as long as it has /proc. */
const TICKS = 100;

class LineStream extends TransformStream<string, string> {
  constructor() {
    let rest = "";
    super({
      transform(chunk, controller) {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) if (line.startsWith("{")) controller.enqueue(line);
      },
    });
  }
}
