import {
  announce,
  type Feature,
  MsgpackEncoder,
  type OutgoingMessage,
} from "../../../protocol/mod.ts";

const ID = "rpc:c0123456789abcdef0123456789abcdef:42";

/** Every frame that the raw sides send, encoded once. Ids are the same every time; no server minds. */
function encode(message: OutgoingMessage): Uint8Array<ArrayBuffer>[] {
  return new MsgpackEncoder().encode(message).map((frame) => frame.slice());
}

/** A call's frames. */
export function callFrames(method: string, args: unknown[]): Uint8Array<ArrayBuffer>[] {
  return encode({ type: "request", id: ID, method, args, kwargs: {} });
}

/** The hello's frames: wslink's own, or one that announces features of Hawser's. */
export function helloFrames(features: readonly Feature[] = []): Uint8Array<ArrayBuffer>[] {
  return encode({
    type: "request",
    id: "system:c0:0",
    method: "wslink.hello",
    args: [{
      secret: "wslink-secret",
      ...(features.length > 0 ? { hawser: announce(features) } : {}),
    }],
    kwargs: {},
  });
}

/** A reply's frames. */
export function resultFrames(result: unknown): Uint8Array<ArrayBuffer>[] {
  return encode({ type: "result", id: ID, result });
}

/** A publication's frames. */
export function publicationFrames(topic: string, result: unknown): Uint8Array<ArrayBuffer>[] {
  return encode({ type: "publication", topic, result });
}
