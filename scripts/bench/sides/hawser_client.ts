import { connect } from "../../../client.ts";
import { TOPIC } from "../_lines.ts";
import { libraryLoad, obey } from "./_load.ts";

const [port] = Deno.args;

await obey(libraryLoad(async (arrived) => {
  const session = await connect(`ws://127.0.0.1:${port}/ws`);
  await session.subscribe(TOPIC, arrived).ready;
  return { call: (method, args) => session.call(method, args), close: () => session.close() };
}));
