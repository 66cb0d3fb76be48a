// Runs on Deno, and bundled on Node. Argument: port.
import process from "node:process";
import { connect } from "../../../client.ts";
import { TOPIC } from "../_lines.ts";
import { libraryLoad, obey } from "./_load.ts";

const [, , port] = process.argv;

await obey(libraryLoad(async (arrived) => {
  const session = await connect(`ws://127.0.0.1:${port}/ws`);
  if (arrived) await session.subscribe(TOPIC, arrived).ready;
  return { call: (method, args) => session.call(method, args), close: () => session.close() };
}));
