/**
 * Runs the simulation in a thread of its own, so that no step of it ever delays a message.
 *
 * @module
 */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { type Parameters, Simulation } from "./simulation.ts";

/** One picture of `size` × `size` cells: one byte a cell, row by row. */
export type Frame = { frame: number; step: number; size: number; cells: Uint8Array };

/** What the server asks of the worker. */
export type Order =
  | { run: boolean }
  | { steps: number }
  | { parameters: Parameters }
  | { drops: number }
  | { stroke: [x0: number, y0: number, x1: number, y1: number, radius: number] }
  | { reset: true };

const SIZE = 512;
const INTERVAL = 1000 / 30;
/** What a frame may cost in ms; the rest of the core belongs to whoever shares it. */
const BUDGET = 18;

const simulation = new Simulation(SIZE, 2024);
let frame = 0;
let due = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

function work(): void {
  const start = performance.now();
  do simulation.advance(); while (performance.now() - start < BUDGET);
  send();
  // By the clock and not by the delay, so that a second has 30; but late frames are not made up for.
  due = Math.max(due + INTERVAL, start);
  timer = setTimeout(work, Math.max(0, due - performance.now()));
}

function send(): void {
  const cells = simulation.cells();
  const picture: Frame = { frame: ++frame, step: simulation.steps, size: SIZE, cells };
  self.postMessage(picture, [cells.buffer]);
}

self.onmessage = ({ data: order }: MessageEvent<Order>) => {
  if ("run" in order) {
    if (order.run === (timer !== undefined)) return;
    clearTimeout(timer);
    timer = order.run ? setTimeout(work) : undefined;
    return;
  }
  if ("parameters" in order) simulation.parameters = order.parameters;
  else if ("drops" in order) simulation.sprinkle(order.drops);
  else if ("stroke" in order) simulation.paint(...order.stroke);
  else if ("reset" in order) simulation.reset();
  else for (let i = 0; i < order.steps; i++) simulation.advance();
  if (timer === undefined) send(); // while it runs, the next frame shows it anyway
};
