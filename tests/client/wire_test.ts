import { assert, assertEquals } from "@std/assert";
import { connect, type SocketLike, type Wire } from "../../client.ts";
import { type Frame, JsonEncoder, MsgpackEncoder } from "../../protocol/mod.ts";

/** A network without delay: each frame is answered before anything else can happen. */
function answering(wire: Wire, result: Record<string, unknown>) {
  const received: Frame[] = [];
  const encoder = wire === "json" ? new JsonEncoder() : new MsgpackEncoder();
  const hello = encoder.encode({ type: "result", id: "system:c0:0", result });
  class Answering implements SocketLike {
    binaryType: BinaryType = "blob";
    bufferedAmount = 0;
    readyState = 0;
    onopen: (() => void) | null = null;
    onmessage: ((event: { readonly data: unknown }) => void) | null = null;
    onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null = null;
    onerror: ((event: { preventDefault?(): void }) => void) | null = null;
    constructor() {
      queueMicrotask(() => {
        this.readyState = 1;
        this.onopen?.();
      });
    }
    send(frame: Frame): void {
      received.push(frame);
      if (received.length > 1) return;
      for (const data of hello) {
        this.onmessage?.({
          data: typeof data === "string" ? data : new Uint8Array(data).buffer,
        });
      }
    }
    close(): void {
      this.readyState = 3;
      queueMicrotask(() => this.onclose?.({ code: 1000, reason: "" }));
    }
  }
  return { received, WebSocket: Answering };
}

for (const wire of ["json", "msgpack"] as const) {
  Deno.test(`the codec is there before the first frame is (${wire})`, async () => {
    const { WebSocket } = answering(wire, { clientID: "c1" });
    await using session = await connect("ws://nowhere/", { wire, WebSocket });
    assertEquals([session.clientId, session.wire], ["c1", wire]);
  });
}

const ANNOUNCED: [maxMsgSize: unknown, largest: number][] = [
  [1, 256],
  [13, 256],
  [255, 256],
  [256, 256],
  [1000.9, 1000],
  [2 ** 32, 2 ** 24],
  [Infinity, 2 ** 24],
  // What is no size changes nothing.
  [0, 2 ** 19],
  [-1, 2 ** 19],
  [NaN, 2 ** 19],
  ["1000", 2 ** 19],
  [null, 2 ** 19],
];

for (const [maxMsgSize, largest] of ANNOUNCED) {
  Deno.test(`a server that announces ${maxMsgSize} gets frames of ${largest} bytes`, async () => {
    const { received, WebSocket } = answering("msgpack", { clientID: "c1", maxMsgSize });
    await using session = await connect("ws://nowhere/", { wire: "msgpack", WebSocket });
    const call = session.call("a.b", [new Uint8Array(largest)]);
    const frames = received.slice(1).map((frame) => {
      assert(frame instanceof Uint8Array);
      return {
        size: frame.length,
        offset: new DataView(frame.buffer, frame.byteOffset).getUint32(4, true),
      };
    });
    // The queue cuts long frames further, but never joins two.
    assert(frames.every(({ size }) => size <= largest));
    assert(frames.some(({ offset }) => offset === largest - 12), "the second frame begins there");
    await session.close();
    await call.catch(() => {});
  });
}
