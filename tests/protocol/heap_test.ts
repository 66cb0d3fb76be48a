import { assertEquals } from "@std/assert";

/** In MB: a text of 100 MB is in the heap as a whole, and in the one case where its copy must be made, twice. */
const HEAP = 500;

Deno.test("no message within the size limits makes a decoder fill the heap", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      `--v8-flags=--max-old-space-size=${HEAP}`,
      new URL("./_attacks.ts", import.meta.url).href,
    ],
  }).output();
  const decoder = new TextDecoder();
  // V8 ends a process that needs more, and there would be no list.
  assertEquals(success, true, decoder.decode(stderr));
  const ends = decoder.decode(stdout).trimEnd().split("\n");
  assertEquals(ends.length, 17);
  assertEquals(ends.filter((end) => !end.endsWith(": too-large")), [
    "1.x, a text of escaped quotes: a message",
    "2.x, as much binary as may be: a message",
    "1.x, as many bare words as may be: a message",
    "1.x, as many long integers as may be: a message",
  ]);
});
