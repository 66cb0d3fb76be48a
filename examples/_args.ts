/**
 * What the examples have in common: wslink's own command-line options, and a
 * server that runs until it is told to stop.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { serve, type Server } from "@hawser/hawser/server";

/** The options of an example, named as wslink names them. */
export interface ExampleOptions {
  /**
   * The port to listen on; 0 takes a free one.
   *
   * @default {8080}
   */
  port: number;
  /**
   * The interface to listen on.
   *
   * @default {"localhost"}
   */
  host: string;
  /**
   * The secret that clients say hello with.
   *
   * @default {"wslink-secret"}
   */
  authKey: string;
}

/**
 * Reads `--port N`, `--host H` and `--authKey K`.
 *
 * @param args The command line, without the program's name
 * @returns The options, with defaults for those not given
 * @throws {TypeError} If an option is unknown or lacks its value
 * @throws {RangeError} If the port is no number from 0 to 65535
 */
export function parseExampleArgs(args: string[]): ExampleOptions {
  const { values: { port, host, authKey } } = parseArgs({
    args,
    options: {
      port: { type: "string", short: "p", default: "8080" },
      host: { type: "string", default: "localhost" },
      authKey: { type: "string", default: "wslink-secret" },
    },
  });
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) {
    throw new RangeError(`--port must be a number from 0 to 65535: received "${port}"`);
  }
  return { port: Number(port), host, authKey };
}

/**
 * Reads the command line; if it can't be understood, says why and ends the process.
 *
 * @returns The options, with defaults for those not given
 */
export function readExampleArgs(): ExampleOptions {
  try {
    return parseExampleArgs(Deno.args);
  } catch (error) {
    fail(error, 2);
  }
}

/**
 * Serves until it is told to stop: on SIGINT or SIGTERM every connection is
 * closed with 1001, and the process ends with status 0.
 *
 * @param server What answers on the WebSocket, at `/ws`
 * @param options Where to listen, and the directory of the pages to serve beside it
 */
export async function runExample(
  server: Server,
  { port, host, content }: Pick<ExampleOptions, "port" | "host"> & { content: URL },
): Promise<void> {
  const stop = () => void server.close();
  Deno.addSignalListener("SIGINT", stop);
  // Windows knows no SIGTERM.
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", stop);

  const listening = await serve(server, { port, hostname: host, content })
    .catch((error) => fail(`Cannot listen on ${host}, port ${port}: ${error.message}`, 1));
  console.log(`Listening on ${listening.url} (Ctrl-C stops)`);
  await listening.finished;
  Deno.exit(0);
}

function fail(error: unknown, status: number): never {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(status);
}
