/**
 * The demo: one simulation on the server, watched and steered by everyone who opens the page.
 *
 * @module
 */
import { createServer, ErrorCode, procedure, RpcError, topic } from "@hawser/hawser/server";
import type { Client } from "@hawser/hawser/server";
import { readExampleArgs, runExample } from "../_args.ts";
import { bundlePage } from "../_bundle.ts";
import { SlowLink } from "./link.ts";
import { type Parameters, PRESETS } from "./simulation.ts";
import { survey, TILES } from "./survey.ts";
import type { Frame, Order } from "./worker.ts";

/** What all viewers see alike, besides the picture; the topic `viewer.state`. */
export type State = Parameters & { paused: boolean; viewers: Viewer[] };
/** Someone who watches. */
export type Viewer = { id: string; name: string; colour: string };
/** Where a viewer points, in fractions of the picture's sides: what others learn of it. */
export type Cursor = { x: number; y: number };
/** What part of a frame a viewer is interested in: every so many-th cell of every so many-th row. */
export type Detail = { every: number };
/** How it stands with one viewer's connection; the topic `viewer.stats`, each second. */
export type Stats = {
  /** Publications that it missed. */
  dropped: number;
  /** What waits for it: messages, bytes, and how long the oldest has, in ms. */
  heldMessages: number;
  heldBytes: number;
  oldestAge: number;
  /** What its link is held to, in bytes a second; 0 if to nothing. */
  rate: number;
  /** Calls that the server has answered, everybody's. */
  calls: number;
};

const NAMES = ["Heron", "Otter", "Lynx", "Robin", "Seal", "Moth", "Wren"];
/** How many frames may be recorded at a time: 20 s. */
const MAX_RECORDED = 600;

/**
 * Makes the viewer's server. Its worker runs while somebody watches.
 *
 * @param options The secret that clients say hello with.
 * @returns The server, not listening yet.
 */
export function createViewer(options: { secret?: string } = {}) {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const order = (order: Order) => worker.postMessage(order);
  const viewers = new Map<string, Viewer>();
  const links = new WeakMap<Request, SlowLink>();
  let parameters: Parameters = { feed: 0.0545, kill: 0.062 };
  let paused = false, visits = 0;
  let newest: Frame | null = null;
  /** How many topics and recordings want frames. */
  let wanted = 0;
  let awaited = Promise.withResolvers<Frame>();

  const server = createServer({
    ...options,
    // Every frame of three seconds may wait for a viewer that wants them all.
    limits: { queueBytes: 24 * 1024 * 1024 },
    presence: true,
    topics: {
      "viewer.state": topic<State>({ policy: "latest" }),
      // Whoever is slow gets the newest frame when there is room for it, and delays nobody.
      "viewer.frame": topic({
        policy: "latest",
        select: thin,
        onFirstSubscriber: ({ signal }) => want(signal),
      }),
      // The same for those who want every frame, however late: to see why one doesn't.
      "viewer.film": topic({
        policy: "drop-oldest",
        select: thin,
        wslink: false,
        onFirstSubscriber: ({ signal }) => want(signal),
      }),
      "viewer.stats": topic<Stats>({
        policy: "latest",
        wslink: false,
        onFirstSubscriber({ publish, signal }) {
          const tell = () => viewers.forEach((_, to) => publish(statsOf(to), { to }));
          const timer = setInterval(tell, 1000);
          signal.addEventListener("abort", () => clearInterval(timer));
        },
      }),
    },
    procedures: {
      // What a newcomer needs to see at once; all that follows is published.
      "viewer.join": () => ({ state: state(), frame: newest }),
      "viewer.ping": () => null,
      "viewer.set": (feed: number, kill: number) => {
        change({ feed: number("feed", feed, 0, 0.1), kill: number("kill", kill, 0.03, 0.08) });
      },
      "viewer.preset": (name: string) => {
        const preset = PRESETS.get(name);
        if (!preset) throw invalid(`preset must be one of ${[...PRESETS.keys()]}`, name);
        change(preset);
        order({ drops: 12 });
      },
      "viewer.pause": (on: boolean) => {
        if (typeof on !== "boolean") throw invalid("paused must be true or false", on);
        paused = on;
        announce();
      },
      "viewer.step": () => order({ steps: 20 }),
      "viewer.sprinkle": () => order({ drops: 12 }),
      "viewer.reset": () => order({ reset: true }),
      "viewer.paint": (x0: number, y0: number, x1: number, y1: number, radius: number) => {
        const size = number("radius", radius, 0.003, 0.06);
        order({ stroke: [place(x0), place(y0), place(x1), place(y1), size] });
      },
      // Makes the caller's own link slow, to see what happens to whom; 0 is as fast as it goes.
      "viewer.link": procedure(({ client }, rate: number) => {
        const link = client.request && links.get(client.request);
        const wanted = number("rate", rate, 0, 1e12);
        if (link) link.rate = wanted > 0 ? Math.max(wanted, 10_000) : Infinity;
      }),
      // The tiles come as progress; who cancels stops the work.
      "viewer.survey": procedure(async (call) => {
        for await (const tile of survey(call.signal)) call.progress(tile);
        return TILES ** 2;
      }),
      // A film: frames as they are made, each an image of its own. Who reads slowly gets fewer a
      // second; who stops reading stops it.
      "viewer.record": procedure(async function* ({ signal }, count: number) {
        const frames = number("frames", count, 1, MAX_RECORDED);
        const recording = new AbortController();
        want(recording.signal);
        try {
          for (let i = 0; i < frames; i++) yield toPgm(await nextFrame(signal));
        } finally {
          recording.abort();
        }
      }),
    },
    onConnect({ id }) {
      const name = NAMES[visits % NAMES.length] ?? "";
      viewers.set(id, { id, name, colour: `hsl(${visits++ * 137 % 360} 70% 34%)` });
      announce();
    },
    onDisconnect({ id }) {
      viewers.delete(id);
      announce();
    },
  });

  function state(): State {
    return { ...parameters, paused, viewers: [...viewers.values()] };
  }
  function change(next: Parameters): void {
    parameters = next;
    order({ parameters });
    announce();
  }
  function announce(): void {
    server.publish("viewer.state", state());
    run();
  }
  /** Frames are made while somebody wants them. */
  function want(signal: AbortSignal): void {
    wanted++;
    run();
    signal.addEventListener("abort", () => (wanted--, run()), { once: true });
  }
  function run(): void {
    order({ run: wanted > 0 && !paused });
  }
  function nextFrame(signal: AbortSignal): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason);
      signal.throwIfAborted();
      signal.addEventListener("abort", abort);
      awaited.promise.then(resolve).finally(() => signal.removeEventListener("abort", abort));
    });
  }
  function linkOf({ request }: Client): SlowLink | undefined {
    return request && links.get(request);
  }
  function statsOf(id: string): Stats {
    const client = server.clients.get(id);
    const { heldMessages = 0, heldBytes = 0, oldestAge = 0 } = client?.queueStats() ?? {};
    const { rate = Infinity } = client && linkOf(client) || {};
    const calls = server.stats().calls.reduce((sum, { count }) => sum + count, 0);
    return {
      dropped: client?.dropped ?? 0,
      heldMessages,
      heldBytes,
      oldestAge,
      rate: rate === Infinity ? 0 : rate,
      calls,
    };
  }

  worker.onmessage = ({ data: frame }: MessageEvent<Frame>) => {
    newest = frame;
    server.publish("viewer.frame", frame);
    server.publish("viewer.film", frame);
    awaited.resolve(frame);
    awaited = Promise.withResolvers();
  };
  server.closed.then(() => worker.terminate());

  // Each client's socket goes through a link that it may slow down.
  const accept = server.accept.bind(server);
  server.accept = (socket, request, ...rest) => {
    const link = new SlowLink(socket);
    if (request) links.set(request, link);
    return accept(link, request, ...rest);
  };
  return server;
}

/** Leaves cells out, for those who don't need them all. */
function thin(frame: Frame, { every }: Detail): Frame {
  const step = number("every", every, 1, 16);
  if (frame.size % step > 0) throw invalid("every must be 1, 2, 4, 8 or 16", every);
  const size = frame.size / step, cells = new Uint8Array(size ** 2);
  for (let i = 0; i < cells.length; i++) {
    const row = Math.floor(i / size);
    cells[i] = frame.cells[row * step * frame.size + i % size * step] ?? 0;
  }
  return { ...frame, size, cells };
}

/** A portable graymap (netpbm's PGM); a file may hold many, one behind the other. */
function toPgm({ size, cells }: Frame): Uint8Array {
  const header = new TextEncoder().encode(`P5\n${size} ${size}\n255\n`);
  const image = new Uint8Array(header.length + cells.length);
  image.set(header);
  image.set(cells, header.length);
  return image;
}

/** Clamps what a slider may overshoot, and refuses what no slider sends. */
function number(name: string, value: unknown, low: number, high: number): number {
  if (Number.isFinite(value)) return Math.min(Math.max(Number(value), low), high);
  throw invalid(`${name} must be a number from ${low} to ${high}`, value);
}
const place = (value: unknown) => number("a place", value, 0, 1);

function invalid(rule: string, received: unknown): RpcError {
  return new RpcError(ErrorCode.invalidArguments, `${rule}: received ${JSON.stringify(received)}`);
}

if (import.meta.main) {
  const { port, host, authKey } = readExampleArgs();
  const content = await bundlePage(new URL("./", import.meta.url));
  await runExample(createViewer({ secret: authKey }), { port, host, content });
}
