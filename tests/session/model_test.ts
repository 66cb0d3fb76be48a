import { WIRES } from "../_peer.ts";
import { tryModel } from "./_model.ts";

/** `deno task torture` tries many more, each time other ones. */
const RUNS = Number(Deno.env.get("HAWSER_MODEL_RUNS") ?? 40);
const SEED = Number(Deno.env.get("HAWSER_MODEL_SEED") ?? 1);

for (const wire of WIRES) {
  Deno.test(`a session does what its model says, in any order of events (${wire})`, async () => {
    await tryModel(wire, RUNS, SEED);
  });
}
