/** wslink's own JavaScript clients, in Deno, with Hawser's servers. */

import { startHawser } from "./_hawser_servers.ts";
import { prove } from "./_results.ts";
import { JS_VERSIONS } from "./_wslink.ts";
import { bothWiresCases, wslinkCases } from "./_wslink_cases.ts";

const row = {
  peer: "wslink JavaScript client",
  direction: "wslink client → Hawser server",
  runtime: "Deno",
};

for (const version of JS_VERSIONS) {
  Deno.test(`wslink ${version} for JavaScript uses Hawser's server`, async (t) => {
    await using servers = await startHawser();
    const wire = version === "1.12.4" ? "json" : "msgpack";
    await prove(t, { ...row, version, wire }, {
      ...wslinkCases(version, servers),
      "the server that allowed it has stopped": () => servers.exited,
    });
  });
}

Deno.test("wslink's JavaScript clients of both wires share Hawser's server", async (t) => {
  await using servers = await startHawser();
  await prove(t, { ...row, version: "1.12.4 and 2.5.0", wire: "both" }, bothWiresCases(servers));
});
