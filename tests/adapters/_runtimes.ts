/** Starts the runtimes that the suite of the adapters runs in. */
import { build, stop } from "esbuild";
import { connect, type Session } from "@hawser/hawser/client";
import { deno, pathOf } from "../../scripts/_deno.ts";
import { requirePeer } from "../peers/_installed.ts";

/** A runtime, and how to start the suite's servers in it. */
export interface Runtime {
  readonly name: string;
  command(): Promise<Deno.Command>;
}

/** A runtime that runs. */
export interface RunningRuntime extends AsyncDisposable {
  /** The session with its control server. */
  readonly control: Session;
}

/** Runs workerd with the Durable Object in a bundle, in the folder where miniflare is installed. */
const MINIFLARE = `
  import { Miniflare } from "miniflare";
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    modules: true,
    scriptPath: process.argv[1],
    modulesRoot: process.cwd(),
    compatibilityDate: "2026-04-01",
    durableObjects: { SERVERS: "Servers" },
  });
  const { host } = await miniflare.ready;
  console.log("ws://" + host + "/control/ws");
  process.on("SIGTERM", () => miniflare.dispose());
`;

const piped = { stdin: "piped", stdout: "piped", stderr: "inherit" } as const;

/**
 * Bundles a module beside the packages that it imports.
 *
 * @param main Its path from the project's top.
 * @param platform What runs it.
 * @returns The bundle's path.
 */
export async function bundle(main: string, platform: "node" | "neutral"): Promise<string> {
  requirePeer(".cache/servers/installed.json", "What servers are tested with");
  const name = main.replaceAll("/", "-").replace(/\.ts$/, ".mjs");
  const outfile = pathOf(`.cache/servers/${name}`);
  await build({
    entryPoints: [pathOf(main)],
    bundle: true,
    format: "esm",
    platform,
    target: "node20",
    packages: "external",
    alias: { "@hawser/hawser/node": pathOf("adapters/node.ts") },
    logLevel: "error",
    outfile,
  });
  await stop();
  return outfile;
}

/** Runs a program with a bundle. */
async function run(program: string, main: string): Promise<Deno.Command> {
  return new Deno.Command(program, { args: [await bundle(main, "node")], ...piped });
}

/**
 * Finds an installed Node.
 *
 * @param major Its version.
 * @returns The path of its program.
 */
export function pathOfNode(major: number): string {
  return requirePeer(`.cache/node${major}/node_modules/node/bin/node`, `Node ${major}`);
}

function node(major: number): Runtime {
  return {
    name: `Node ${major}`,
    command: () => run(pathOfNode(major), "tests/adapters/_node_main.ts"),
  };
}

/** All of them, in the table's order. */
export const RUNTIMES: readonly Runtime[] = [
  {
    name: "Deno",
    command: () =>
      Promise.resolve(
        deno(["run", "-A", "--no-check", pathOf("tests/adapters/_deno_main.ts")], piped),
      ),
  },
  ...[20, 22, 24].map(node),
  {
    name: "Bun",
    command: () =>
      run(requirePeer(".cache/bun/node_modules/bun/bin/bun", "Bun"), "tests/adapters/_bun_main.ts"),
  },
  {
    name: "workerd",
    async command() {
      const script = await bundle("tests/adapters/_worker_main.ts", "neutral");
      return new Deno.Command(pathOfNode(24), {
        args: ["--input-type=module", "--eval", MINIFLARE, script],
        cwd: pathOf(".cache/servers"),
        ...piped,
      });
    },
  },
];

/**
 * Starts a runtime with the suite's control server.
 *
 * @param runtime Which.
 * @returns The session with it.
 */
export async function startRuntime(runtime: Runtime): Promise<RunningRuntime> {
  const process = (await runtime.command()).spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.includes("\n")) {
    const { value, done } = await lines.read();
    if (done) throw new Error(`${runtime.name} ended early: ${said}`);
    said += value;
  }
  const control = await connect(said.trim(), { reconnect: false });
  return {
    control,
    async [Symbol.asyncDispose]() {
      await control.close();
      await process.stdin.close();
      process.kill("SIGTERM");
      await lines.cancel();
      await process.status;
    },
  };
}
