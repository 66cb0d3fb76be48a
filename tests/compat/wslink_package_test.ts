/** `@hawser/wslink`, installed in place of `wslink` as its users have it. */

import { assertEquals } from "@std/assert";
import { checkForm } from "../../scripts/check_npm.ts";
import { createServer, serve } from "../../server.ts";
import { run } from "../npm/_project.ts";
import { ORIGINALS } from "./_subjects.ts";
import { installWslink } from "./_project.ts";

/** Prints what each path exports, and calls a server through `wslink/src/SmartConnect`. */
const program = `
import SmartConnect from "wslink/src/SmartConnect";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const paths = process.argv.slice(3);
const names = {};
for (const path of paths) names[path] = Object.keys(await import(path)).sort();
const required = Object.keys(createRequire(import.meta.url)("wslink/dist/wslink.js")).sort();
const root = {};
const text = readFileSync("node_modules/wslink/dist/wslink.js", "utf8");
new Function("self", "module", "define", text)(root, undefined, undefined);
const global = Object.keys(root.wslink).sort();

const smart = SmartConnect.newInstance({ config: { sessionURL: process.argv[2] } });
smart.onConnectionReady(async (connection) => {
  const sum = await connection.getSession().call("math.add", [1, 2]);
  console.log(JSON.stringify({ names, required, global, sum }));
  connection.destroy(-1);
});
smart.connect();
`;

const classes = [
  "CompositeClosureHelper",
  "ProcessLauncher",
  "SmartConnect",
  "WebsocketConnection",
];

Deno.test("@hawser/wslink has the paths and names of npm's wslink", async () => {
  const { folder, node } = await installWslink();
  const procedures = { "math.add": (a: number, b: number) => a + b };
  await using listening = await serve(createServer({ procedures }), { port: 0 });
  await Deno.writeTextFile(`${folder}/main.js`, program);
  const made = ["extend", "newInstance"];
  const smart = ["DEFAULT_SESSION_MANAGER_URL", "DEFAULT_SESSION_URL", "SmartConnect"];
  const expected: Record<string, string[]> = {
    "wslink": [...classes, "default"],
    "wslink/src": [...classes, "default"],
    "wslink/src/index": [...classes, "default"],
    "wslink/src/index.js": [...classes, "default"],
    "wslink/src/SmartConnect": [...smart, "default", ...made],
    "wslink/src/SmartConnect/index.js": [...smart, "default", ...made],
    "wslink/src/WebsocketConnection": ["WebsocketConnection", "default", ...made],
    "wslink/src/WebsocketConnection/index": ["WebsocketConnection", "default", ...made],
    "wslink/src/ProcessLauncher": ["ProcessLauncher", "default", ...made],
    "wslink/src/CompositeClosureHelper": ["capitalize", "default"],
  };
  const args = ["main.js", listening.webSocketUrl, ...Object.keys(expected)];
  assertEquals(JSON.parse(await run(node, args, folder)), {
    names: expected,
    required: [...classes, "default"],
    global: [...classes, "default"],
    sum: 3,
  });
  for (const original of Object.values(ORIGINALS)) {
    assertEquals(Object.keys(original).filter((name) => !classes.includes(name)), []);
  }
});

// publint and arethetypeswrong leave what they read open for the next call.
const options = { sanitizeOps: false, sanitizeResources: false };

Deno.test("publint and arethetypeswrong find nothing in @hawser/wslink", options, async () => {
  const { package: folder, tarball } = await installWslink();
  assertEquals(await checkForm(folder, tarball), []);
});

/** What a TypeScript application may have, in wslink's own types. */
const typed = `
import SmartConnect, {
  type ISmartConnectInitialValues,
  type SmartConnect as Smart,
} from "wslink/src/SmartConnect";
import WebsocketConnection, { type WebsocketSession } from "wslink/src/WebsocketConnection";
import ProcessLauncher from "wslink/src/ProcessLauncher";
import { CompositeClosureHelper } from "wslink";

const values: ISmartConnectInitialValues = {
  config: { sessionURL: "ws://localhost/ws", application: "cone" },
};
const smart: Smart = SmartConnect.newInstance(values);
smart.onConnectionReady((connection) => {
  const session: WebsocketSession = connection.getSession();
  session.call("image.get", [1], { alt: true }).then((result) => result.blob.size);
  const { unsubscribe } = session.subscribe("image", async ([image]) => image.blob);
  session.addAttachment(new Blob([]));
  unsubscribe().then(() => smart.destroy());
});
smart.onConnectionClose((_connection, event) => console.log(event.code, event.reason));
WebsocketConnection.newInstance({ secret: "secret", urls: ["ws://localhost/ws"] });
ProcessLauncher.newInstance({ endPoint: "/paraview" }).start({ application: "cone" });
CompositeClosureHelper.isA({}, {}, "Thing");
`;

for (const moduleResolution of ["bundler", "nodenext"]) {
  Deno.test(`an application in wslink's own types compiles (${moduleResolution})`, async () => {
    const { folder, typescript } = await installWslink();
    await Deno.writeTextFile(`${folder}/application.ts`, typed);
    const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes"];
    const lib = ["--target", "es2023", "--lib", "es2023,esnext.disposable,dom"];
    const module = moduleResolution === "bundler" ? "esnext" : "nodenext";
    const how = ["--module", module, "--moduleResolution", moduleResolution];
    await run(typescript, [...options, ...lib, ...how, "application.ts"], folder);
  });
}
