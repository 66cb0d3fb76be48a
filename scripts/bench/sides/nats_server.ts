// NATS: Debian's server, and beside it the service that answers. A client's call passes the server
// twice each way. Runs on Node, bundled. Arguments: the server's program, and a folder for its files.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { TOPIC } from "../_lines.ts";
import { bytes } from "./_bytes.ts";
import { load } from "./_node.ts";

interface Message {
  data: Uint8Array;
  json<T>(): T;
  respond(data: Uint8Array | string): void;
}

/** The part of @nats-io/transport-node that is used here. */
interface Nats {
  connect(options: { servers: string }): Promise<{
    publish(subject: string, data: Uint8Array): void;
    subscribe(
      subject: string,
      options: { callback(error: Error | null, message: Message): void },
    ): void;
    flush(): Promise<void>;
  }>;
}

const { connect }: Nats = load("@nats-io/transport-node");
const [, , program = "", parent = ""] = process.argv;
const folder = mkdtempSync(`${parent}/run-`);
writeFileSync(
  `${folder}/nats.conf`,
  `listen: "127.0.0.1:-1"
max_payload: 32MB
max_pending: 256MB
ports_file_dir: "${folder}"
websocket { listen: "127.0.0.1:-1", no_tls: true }
`,
);
const server = spawn(program, ["-c", `${folder}/nats.conf`], {
  stdio: ["ignore", "ignore", "pipe"],
});
process.on("exit", () => void server.kill());
process.stdin.resume().on("end", () => process.exit());

/** Where it listens, as it says in a file once it does. */
async function ports(): Promise<{ nats: string[]; websocket: string[] }> {
  let said = "";
  for await (const text of server.stderr) {
    said += text;
    if (said.includes("Server is ready")) break;
  }
  server.stderr.resume();
  while (true) {
    const name = readdirSync(folder).find((file) => file.endsWith(".ports"));
    try {
      if (name !== undefined) return JSON.parse(readFileSync(`${folder}/${name}`, "utf8"));
    } catch {
      // It is still being written.
    }
    if (server.exitCode !== null) throw new Error(`nats-server ended: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 10)); // the file is written after the log
  }
}

const { nats, websocket } = await ports();
const connection = await connect({ servers: nats[0] ?? "" });

function serve(method: string, answer: (message: Message) => Uint8Array | string): void {
  connection.subscribe(`bench.${method}`, {
    callback(error, message) {
      if (error) throw error;
      message.respond(answer(message));
    },
  });
}

function publish(message: Message): string {
  const [size = 0, count = 0] = message.json<number[]>();
  for (let i = 0; i < count; i++) connection.publish(TOPIC, bytes(size));
  return "";
}

serve("echo", (message) => JSON.stringify(message.json()));
serve("down", (message) => bytes(message.json<number[]>()[0] ?? 0));
serve("up", ({ data }) => String(data.length));
serve("publish", publish);
serve("fanout", publish);
await connection.flush();
console.log(JSON.stringify({ port: new URL(websocket[0] ?? "").port, pids: [server.pid] }));
