/** The wire of wslink 1.x, which most clients never need. */
import type { Limits } from "../protocol/codec.ts";
import { JsonDecoder, JsonEncoder } from "../protocol/json_codec.ts";
import "./_core.ts";
import type { Codec } from "./_link.ts";

/** Makes the two directions of one connection. */
export function jsonCodec(limits: Limits): Codec {
  return { encoder: new JsonEncoder(limits), decoder: new JsonDecoder(limits) };
}
