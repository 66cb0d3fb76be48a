// What the server relies on, of @std/http/file-server and of its stand-in alike: whichever of the
// two this run is given has to pass.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { serveDir } from "@std/http/file-server";

/** A folder `www` with files, and beside it one that must never be served. */
async function withFiles(test: (fsRoot: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/www/sub`, { recursive: true });
    await Deno.writeTextFile(`${folder}/secret.txt`, "secret");
    await Deno.writeTextFile(`${folder}/www/.hidden`, "hidden");
    await Deno.writeTextFile(`${folder}/www/index.html`, "<h1>index</h1>");
    await Deno.writeTextFile(`${folder}/www/a b.js`, "0123456789");
    await Deno.writeTextFile(`${folder}/www/empty.css`, "");
    await Deno.writeTextFile(`${folder}/www/sub/index.html`, "<h1>sub</h1>");
    await Deno.writeFile(`${folder}/www/big.bin`, new Uint8Array(300_000).fill(7));
    await test(`${folder}/www`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function get(fsRoot: string, path: string, init: RequestInit = {}): Promise<Response> {
  return serveDir(new Request(`http://localhost${path}`, init), { fsRoot, quiet: true });
}

Deno.test("serveDir() serves a file with its type and length", () =>
  withFiles(async (fsRoot) => {
    const response = await get(fsRoot, "/a%20b.js");
    assertEquals(response.status, 200);
    assertStringIncludes(response.headers.get("content-type") ?? "", "text/javascript");
    assertEquals(response.headers.get("content-length"), "10");
    assertEquals(response.headers.get("accept-ranges"), "bytes");
    assertEquals(await response.text(), "0123456789");

    const empty = await get(fsRoot, "/empty.css");
    assertStringIncludes(empty.headers.get("content-type") ?? "", "text/css");
    assertEquals(await empty.text(), "");

    const big = await get(fsRoot, "/big.bin");
    assertEquals(await big.bytes(), new Uint8Array(300_000).fill(7));
  }));

Deno.test("serveDir() closes the file of a response that nobody reads on", () =>
  withFiles(async (fsRoot) => {
    const response = await get(fsRoot, "/big.bin");
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
  }));

Deno.test("serveDir() answers HEAD without a body", () =>
  withFiles(async (fsRoot) => {
    const response = await get(fsRoot, "/a%20b.js", { method: "HEAD" });
    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-length"), "10");
    assertEquals(await response.text(), "");
  }));

Deno.test("serveDir() serves a directory's index.html, and only with a slash at the end", () =>
  withFiles(async (fsRoot) => {
    assertEquals(await (await get(fsRoot, "/")).text(), "<h1>index</h1>");
    assertEquals(await (await get(fsRoot, "/sub/")).text(), "<h1>sub</h1>");
    const response = await get(fsRoot, "/sub");
    assertEquals(response.status, 301);
    assertEquals(response.headers.get("location"), "http://localhost/sub/");
    await response.body?.cancel();
  }));

const ranges: [range: string, status: number, contentRange: string, body?: string][] = [
  ["bytes=2-4", 206, "bytes 2-4/10", "234"],
  ["bytes=7-", 206, "bytes 7-9/10", "789"],
  ["bytes=-3", 206, "bytes 7-9/10", "789"],
  ["bytes=8-99", 206, "bytes 8-9/10", "89"],
  ["bytes=10-", 416, "bytes */10"],
];

for (const [range, status, contentRange, body] of ranges) {
  Deno.test(`serveDir() answers the range ${range} with ${status}`, () =>
    withFiles(async (fsRoot) => {
      const response = await get(fsRoot, "/a%20b.js", { headers: { range } });
      const text = await response.text();
      assertEquals(response.status, status);
      assertEquals(response.headers.get("content-range"), contentRange);
      if (body !== undefined) assertEquals(text, body);
    }));
}

Deno.test("serveDir() answers 304 to who has the file already", () =>
  withFiles(async (fsRoot) => {
    const first = await get(fsRoot, "/a%20b.js");
    await first.body?.cancel();
    const etag = first.headers.get("etag") ?? "";
    const second = await get(fsRoot, "/a%20b.js", { headers: { "if-none-match": etag } });
    assertEquals(second.status, 304);
    assertEquals(second.body, null);
  }));

Deno.test("serveDir() answers 404 for what is missing or hidden, 405 to other methods", () =>
  withFiles(async (fsRoot) => {
    for (const path of ["/missing", "/.hidden", "/sub/.hidden"]) {
      const response = await get(fsRoot, path);
      await response.body?.cancel();
      assertEquals(response.status, 404, path);
    }
    const response = await get(fsRoot, "/", { method: "POST" });
    await response.body?.cancel();
    assertEquals(response.status, 405);
  }));

Deno.test("serveDir() never leaves its directory", () =>
  withFiles(async (fsRoot) => {
    const paths = [
      ...["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/sub/..%2f..%2fsecret.txt"],
      ...["/%2e%2e%2f%2e%2e%2fsecret.txt", "//../secret.txt", "/..%5csecret.txt", "/%00", "/%ff"],
      ...["/./../secret.txt", "/....//secret.txt", "/sub/%2e%2e/%2e%2e/secret.txt"],
    ];
    for (const path of paths) {
      const response = await get(fsRoot, path);
      assertEquals((await response.text()).includes("secret"), false, path);
      assertEquals(response.ok, false, path);
    }
  }));
