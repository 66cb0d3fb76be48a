/** What a server sees of the drop-in is what it sees of npm's wslink, frame by frame. */

import { assertEquals } from "@std/assert";
import {
  type Frame,
  JsonDecoder,
  JsonEncoder,
  MsgpackDecoder,
  MsgpackEncoder,
} from "../../protocol/mod.ts";
import { dropIn, ORIGINALS, VERSIONS, type Wire } from "./_subjects.ts";
import type { Subject } from "./_script.ts";

/** A server that keeps every frame, and answers each request with its method. */
function startRecorder(wire: Wire) {
  const frames: Frame[] = [];
  const ended = Promise.withResolvers<number>();
  const http = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.binaryType = "arraybuffer";
    const decoder = wire === "json" ? new JsonDecoder() : new MsgpackDecoder();
    const encoder = wire === "json" ? new JsonEncoder() : new MsgpackEncoder({ frameSize: 65_536 });
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      frames.push(typeof data === "string" ? data : new Uint8Array(data.slice(0)));
      const message = decoder.decode(data);
      if (message?.type !== "request") return;
      const isHello = message.method === "wslink.hello";
      const result = isHello ? { clientID: "c0123", maxMsgSize: 1024 } : message.method;
      for (const frame of encoder.encode({ type: "result", id: message.id, result })) {
        socket.send(frame);
      }
    };
    socket.onclose = ({ code }) => ended.resolve(code);
    return response;
  });
  return {
    url: `ws://127.0.0.1:${http.addr.port}/ws`,
    frames,
    ended: ended.promise,
    [Symbol.asyncDispose]: () => http.shutdown(),
  };
}

/** What an application says that does a little of everything, and leaves. */
async function speak(subject: Subject, wire: Wire): Promise<{ frames: Frame[]; code: number }> {
  await using server = startRecorder(wire);
  const connection = subject.WebsocketConnection.newInstance({ urls: server.url, secret: "s" });
  const ready = new Promise<void>((resolve) => connection.onConnectionReady(() => resolve()));
  const session = connection.connect();
  await ready;
  if (session === null) throw new Error("there is no session");
  session.subscribe("a.topic", () => {});
  await session.call("no.arguments");
  await session.call("values", [1, -1, 1.5, 2 ** 40, "é漢😀", null, true, [], {}], {
    a: [1, { b: 2 }],
  });
  await session.call("undefined", [undefined, { a: undefined, b: 1 }]);
  await session.call("date", [new Date(1_700_000_000_000)]);
  await session.call("bytes", [session.addAttachment(Uint8Array.of(1, 2, 3))]);
  await session.call("buffer", [], { data: session.addAttachment(new ArrayBuffer(2)) });
  await session.call("long", ["x".repeat(3000)]);
  connection.destroy(7);
  return { frames: server.frames, code: await server.ended };
}

/** Attachments are numbered from 1 there and from 0 here, and the id of a 2.x message is random. */
function comparable(frames: readonly Frame[], wire: Wire): string[] {
  const keys: string[] = [];
  return frames.map((frame) => {
    if (typeof frame !== "string") return frame.toHex().slice(wire === "json" ? 0 : 8);
    return frame.replaceAll(/wslink_bin\d+/g, (key) => {
      if (!keys.includes(key)) keys.push(key);
      return `attachment ${keys.indexOf(key)}`;
    });
  });
}

for (const wire of ["json", "msgpack"] as const) {
  // wslink's socket is left to close by itself.
  const options = { sanitizeOps: false, sanitizeResources: false };
  Deno.test(
    `the drop-in says to the byte what npm's wslink ${VERSIONS[wire]} says`,
    options,
    async () => {
      // wslink 2.x reads the answer that comes after destroy(), and finds no socket to say so.
      const forgive = (event: Event) => event.preventDefault();
      globalThis.addEventListener("error", forgive);
      try {
        const original = await speak(ORIGINALS[wire], wire);
        const ours = await speak(dropIn(wire), wire);
        assertEquals(comparable(ours.frames, wire), comparable(original.frames, wire));
        assertEquals(ours.code, original.code);
      } finally {
        globalThis.removeEventListener("error", forgive);
      }
    },
  );
}
