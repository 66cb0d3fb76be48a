/** Hawser's servers for the tests: the two examples, and the `test.` procedures beside them. */

import {
  createServer,
  type Listening,
  procedure,
  serve,
  type Server,
  type ServerOptions,
} from "../../server.ts";
import { createChatServer } from "../../examples/chat/server.ts";
import { createSimpleServer } from "../../examples/simple/server.ts";
import { pattern } from "./_check.ts";
import type { ServerUnderTest } from "./_hawser_client_cases.ts";

/** Where the servers are. */
export interface HawserServers extends AsyncDisposable {
  readonly simple: string;
  readonly chat: string;
  readonly probe: string;
  /** Like `probe`, with frames of at most 1024 bytes. */
  readonly small: string;
  /** Like `probe`, but a session ends with its socket. */
  readonly fleeting: string;
  /** Like `probe`; `test.shutdown` closes it. */
  readonly doomed: string;
  /** Lets its clients stop it; {@linkcode HawserServers.exited} fulfils when one did. */
  readonly exiting: string;
  readonly exited: Promise<void>;
}

/** Streams and talk come quickly, so that a test waits for messages rather than for time. */
const interval = 20;

/** Exceptions are part of what is tested; nobody needs to read about them. */
const quiet = { onError() {} };

/**
 * Starts all of them, each on a free port.
 *
 * @returns Where they are.
 */
export async function startHawser(): Promise<HawserServers> {
  const doomed = createProbeServer();
  doomed.register("test.shutdown", () => {
    doomed.close();
    return null;
  });
  const exiting = createProbeServer({ allowExit: true });
  const listening: Listening[] = [];
  async function listen(server: Server): Promise<string> {
    const started = await serve(server, { port: 0 });
    listening.push(started);
    return started.webSocketUrl;
  }
  return {
    simple: await listen(createSimpleServer({ ...quiet, interval })),
    chat: await listen(createChatServer({ ...quiet, interval })),
    probe: await listen(createProbeServer()),
    small: await listen(createProbeServer({ limits: { frameSize: 1024 } })),
    fleeting: await listen(createProbeServer({ resumeWindow: 0 })),
    doomed: await listen(doomed),
    exiting: await listen(exiting),
    exited: exiting.closed,
    async [Symbol.asyncDispose]() {
      await Promise.all(listening.map((each) => each.close()));
    },
  };
}

/**
 * Starts what the cases of Hawser's client need.
 *
 * @param wire The wire that they use.
 * @returns Where everything is.
 */
export async function startHawserUnderTest(
  wire: "json" | "msgpack",
): Promise<ServerUnderTest & Pick<HawserServers, "fleeting"> & AsyncDisposable> {
  return { ...await startHawser(), maker: "hawser", wire, found: "msgpack" };
}

/**
 * The `test.` procedures of `example_server.py`, by Hawser.
 *
 * @param options Whatever else a server takes.
 * @returns The server, not listening yet.
 */
export function createProbeServer(options: Omit<ServerOptions, "procedures"> = {}) {
  return createServer({
    ...quiet,
    ...options,
    procedures: {
      "test.echo": procedure((call, ...args: unknown[]) => ({ args, kwargs: call.kwargs })),
      "test.twice": () => {
        const bytes = pattern(4);
        return { one: bytes, list: [bytes] };
      },
      "test.bytes": (size: number) => pattern(size),
      "test.measure": (data: Uint8Array) => ({
        length: data.length,
        intact: data.every((byte, index) => byte === (index & 255)),
      }),
      "test.fail": (message: string) => {
        throw new RangeError(message);
      },
      "test.unserializable": () => ({ deep: [() => {}] }),
      "test.publish": procedure((call, topic: string, count: number) => {
        for (let number = 0; number < count; number++) {
          call.server.publish(topic, { number });
        }
        return count;
      }),
      "test.publish.others": procedure((call, topic: string, value: unknown) =>
        call.server.publish(topic, value, { except: call.client })
      ),
      "test.publish.binary": procedure((call, topic: string, count: number, size: number) => {
        for (let number = 0; number < count; number++) {
          call.server.publish(topic, { number, data: pattern(size) });
        }
        return count;
      }),
      "test.sleep": procedure((call, seconds: number) => {
        const { promise, resolve } = Promise.withResolvers<number>();
        const timer = setTimeout(resolve, seconds * 1000, seconds);
        call.signal.addEventListener("abort", () => {
          clearTimeout(timer);
          resolve(seconds);
        });
        return promise;
      }),
      "test.integers": () => [
        2 ** 53 - 1,
        2n ** 53n + 1n,
        2n ** 63n - 1n,
        2n ** 64n - 1n,
        -(2n ** 53n) - 1n,
        -(2n ** 63n),
      ],
    },
  });
}
