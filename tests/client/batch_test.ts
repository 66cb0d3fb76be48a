import { assert, assertEquals } from "@std/assert";
import { connect } from "@hawser/hawser/client";
import { createServer, serve } from "@hawser/hawser/server";

/** The lengths of the frames that go out. */
const lengths: number[] = [];

class Watched extends WebSocket {
  override send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void {
    lengths.push(ArrayBuffer.isView(data) ? data.byteLength : 0);
    super.send(data);
  }
}

Deno.test("calls of one turn travel together, in no more than Deno's client sends at once", async () => {
  const server = createServer({ procedures: { echo: (value: number) => value } });
  await using listening = await serve(server, { port: 0 });
  await using session = await connect(listening.webSocketUrl, {
    WebSocket: Watched,
    wire: "msgpack",
  });
  await session.call("echo", [0]);
  lengths.length = 0;
  const numbers = Array.from({ length: 64 }, (_, i) => i);
  assertEquals(await Promise.all(numbers.map((i) => session.call("echo", [i]))), numbers);
  assert(lengths.length <= 16, `${lengths.length} frames`);
  assert(lengths.every((length) => length > 0 && length <= 1024), `frames of ${lengths}`);
});
