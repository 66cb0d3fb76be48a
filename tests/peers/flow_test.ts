import { assert, assertEquals } from "@std/assert";
import { createServer, serve } from "@hawser/hawser/server";
import { link } from "./_wslink.ts";

const MESH = 32 * 1024 * 1024;

for (const version of ["1.12.4", "2.5.0"] as const) {
  Deno.test(`small calls of wslink ${version} are answered beside downloads of 32 MB`, async () => {
    const server = createServer({
      procedures: {
        "mesh.get": () => ({ blob: new Uint8Array(MESH) }),
        "small.get": (n: number) => n,
      },
    });
    await using listening = await serve(server, { port: 0 });
    const { session, closed } = await link(version, listening.webSocketUrl);
    /** What was answered, in order. */
    const answers: string[] = [];
    const downloads = ["a", "b"].map(async (name) => {
      const answer: unknown = await session.call("mesh.get", [], {});
      answers.push(`mesh ${name}`);
      return answer;
    });
    for (let n = 0; answers.filter((answer) => answer.startsWith("mesh")).length < 2; n++) {
      assertEquals(await session.call("small.get", [n], {}), n);
      answers.push("small");
    }
    for (const answer of await Promise.all(downloads)) {
      const blob: unknown = Reflect.get(Object(answer), "blob");
      const size = blob instanceof Uint8Array
        ? blob.length
        : blob instanceof ArrayBuffer
        ? blob.byteLength
        : blob instanceof Blob
        ? blob.size
        : undefined;
      assertEquals(size, MESH);
    }
    const last = answers.findLastIndex((answer) => answer.startsWith("mesh"));
    const between = answers.slice(0, last).filter((answer) => answer === "small").length;
    if (version === "2.5.0") {
      assertEquals(answers[0], "small", answers.slice(0, 5).join());
      assert(between >= 5, `${between} small calls were answered before the meshes`);
    } else {
      // A message of the 1.x wire can't be cut: small ones go between the long ones.
      assert(between >= 1, answers.join());
    }
    await session.close();
    await closed;
  });
}
