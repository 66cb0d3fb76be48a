import { pathOf } from "../_deno.ts";
import { Child } from "./_child.ts";
import { count, type Figure, type Trial } from "./_figures.ts";
import { Proxy } from "./_proxy.ts";
import { Random } from "./_random.ts";

const SOCKET_IO = "4.8.4";

/** How long what still may come is waited for, in ms. */
const PATIENCE = 8000;

type Start = Parameters<typeof Child.start>;

interface Stack {
  readonly name: string;
  readonly server: Start;
  client(port: number): Start;
  /** Which promises are Hawser's own: others' figures are only printed. */
  readonly promised?: "calls" | "all";
}

async function installSocketIo(): Promise<string> {
  const folder = pathOf(".cache/torture");
  const dependencies = { "socket.io": SOCKET_IO, "socket.io-client": SOCKET_IO };
  const manifest = JSON.stringify({ private: true, type: "module", dependencies });
  const stamp = `${folder}/installed.json`;
  if (await Deno.readTextFile(stamp).catch(() => "") === manifest) return folder;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/package.json`, manifest);
  const args = ["install", "--no-audit", "--no-fund", "--no-package-lock"];
  const { success, stderr } = await new Deno.Command("npm", { args, cwd: folder }).output();
  if (!success) throw new Error(`npm install failed: ${new TextDecoder().decode(stderr)}`);
  await Deno.writeTextFile(stamp, manifest);
  return folder;
}

/** The same cuts for Hawser, wslink and socket.io: what each loses. */
export async function losses({ quick, random, log }: Trial): Promise<Figure[]> {
  const seconds = quick ? 5 : 20;
  const cuts = quick ? 5 : 20;
  const perSecond = 200;
  const folder = await installSocketIo();
  const node: [string] = [pathOf(".cache/node24/node_modules/node/bin/node")];
  const python: [string] = [pathOf(".cache/venv-2.5.7/bin/python")];
  const socketIo: Start = ["losses_socketio_server.ts", [folder], node];
  const stacks: Stack[] = [
    {
      name: "Hawser, safe calls, a history",
      server: ["losses_hawser_server.ts", [1]],
      client: (port) => ["losses_hawser_client.ts", [port, 1]],
      promised: "all",
    },
    {
      name: "Hawser, other calls, no history",
      server: ["losses_hawser_server.ts"],
      client: (port) => ["losses_hawser_client.ts", [port]],
      promised: "calls",
    },
    {
      name: "Hawser's client, wslink 2.5.7's server",
      server: ["losses_wslink_server.py", [], python],
      client: (port) => ["losses_hawser_client.ts", [port]],
    },
    {
      name: "wslink 2.5.0 and 2.5.7",
      server: ["losses_wslink_server.py", [], python],
      client: (port) => ["losses_wslink_client.ts", [port]],
    },
    {
      name: `socket.io ${SOCKET_IO}, state recovery`,
      server: socketIo,
      client: (port) => ["losses_socketio_client.ts", [port, folder], node],
    },
    {
      name: `socket.io ${SOCKET_IO}, state recovery, retries`,
      server: socketIo,
      client: (port) => ["losses_socketio_client.ts", [port, folder, 10], node],
    },
  ];
  const figures: Figure[] = [];
  const seed = random.next();
  for (const { name, server: start, client: startClient, promised } of stacks) {
    const { child: server, hello } = await Child.start(...start);
    await using _server = server;
    // The same one for each.
    const own = new Random(seed);
    await using proxy = new Proxy(hello.port ?? 0, own);
    const { child: client } = await Child.start(...startClient(proxy.port));
    await using _client = client;
    await client.ask("start", 8, 20);
    const published = server.ask("publish", seconds * perSecond, perSecond);
    for (let i = 0; i < cuts; i++) {
      await pause(own.between(500, 1500) / 1000 * seconds / cuts * 1000);
      proxy.strike(i % 10 === 9 ? "black hole" : "cut");
    }
    await published;
    await client.ask("stop");
    const end = performance.now() + PATIENCE;
    let status = await client.ask("status");
    while (
      performance.now() < end &&
      (status.answered ?? 0) + (status.rejected ?? 0) < (status.made ?? 0)
    ) {
      await pause(100);
      status = await client.ask("status");
    }
    const { made = 0, answered = 0, rejected = 0, distinct = 0, twice = 0, disorder = 0 } = status;
    const { distinct: ran = 0, total = 0 } = await server.ask("runs");
    const hang = made - answered - rejected;
    log(`${name}: done`);
    const all = seconds * perSecond;
    figures.push({
      of: [name, "calls"],
      promise: `${name}: calls over ${proxy.faults} cuts`,
      measured: `${count(made)} made, ${count(answered)} answered, ${rejected} rejected, ` +
        `${hang} hang; ${total - ran} ran again`,
      ...(promised ? { kept: hang === 0 && total === ran } : {}),
    }, {
      of: [name, "publications"],
      promise: `${name}: publications over ${proxy.faults} cuts`,
      measured: `${count(all)} made, ${all - distinct} lost, ${twice} twice, ` +
        `${disorder} out of order`,
      ...(promised === "all" ? { kept: distinct === all && twice + disorder === 0 } : {}),
    });
  }
  return figures;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
