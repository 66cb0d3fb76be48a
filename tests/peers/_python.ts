/** Starts wslink's own Python server for a test. */

import { pathOf } from "../../scripts/_deno.ts";
import type { ServerUnderTest } from "./_hawser_client_cases.ts";
import { requirePeer } from "./_installed.ts";

/** The versions of wslink for Python that the tests run against. */
export const PYTHON_VERSIONS = ["1.12.4", "2.5.7"] as const;

/** One of the versions of wslink for Python. */
export type PythonVersion = typeof PYTHON_VERSIONS[number];

/** The wire that a version speaks. */
export function wireOf(version: PythonVersion): "json" | "msgpack" {
  return version === "1.12.4" ? "json" : "msgpack";
}

/** A running wslink server. */
export interface PythonServer extends AsyncDisposable {
  /** Where its WebSocket is. */
  readonly url: string;
  /** Fulfils with the exit code once the process has ended. */
  readonly ended: Promise<number>;
  /** Ends the process at once, as a crash would. */
  kill(): void;
}

/**
 * Starts `example_server.py` under one version of wslink.
 *
 * @param version The version of wslink for Python.
 * @param env Settings for it, as `WSLINK_MAX_MSG_SIZE`.
 * @param atPort The port to listen on; 0 takes a free one.
 * @param secret The secret to ask for.
 * @returns The server, ready for clients.
 */
export async function startPython(
  version: PythonVersion,
  env: Record<string, string> = {},
  atPort = 0,
  secret = "wslink-secret",
): Promise<PythonServer> {
  const python = requirePeer(
    `.cache/venv-${version}/bin/python`,
    `wslink ${version} for Python`,
  );
  const child = new Deno.Command(python, {
    args: [
      ...[pathOf("tests/peers/example_server.py"), "--host", "127.0.0.1"],
      ...["--port", `${atPort}`, "--timeout", "0", "--authKey", secret],
    ],
    env: { PYTHONDONTWRITEBYTECODE: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const complaints = new Response(child.stderr).text();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  let port: string | undefined;
  while (port === undefined) {
    const { value, done } = await output.read();
    if (done) {
      throw new Error(
        `wslink ${version} for Python did not start: ${said}${await complaints}`,
      );
    }
    said += value;
    port = /^listening on (\d+)$/m.exec(said)?.[1];
  }
  // Read to the end, or a talkative server blocks on a full pipe.
  const drained = (async () => {
    while (!(await output.read()).done);
  })();
  const ended = child.status.then((status) => status.code);
  return {
    url: `ws://127.0.0.1:${port}/ws`,
    ended,
    kill() {
      child.kill("SIGKILL");
    },
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // it has ended by itself
      }
      await Promise.all([ended, drained, complaints]);
    },
  };
}

/** aiohttp refuses a longer frame, and 1.x has no way to split one. */
const LARGEST_FRAME = 4_194_304;

/**
 * Starts what the cases of Hawser's client need of one version.
 *
 * @param version The version of wslink for Python.
 * @returns Where everything is.
 */
export async function startPythonUnderTest(
  version: PythonVersion,
): Promise<ServerUnderTest & AsyncDisposable> {
  await using starting = new AsyncDisposableStack();
  const { url } = starting.use(await startPython(version));
  const wire = wireOf(version);
  const server = { maker: "wslink", version, wire, found: wire } as const;
  const addresses = { simple: url, chat: url, probe: url };
  // 1.x has no chunks; a small limit would only make it refuse what the cases send.
  const more = wire === "json"
    ? { small: url, largestUpload: LARGEST_FRAME - 1 }
    : { small: starting.use(await startPython(version, { WSLINK_MAX_MSG_SIZE: "1024" })).url };
  const servers = starting.move();
  return { ...server, ...addresses, ...more, [Symbol.asyncDispose]: () => servers.disposeAsync() };
}
