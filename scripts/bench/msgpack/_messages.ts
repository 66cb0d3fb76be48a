/** One real message to encode and decode. */
export interface Sample {
  /** The row's title. */
  name: string;
  /** The message, as a session would send it. */
  value: unknown;
}

function reply(result: unknown): unknown {
  return {
    wslink: "1.0",
    id: "rpc:c0123456789abcdef0123456789abcdef:42",
    result,
  };
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = { level, child: [value] };
  return value;
}

function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index & 255);
}

/** The messages the libraries are compared with. */
export const SAMPLES: readonly Sample[] = [
  {
    name: "small call",
    value: {
      wslink: "1.0",
      id: "rpc:c0123456789abcdef0123456789abcdef:42",
      method: "viewport.camera.set",
      args: [[1.5, 2.25, -3.125], { view: 1, animate: true, label: "front" }],
      kwargs: {},
    },
  },
  {
    name: "1 MB binary in a map",
    value: reply({
      width: 512,
      height: 512,
      format: "rgba",
      data: bytes(1_000_000),
    }),
  },
  {
    name: "10,000-key map",
    value: reply(
      Object.fromEntries(
        Array.from({ length: 10_000 }, (_, i) => [`property_${i}`, i * 3]),
      ),
    ),
  },
  { name: "40 levels deep", value: reply(nested(20)) },
  {
    name: "10,000 floats",
    value: reply(Array.from({ length: 10_000 }, (_, i) => Math.sin(i) * 1e3)),
  },
  {
    name: "1,000 rows of text",
    value: reply(
      Array.from({ length: 1000 }, (_, i) => ({
        id: i,
        name: `Zelle ${i} – Größe`,
        visible: i % 2 === 0,
        tags: ["a", "b"],
      })),
    ),
  },
];
