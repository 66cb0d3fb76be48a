/** wslink's own JavaScript clients, in Deno, with Hawser's servers. */

import { startHawser } from "./_hawser_servers.ts";
import { prove, wslinkRow } from "./_results.ts";
import { JS_VERSIONS } from "./_wslink.ts";
import { bothWiresCases, wslinkCases } from "./_wslink_cases.ts";

for (const version of JS_VERSIONS) {
  Deno.test(`wslink ${version} for JavaScript uses Hawser's server`, async (t) => {
    await using servers = await startHawser();
    await prove(t, wslinkRow(version, "Deno"), {
      ...wslinkCases(version, servers),
      "the server that allowed it has stopped": () => servers.exited,
    });
  });
}

Deno.test("wslink's JavaScript clients of both wires share Hawser's server", async (t) => {
  await using servers = await startHawser();
  await prove(t, wslinkRow("both", "Deno"), bothWiresCases(servers));
});
