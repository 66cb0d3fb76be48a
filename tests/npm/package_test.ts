/** The npm edition: its form, what it brings along, and what TypeScript and each runtime make of it. */

import { stop } from "esbuild";
import { assertEquals, assertRejects } from "@std/assert";
import { connect, RpcError } from "../../client.ts";
import { pathOf } from "../../scripts/_deno.ts";
import { bundleOf, checkBundles, checkEntryPoints, checkForm } from "../../scripts/check_npm.ts";
import { startCutter } from "../peers/_cutter.ts";
import { hawserClientCases, type ServerUnderTest } from "../peers/_hawser_client_cases.ts";
import { startHawserUnderTest } from "../peers/_hawser_servers.ts";
import { requirePeer } from "../peers/_installed.ts";
import { PYTHON_VERSIONS, startPythonUnderTest } from "../peers/_python.ts";
import { clientRow, report } from "../peers/_results.ts";
import { openProject, run } from "./_project.ts";

/** esbuild's service is a process that several tests share. */
function test(name: string, fn: (t: Deno.TestContext) => Promise<void>): void {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn });
}

test("the npm edition has the entry points, names and types of the source", async () => {
  assertEquals(await checkEntryPoints((await openProject()).package), []);
});

test("publint and arethetypeswrong find nothing in the npm edition, and it is small", async () => {
  const { package: folder, tarball } = await openProject();
  assertEquals(await checkForm(folder, tarball), []);
});

test("the npm edition brings neither packages nor the server into a browser", async () => {
  assertEquals(await checkBundles((await openProject()).package), []);
  await stop();
});

test("the npm edition's client knows ws on Node alone", async () => {
  const { package: folder } = await openProject();
  const imports = async (runtime: string) => (await bundleOf(folder, ".", runtime)).imports;
  assertEquals(await imports("node"), ["ws"]);
  for (const runtime of ["browser", "deno", "bun", "workerd"]) {
    assertEquals(await imports(runtime), [], runtime);
  }
  await stop();
});

test("a codec that isn't imported isn't bundled", async () => {
  const { package: folder } = await openProject();
  const codecs = async (name: string) =>
    (await bundleOf(folder, "./protocol", "browser", name)).modules
      .flatMap((path) => /protocol\/\w+_codec\.ts$/.exec(path) ?? []);
  assertEquals(await codecs("RpcError"), []);
  assertEquals(await codecs("MsgpackDecoder"), ["protocol/msgpack_codec.ts"]);
  assertEquals(await codecs("JsonDecoder"), ["protocol/json_codec.ts"]);
  await stop();
});

const libraries = {
  "a browser's library": {
    ...{ lib: ["es2023", "esnext.disposable", "dom"], types: [] },
    files: ["main.ts", "compat.ts", "platforms.ts"],
  },
  "Node's types alone": {
    ...{ lib: ["es2023", "esnext.disposable"], types: ["node"] },
    files: ["main.ts", "compat.ts", "platforms.ts", "node.ts"],
  },
};

for (const [library, { lib, types, files }] of Object.entries(libraries)) {
  for (const moduleResolution of ["bundler", "node16", "nodenext"]) {
    for (const typescript of ["typescript", "typescript5"]) {
      test(`${typescript} takes the declarations: ${moduleResolution}, ${library}`, async () => {
        const { folder } = await openProject();
        for (const file of files) {
          await Deno.copyFile(pathOf(`tests/npm/consumer/${file}`), `${folder}/${file}`);
        }
        const config = {
          compilerOptions: {
            ...{ lib, types, moduleResolution, target: "es2023", noEmit: true },
            module: moduleResolution === "bundler" ? "esnext" : moduleResolution,
            ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false },
          },
          files,
        };
        await Deno.writeTextFile(`${folder}/tsconfig.json`, JSON.stringify(config));
        const node = requirePeer(".cache/node22/node_modules/node/bin/node", "Node 22");
        await run(node, [`node_modules/${typescript}/bin/tsc`, "--project", "."], folder);
      });
    }
  }
}

/** The runtimes, and how each runs a file. */
const runtimes: Record<string, () => [string, ...string[]]> = {
  ...Object.fromEntries(["20", "22", "24"].map((version) => [
    `Node ${version} (npm)`,
    () => [requirePeer(`.cache/node${version}/node_modules/node/bin/node`, `Node ${version}`)],
  ])),
  "Bun (npm)": () => [requirePeer(".cache/bun/node_modules/bun/bin/bun", "Bun"), "run"],
  "Deno (npm)": () => [Deno.execPath(), "run", "-A", "--quiet", "--no-lock"],
};

async function prove(
  t: Deno.TestContext,
  runtime: string,
  server: ServerUnderTest,
): Promise<void> {
  const { folder } = await openProject();
  const [command = "", ...args] = runtimes[runtime]?.() ?? [];
  const output = await run(command, [...args, "cases.js", JSON.stringify(server)], folder);
  const names = Object.keys(hawserClientCases(server));
  await report(t, clientRow(server, runtime), names, JSON.parse(output));
}

for (const runtime of Object.keys(runtimes)) {
  for (const wire of ["json", "msgpack"] as const) {
    test(`the npm edition's client in ${runtime} uses Hawser's server on ${wire}`, async (t) => {
      await using server = await startHawserUnderTest(wire);
      await using cutter = startCutter(server.probe);
      await using other = startCutter(server.fleeting);
      await prove(t, runtime, { ...server, cut: cutter.url, cutForGood: other.url });
    });
  }
}

for (const runtime of Object.keys(runtimes)) {
  for (const version of PYTHON_VERSIONS) {
    test(`the npm edition's client in ${runtime} uses wslink ${version} for Python`, async (t) => {
      await using server = await startPythonUnderTest(version);
      await prove(t, runtime, server);
    });
  }
}

/** Starts the server of the package in a runtime. */
async function startServer(runtime: string): Promise<{ url: string } & AsyncDisposable> {
  const { folder } = await openProject();
  const [command = "", ...args] = runtimes[runtime]?.() ?? [];
  const process = new Deno.Command(command, {
    ...{ args: [...args, "server.js"], cwd: folder },
    ...{ stdin: "null", stdout: "piped", stderr: "inherit" },
  }).spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let url = "";
  while (!url.includes("\n")) {
    const { done, value } = await lines.read();
    if (done) throw new Error(`The server in ${runtime} ended early`);
    url += value;
  }
  return {
    url: url.trim(),
    async [Symbol.asyncDispose]() {
      process.kill("SIGKILL");
      await process.status;
      await lines.cancel();
    },
  };
}

for (const runtime of Object.keys(runtimes)) {
  test(`the npm edition's server in ${runtime} serves clients of both wires`, async () => {
    await using running = await startServer(runtime);
    const secret = "open sesame";
    for (const wire of ["json", "msgpack"] as const) {
      await assertRejects(() => connect(running.url, { wire, secret: "wrong" }), RpcError);
      await using session = await connect(running.url, { wire, secret });
      const value = { list: [1, null, "⚓"], blob: new Uint8Array([1, 2, 3]) };
      assertEquals(await session.call("echo", [value]), value);
      const bytes = await session.call<Uint8Array>("bytes", [5_000_000]);
      assertEquals([bytes.length, bytes.at(-1)], [5_000_000, 7]);
      const published = session.subscribe("news")[Symbol.asyncIterator]();
      assertEquals(await session.call("publish", ["news", value]), 1);
      assertEquals(await published.next(), { done: false, value });

      await using cutter = startCutter(running.url);
      const reconnect = { initialDelay: 1 };
      await using cut = await connect(cutter.url, { wire, secret, reconnect });
      const statuses = cut.statuses();
      const echo = cut.call<Uint8Array>("echo", [bytes]);
      for await (const { state } of statuses) if (state === "waiting") break;
      assertEquals((await echo).length, bytes.length);
    }
  });
}
