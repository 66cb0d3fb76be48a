/** Hawser's client, from its source, in Node 22. */

import { pathOf } from "../../scripts/_deno.ts";
import type { Outcome } from "./_check.ts";
import { hawserClientCases, type ServerUnderTest } from "./_hawser_client_cases.ts";
import { startHawserUnderTest } from "./_hawser_servers.ts";
import { requirePeer } from "./_installed.ts";
import { PYTHON_VERSIONS, startPythonUnderTest } from "./_python.ts";
import { clientRow, report } from "./_results.ts";

async function runInNode(server: ServerUnderTest): Promise<Outcome[]> {
  const node = requirePeer(".cache/node22/node_modules/node/bin/node", "Node 22");
  const { success, stdout, stderr } = await new Deno.Command(node, {
    args: ["--disable-warning=ExperimentalWarning", "_node_main.ts", JSON.stringify(server)],
    cwd: pathOf("tests/peers"),
    stdin: "null",
  }).output();
  if (!success) throw new Error(`Node ended early: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function proveInNode(t: Deno.TestContext, server: ServerUnderTest): Promise<void> {
  const outcomes = await runInNode(server);
  await report(t, clientRow(server, "Node 22"), Object.keys(hawserClientCases(server)), outcomes);
}

for (const wire of ["json", "msgpack"] as const) {
  Deno.test(`Hawser's client in Node uses Hawser's server on ${wire}`, async (t) => {
    await using server = await startHawserUnderTest(wire);
    await proveInNode(t, server);
  });
}

for (const version of PYTHON_VERSIONS) {
  Deno.test(`Hawser's client in Node uses wslink ${version} for Python`, async (t) => {
    await using server = await startPythonUnderTest(version);
    await proveInNode(t, server);
  });
}
