/**
 * Draws the example's two pictures: a sailing boat by day, and by night.
 * Run it with `deno run --allow-write=examples/simple examples/simple/make_pictures.ts`.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { crc32, deflateSync } from "node:zlib";

type Color = readonly [red: number, green: number, blue: number];

/** What differs between day and night. */
interface Light {
  sky: readonly [top: Color, bottom: Color];
  sea: readonly Color[]; // wave by wave, from the horizon to the front
  boat: { hull: Color; mainsail: Color; jib: Color };
  lamp: {
    color: Color;
    x: number;
    y: number;
    radius: number;
    crescent: boolean;
  };
  stars: boolean;
}

const DAY: Light = {
  sky: [[110, 178, 226], [253, 230, 200]],
  sea: [[72, 149, 190], [49, 124, 168], [33, 98, 143], [22, 74, 117]],
  boat: { hull: [178, 64, 52], mainsail: [255, 252, 244], jib: [245, 190, 92] },
  lamp: { color: [255, 224, 130], x: 222, y: 82, radius: 30, crescent: false },
  stars: false,
};

const NIGHT: Light = {
  sky: [[16, 20, 52], [96, 78, 130]],
  sea: [[52, 62, 112], [39, 48, 94], [28, 36, 76], [19, 25, 58]],
  boat: { hull: [92, 44, 66], mainsail: [186, 188, 222], jib: [142, 122, 170] },
  lamp: { color: [246, 238, 206], x: 222, y: 76, radius: 28, crescent: true },
  stars: true,
};

const SIZE = 300;
const STARS = [
  [30, 40],
  [72, 92],
  [104, 28],
  [150, 66],
  [46, 132],
  [268, 132],
  [278, 34],
  [176, 22],
];

function mix(from: Color, to: Color, share: number): Color {
  const at = (a: number, b: number) => a + (b - a) * Math.min(Math.max(share, 0), 1);
  return [at(from[0], to[0]), at(from[1], to[1]), at(from[2], to[2])];
}

function inCircle(
  x: number,
  y: number,
  centerX: number,
  centerY: number,
  radius: number,
): boolean {
  return (x - centerX) ** 2 + (y - centerY) ** 2 < radius ** 2;
}

/** The color of one point of the picture, found from the front to the back. */
function colorAt(x: number, y: number, light: Light): Color {
  const { sky, sea, boat, lamp } = light;

  for (let wave = sea.length - 1; wave >= 0; wave--) {
    // The boat floats in front of the second wave and behind the third.
    if (wave === 1) {
      const deck = 204 - (x - 130) / 40;
      if (
        y > deck && y < 232 && x > 74 + (y - deck) * 0.8 &&
        x < 198 - (y - deck) * 1.1
      ) return boat.hull;
      if (y < 200 && x > 126 && x < 129.5 && y > 62) return boat.hull;
      if (y > 68 && y < 196 && x > 132 && x < 132 + (y - 68) * 0.42) {
        return boat.mainsail;
      }
      if (y > 82 && y < 196 && x < 123 && x > 123 - (y - 82) * 0.36) {
        return boat.jib;
      }
    }
    const crest = 190 + wave * 26 +
      Math.sin(x / (17 + wave * 5) + wave * 2) * (1.5 + wave * 1.6);
    const color = sea[wave];
    if (y > crest && color) return color;
  }

  const shadow = lamp.crescent &&
    inCircle(x, y, lamp.x - 12, lamp.y - 8, lamp.radius);
  if (!shadow && inCircle(x, y, lamp.x, lamp.y, lamp.radius)) return lamp.color;
  if (
    light.stars && STARS.some(([sx = 0, sy = 0]) => inCircle(x, y, sx, sy, 1.6))
  ) return lamp.color;
  return mix(sky[0], sky[1], y / 195);
}

/** Draws every pixel as the mean of 4 × 4 points, so that edges are smooth. */
function draw(light: Light): Uint8Array {
  const row = 1 + SIZE * 3;
  const pixels = new Uint8Array(SIZE * row);
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      const sum = [0, 0, 0];
      for (let point = 0; point < 16; point++) {
        const color = colorAt(
          x + (point % 4 + 0.5) / 4,
          y + ((point >> 2) + 0.5) / 4,
          light,
        );
        color.forEach((value, channel) => sum[channel] = (sum[channel] ?? 0) + value / 16);
      }
      pixels.set(sum.map(Math.round), y * row + 1 + x * 3);
    }
  }
  return pixels;
}

/** A PNG chunk: length, name, content, checksum over name and content. */
function chunk(name: string, content: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(name, "latin1"), content]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(content.length, 0);
  framed.set(body, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

/** A PNG file of 8-bit RGB; `pixels` has a filter byte (0, none) before each row. */
function png(pixels: Uint8Array): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIZE, 0);
  header.writeUInt32BE(SIZE, 4);
  header.set([8, 2, 0, 0, 0], 8); // bits, RGB, deflate, standard filters, not interlaced
  return Buffer.concat([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(pixels, { level: 9 })),
    chunk("IEND", new Uint8Array()),
  ]);
}

await Deno.writeFile(new URL("./day.png", import.meta.url), png(draw(DAY)));
await Deno.writeFile(new URL("./night.png", import.meta.url), png(draw(NIGHT)));
