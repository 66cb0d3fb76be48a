/** Hawser's client with Hawser's server: what the peers are measured against. */

import { hawserClientCases } from "./_hawser_client_cases.ts";
import { startHawserUnderTest } from "./_hawser_servers.ts";
import { clientRow, prove } from "./_results.ts";

for (const wire of ["json", "msgpack"] as const) {
  Deno.test(`Hawser's client uses Hawser's server on ${wire}`, async (t) => {
    await using server = await startHawserUnderTest(wire);
    await prove(t, clientRow(server, "Deno"), hawserClientCases(server));
  });
}
