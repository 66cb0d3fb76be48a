import { readManifest } from "../_edition.ts";
import { bundle, installPackages, ROOT, run } from "./_packages.ts";
import { Child } from "./_process.ts";

const SOCKET_IO = "4.8.4";
const WSLINK_JS = "2.5.0";
const WSLINK_PYTHON = "2.5.7";
/** Node comes from npm as well: the one that runs `npx` may be years old, which would not be fair. */
const NODE = "26.10.0";
const ESBUILD = "0.28.2";
const BUN = "1.4.5";

/** One of the things compared: a server and a client, each in a process of its own. */
export interface Side {
  /** Its key in the results. */
  name: string;
  /** What the table calls it. */
  title: string;
  /** Starts the server. */
  server(): Promise<Child>;
  /** Starts the client, which connects at once. */
  client(port: string): Promise<Child>;
}

/** The size of a client, as a browser loads it. */
export interface BundleSize {
  minified: number;
  gzipped: number;
}

/** Everything installed and built that the sides need. */
export interface Prepared {
  sides: readonly Side[];
  bundles: Record<string, BundleSize>;
  versions: Record<string, string>;
}

const here = (path: string) => `${ROOT}/scripts/bench/sides/${path}`;

/** Creates the virtual environment that the tests use too, if it is missing. */
export async function pythonWithWslink(): Promise<string> {
  const environment = `${ROOT}/.cache/venv-${WSLINK_PYTHON}`;
  const python = `${environment}/bin/python`;
  const works = await run(python, ["-c", "import wslink, aiohttp"]).catch(() => undefined);
  if (works?.code === 0) return python;
  console.log(`installing wslink ${WSLINK_PYTHON} for Python into .cache`);
  for (
    const command of [
      ["python3", "-m", "venv", environment],
      [python, "-m", "pip", "install", "--quiet", `wslink==${WSLINK_PYTHON}`],
    ]
  ) {
    const [program = "", ...args] = command;
    const { code, stderr } = await run(program, args);
    if (code !== 0) throw new Error(`${command.join(" ")} failed: ${stderr.trim()}`);
  }
  return python;
}

/**
 * Installs the other libraries, bundles the clients, and describes the sides.
 *
 * @returns What there is to measure.
 */
export async function prepare(): Promise<Prepared> {
  const { imports } = await readManifest();
  const arch = Deno.build.arch === "aarch64" ? "arm64" : "x64";
  const bunArch = Deno.build.arch === "aarch64" ? "aarch64" : "x64-baseline";
  /** The version of a package that the adapters import. */
  const own = (name: string) => imports[name]?.match(/@([\d.]+)(?:\/|$)/)?.[1] ?? "";
  const folder = await installPackages("bench", {
    "socket.io": SOCKET_IO,
    "socket.io-client": SOCKET_IO,
    "wslink": WSLINK_JS,
    "esbuild": ESBUILD,
    "node": `npm:node-${Deno.build.os}-${arch}@${NODE}`,
    "bun": `npm:@oven/bun-${Deno.build.os}-${bunArch}@${BUN}`,
    "ws": own("ws"),
    "@remix-run/response": own("@remix-run/response/file"),
    "@remix-run/mime": own("@remix-run/mime"),
  });
  const nodePath = `${folder}/node_modules/node/bin/node`;
  const bunPath = `${folder}/node_modules/bun/bin/bun`;
  const python = await pythonWithWslink();

  const entries = {
    // What an application imports to connect, nothing more; esbuild leaves out the rest.
    hawser: `export { connect } from "${ROOT}/client.ts";`,
    wslink: `export { default } from "wslink/src/WebsocketConnection/index.js";`,
    "socket.io": `export { io } from "socket.io-client";`,
  };
  const bundles: Record<string, BundleSize> = {};
  for (const [name, source] of Object.entries(entries)) {
    await Deno.writeTextFile(`${folder}/${name}.entry.js`, source);
    bundles[name] = await bundle(folder, `${folder}/${name}.entry.js`, `${folder}/${name}.mjs`);
  }
  const node = async (name: string) => {
    const outfile = `${folder}/${name}.mjs`;
    await bundle(folder, here(`${name}.ts`), outfile, "node", "external");
    return outfile;
  };
  const socketIoServer = await node("socketio_server");
  const socketIoClient = await node("socketio_client");

  const nodeServers = {
    raw: await node("raw_node_server"),
    hawser: await node("hawser_node_server"),
  };
  const bunServers = { raw: await node("raw_bun_server"), hawser: await node("hawser_bun_server") };

  const hawserServer = () => Child.start("Hawser's server", ["deno", here("hawser_server.ts")]);
  const rawClient = (peer: "wslink" | "bare", title: string) => (port: string) =>
    Child.start(`the raw client of ${title}`, [
      ...["deno", here("raw_client.ts")],
      ...[port, peer, title],
    ]);
  const wslinkServer = () => Child.start("wslink's server", [python, here("wslink_server.py")]);

  const sides: Side[] = [
    {
      name: "raw",
      title: "raw Deno.serve",
      server: () => Child.start("the raw server", ["deno", here("raw_server.ts")]),
      client: rawClient("bare", "raw Deno.serve"),
    },
    {
      name: "hawser-raw",
      title: "Hawser server, raw client",
      server: hawserServer,
      client: rawClient("wslink", "Hawser server, raw client"),
    },
    {
      name: "node-raw",
      title: "raw ws on Node",
      server: () => Child.start("the raw server on Node", [nodePath, nodeServers.raw]),
      client: rawClient("bare", "raw ws on Node"),
    },
    {
      name: "node-hawser-raw",
      title: "Hawser server on Node, raw client",
      server: () => Child.start("Hawser's server on Node", [nodePath, nodeServers.hawser]),
      client: rawClient("wslink", "Hawser server on Node, raw client"),
    },
    {
      name: "bun-raw",
      title: "raw Bun.serve",
      server: () => Child.start("the raw server on Bun", [bunPath, bunServers.raw]),
      client: rawClient("bare", "raw Bun.serve"),
    },
    {
      name: "bun-hawser-raw",
      title: "Hawser server on Bun, raw client",
      server: () => Child.start("Hawser's server on Bun", [bunPath, bunServers.hawser]),
      client: rawClient("wslink", "Hawser server on Bun, raw client"),
    },
    {
      name: "wslink-raw",
      title: "wslink server, raw client",
      server: wslinkServer,
      client: rawClient("wslink", "wslink server, raw client"),
    },
    {
      name: "hawser",
      title: "Hawser",
      server: hawserServer,
      client: (port) => Child.start("Hawser's client", ["deno", here("hawser_client.ts"), port]),
    },
    {
      name: "wslink",
      title: "wslink",
      server: wslinkServer,
      client: (port) =>
        Child.start("wslink's client", [
          "deno",
          here("wslink_client.ts"),
          port,
          `${folder}/wslink.mjs`,
        ]),
    },
    {
      name: "socket.io",
      title: "socket.io",
      server: () => Child.start("socket.io's server", [nodePath, socketIoServer, folder]),
      client: (port) => Child.start("socket.io's client", [nodePath, socketIoClient, port, folder]),
    },
  ];
  const versions = {
    deno: Deno.version.deno,
    node: (await run(nodePath, ["--version"])).stdout.trim().slice(1),
    bun: BUN,
    ws: own("ws"),
    python: (await run(python, ["--version"])).stdout.trim().replace("Python ", ""),
    "wslink (Python)": WSLINK_PYTHON,
    "wslink (JavaScript)": WSLINK_JS,
    "socket.io": SOCKET_IO,
  };
  return { sides, bundles, versions };
}
