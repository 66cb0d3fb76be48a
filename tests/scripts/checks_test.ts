import { assertEquals } from "@std/assert";
import { checkModuleComment } from "../../scripts/check_docs.ts";
import { compareImports } from "../../scripts/check_imports.ts";
import { tidy } from "../../scripts/npm_edition/declarations.ts";
import { compareApis, sourcesIn } from "../../scripts/check_npm.ts";
import { manifestOf } from "../../scripts/npm_edition/manifest.ts";
import { ended, line, parseLine } from "../../scripts/_counts.ts";

Deno.test("checkModuleComment() wants a @module comment with an example at the top", () => {
  const example = "```ts\nconnect();\n```";
  assertEquals(checkModuleComment("mod.ts", `/**\n * ${example}\n * @module\n */`), []);
  assertEquals(checkModuleComment("mod.ts", "/** A client. @module */\nexport {};"), [
    "mod.ts: the @module comment has no example",
  ]);
  assertEquals(checkModuleComment("mod.ts", "/** A client. */\nexport {};\n/** @module */"), [
    "mod.ts doesn't start with a @module comment",
  ]);
});

Deno.test("compareImports() accepts a stand-in for a package or for one of its subpaths", () => {
  const jsr = { "@std/assert": "jsr:@std/assert@^1", "@std/http": "jsr:@std/http@^1" };
  const npm = { "@std/assert": "./assert.ts", "@std/http/file-server": "./file_server.ts" };
  assertEquals(compareImports(jsr, npm), []);
});

Deno.test("compareImports() finds what the two lists don't share", () => {
  const jsr = { "@std/assert": "jsr:@std/assert@^1", ws: "npm:ws@8.18.0", a: "npm:a@1.0.0" };
  const npm = { ws: "npm:ws@8.17.0", a: "npm:a@1.0.0", b: "npm:b@1.0.0" };
  assertEquals(compareImports(jsr, npm), [
    "@std/assert comes from JSR, and no stand-in is mapped",
    "ws is npm:ws@8.18.0 in one list and npm:ws@8.17.0 in the other",
    "b is only in the npm edition's list",
  ]);
});

Deno.test("compareImports() wants exact versions from npm", () => {
  for (const target of ["npm:ws", "npm:ws@8", "npm:@scope/ws@^8.18.0/file"]) {
    assertEquals(compareImports({ ws: target }, { ws: target }), [
      `ws has no exact version: ${target}`,
    ]);
  }
  const exact = { ws: "npm:@scope/ws@8.18.0/file" };
  assertEquals(compareImports(exact, exact), []);
});

Deno.test("ended() counts what deno test reports, and ignored tests as failed", () => {
  assertEquals(ended(true, "ok | 12 passed (3 steps) | 0 failed (1s)"), { passed: 12, failed: 0 });
  assertEquals(ended(true, "ok | 12 passed | 0 failed | 2 ignored (3m2s)"), {
    passed: 12,
    failed: 2,
  });
  assertEquals(ended(false, "\x1b[31mFAILED\x1b[0m | 9 passed | 3 failed (4 steps) (969ms)\n"), {
    passed: 9,
    failed: 3,
  });
});

Deno.test("ended() counts a bad end without a failed test as one failure", () => {
  assertEquals(ended(false, "error: Type checking failed."), { passed: 0, failed: 1 });
  assertEquals(ended(false, "ok | 12 passed | 0 failed (1s)"), { passed: 12, failed: 1 });
});

Deno.test("parseLine() reads the last line that line() wrote", () => {
  const text = `${line({ passed: 1, failed: 2 })}\nmore\n${line({ passed: 412, failed: 0 })}\n`;
  assertEquals(parseLine(text), { passed: 412, failed: 0 });
  assertEquals(parseLine("ok | 412 passed, 0 failed"), undefined);
});

Deno.test("compareApis() finds names and types that differ", () => {
  const source = new Map([["connect", "value A"], ["Session", "type S"], ["Wire", "type W"]]);
  const packed = new Map([["connect", "value A"], ["Session", "type T"], ["Frame", "type F"]]);
  assertEquals(compareApis("./client", source, packed), [
    "./client: Session is\ntype T\nwhere the source has\ntype S",
    "./client lacks Wire",
    "./client has Frame, which the source lacks",
  ]);
  assertEquals(compareApis("./client", source, source), []);
});

Deno.test("manifestOf() gives each runtime its server and Node its sockets", () => {
  const manifest = {
    ...{ name: "@hawser/hawser", version: "1.0.0", description: "", license: "MIT", imports: {} },
    exports: {
      ...{ "./server": "./server.ts", "./workers": "./workers.ts" },
      ...{ "./bun": "./bun.ts", "./node": "./node.ts" },
    },
    publish: { include: [] },
  };
  const modules = [
    ...["server", "bun", "node", "workers"],
    ...["client/_websocket", "scripts/npm_edition/websocket"],
  ];
  const places = new Map(modules.map((module) => [module, `./esm/${module}`]));
  const { exports, imports, dependencies } = manifestOf(manifest, places, {
    ...{ ws: "^8.0.0", "@types/ws": "^8.0.0" },
  });
  assertEquals(exports, {
    "./server": {
      deno: { types: "./esm/server.d.ts", default: "./esm/server.js" },
      bun: { types: "./esm/server.d.ts", default: "./esm/bun.js" },
      workerd: { types: "./esm/workers.d.ts", default: "./esm/workers.js" },
      default: { types: "./esm/server.d.ts", default: "./esm/node.js" },
    },
    "./workers": { types: "./esm/workers.d.ts", default: "./esm/workers.js" },
    "./bun": { types: "./esm/bun.d.ts", default: "./esm/bun.js" },
    "./node": { types: "./esm/node.d.ts", default: "./esm/node.js" },
    "./package.json": "./package.json",
  });
  const own = "./esm/client/_websocket.js";
  assertEquals(imports, {
    "#websocket": {
      ...{ browser: own, deno: own, bun: own, workerd: own },
      node: "./esm/scripts/npm_edition/websocket.js",
      default: own,
    },
  });
  assertEquals(dependencies, { ws: "^8.0.0" });
});

Deno.test("tidy() leaves what an editor shows beside a name", () => {
  const example = " * @example A title\n * ```ts\n * call(); // @ts-check\n * ```\n";
  assertEquals(
    tidy(
      `/**\n * A module.\n *\n${example} *\n * @module\n */ import "x";\n` +
        `/**\n * Calls.\n *\n * - One\n *   and more.\n *\n * @param a One.\n *\n${example} */ declare function call(a: 1): void;\n` +
        `/**\n * Ends.\n *\n${example} *\n * @returns Two.\n */ declare function end(): 2;\n` +
        `interface X {\n  /** Short. */ readonly x: 1;\n}\n`,
    ),
    'import "x";\n' +
      "/** Calls.\n\n- One\n  and more.\n@param a One. */ declare function call(a: 1): void;\n" +
      "/** Ends.\n@returns Two. */ declare function end(): 2;\n" +
      "interface X {\n/** Short. */ readonly x: 1;\n}\n",
  );
});

Deno.test("sourcesIn() finds what is left of the sources in a bundle", () => {
  const sources = ["a.ts", "b.ts", "c.ts", "d.ts"];
  // Two lines: one of the second source, one of the fourth and then the first.
  assertEquals(sourcesIn(JSON.stringify({ sources, mappings: "ACAA;AEAA,CHAA" })), [
    "a.ts",
    "b.ts",
    "d.ts",
  ]);
});
