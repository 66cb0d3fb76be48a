/** Holds README.md to what was measured; `HAWSER_WRITE_README=1 deno task test tests/docs` writes it. */

import { assertEquals, assertThrows } from "@std/assert";
import { pathOf } from "../../scripts/_deno.ts";
import { readPart, writePart } from "../../scripts/_parts.ts";
import { sizeTable, supportMatrix, weigh } from "../../scripts/readme.ts";

const page = pathOf("README.md");
const isWriting = Deno.env.get("HAWSER_WRITE_README") === "1";

Deno.test("README.md says what the suites found of each runtime", async () => {
  const text = await Deno.readTextFile(page);
  const [peers, runtimes] = await Promise.all(
    ["docs/peers.md", "docs/runtimes.md"].map((path) => Deno.readTextFile(pathOf(path))),
  );
  const matrix = supportMatrix(peers ?? "", runtimes ?? "");
  if (isWriting) await Deno.writeTextFile(page, writePart(text, "support", matrix));
  else assertEquals(readPart(text, "support"), matrix);
});

/** The numbers of a table, in kB. */
function numbers(table: string): number[] {
  return [...table.matchAll(/([\d.]+) kB/g)].map(([, number]) => Number(number));
}

Deno.test({
  name: "README.md says what a page loads, to a tenth",
  // esbuild's service is a process that several calls share.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const text = await Deno.readTextFile(page);
    const table = sizeTable(await weigh());
    if (isWriting) return await Deno.writeTextFile(page, writePart(text, "sizes", table));
    const [said, measured] = [numbers(readPart(text, "sizes")), numbers(table)];
    assertEquals(said.length, measured.length);
    for (const [index, kB] of measured.entries()) {
      const ratio = (said[index] ?? NaN) / kB;
      assertEquals(ratio > 0.9 && ratio < 1.1, true, `${said[index]} kB is ${kB} kB`);
    }
  },
});

Deno.test("supportMatrix() adds up the cases of each runtime, by role and wire", () => {
  const peers = `# Peers

| Direction | Client in | Peer | Version | Wire | Cases passed |
| - | - | - | - | - | - |
| wslink client → Hawser server | Deno | wslink | 1.12.4 | json | 9 of 9 |
| Hawser client → wslink server | Node 22 | wslink | 1.12.4 | json | 4 of 5 |
| Hawser client → Hawser server | Node 22 (npm) | Hawser |  | json | 6 of 6 |
| Hawser client → Hawser server | Chromium (worker) | Hawser |  | msgpack | 7 of 7 |
`;
  const runtimes = `# Runtimes

| Other | Table |
| - | - |

## What the adapters do

| Case | Node 22 | workerd |
| - | - | - |
| one (json) | yes | yes |
| one (msgpack) | yes | no |
| both | yes | no |
`;
  assertEquals(
    supportMatrix(peers, runtimes).split("\n").map((line) => line.replace(/ +/g, " ")),
    [
      "| Runtime | Client, 1.x wire | Client, 2.x wire | Server, 1.x wire | Server, 2.x wire |",
      "| ------------------ | ---------------- | ---------------- | ---------------- | ---------------- |",
      "| Node 22 | 10 of 11 | – | 2 of 2 | 2 of 2 |",
      "| Cloudflare workers | – | – | 1 of 2 | 0 of 2 |",
      "| Chromium, worker | – | 7 of 7 | – | – |",
    ],
  );
});

Deno.test("writePart() replaces a made part and nothing else", () => {
  const text = "a\n<!-- x -->\n\nold\n\n<!-- end of x -->\nb\n";
  assertEquals(readPart(text, "x"), "old");
  const written = writePart(text, "x", "$& new");
  assertEquals(written, "a\n<!-- x -->\n\n$& new\n\n<!-- end of x -->\nb\n");
  assertThrows(() => readPart(text, "y"), Error, "The text has no part y");
});
