import { assert, assertEquals } from "@std/assert";
import { createServer } from "../../server.ts";
import {
  type Frame,
  HELLO_ID,
  HELLO_METHOD,
  MsgpackDecoder,
  MsgpackEncoder,
} from "../../protocol/mod.ts";

const SIZE = 300_000;

/** A client's end that may stop reading; it keeps the frames, as they were when they were sent or as they are. */
class Network {
  readyState = 1;
  bufferedAmount = 0;
  readonly copies: boolean;
  readonly frames: Frame[] = [];

  constructor(copies: boolean) {
    this.copies = copies;
  }

  send(frame: Frame): void {
    this.frames.push(this.copies && typeof frame !== "string" ? frame.slice() : frame);
  }

  close(): void {
    this.readyState = 3;
  }

  /** The first byte of each blob that came, which all of its others must be like. */
  get blobs(): (number | undefined)[] {
    const decoder = new MsgpackDecoder();
    return this.frames.flatMap((frame) => {
      const message = decoder.decode(frame);
      if (message?.type !== "publication") return [];
      const { result } = message;
      assert(result instanceof Uint8Array && result.length === SIZE);
      assert(result.every((byte) => byte === result[0]), "a blob is mixed up with another");
      return [result[0]];
    });
  }
}

function connect(server: ReturnType<typeof createServer>, copies: boolean): Network {
  const network = new Network(copies);
  const session = server.accept(network);
  const hello = new MsgpackEncoder().encode({
    type: "request",
    id: HELLO_ID,
    method: HELLO_METHOD,
    args: [{ secret: "wslink-secret" }],
    kwargs: {},
  });
  for (const frame of hello) session.receive(frame.slice().buffer);
  return network;
}

Deno.test("frames are used again only when no socket and no queue holds them", async () => {
  const server = createServer();
  const quick = connect(server, true);
  const slow = connect(server, true);
  const keeping = connect(server, false);
  const third = server.clients.values().toArray()[2];
  assert(third);
  const blob = new Uint8Array(SIZE);
  for (let i = 0; i < 60; i++) {
    // The slow one stops, and reads again; the third one never copies, and is there for a while.
    if (i === 15) slow.bufferedAmount = 64 * 1024 * 1024;
    if (i === 30) slow.bufferedAmount = 0;
    server.publish("blob", blob.fill(i), i < 20 || i > 40 ? { except: third } : {});
  }
  await server.close();
  const all = Array.from({ length: 60 }, (_, i) => i);
  assertEquals(quick.blobs, all);
  assertEquals(slow.blobs, all);
  assertEquals(keeping.blobs, all.slice(20, 41));
});

Deno.test("a socket that copies gets every message in the same memory", async () => {
  const server = createServer();
  const network = connect(server, true);
  const buffers = new Set<ArrayBufferLike>();
  network.send = (frame) => {
    // A long frame goes out in pieces, which have a memory of their own.
    if (typeof frame !== "string" && frame.length > 50_000) buffers.add(frame.buffer);
  };
  for (let i = 0; i < 20; i++) server.publish("blob", new Uint8Array(SIZE));
  assertEquals(buffers.size, 1);
  await server.close();
});
