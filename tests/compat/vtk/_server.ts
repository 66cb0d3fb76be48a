/** A server that plays the part of vtk's web protocols (image push, mouse, quality, animation) with a drawing of its own. */

import { crc32, deflateSync } from "node:zlib";
import { createServer, procedure, RpcError, type Server } from "../../../server.ts";

interface View {
  readonly id: string;
  size: readonly [number, number];
  quality: number;
  ratio: number;
  observers: number;
  colour: keyof typeof COLOURS;
  /** How far the disc has gone on its way. */
  angle: number;
  zoom: number;
  /** Where the mouse is, as vtk.js has it: shares of the view, from the lower left. */
  mouse: { readonly x: number; readonly y: number } | undefined;
  timer: ReturnType<typeof setInterval> | undefined;
}

const COLOURS = { blue: [80, 200, 255], green: [80, 255, 120] } as const;
const ORANGE = [255, 140, 0] as const;
const TOPIC = "viewport.image.push.subscription";

/** A mouse event of vtk.js' remote views. */
interface MouseEvent {
  readonly view: string;
  readonly action: "down" | "up";
  readonly x: number;
  readonly y: number;
  readonly buttonLeft: 0 | 1;
}

function chunk(name: string, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(body.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, body.length);
  new TextEncoder().encodeInto(name, bytes.subarray(4));
  bytes.set(body, 8);
  view.setUint32(body.length + 8, crc32(bytes.subarray(4, body.length + 8)));
  return bytes;
}

/** A PNG of rows that each begin with a filter byte of 0. */
function png(width: number, height: number, rows: Uint8Array): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 2], 8);
  const parts = [
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows, { level: 1 })),
    chunk("IEND", new Uint8Array()),
  ];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A disc on its way around the middle, a square where the mouse is, and the quality as a grey corner. */
function draw({ size, ratio, quality, colour, angle, zoom, mouse }: View) {
  const [width, height] = size.map((length) => Math.max(1, Math.round(length * ratio)));
  if (width === undefined || height === undefined) throw new TypeError("A view has two sides");
  const rows = new Uint8Array(height * (width * 3 + 1));
  const scale = Math.min(width, height);
  const disc = {
    x: width / 2 + Math.cos(angle) * scale * 0.3,
    y: height / 2 + Math.sin(angle) * scale * 0.3,
    radius: scale * 0.1 * zoom,
  };
  const square = mouse && { x: mouse.x * width, y: (1 - mouse.y) * height };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * (width * 3 + 1) + 1 + x * 3;
      const shade = Math.round(40 + 50 * y / height);
      const isSquare = square && Math.abs(x - square.x) < 12 && Math.abs(y - square.y) < 12;
      if (x < 12 && y >= height - 12) rows.fill(quality * 2, at, at + 3);
      else if (isSquare) rows.set(ORANGE, at);
      else if (Math.hypot(x - disc.x, y - disc.y) < disc.radius) rows.set(COLOURS[colour], at);
      else rows.set([shade / 3, shade / 2, shade], at);
    }
  }
  return { image: png(width, height, rows), size: [width, height] };
}

/** The server, and what it was asked for. */
export interface VtkServer {
  readonly server: Server;
  /** The names of all procedures that were called. */
  readonly called: ReadonlySet<string>;
}

/**
 * Creates the server.
 *
 * @returns The server, not listening yet.
 */
export function createVtkServer(): VtkServer {
  const views = new Map<string, View>();
  const called = new Set<string>();
  let fps = 30;
  let pushed = 0;

  function viewOf(id: string | number): View {
    // -1 is the active view.
    const name = `${id}` === "-1" ? "1" : `${id}`;
    const known = views.get(name);
    if (known) return known;
    const made: View = {
      ...{ id: name, size: [400, 400], quality: 100, ratio: 1, observers: 0, colour: "blue" },
      ...{ angle: 0, zoom: 1, mouse: undefined, timer: undefined },
    };
    views.set(name, made);
    return made;
  }

  function push(view: View): void {
    if (view.observers === 0) return;
    const begun = performance.now();
    const { image, size } = draw(view);
    pushed++;
    const about = { stale: false, format: "png", mtime: pushed, memsize: image.length };
    const workTime = performance.now() - begun;
    const message = { ...about, id: view.id, image, size, workTime };
    server.publish(TOPIC, message, { policy: "latest", key: view.id });
  }

  function stop(view: View): void {
    clearInterval(view.timer);
    view.timer = undefined;
  }

  const procedures = {
    "viewport.image.push": (options: { view: string; size?: [number, number] }) => {
      const view = viewOf(options.view);
      if (options.size && options.size[0] > 0) view.size = options.size;
      push(view);
      return { id: view.id };
    },
    "viewport.image.push.observer.add": (id: string) => {
      const view = viewOf(id);
      view.observers++;
      push(view);
      return { success: true, viewId: view.id };
    },
    "viewport.image.push.observer.remove": (id: string) => {
      const view = viewOf(id);
      view.observers--;
      stop(view);
      return { success: true, viewId: view.id };
    },
    "viewport.image.push.quality": (id: string, quality: number, ratio = 1) => {
      Object.assign(viewOf(id), { quality, ratio });
      push(viewOf(id));
      return { result: "success" };
    },
    "viewport.image.push.original.size": (id: string, width: number, height: number) => {
      viewOf(id).size = [width, height];
      push(viewOf(id));
      return { result: "success" };
    },
    "viewport.image.push.enabled": () => ({ result: "success" }),
    "viewport.image.push.invalidate.cache": (id: string) => {
      push(viewOf(id));
      return { result: "success" };
    },
    "viewport.image.animation.fps.max": (max: number) => {
      fps = max;
    },
    "viewport.image.animation.fps.get": () => fps,
    "viewport.image.animation.start": (id: string) => {
      const view = viewOf(id);
      stop(view);
      view.timer = setInterval(() => {
        view.angle += 0.15;
        push(view);
      }, 1000 / fps);
    },
    "viewport.image.animation.stop": (id: string) => stop(viewOf(id)),
    "viewport.camera.reset": (id: string) => {
      Object.assign(viewOf(id), { angle: 0, zoom: 1, mouse: undefined });
      push(viewOf(id));
    },
    "viewport.mouse.interaction": (event: MouseEvent) => {
      const view = viewOf(event.view);
      view.mouse = event.action === "down" ? { x: event.x, y: event.y } : undefined;
      push(view);
    },
    "viewport.mouse.zoom.wheel": (event: MouseEvent & { spinY?: number }) => {
      const view = viewOf(event.view);
      if (event.spinY) view.zoom = event.spinY > 0 ? 0.5 : 2;
      push(view);
    },
    "scene.colour": (id: string, colour: View["colour"]) => {
      viewOf(id).colour = colour;
      push(viewOf(id));
    },
    "scene.pushed": () => pushed,
    "scene.fail": () => {
      throw new RpcError(1001, "No such scene", { scene: 7 });
    },
    "scene.upload": (bytes: Uint8Array) => bytes.reduce((sum, byte) => sum + byte, 0),
  };
  const noted = Object.entries(procedures).map(([name, fn]) => {
    const noting = procedure((_call, ...args: unknown[]): unknown => {
      called.add(name);
      return Reflect.apply(fn, undefined, args);
    });
    return [name, noting] as const;
  });
  const server = createServer({
    procedures: Object.fromEntries(noted),
    onDisconnect() {
      for (const view of views.values()) stop(view);
      views.clear();
    },
  });
  return { server, called };
}
