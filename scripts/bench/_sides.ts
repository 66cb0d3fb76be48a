import { stop } from "esbuild";
import { readManifest } from "../_edition.ts";
import { clientSize } from "../check_size.ts";
import { bundle, installPackages, ROOT, run } from "./_packages.ts";
import { Child } from "./_process.ts";

const SOCKET_IO = "4.8.4";
const WSLINK_JS = "2.5.0";
const WSLINK_PYTHON = "2.5.7";
/** Node comes from npm as well: the one that runs `npx` may be years old, which would not be fair. */
const NODE = "26.10.0";
const ESBUILD = "0.28.2";
const BUN = "1.4.5";
const CAPNWEB = "0.12.0";
const TRPC = "11.25.2";
const NATS_JS = "3.4.0";

/** One of the things compared: a server and a client, each in a process of its own. */
export interface Side {
  /** Its key in the results. */
  name: string;
  /** What the table calls it. */
  title: string;
  /** Lines that it is not measured on, with the reason where it can't do them. */
  skips?: Readonly<Record<string, string>>;
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

/** What the bare servers and their load client say nothing new about. */
const NOT_BARE = { "connect": "", "down-16MB": "", "up-16MB": "", "publish-1MB": "" };

/** Where batches make no difference. */
const NOT_BATCHED = {
  ...{ "call-1": "", "connect": "", "down-1MB": "", "down-16MB": "", "up-1MB": "" },
  ...{ "up-16MB": "", "publish-1MB": "", "fanout": "" },
};

/** Where bytes travel as base64 in one JSON text. */
const TEXT = "its messages are JSON texts; those of 16 MB were left out";
const TEXTS = { "down-16MB": TEXT, "up-16MB": TEXT };

/**
 * Takes NATS' server out of Debian's package: an installed one would start a service.
 *
 * @param folder Where to.
 * @returns The program.
 * @throws {Error} If there is no such package; NATS is left out then.
 */
async function natsServer(folder: string): Promise<string> {
  const program = `${folder}/nats/usr/sbin/nats-server`;
  if ((await run(program, ["--version"]).catch(() => undefined))?.code === 0) return program;
  console.log("taking nats-server out of Debian's package into .cache/bench/nats");
  await Deno.mkdir(`${folder}/nats`, { recursive: true });
  if (Deno.uid() === 0) await run("apt-get", ["update", "-q"]);
  const script = 'cd "$1" && apt-get download -q nats-server && dpkg -x nats-server_*.deb .';
  const { code, stderr } = await run("sh", ["-c", script, "sh", `${folder}/nats`]);
  if (code !== 0) throw new Error(`Debian's nats-server can't be had: ${stderr.trim()}`);
  return program;
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
    "capnweb": CAPNWEB,
    "@trpc/server": TRPC,
    "@trpc/client": TRPC,
    "@nats-io/nats-core": NATS_JS,
    "@nats-io/transport-node": NATS_JS,
    "typescript": own("typescript"),
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
    wslink: `export { default } from "wslink/src/WebsocketConnection/index.js";`,
    "socket.io": `export { io } from "socket.io-client";`,
  };
  // Hawser's own is what a page loads to connect, without what some servers need later.
  const bundles: Record<string, BundleSize> = { hawser: (await clientSize()).initial };
  await stop(); // esbuild goes on for ever
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
  const hawserNodeClient = await node("hawser_client");
  const capnweb = { server: await node("capnweb_server"), client: await node("capnweb_client") };
  const trpc = { server: await node("trpc_server"), client: await node("trpc_client") };
  const nats = { server: await node("nats_server"), client: await node("nats_client") };

  const nodeServers = {
    raw: await node("raw_node_server"),
    hawser: await node("hawser_node_server"),
  };
  const bunServers = { raw: await node("raw_bun_server"), hawser: await node("hawser_bun_server") };

  const hawserServer = () => Child.start("Hawser's server", ["deno", here("hawser_server.ts")]);
  const rawClient = (peer: "wslink" | "batch" | "bare", title: string) => (port: string) =>
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
      name: "hawser-batch",
      title: "Hawser server, raw client that batches",
      skips: NOT_BATCHED,
      server: hawserServer,
      client: rawClient("batch", "Hawser server, batches"),
    },
    {
      name: "node-raw",
      title: "raw ws on Node",
      skips: NOT_BARE,
      server: () => Child.start("the raw server on Node", [nodePath, nodeServers.raw]),
      client: rawClient("bare", "raw ws on Node"),
    },
    {
      name: "node-hawser-raw",
      title: "Hawser server on Node, raw client",
      skips: NOT_BARE,
      server: () => Child.start("Hawser's server on Node", [nodePath, nodeServers.hawser]),
      client: rawClient("wslink", "Hawser server on Node, raw client"),
    },
    {
      name: "bun-raw",
      title: "raw Bun.serve",
      skips: NOT_BARE,
      server: () => Child.start("the raw server on Bun", [bunPath, bunServers.raw]),
      client: rawClient("bare", "raw Bun.serve"),
    },
    {
      name: "bun-hawser-raw",
      title: "Hawser server on Bun, raw client",
      skips: NOT_BARE,
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
      name: "hawser-node",
      title: "Hawser on Node",
      server: () => Child.start("Hawser's server on Node", [nodePath, nodeServers.hawser]),
      client: (port) => Child.start("Hawser's client on Node", [nodePath, hawserNodeClient, port]),
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
    {
      name: "capnweb",
      title: "Cap'n Web",
      skips: TEXTS,
      server: () => Child.start("Cap'n Web's server", [nodePath, capnweb.server]),
      client: (port) => Child.start("Cap'n Web's client", [nodePath, capnweb.client, port]),
    },
    {
      name: "trpc",
      title: "tRPC",
      skips: TEXTS,
      server: () => Child.start("tRPC's server", [nodePath, trpc.server]),
      client: (port) => Child.start("tRPC's client", [nodePath, trpc.client, port]),
    },
    {
      name: "nats",
      title: "NATS",
      server: async () =>
        Child.start("NATS' server", [
          ...[nodePath, nats.server, await natsServer(folder)],
          ...[`${folder}/nats`],
        ]),
      client: (port) => Child.start("NATS' client", [nodePath, nats.client, port]),
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
    "Cap'n Web": CAPNWEB,
    tRPC: TRPC,
    "nats-server": await natsServer(folder).then(async (program) =>
      (await run(program, ["--version"])).stdout.trim().replace(/^nats-server: v/, "")
    ).catch((error: Error) => error.message),
    "NATS (JavaScript)": NATS_JS,
  };
  return { sides, bundles, versions };
}
