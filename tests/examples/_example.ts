/** What the tests of the examples have in common. */

import { assertEquals } from "@std/assert";
import { connect, ConnectionClosedError, type Session, type Wire } from "@hawser/hawser/client";
import { serve, type Server } from "@hawser/hawser/server";
import { deno, pathOf } from "../../scripts/_deno.ts";

/**
 * Runs a test against a server, once on each wire.
 *
 * @param name What is true, as a sentence.
 * @param create Makes the server.
 * @param body The test; it gets a session that may call anything, and the server's address.
 */
export function testOnBothWires<S extends Server>(
  name: string,
  create: () => S,
  body: (session: Session, url: string) => Promise<void>,
): void {
  for (const wire of ["msgpack", "json"] satisfies Wire[]) {
    Deno.test(`${name} (${wire})`, async () => {
      await using listening = await serve(create(), { port: 0 });
      await using session = await connect(listening.webSocketUrl, { wire });
      await body(session, listening.webSocketUrl);
    });
  }
}

/** Timers of one delay that fire when the test says so; all others stay as they are. */
export class DrivenTimers implements Disposable {
  readonly #real = { set: globalThis.setTimeout, clear: globalThis.clearTimeout };
  readonly #waiting = new Map<unknown, () => void>();
  #last = 0;
  #changed = Promise.withResolvers<void>();

  /** @param delay The delay in ms of the timers to take over. */
  constructor(delay: number) {
    const { set, clear } = this.#real;
    Reflect.set(globalThis, "setTimeout", (callback: () => void, ms = 0) => {
      if (ms !== delay) return set(callback, ms);
      // No real timer has such a number, so clearing one late does no harm.
      const id = --this.#last;
      this.#waiting.set(id, callback);
      this.#changed.resolve();
      return id;
    });
    Reflect.set(globalThis, "clearTimeout", (id?: ReturnType<typeof setTimeout>) => {
      if (!this.#waiting.delete(id)) clear(id);
    });
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Fires the timer that was set first, once there is one. */
  async fire(): Promise<void> {
    while (this.#waiting.size === 0) {
      this.#changed = Promise.withResolvers();
      await this.#changed.promise;
    }
    for (const [id, callback] of this.#waiting) {
      this.#waiting.delete(id);
      return callback();
    }
  }

  /** Gives the real timers back. */
  [Symbol.dispose](): void {
    Reflect.set(globalThis, "setTimeout", this.#real.set);
    Reflect.set(globalThis, "clearTimeout", this.#real.clear);
  }
}

/**
 * Tests an example's command line: it serves its page and answers a client,
 * and a signal closes the connection with 1001 and ends it with status 0.
 *
 * @param main The example's entry point, relative to the project's top.
 * @param check A look at a session and at the served pages' address.
 */
export function testProcess(
  main: string,
  check: (session: Session, url: string) => Promise<void>,
): void {
  for (const signal of ["SIGTERM", "SIGINT"] satisfies Deno.Signal[]) {
    Deno.test(`${main} serves until ${signal}, and ends with status 0`, async () => {
      await using example = await startProcess(main, ["--port", "0", "--authKey", "a key"]);
      const session = await connect(new URL("ws", example.url.replace("http", "ws")), {
        secret: "a key",
        reconnect: false,
      });
      await check(session, example.url);

      example.process.kill(signal);
      let closeCode: number | undefined;
      for await (const status of session.statuses()) {
        if (status.state === "closed" && status.error instanceof ConnectionClosedError) {
          closeCode = status.error.closeCode;
        }
      }
      assertEquals(closeCode, 1001);
      const { code, signal: killedBy } = await example.process.status;
      assertEquals([code, killedBy], [0, null]);
    });
  }

  Deno.test(`${main} refuses a bad command line with a line that says why`, async () => {
    const command = ["run", "-A", pathOf(main), "--port", "many"] as const;
    const { code, stderr } = await deno(command).output();
    assertEquals(code, 2);
    const lines = new TextDecoder().decode(stderr).trimEnd().split("\n");
    assertEquals(lines.at(-1), '--port must be a number from 0 to 65535: received "many"');
  });
}

async function startProcess(main: string, args: string[]) {
  const process = deno(["run", "-A", pathOf(main), ...args], { stdout: "piped" }).spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream());
  let output = "";
  for await (const text of lines.values({ preventCancel: true })) {
    output += text;
    if (output.includes("\n")) break;
  }
  async function stop(): Promise<void> {
    try {
      process.kill("SIGKILL");
    } catch {
      // It has ended already, as it should.
    }
    await lines.cancel();
    await process.status;
  }
  const url = output.match(/^Listening on (http:\S+)/)?.[1];
  if (url === undefined) {
    await stop();
    throw new Error(`${main} doesn't listen, it said ${JSON.stringify(output)}`);
  }
  return { process, url, [Symbol.asyncDispose]: stop };
}
