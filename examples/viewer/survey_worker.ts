/**
 * Grows one tile of a survey for each message, in a thread of its own.
 *
 * @module
 */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { type Parameters, Simulation } from "./simulation.ts";
import { TILE_SIZE } from "./survey.ts";

/** How many steps a tile's pattern gets to grow. */
const STEPS = 1800;

self.onmessage = ({ data }: MessageEvent<Parameters>) => {
  const simulation = new Simulation(TILE_SIZE, 7);
  simulation.parameters = data;
  simulation.paint(0.3, 0.4, 0.7, 0.6, 0.12);
  for (let step = 0; step < STEPS; step++) simulation.advance();
  const cells = simulation.cells();
  self.postMessage(cells, [cells.buffer]);
};
