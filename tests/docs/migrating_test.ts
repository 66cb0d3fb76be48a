/** docs/migrating.md has one server in two languages: both are run, and answer alike. */

import { assertEquals } from "@std/assert";
import { connect } from "@hawser/hawser/client";
import { deno, pathOf, root } from "../../scripts/_deno.ts";
import { PYTHON_VERSIONS } from "../peers/_python.ts";
import { requirePeer } from "../peers/_installed.ts";

const PAGE = Deno.readTextFileSync(new URL("../../docs/migrating.md", import.meta.url));

/** The first block of a language under the heading of the whole server. */
function block(language: string): string {
  const [, section = ""] = PAGE.split("\n### A whole server\n");
  const [, after = ""] = section.split(`\n\`\`\`${language}\n`);
  const [text = ""] = after.split("\n```\n");
  if (text === "") throw new Error(`docs/migrating.md has no server in ${language}`);
  return text;
}

const streams = { stdin: "null", stdout: "piped", stderr: "piped" } as const;

/** Starts one of the page's servers, which says where it listens. */
async function start(command: Deno.Command) {
  const child = command.spawn();
  const complaints = new Response(child.stderr).text();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  let port: string | undefined;
  while (port === undefined) {
    const { value, done } = await output.read();
    if (done) throw new Error(`The server did not start: ${said}${await complaints}`);
    said += value;
    port = /^listening on (\d+)$/m.exec(said)?.[1];
  }
  const drained = (async () => {
    while (!(await output.read()).done);
  })();
  return {
    url: `ws://127.0.0.1:${port}/ws`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await Promise.all([child.status, drained, complaints]);
    },
  };
}

/** What two clients see of a counter. */
async function use(url: string): Promise<unknown> {
  await using one = await connect(url);
  await using other = await connect(url);
  const changes = other.subscribe("counter.changed");
  const now = one.subscribe("counter.now");
  const own = one.subscribe("counter.changed");
  await Promise.all([changes, now, own].map(({ ready }) => ready));
  const answers = [
    await one.call("counter.add"),
    await one.call("counter.add", [2]),
    await one.call("counter.add", [], { kwargs: { step: 4 } }),
    await one.call("counter.picture"),
    await one.call("counter.later", [0]),
  ];
  const seen = { answers, changes: await take(changes, 3), now: await take(now, 1) };
  const unknown = await one.call("counter.none").catch(({ code }) => code);
  return { ...seen, own: await take(own, 3), refused: await refused(url), unknown };
}

async function take(values: AsyncIterable<unknown>, count: number): Promise<unknown[]> {
  const taken: unknown[] = [];
  for await (const value of values) {
    taken.push(value);
    if (taken.length === count) break;
  }
  return taken;
}

async function refused(url: string): Promise<unknown> {
  const session = connect(url, { secret: "another" });
  return await session.then(() => "no", ({ code, message }) => [code, message]);
}

const picture = { count: 7, blob: new Uint8Array([7, 7, 7, 7]) };
const expected = {
  answers: [1, 3, 7, picture, null],
  changes: [1, 3, 7],
  now: [picture],
  own: [1, 3, 7],
  refused: [-32000, "Authentication failed"],
  unknown: -32601,
};

for (const version of PYTHON_VERSIONS) {
  Deno.test(`the page's Python server works with wslink ${version}`, async () => {
    const python = requirePeer(`.cache/venv-${version}/bin/python`, `wslink ${version} for Python`);
    const file = await Deno.makeTempFile({ suffix: ".py" });
    try {
      await Deno.writeTextFile(file, block("python"));
      const args = [file, "--host", "127.0.0.1", "--port", "0", "--timeout", "0"];
      const env = { PYTHONDONTWRITEBYTECODE: "1" };
      await using server = await start(new Deno.Command(python, { args, env, ...streams }));
      assertEquals(await use(server.url), expected);
    } finally {
      await Deno.remove(file);
    }
  });
}

Deno.test("the page's own server does the same", async () => {
  // Beside the sources, so that the package's name means them.
  const folder = pathOf(".cache/migrating");
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/server.ts`, block("ts ignore"));
  const command = deno(["run", "-A", "--quiet", "--check", `${folder}/server.ts`], {
    cwd: root,
    ...streams,
  });
  await using server = await start(command);
  assertEquals(await use(server.url), expected);
});
