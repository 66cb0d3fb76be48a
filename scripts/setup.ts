/**
 * Installs what the tests need and a bare machine lacks: a browser, wslink's own Python servers,
 * three Nodes, Bun, and what a server is tested beside. Each item is looked for first, so a second
 * run takes a moment and changes nothing.
 *
 * ```sh
 * deno task setup
 * ```
 *
 * Other npm packages are no item here: Deno fetches those that the import map names by itself.
 *
 * @module
 */

import { pathOf } from "./_deno.ts";
import { readManifest } from "./_edition.ts";

/** One thing the tests need. */
interface Item {
  name: string;
  /** Where it is, or `undefined` while it is missing. */
  find(): Promise<string | undefined>;
  /** Brings it. Throws if it can't be had. */
  install(): Promise<void>;
}

/** The outcome of a command: what it printed, both streams together. */
interface Ran {
  success: boolean;
  output: string;
}

function inCache(path: string): string {
  return pathOf(`.cache/${path}`);
}

async function run(
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  try {
    const process = new Deno.Command(command, { args, env, stdin: "null" });
    const { success, stdout, stderr } = await process.output();
    const decoder = new TextDecoder();
    return { success, output: decoder.decode(stdout) + decoder.decode(stderr) };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { success: false, output: `${command} is not installed` };
  }
}

async function mustRun(
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<void> {
  const { success, output } = await run(command, args, env);
  if (success) return;
  const tail = output.trim().split("\n").slice(-8).join("\n    ");
  throw new Error(`${[command, ...args].join(" ")} failed:\n    ${tail}`);
}

let updating: Promise<void> | undefined;

/** Learns once what packages there are, which root alone may. */
function aptUpdate(): Promise<void> {
  return updating ??= Deno.uid() === 0
    ? mustRun("apt-get", ["update", "-q"], { DEBIAN_FRONTEND: "noninteractive" })
    : Promise.resolve();
}

/** Debian packages can be had only by root, so anyone else is told what to install. */
async function aptInstall(...packages: string[]): Promise<void> {
  const apt = Deno.build.os === "linux" && (await run("apt-get", ["--version"])).success;
  if (!apt || Deno.uid() !== 0) {
    throw new Error(`install ${packages.join(", ")} with your system's package manager`);
  }
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await aptUpdate();
  await mustRun("apt-get", ["install", "-q", "-y", "--no-install-recommends", ...packages], env);
}

/**
 * Finds the browser that the tests drive: what the variable `CHROMIUM` names, or Chromium or
 * Chrome where they are usually installed.
 *
 * @returns The command or path, or `undefined` if there is none.
 */
export async function findChromium(): Promise<string | undefined> {
  const candidates = [
    ...[Deno.env.get("CHROMIUM") ?? "/usr/bin/chromium"],
    ...["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  ];
  for (const candidate of candidates) {
    if ((await run(candidate, ["--version"])).success) return candidate;
  }
  return undefined;
}

const chromium: Item = {
  name: "Chromium",
  find: findChromium,
  // Without a font a page has no text, and Chromium's package only recommends one.
  install: () => aptInstall("chromium", "fonts-dejavu-core"),
};

/** A proxy that docs/operations.md is tested with. */
export type ProxyName = "nginx" | "caddy" | "apache2";

/** Where a proxy is, and what it is started with. */
export interface Proxy {
  readonly program: string;
  /** Where its package's files are: "" if the system has it. */
  readonly top: string;
  readonly env: Record<string, string>;
}

/** The program in Debian's package, and the argument that makes it say its version and end. */
const proxies: Record<ProxyName, { readonly path: string; readonly says: string }> = {
  nginx: { path: "/usr/sbin/nginx", says: "-v" },
  caddy: { path: "/usr/bin/caddy", says: "version" },
  apache2: { path: "/usr/sbin/apache2", says: "-v" },
};

/**
 * Finds a proxy.
 *
 * @param name Which.
 * @returns Where it is, or `undefined` if it is missing.
 */
export async function findProxy(name: ProxyName): Promise<Proxy | undefined> {
  const { path, says } = proxies[name];
  const top = inCache(name);
  const env = { LD_LIBRARY_PATH: `${top}/usr/lib/${Deno.build.arch}-linux-gnu` };
  for (
    const proxy of [
      { program: top + path, top, env },
      { program: name, top: "", env: {} },
      { program: path, top: "", env: {} },
    ]
  ) {
    if ((await run(proxy.program, [says], proxy.env)).success) return proxy;
  }
  return undefined;
}

/** The packages that have a proxy and what it needs beside what every Debian has. */
async function packagesOf(name: ProxyName): Promise<string[]> {
  if (name !== "apache2") return [name];
  const { output } = await run("apt-cache", ["depends", "apache2-bin"]);
  // libapr1 and libaprutil1, or what the next Debian calls them.
  return [
    "apache2-bin",
    ...Array.from(output.matchAll(/ (libapr\w+)$/gm), ([, found = ""]) => found),
  ];
}

function proxy(name: ProxyName): Item {
  return {
    name,
    find: async () => (await findProxy(name))?.program,
    async install() {
      if (!(await run("apt-get", ["--version"])).success) {
        throw new Error(`install ${name} with your system's package manager`);
      }
      const folder = inCache(name);
      await Deno.mkdir(folder, { recursive: true });
      await aptUpdate();
      // Taken out of its package: an installed one would start to serve port 80.
      const script = 'cd "$1" && shift && apt-get download -q "$@" && ' +
        'for package in *.deb; do dpkg -x "$package" . || exit 1; done';
      await mustRun("sh", ["-c", script, "sh", folder, ...await packagesOf(name)]);
    },
  };
}

function pythonWslink(version: string): Item {
  const environment = inCache(`venv-${version}`);
  const python = `${environment}/bin/python`;
  return {
    name: `wslink ${version} for Python`,
    async find() {
      const code = "from importlib.metadata import version; print(version('wslink'))";
      const { success, output } = await run(python, ["-c", code]);
      return success && output.trim() === version ? python : undefined;
    },
    async install() {
      // Debian's python3 has venv but not ensurepip, and only the attempt tells.
      const create = ["-m", "venv", "--clear", environment];
      if (!(await run("python3", create)).success) {
        await aptInstall("python3", "python3-venv");
        await mustRun("python3", create);
      }
      await mustRun(python, ["-m", "pip", "install", "--quiet", `wslink==${version}`]);
    },
  };
}

/** The Nodes that Hawser supports; the one that runs `npx` may be another. */
const nodeVersions = ["20.20.2", "22.23.3", "24.21.0"];

const bunVersion = "1.4.5";

/**
 * A runtime from npm. Its package there is a script that fetches the platform's one; asking for that
 * one right away also works where npm runs no install scripts.
 */
function fromNpm(title: string, name: string, folder: string, spec: string, says: string): Item {
  const top = inCache(folder);
  return {
    name: title,
    async find() {
      const path = `${top}/node_modules/${name}/bin/${name}`;
      const { success, output } = await run(path, ["--version"]);
      return success && output.trim() === says ? path : undefined;
    },
    async install() {
      await Deno.mkdir(top, { recursive: true });
      await Deno.writeTextFile(`${top}/package.json`, '{ "private": true }\n');
      await mustRun("npm", [
        ...["install", "--prefix", top, "--no-package-lock", "--no-audit", "--no-fund"],
        `${name}@npm:${spec}`,
      ]);
    },
  };
}

function node(version: string): Item {
  const platform = `${Deno.build.os}-${Deno.build.arch === "aarch64" ? "arm64" : "x64"}`;
  const folder = `node${version.split(".")[0]}`;
  return fromNpm(
    `Node ${version}`,
    "node",
    folder,
    `node-${platform}@${version}`,
    `v${version}`,
  );
}

// The baseline needs no AVX2, which not every virtual machine has.
const bunPlatform = `${Deno.build.os}-${
  Deno.build.arch === "aarch64" ? "aarch64" : "x64-baseline"
}`;
const bun = fromNpm(
  `Bun ${bunVersion}`,
  "bun",
  "bun",
  `@oven/bun-${bunPlatform}@${bunVersion}`,
  bunVersion,
);

/** What servers on Node import, and what they are tested beside, in the versions of the import map. */
const serverPackages =
  /^npm:(ws|@remix-run\/\w+|express|fastify|hono|@hono\/node-server|vite)@([\d.]+)/;

/** workerd in a package, which no module of the project imports. */
const miniflare = { miniflare: "4.20260730.0" };

const servers: Item = {
  name: "the packages that servers are tested with",
  async find() {
    const stamp = await Deno.readTextFile(`${inCache("servers")}/installed.json`).catch(() => "");
    return stamp === await serversManifest() ? inCache("servers") : undefined;
  },
  async install() {
    const folder = inCache("servers");
    const manifest = await serversManifest();
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(`${folder}/package.json`, manifest);
    const flags = ["--no-package-lock", "--no-audit", "--no-fund"];
    await mustRun("npm", ["install", "--prefix", folder, ...flags]);
    await Deno.writeTextFile(`${folder}/installed.json`, manifest);
  },
};

async function serversManifest(): Promise<string> {
  const named = Object.values((await readManifest()).imports).flatMap((target) => {
    const [, name, version] = target.match(serverPackages) ?? [];
    return name === undefined ? [] : [[name, version] as const];
  });
  const dependencies = { ...Object.fromEntries(named), ...miniflare };
  return JSON.stringify({ private: true, type: "module", dependencies }, null, 2);
}

/** A page's remote rendering and its bundler, with the npm wslink that vtk.js wants as a peer. */
const vtkPackages = { "@kitware/vtk.js": "37.4.3", vite: "8.3.8", wslink: "2.5.0" };

const vtk: Item = {
  name: "vtk.js and Vite",
  async find() {
    for (const [name, version] of Object.entries(vtkPackages)) {
      const path = inCache(`vtk/node_modules/${name}/package.json`);
      const text = await Deno.readTextFile(path).catch(() => "{}");
      if (JSON.parse(text).version !== version) return undefined;
    }
    return inCache("vtk");
  },
  async install() {
    const folder = inCache("vtk");
    await Deno.mkdir(folder, { recursive: true });
    const manifest = { private: true, dependencies: vtkPackages };
    await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify(manifest));
    const quiet = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"];
    await mustRun("npm", ["install", "--prefix", folder, ...quiet]);
  },
};

const items: Item[] = [
  chromium,
  ...(["nginx", "caddy", "apache2"] as const).map(proxy),
  pythonWslink("1.12.4"),
  pythonWslink("2.5.7"),
  ...nodeVersions.map(node),
  bun,
  servers,
  vtk,
];

/**
 * Finds or installs everything, one line for each.
 *
 * @returns What could not be had, as one sentence each; empty if all is there.
 */
export async function setup(): Promise<string[]> {
  const missing: string[] = [];
  for (const { name, find, install } of items) {
    const found = await find();
    if (found !== undefined) {
      console.log(`setup: ${name} is there (${found})`);
      continue;
    }
    console.log(`setup: ${name} is missing, installing it …`);
    try {
      await install();
      const installed = await find();
      if (installed === undefined) throw new Error("it was installed but does not run");
      console.log(`setup: ${name} is installed (${installed})`);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      missing.push(`${name} can't be had: ${message}`);
      console.error(`setup: ${missing.at(-1)}`);
    }
  }
  return missing;
}

if (import.meta.main) {
  const missing = await setup();
  if (missing.length > 0) Deno.exit(1);
}
