/**
 * The demo: one simulation on the server, watched and steered by everyone who opens the page.
 *
 * @module
 */
import { createServer, ErrorCode, procedure, RpcError } from "@hawser/hawser/server";
import { readExampleArgs, runExample } from "../_args.ts";
import { bundlePage } from "../_bundle.ts";
import { type Parameters, PRESETS } from "./simulation.ts";
import type { Frame, Order } from "./worker.ts";

/** What all viewers see alike, besides the picture; the topic `viewer.state`. */
export type State = Parameters & { paused: boolean; viewers: Viewer[] };
/** Someone who watches. */
export type Viewer = { id: string; name: string; colour: string };
/** Where a viewer points, in fractions of the picture's sides; the topic `viewer.cursor`. */
export type Cursor = { id: string; x: number; y: number };

const NAMES = ["Heron", "Otter", "Lynx", "Robin", "Seal", "Moth", "Wren"];

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
  let parameters: Parameters = { feed: 0.0545, kill: 0.062 };
  let paused = false;
  let newest: Frame | null = null;
  let visits = 0;

  const server = createServer({
    ...options,
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
      "viewer.cursor": procedure(({ client, server }, x: number, y: number) => {
        const cursor: Cursor = { id: client.id, x: place(x), y: place(y) };
        const rest = { except: client, key: client.id };
        server.publish("viewer.cursor", cursor, { policy: "latest", ...rest });
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
    server.publish("viewer.state", state(), { policy: "latest" });
    order({ run: viewers.size > 0 && !paused });
  }

  worker.onmessage = ({ data: frame }: MessageEvent<Frame>) => {
    newest = frame;
    // Whoever is slow gets the newest frame when there is room for it, and delays nobody.
    server.publish("viewer.frame", frame, { policy: "latest" });
  };
  server.closed.then(() => worker.terminate());
  return server;
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
