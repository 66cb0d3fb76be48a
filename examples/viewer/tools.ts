/** What takes its time: a survey of all patterns, and a film; both can be stopped. @module */
/// <reference lib="dom" />
import type { Session } from "@hawser/hawser/client";
import { button, find } from "./dom.ts";
import type { createViewer } from "./main.ts";
import { parametersOf, type Tile, TILE_SIZE, TILES } from "./survey.ts";

type ViewerSession = Session<ReturnType<typeof createViewer>>;

/** How many frames a film has. */
const FILM = 90;

/** Runs one task at a time, with a button that starts it and one that stops it. */
function addTask(
  id: string,
  name: string,
  run: (signal: AbortSignal, progress: (done: number) => void) => Promise<void>,
): void {
  const bar = find(`${id}-progress`, HTMLProgressElement);
  let stop: AbortController | undefined;
  const toggle = button(id, name, async () => {
    if (stop) return stop.abort();
    stop = new AbortController();
    toggle.textContent = "Cancel";
    bar.hidden = false;
    bar.value = 0;
    try {
      await run(stop.signal, (done) => bar.value = done);
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    } finally {
      stop = undefined;
      toggle.textContent = name;
      bar.hidden = true;
    }
  });
}

/** The survey: tiles are drawn as they come; a click on one takes its parameters. */
export class Survey {
  readonly #canvas = find("survey-picture", HTMLCanvasElement);
  readonly #context = this.#canvas.getContext("2d");
  #tiles: Pick<Tile, "index" | "cells">[] = [];
  #colours: Uint32Array | undefined;

  /** @param session Where it is made. */
  constructor(session: ViewerSession) {
    const canvas = this.#canvas;
    canvas.width = canvas.height = TILES * TILE_SIZE;
    addTask("survey", "Survey all patterns", async (signal, progress) => {
      this.#tiles = [];
      canvas.hidden = false;
      this.#context?.clearRect(0, 0, canvas.width, canvas.height);
      const onProgress = (tile: unknown) => {
        if (!isTile(tile)) return;
        this.#tiles.push(tile);
        this.#draw(tile);
        progress(this.#tiles.length / TILES ** 2);
      };
      await session.call("viewer.survey", [], { signal, onProgress });
    });
    canvas.onclick = ({ offsetX, offsetY }) => {
      const tile = (at: number) => Math.floor(at / canvas.clientWidth * TILES);
      const { feed, kill } = parametersOf(tile(offsetX) + tile(offsetY) * TILES);
      session.call("viewer.set", [feed, kill]);
      session.call("viewer.sprinkle");
    };
  }

  /** Draws in other colours. */
  recolour(colours: ImageData): void {
    this.#colours = new Uint32Array(colours.data.buffer);
    for (const tile of this.#tiles) this.#draw(tile);
  }

  #draw({ index, cells }: Pick<Tile, "index" | "cells">): void {
    const picture = new ImageData(TILE_SIZE, TILE_SIZE);
    const pixels = new Uint32Array(picture.data.buffer);
    for (const [i, cell] of cells.entries()) pixels[i] = this.#colours?.[cell] ?? 0;
    const x = index % TILES * TILE_SIZE, y = Math.floor(index / TILES) * TILE_SIZE;
    this.#context?.putImageData(picture, x, y);
  }
}

function isTile(value: unknown): value is Pick<Tile, "index" | "cells"> {
  return typeof value === "object" && value !== null && "index" in value && "cells" in value &&
    value.cells instanceof Uint8Array;
}

/** The film: frames stream in as they are made; what came until it was stopped can be saved. */
export function addFilm(session: ViewerSession): void {
  const link = find("film-save", HTMLAnchorElement);
  addTask("film", `Record ${FILM} frames`, async (signal, progress) => {
    const images: Uint8Array<ArrayBuffer>[] = [];
    URL.revokeObjectURL(link.href);
    link.hidden = true;
    try {
      for await (const image of session.stream("viewer.record", [FILM], { signal })) {
        images.push(image);
        progress(images.length / FILM);
      }
    } finally {
      const film = new Blob(images, { type: "image/x-portable-graymap" });
      link.href = URL.createObjectURL(film);
      link.textContent = `Save ${images.length} frames, ${(film.size / 1e6).toFixed(1)} MB`;
      link.hidden = images.length === 0;
    }
  });
}
