/**
 * Gray–Scott reaction–diffusion on a torus: U is fed everywhere, V eats it (U + 2V → 3V) and
 * decays. Which pattern grows is decided by two numbers.
 *
 * @module
 */

/** How fast U is fed and how fast V is removed, per step. */
export type Parameters = { feed: number; kill: number };

/** Parameters whose patterns have earned a name. */
export const PRESETS: ReadonlyMap<string, Parameters> = new Map([
  ["Coral", { feed: 0.0545, kill: 0.062 }],
  ["Maze", { feed: 0.029, kill: 0.057 }],
  ["Mitosis", { feed: 0.0367, kill: 0.0649 }],
  ["Solitons", { feed: 0.03, kill: 0.062 }],
  ["Worms", { feed: 0.058, kill: 0.063 }],
  ["Holes", { feed: 0.039, kill: 0.058 }],
  ["Cells", { feed: 0.062, kill: 0.0609 }],
  ["Chaos", { feed: 0.018, kill: 0.051 }],
]);

/** Keeps V out of the denormal floats, on which processors are many times slower. */
const TRACE = 1e-20;

/** A square grid of cells; the same seed and calls always give the same cells. */
export class Simulation {
  /** Which pattern grows. */
  parameters: Parameters = { feed: 0.0545, kill: 0.062 };
  /** How many steps were made. */
  steps = 0;
  readonly #size: number;
  #now: { u: Float32Array; v: Float32Array };
  #next: { u: Float32Array; v: Float32Array };
  #random: number;

  /** Makes `size` × `size` cells; `seed` decides where drops fall. */
  constructor(size: number, seed: number) {
    const length = size * (size + 2); // a row more at either end repeats the opposite one
    this.#size = size;
    this.#random = seed;
    this.#now = { u: new Float32Array(length), v: new Float32Array(length) };
    this.#next = { u: new Float32Array(length), v: new Float32Array(length) };
    this.reset();
  }

  /** Empties the grid and drops some V into it. */
  reset(): void {
    this.#now.u.fill(1);
    this.#now.v.fill(0);
    this.sprinkle(40);
  }

  /** Drops V at random places. */
  sprinkle(drops: number): void {
    const random = () => {
      this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0;
      return this.#random / 2 ** 32;
    };
    for (let i = 0; i < drops; i++) this.#drop(random(), random(), 0.008 + 0.016 * random());
  }

  /** Drops V along a line; places are fractions of the side, from 0 to 1. */
  paint(x0: number, y0: number, x1: number, y1: number, radius: number): void {
    const drops = Math.ceil(2 * Math.hypot(x1 - x0, y1 - y0) / radius) + 1;
    for (let i = 1; i <= drops; i++) {
      this.#drop(x0 + (x1 - x0) * i / drops, y0 + (y1 - y0) * i / drops, radius);
    }
  }

  /**
   * One step in time. The end of each row touches the beginning of the next (a torus with a twist
   * of one cell), so all cells are one list, and this one loop decides the speed.
   */
  advance(): void {
    const { u, v } = this.#now, next = this.#next, nextU = next.u, nextV = next.v;
    const row = this.#size, end = row * (row + 1), { feed, kill } = this.parameters;
    const keepU = 1 - 4 * 0.2 - feed, keepV = 1 - 4 * 0.1 - feed - kill;
    for (const field of [u, v]) field.copyWithin(0, end - row, end).copyWithin(end, row, 2 * row);
    let leftU = at(u, row - 1), hereU = at(u, row), leftV = at(v, row - 1), hereV = at(v, row);
    for (let i = row; i < end; i++) {
      const rightU = at(u, i + 1), rightV = at(v, i + 1), eaten = hereU * hereV * hereV;
      const aroundU = leftU + rightU + at(u, i - row) + at(u, i + row);
      const aroundV = leftV + rightV + at(v, i - row) + at(v, i + row);
      nextU[i] = hereU * keepU + 0.2 * aroundU - eaten + feed;
      nextV[i] = hereV * keepV + 0.1 * aroundV + eaten + TRACE;
      leftU = hereU, hereU = rightU, leftV = hereV, hereV = rightV;
    }
    this.#next = this.#now;
    this.#now = next;
    this.steps++;
  }

  /** The grid as a picture: V (rarely more than 0.42), one byte a cell, row by row. */
  cells(): Uint8Array<ArrayBuffer> {
    const picture = new Uint8Array(this.#size ** 2);
    for (let i = 0; i < picture.length; i++) {
      picture[i] = Math.min(at(this.#now.v, i + this.#size) * 600, 255);
    }
    return picture;
  }

  #drop(x: number, y: number, radius: number): void {
    const size = this.#size, left = x * size, top = y * size, r = radius * size;
    for (let j = Math.ceil(top - r); j <= top + r; j++) {
      for (let i = Math.ceil(left - r); i <= left + r; i++) {
        if (Math.hypot(i - left, j - top) > r) continue;
        const cell = ((j + size) % size + 1) * size + (i + size) % size;
        this.#now.u[cell] = 0.5;
        this.#now.v[cell] = 0.25;
      }
    }
  }
}

/** Reads a cell; the engine compiles it to a bare load. */
function at(field: Float32Array, cell: number): number {
  return field[cell] ?? 0;
}
