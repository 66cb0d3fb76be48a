import { assertEquals } from "@std/assert";
import { checkLayers } from "../../scripts/check_layers.ts";

/** Checks a tree of its own: paths and texts. */
async function check(files: Record<string, string>): Promise<string[]> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [path, text] of Object.entries({ "deno.json": manifest, ...files })) {
      const parent = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
      await Deno.mkdir(`${folder}/${parent}`, { recursive: true });
      await Deno.writeTextFile(`${folder}/${path}`, text);
    }
    return await checkLayers(new URL(`file://${await Deno.realPath(folder)}/`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const manifest = JSON.stringify({
  name: "@hawser/hawser",
  version: "0.0.0",
  exports: { ".": "./mod.ts", "./client": "./client.ts" },
});

const good = {
  "protocol/_chunks.ts": "export const chunk = 1;",
  "protocol/mod.ts": 'export { chunk } from "./_chunks.ts";',
  "client/session.ts": 'export { chunk } from "../protocol/mod.ts";',
  "client.ts": 'export { chunk } from "./client/session.ts";',
  "mod.ts": 'export { chunk } from "./client.ts";',
  "examples/chat/main.ts": 'import { chunk } from "@hawser/hawser/client";\nconsole.log(chunk);',
  "tests/chunks_test.ts": 'import { chunk } from "../protocol/_chunks.ts";\nconsole.log(chunk);',
};

Deno.test("checkLayers() finds nothing wrong with imports that go down", async () => {
  assertEquals(await check(good), []);
});

const bad: [name: string, path: string, text: string, problem: string][] = [
  [
    "an import that goes up",
    "protocol/codec.ts",
    'import "../client/session.ts";',
    "protocol/codec.ts: the import of ../client/session.ts goes up",
  ],
  [
    "an import of a type that goes up",
    "protocol/codec.ts",
    'import type { chunk } from "../client/session.ts";\nexport type Chunk = typeof chunk;',
    "protocol/codec.ts: the import of ../client/session.ts goes up",
  ],
  [
    "a dynamic import that goes up",
    "protocol/codec.ts",
    'await import("../client.ts");',
    "protocol/codec.ts: the import of ../client.ts goes up",
  ],
  [
    "an import that goes up under the project's own name",
    "protocol/codec.ts",
    'import "@hawser/hawser/client";',
    "protocol/codec.ts: the import of @hawser/hawser/client goes up",
  ],
  [
    "a server that imports the client",
    "server/session.ts",
    'import "../client/session.ts";',
    "server/session.ts: the import of ../client/session.ts goes sideways",
  ],
  [
    "an import of another folder's private file",
    "server/session.ts",
    'import "../protocol/_chunks.ts";',
    "server/session.ts: the import of ../protocol/_chunks.ts reaches into another folder's private file",
  ],
  [
    "an example that passes by the package's name",
    "examples/chat/page.ts",
    'import "../../client.ts";',
    "examples/chat/page.ts: the import of ../../client.ts passes by the package's name: an example imports what a user would",
  ],
  [
    "a specifier with a registry",
    "server/session.ts",
    'import "npm:wslink@2.5.0";',
    "server/session.ts: the import of npm:wslink@2.5.0 is no bare name: the import map decides",
  ],
  [
    "a folder that is in no layer",
    "tests/other_test.ts",
    'import "../misc/other.ts";',
    "tests/other_test.ts: the import of ../misc/other.ts is in no layer: add misc to the list or move it",
  ],
];

for (const [name, path, text, problem] of bad) {
  Deno.test(`checkLayers() finds ${name}`, async () => {
    const tree = { ...good, "misc/other.ts": "export {};", [path]: text };
    assertEquals(await check(tree), [problem]);
  });
}

Deno.test("checkLayers() finds a cycle, types included", async () => {
  const problems = await check({
    ...good,
    "server/a.ts": 'import type { B } from "./b.ts";\nexport type A = B[];',
    "server/b.ts": 'import type { C } from "./c.ts";\nexport type B = C | 1;',
    "server/c.ts": 'import type { A } from "./a.ts";\nexport type C = A;',
  });
  assertEquals(problems, ["cycle: server/a.ts → server/b.ts → server/c.ts → server/a.ts"]);
});
