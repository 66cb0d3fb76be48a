import { ROOT } from "../_packages.ts";

/** One candidate: what to install and a module that gives it the two functions we compare. */
export interface Library {
  /** The column's title. */
  name: string;
  /** The npm package and its exact version; none for our own. */
  package?: { name: string; version: string };
  /**
   * Source of a module exporting `encode(value)` and `decode(bytes)`, with the options that bring
   * the library closest to what the wire needs.
   */
  entry: string;
  /** Set where the package has a second, faster edition for Node that the browser cannot load. */
  hasNodeEdition?: boolean;
}

/** The functions every candidate is reduced to. */
export interface Msgpack {
  encode(value: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
  /** The way to ready frames, where a candidate has a shorter one than cutting up its bytes. */
  frames?(value: unknown, size: number): Uint8Array[];
}

/** The candidates, with the newest versions when the comparison was written. */
export const LIBRARIES: readonly Library[] = [
  {
    name: "Hawser",
    entry: `import { MsgpackWriter, readMsgpack } from "${ROOT}/protocol/_msgpack.ts";
      import { withPath } from "${ROOT}/protocol/_values.ts";
      import { split } from "${ROOT}/protocol/_chunks.ts";
      const DEPTH = 256;
      const LIMITS = { depth: DEPTH, values: 2_000_000 };
      const writer = new MsgpackWriter(DEPTH);
      export function encode(value) {
        withPath(value, DEPTH, () => writer.write(value));
        const bytes = new Uint8Array(writer.size);
        let offset = 0;
        for (const piece of writer.pieces()) {
          bytes.set(piece, offset);
          offset += piece.length;
        }
        writer.clear();
        return bytes;
      }
      export const decode = (bytes) => readMsgpack(bytes, 0, bytes.length, LIMITS);
      export function frames(value, size) {
        withPath(value, DEPTH, () => writer.write(value));
        const frames = split(writer.pieces(), writer.size, 1, size);
        writer.clear();
        return frames;
      }`,
  },
  {
    name: "@msgpack/msgpack",
    package: { name: "@msgpack/msgpack", version: "3.1.3" },
    // Both directions of int64 at once need useBigInt64, which gives a bigint for every int64.
    entry: `import { Decoder, Encoder } from "@msgpack/msgpack";
      const encoder = new Encoder({ useBigInt64: true });
      const decoder = new Decoder({ useBigInt64: true });
      export const encode = (value) => encoder.encode(value);
      export const decode = (bytes) => decoder.decode(bytes);`,
  },
  {
    name: "msgpackr",
    package: { name: "msgpackr", version: "2.1.3" },
    hasNodeEdition: true,
    entry: `import { Packr } from "msgpackr";
      const packr = new Packr({ useRecords: false, int64AsType: "auto", mapsAsObjects: true });
      export const encode = (value) => packr.pack(value);
      export const decode = (bytes) => packr.unpack(bytes);`,
  },
  {
    name: "notepack.io",
    package: { name: "notepack.io", version: "3.0.1" },
    hasNodeEdition: true,
    entry: `import notepack from "notepack.io";
      const toBytes = (buffer) => buffer instanceof Uint8Array ? buffer : new Uint8Array(buffer);
      export const encode = (value) => toBytes(notepack.encode(value));
      const fromBytes = typeof Buffer === "undefined" || notepack.encode(0) instanceof ArrayBuffer
        ? (bytes) => bytes
        : (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      export const decode = (bytes) => notepack.decode(fromBytes(bytes));`,
  },
  {
    name: "@ygoe/msgpack",
    package: { name: "@ygoe/msgpack", version: "1.0.3" },
    entry: `import msgpack from "@ygoe/msgpack";
      export const encode = (value) => msgpack.serialize(value);
      export const decode = (bytes) => msgpack.deserialize(bytes);`,
  },
  {
    name: "algorand-msgpack",
    package: { name: "algorand-msgpack", version: "1.1.0" },
    // A fork of @msgpack/msgpack 2 made for exactly the int64 question.
    entry: `import { Decoder, Encoder, IntMode } from "algorand-msgpack";
      const encoder = new Encoder();
      const decoder = new Decoder({ intMode: IntMode.MIXED });
      export const encode = (value) => encoder.encode(value);
      export const decode = (bytes) => decoder.decode(bytes);`,
  },
  {
    name: "messagepack",
    package: { name: "messagepack", version: "1.1.12" },
    entry: `export { decode, encode } from "messagepack";`,
  },
  {
    name: "msgpack-lite",
    package: { name: "msgpack-lite", version: "0.2.2" },
    entry: `import msgpack from "msgpack-lite";
      const codec = msgpack.createCodec({ preset: true, binarraybuffer: true });
      export const encode = (value) => msgpack.encode(value, { codec });
      export const decode = (bytes) => msgpack.decode(bytes, { codec });`,
  },
];
