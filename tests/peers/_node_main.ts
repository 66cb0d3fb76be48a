/**
 * Runs Hawser's client in Node, from its source as it stands: Node takes the types out by itself.
 * Prints how each case went.
 */

import process from "node:process";
import { runAll } from "./_check.ts";
import { hawserClientCases } from "./_hawser_client_cases.ts";

const server = JSON.parse(process.argv[2] ?? "");
console.log(JSON.stringify(await runAll(hawserClientCases(server))));
// Python answers a close frame only after the call that it is at, which here takes an hour.
process.exit();
