/**
 * Shows where the server's time goes on a line of the benchmark, and how many bytes of V8's heap each
 * call or message takes.
 *
 *     deno task bench:profile [NAME …]
 *
 * Each line (`call-64`, `connect`, `fanout-64B`, `down-16MB`, …) runs for some seconds against a fresh
 * server on Deno, with the load client; `batch:NAME` has it send and take batches, `hawser:NAME` is
 * Hawser's own client, and `client:NAME` looks at that client instead of the server.
 *
 * @module
 */
import { chooseRegistry, pathOf } from "../_deno.ts";
import { connect } from "../../client.ts";
import { LINES } from "./_lines.ts";
import { Child } from "./_process.ts";
import { digits, table } from "./_stats.ts";

/** How long is measured, in ms. */
const TIME = 3000;

/** The part of V8's profiles that is read. */
interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
}

const side = (name: string) => pathOf(`scripts/bench/sides/${name}`);

/** What a function belongs to. */
function placeOf(name: string, url: string): string {
  if (name === "(garbage collector)") return "collecting garbage";
  if (name === "(program)" || url === "") return "outside JavaScript: sockets, the kernel";
  if (url.startsWith("ext:") || url.startsWith("node:")) return "Deno's own JavaScript";
  const folder = url.match(/\/(protocol|session|server|client|adapters|scripts)\//)?.[1];
  return folder === "scripts" ? "the benchmark" : `Hawser, ${folder ?? "elsewhere"}`;
}

/** Shares of the time that wasn't idle, by place and by function. */
function read(profile: Profile): { places: Map<string, number>; functions: Map<string, number> } {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const places = new Map<string, number>();
  const functions = new Map<string, number>();
  let busy = 0;
  const add = (map: Map<string, number>, key: string, time: number) =>
    map.set(key, (map.get(key) ?? 0) + time);
  profile.samples.forEach((id, i) => {
    const { functionName = "", url = "", lineNumber = 0 } = nodes.get(id) ?? {};
    const time = profile.timeDeltas[i] ?? 0;
    if (functionName === "(idle)" || functionName === "(root)") return;
    busy += time;
    const place = placeOf(functionName, url);
    add(places, place, time);
    const file = url.split("/").slice(-2).join("/");
    add(
      functions,
      url === "" ? functionName : `${functionName || "(anonymous)"}, ${file}:${lineNumber + 1}`,
      time,
    );
  });
  const shares = (map: Map<string, number>) =>
    new Map(
      [...map].map(([key, time]) => [key, time / busy] as const).sort(([, a], [, b]) => b - a),
    );
  return { places: shares(places), functions: shares(functions) };
}

async function profile(asked: string): Promise<void> {
  const [, client = "", name = ""] = /^(?:(batch|hawser|client):)?(.+)$/.exec(asked) ?? [];
  const line = LINES.find((one) => one.name === name);
  if (line === undefined) {
    throw new TypeError(`No line is called ${JSON.stringify(name)}`);
  }
  const { work } = line;
  const folder = await Deno.makeTempDir({ prefix: "hawser-profile-" });
  const isClient = client === "client";
  const flags = ["--cpu-prof", `--cpu-prof-dir=${folder}`];
  const server = await Child.start("Hawser's server", [
    ...["deno", ...(isClient ? [] : flags), side("hawser_server.ts")],
  ]);
  const own = isClient || client === "hawser";
  const load = await Child.start("the client", [
    ...["deno", ...(isClient ? flags : []), side(own ? "hawser_client.ts" : "raw_client.ts")],
    ...[server.port, client === "batch" ? "batch" : "wslink", "Hawser's server"],
  ]);
  const watched = isClient ? load : server;
  const session = await connect(`ws://127.0.0.1:${server.port}/ws`, { wire: "msgpack" });
  const connections = work.kind === "fanout" ? work.receivers - 1 : 1;
  await load.ask({ do: "resize", connections });
  await load.ask({ do: "run", work, milliseconds: TIME / 3 });
  const before = await session.call<number>("bench.allocated");
  const cpu = watched.cpuSeconds();
  const { count, seconds } = await load.ask({ do: "run", work, milliseconds: TIME });
  const spent = (watched.cpuSeconds() - cpu) * 1e6 / Number(count);
  const allocated = (await session.call<number>("bench.allocated") - before) / Number(count);
  await session.close();
  await load.end();
  await server.end();
  const [file] = [...Deno.readDirSync(folder)];
  const found = read(JSON.parse(await Deno.readTextFile(`${folder}/${file?.name}`)));
  await Deno.remove(folder, { recursive: true });
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  const heap = isClient ? "" : `, ${digits(allocated)} bytes of V8's heap`;
  console.log(
    `\n## ${asked}: ${line.title}\n\n${
      digits(Number(count) / Number(seconds))
    } a second; for each ` +
      `${digits(spent)} µs of the ${isClient ? "client" : "server"}'s processor time${heap}.\n`,
  );
  const rows = (map: Map<string, number>, most: number) =>
    [...map].slice(0, most).map(([key, share]) => [key, percent(share)]);
  console.log(table(["place", "share"], rows(found.places, 9)));
  console.log(`\n${table(["function", "share"], rows(found.functions, 14))}`);
}

if (Deno.env.get("HAWSER_REGISTRY") === undefined) await chooseRegistry();
const names = Deno.args.length > 0 ? Deno.args : [
  ...["call-1", "call-64", "batch:call-64", "client:call-64", "connect", "publish-64B"],
  ...["batch:fanout-64B", "fanout", "down-1MB", "down-16MB", "up-16MB"],
];
for (const name of names) await profile(name);
