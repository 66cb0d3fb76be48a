/**
 * Runs the chat example: `deno task example:chat --port 8080 --authKey K`.
 *
 * @module
 */

import { readExampleArgs, runExample } from "../_args.ts";
import { bundlePage } from "../_bundle.ts";
import { createChatServer } from "./server.ts";

const { port, host, authKey } = readExampleArgs();
const content = await bundlePage(new URL("./", import.meta.url));
await runExample(createChatServer({ secret: authKey }), { port, host, content });
