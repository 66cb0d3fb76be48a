/**
 * Runs the simple example: `deno task example:simple --port 8080 --authKey K`.
 *
 * @module
 */

import { readExampleArgs, runExample } from "../_args.ts";
import { bundlePage } from "../_bundle.ts";
import { createSimpleServer } from "./server.ts";

const { port, host, authKey } = readExampleArgs();
const content = await bundlePage(new URL("./", import.meta.url));
await runExample(createSimpleServer({ secret: authKey }), { port, host, content });
