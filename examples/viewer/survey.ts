/**
 * A long computation: the pattern that each pair of parameters grows, tile by tile.
 *
 * @module
 */
import type { Parameters } from "./simulation.ts";

/** How many tiles a survey has a side. */
export const TILES = 8;
/** How many cells a tile has a side. */
export const TILE_SIZE = 48;
/** Which feeds are surveyed, from left to right. */
const FEEDS = [0.012, 0.068] as const;
/** How far from where patterns begin, from top to bottom: kill is √feed / 2 − feed there. */
const KILLS = [-0.004, 0.007] as const;

/** One tile as it is done: what grew there, one byte a cell. */
export type Tile = Parameters & { index: number; cells: Uint8Array<ArrayBuffer> };

/** The parameters of a tile. */
export function parametersOf(index: number): Parameters {
  const across = index % TILES / (TILES - 1), down = Math.floor(index / TILES) / (TILES - 1);
  const feed = FEEDS[0] + (FEEDS[1] - FEEDS[0]) * across;
  const kill = Math.sqrt(feed) / 2 - feed + KILLS[0] + (KILLS[1] - KILLS[0]) * down;
  return { feed, kill };
}

/**
 * Grows all tiles.
 *
 * @param signal Stops it, between any two steps: its thread is ended.
 */
export async function* survey(signal: AbortSignal): AsyncGenerator<Tile, void> {
  signal.throwIfAborted();
  const worker = new Worker(new URL("./survey_worker.ts", import.meta.url), { type: "module" });
  try {
    for (let index = 0; index < TILES ** 2; index++) {
      const cells = await new Promise<Uint8Array<ArrayBuffer>>((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => (event.preventDefault(), reject(new Error(event.message)));
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        worker.postMessage(parametersOf(index));
      });
      yield { ...parametersOf(index), index, cells };
    }
  } finally {
    worker.terminate();
  }
}
