import { assertEquals, assertThrows } from "@std/assert";
import { checkScore } from "../../scripts/check_jsr.ts";
import { pathOf } from "../../scripts/_deno.ts";
import { checkRelease, notesOf } from "../../scripts/release.ts";

const changelog = `# Changelog

## Unreleased

## 1.2.0 - 2026-11-24

### Added

- A thing.

## 1.1.0 - 2026-10-01

- Another thing.
`;

const good = {
  tag: "v1.2.0",
  versions: { "deno.json": "1.2.0", "npm/hawser/package.json": "1.2.0" },
  changelog,
};

Deno.test("checkRelease() takes a release in which all have one version", () => {
  assertEquals(checkRelease(good), []);
  const beta = "## 2.0.0-beta.1 - 2026-12-01\n\n- Text.\n";
  const versions = { "deno.json": "2.0.0-beta.1" };
  assertEquals(checkRelease({ tag: "v2.0.0-beta.1", versions, changelog: beta }), []);
});

Deno.test("checkRelease() refuses a tag that is no version", () => {
  for (const tag of ["1.2.0", "v1.2", "v1.2.0+5", "vnext", ""]) {
    assertEquals(checkRelease({ ...good, tag }), [
      `The tag ${tag} is no version with a v before it`,
    ]);
  }
});

Deno.test("checkRelease() refuses versions that differ from the tag", () => {
  const versions = { "deno.json": "1.2.0", "npm/wslink-1/package.json": "1.1.9" };
  assertEquals(checkRelease({ ...good, versions }), [
    "npm/wslink-1/package.json has version 1.1.9, the tag is v1.2.0",
  ]);
});

Deno.test("checkRelease() refuses a changelog of another version", () => {
  assertEquals(checkRelease({ ...good, changelog: changelog.replace("1.2.0", "1.3.0") }), [
    "CHANGELOG.md starts with 1.3.0 - 2026-11-24, the tag is v1.2.0",
  ]);
  assertEquals(checkRelease({ ...good, changelog: "# Changelog\n\n## Unreleased\n" }), [
    "CHANGELOG.md starts with nothing, the tag is v1.2.0",
  ]);
});

Deno.test("checkRelease() refuses a changelog without a date, without a text, or with more to come", () => {
  assertEquals(checkRelease({ ...good, changelog: "## 1.2.0\n\n- A thing.\n" }), [
    "CHANGELOG.md has no date beside 1.2.0",
  ]);
  assertEquals(checkRelease({ ...good, changelog: "## 1.2.0 - 2026-11-24\n" }), [
    "CHANGELOG.md says nothing of 1.2.0",
  ]);
  const more = changelog.replace("## Unreleased\n", "## Unreleased\n\n- A third thing.\n");
  assertEquals(checkRelease({ ...good, changelog: more }), [
    "CHANGELOG.md has changes that are not released",
  ]);
});

Deno.test("notesOf() gives the text of one version", () => {
  assertEquals(notesOf(changelog, "1.2.0"), "### Added\n\n- A thing.");
  assertEquals(notesOf(changelog, "1.1.0"), "- Another thing.");
  assertThrows(() => notesOf(changelog, "1.0.0"), Error, "CHANGELOG.md has no section of 1.0.0");
});

Deno.test("checkScore() finds what JSR would miss", () => {
  const whole = {
    description: "A package",
    exports: { "./server": "", "./node": "", "./bun": "", "./workers": "", "./client": "" },
    workflow: "permissions:\n  id-token: write\nsteps:\n  - run: npx deno@2.9.6 publish\n",
    readme: "```ts\n```",
  };
  assertEquals(checkScore(whole), []);
  assertEquals(
    checkScore({
      ...{ description: "x".repeat(251), exports: { "./client": "" }, workflow: "", readme: "" },
    }),
    [
      "The description has 251 characters, 250 at most",
      "deno has no entry point ./server",
      "node has no entry point ./node",
      "bun has no entry point ./bun",
      "workerd has no entry point ./workers",
      "The release can't prove its origin",
      "The release doesn't publish to JSR",
      "README.md has no example",
    ],
  );
  assertEquals(checkScore({ ...whole, description: undefined }), ["There is no description"]);
});

Deno.test("the version is written in deno.json alone", async () => {
  const { version } = JSON.parse(await Deno.readTextFile(pathOf("deno.json")));
  const { success, stdout } = await new Deno.Command("git", {
    args: ["grep", "-lE", `"version": *"${version.replaceAll(".", "\\.")}"`],
    cwd: pathOf("."),
  }).output();
  assertEquals(success, true);
  assertEquals(new TextDecoder().decode(stdout).trim(), "deno.json");
});
