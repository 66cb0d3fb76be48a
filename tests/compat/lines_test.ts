/** `@hawser/wslink` has a version for each of wslink's, which is what vtk.js asks for as a peer. */

import { assertEquals, assertRejects } from "@std/assert";
import { pathOf } from "../../scripts/_deno.ts";
import { type WslinkLine, wslinkLines, wslinkVersion } from "../../scripts/_wslink_package.ts";
import { openProject } from "../npm/_project.ts";
import { installFrom, packWslink } from "./_project.ts";
import { startRegistry } from "./_registry.ts";

Deno.test("wslinkVersion() has wslink's major number, and grows with Hawser's versions", () => {
  assertEquals(wslinkVersion(1, "0.1.0"), "1.1001.0");
  assertEquals(wslinkVersion(2, "0.12.3"), "2.1012.3");
  assertEquals(wslinkVersion(2, "1.0.0-beta.1"), "2.2000.0-beta.1");
  assertEquals(wslinkVersion(1, "3.14.15"), "1.4014.15");
});

/** The newest vtk.js with each range for its peer, and the lines that npm takes beside it. */
const ranges: [vtk: string, range: string, lines: readonly WslinkLine[]][] = [
  ["30.3.1", "^1.1.0", [1]],
  ["36.5.2", ">=1.1.0 || ^2.0.0", [1, 2]],
  ["37.4.3", ">=2.0.0", [2]],
];

// esbuild's service is a process that several tests share.
const options = { sanitizeOps: false, sanitizeResources: false };

Deno.test(
  "npm installs a line of @hawser/wslink beside every vtk.js, without overrides",
  options,
  async (t) => {
    const hawser = await openProject();
    const folder = pathOf(".cache/wslink/lines");
    const packed = [{ folder: hawser.package, tarball: hawser.tarball }];
    for (const line of wslinkLines) {
      packed.push(await packWslink(`${folder}.package-${line}`, hawser.package, line));
    }
    await using registry = await startRegistry(packed);
    for (const [vtk, range, lines] of ranges) {
      for (const line of wslinkLines) {
        const takes = lines.includes(line);
        const name = `${vtk} (${range}) ${takes ? "takes" : "refuses"} the line ${line}.x`;
        await t.step(name, async () => {
          const installed = installFrom(registry.url, folder, {
            "@kitware/vtk.js": vtk,
            "wslink": `npm:@hawser/wslink@^${line}`,
          }, ["--dry-run"]);
          if (takes) await installed;
          else await assertRejects(() => installed, Error, "ERESOLVE");
        });
      }
    }
  },
);
