import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect, type ConnectOptions, type PresenceEvent, RpcError } from "@hawser/hawser/client";
import { serve } from "@hawser/hawser/server";
import { createViewer, type State } from "../../examples/viewer/main.ts";
import { type Parameters, PRESETS, Simulation } from "../../examples/viewer/simulation.ts";
import { parametersOf, type Tile, TILE_SIZE } from "../../examples/viewer/survey.ts";
import type { Frame, Order } from "../../examples/viewer/worker.ts";
import { JsonDecoder } from "@hawser/hawser/protocol";
import { RawSocket } from "../_raw_socket.ts";
import { testProcess } from "./_example.ts";

function simulate(steps: number, parameters = PRESETS.get("Coral")): Uint8Array {
  const simulation = new Simulation(256, 1);
  if (parameters) simulation.parameters = parameters;
  simulation.paint(0.1, 0.2, 0.9, 0.8, 0.03);
  for (let i = 0; i < steps; i++) simulation.advance();
  return simulation.cells();
}

Deno.test("the simulation gives the same cells for the same seed and calls", () => {
  assertEquals(simulate(100).join(), simulate(100).join());
});

Deno.test("every preset lives on, each in its own way", () => {
  const pictures = new Set<string>();
  for (const [name, parameters] of PRESETS) {
    const cells = simulate(400, parameters);
    assert(cells.some((cell) => cell > 60), `${name} has died`);
    assert(cells.some((cell) => cell < 200), `${name} has overgrown everything`);
    pictures.add(cells.join());
  }
  assertEquals(pictures.size, PRESETS.size);
});

/** Gray and Scott's two equations as they are in books, in double precision, on the same torus. */
function react(cells: Cell[], row: number, { feed, kill }: Parameters): Cell[] {
  const length = cells.length;
  const at = (i: number) => cells[(i + length) % length] ?? { u: NaN, v: NaN };
  return cells.map(({ u, v }, i) => {
    const around = [at(i - 1), at(i + 1), at(i - row), at(i + row)];
    const spreadU = around.reduce((sum, it) => sum + it.u - u, 0);
    const spreadV = around.reduce((sum, it) => sum + it.v - v, 0);
    return {
      u: u + 0.2 * spreadU - u * v * v + feed * (1 - u),
      v: v + 0.1 * spreadV + u * v * v - (feed + kill) * v,
    };
  });
}
type Cell = { u: number; v: number };

Deno.test("the simulation keeps to its equations at every corner of the parameters", () => {
  const row = 64;
  let brightest = 0;
  for (const feed of [0, 0.1]) {
    for (const kill of [0.03, 0.08]) {
      const simulation = new Simulation(row, 7);
      simulation.parameters = { feed, kill };
      simulation.paint(0.1, 0.2, 0.9, 0.8, 0.12);
      let cells = Array.from(simulation.cells(), (cell) => {
        return cell > 0 ? { u: 0.5, v: 0.25 } : { u: 1, v: 0 }; // drawn upon, or not
      });
      for (let step = 1; step <= 300; step++) {
        simulation.advance();
        cells = react(cells, row, { feed, kill });
        if (step % 50 > 0) continue;
        for (const [i, cell] of simulation.cells().entries()) {
          // V grows past what a byte has room for: such a cell is the brightest, and no dark one.
          const exact = (cells[i]?.v ?? NaN) * 600;
          const expected = Math.min(Math.floor(exact), 255);
          brightest = Math.max(brightest, exact);
          const where = `feed ${feed}, kill ${kill}, step ${step}, cell ${i}`;
          assert(Math.abs(cell - expected) <= 1, `${where}: ${cell}, not ${expected}`);
        }
      }
    }
  }
  assert(brightest > 400, `nothing was brighter than ${brightest}`);
});

Deno.test("what is drawn across an edge goes on at the opposite one", () => {
  const simulation = new Simulation(64, 1);
  simulation.parameters = { feed: 0, kill: 0.08 };
  for (let i = 0; i < 2000; i++) simulation.advance(); // until the first drops are gone
  assert(simulation.cells().every((cell) => cell === 0));
  simulation.paint(0, 0, 0, 0, 0.05);
  const cells = simulation.cells();
  const corners = [0, 63, 63 * 64, 63 * 64 + 63].map((cell) => cells[cell]);
  assertEquals(corners, [150, 150, 150, 150]);
});

Deno.test("the worker runs while it is told to, and else makes the steps it is asked for", async () => {
  const script = new URL("../../examples/viewer/worker.ts", import.meta.url);
  const worker = new Worker(script, { type: "module" });
  const frames = new ReadableStream<Frame>({
    start(controller) {
      worker.onmessage = ({ data }: MessageEvent<Frame>) => controller.enqueue(data);
    },
  }).values();
  const order = (order: Order) => worker.postMessage(order);
  async function next(): Promise<Frame> {
    const { value } = await frames.next();
    assert(value);
    return value;
  }

  order({ steps: 3 });
  let last = await next();
  assertEquals([last.frame, last.step], [1, 3]);
  order({ run: true });
  for (const frame of [2, 3, 4]) {
    const { step } = last;
    last = await next();
    assertEquals(last.frame, frame);
    assert(last.step > step);
  }
  order({ run: false });
  // Frames that were made before the order arrived come first; only the stroke makes no step.
  order({ stroke: [0, 0, 1, 1, 0.01] });
  last = await until(next, ({ step }) => {
    const [before] = [last.step];
    last = { ...last, step };
    return step === before;
  });
  order({ steps: 1 });
  const { frame, step } = await next();
  assertEquals([frame, step], [last.frame + 1, last.step + 1]);
  worker.terminate();
});

/** Someone who watches: a session, and readers of two topics. */
async function watch(url: string, options: ConnectOptions = {}) {
  const session = await connect<ReturnType<typeof createViewer>>(url, options);
  const ready: Promise<void>[] = [];
  function read<T>(topic: string): () => Promise<T> {
    const subscription = session.subscribe<T>(topic, { buffer: 1000 });
    ready.push(subscription.ready);
    const values = subscription[Symbol.asyncIterator]();
    return async () => {
      const { value } = await values.next();
      if (value === undefined) throw new Error(`${topic} has ended`);
      return value;
    };
  }
  const viewer = {
    session,
    frame: read<Frame>("viewer.frame"),
    state: read<State>("viewer.state"),
    [Symbol.asyncDispose]: () => session.close(),
  };
  // What is published before the server knows of it isn't sent.
  await Promise.all(ready);
  return viewer;
}

/** Reads until a value is as wanted. */
async function until<T>(next: () => Promise<T>, wanted: (value: T) => boolean): Promise<T> {
  while (true) {
    const value = await next();
    if (wanted(value)) return value;
  }
}

function assertSamePicture(one: Frame, other: Frame): void {
  assertEquals([one.frame, one.step, one.size], [other.frame, other.step, other.size]);
  assert(one.cells.length === one.size ** 2);
  assert(one.cells.every((cell, i) => cell === other.cells[i]));
}

Deno.test("every viewer gets the same frames, one byte a cell", async () => {
  await using listening = await serve(createViewer(), { port: 0 });
  await using one = await watch(listening.webSocketUrl);
  await using other = await watch(listening.webSocketUrl);
  let here = await one.frame();
  let there = await other.frame();
  while (here.frame !== there.frame) {
    if (here.frame < there.frame) here = await one.frame();
    else there = await other.frame();
  }
  assertEquals(here.size, 512);
  assert(here.cells.some((cell) => cell > 0));
  assertSamePicture(here, there);
  const later = await one.frame();
  assert(later.frame > here.frame && later.step > here.step);
});

Deno.test("a paused simulation makes the steps it is asked for, and newcomers see them", async () => {
  await using listening = await serve(createViewer(), { port: 0 });
  await using viewer = await watch(listening.webSocketUrl);
  let last = await viewer.frame();
  await viewer.session.call("viewer.pause", [true]);
  // Frames that were made before the pause come first; a stroke makes a frame, and no step.
  const painted = await until(async () => {
    await viewer.session.call("viewer.paint", [0.2, 0.3, 0.8, 0.3, 0.05]);
    return await viewer.frame();
  }, ({ step }) => {
    const before = last.step;
    last = { ...last, step };
    return step === before;
  });
  for (const x of [0.21, 0.5, 0.79]) {
    const cell = Math.floor(0.3 * painted.size) * painted.size + Math.floor(x * painted.size);
    assertEquals(painted.cells[cell], 150, `the stroke at ${x}`);
  }
  await viewer.session.call("viewer.step");
  const stepped = await until(viewer.frame, ({ step }) => step === painted.step + 20);
  assert(stepped.cells.some((cell, i) => cell !== painted.cells[i]));

  await using newcomer = await watch(listening.webSocketUrl);
  const { state, frame } = await newcomer.session.call("viewer.join");
  assertEquals(state.paused, true);
  assert(frame);
  assertSamePicture(frame, stepped);

  await viewer.session.call("viewer.pause", [false]);
  assert((await newcomer.frame()).step > stepped.step);
});

Deno.test("parameters are everybody's, and clamped to what makes sense", async () => {
  await using listening = await serve(createViewer(), { port: 0 });
  await using one = await watch(listening.webSocketUrl);
  await using other = await watch(listening.webSocketUrl);
  await one.session.call("viewer.set", [0.04, 0.06]);
  await until(other.state, ({ feed, kill }) => feed === 0.04 && kill === 0.06);
  await one.session.call("viewer.set", [-1, 1e300]);
  await until(other.state, ({ feed, kill }) => feed === 0 && kill === 0.08);
  for (const [name, preset] of PRESETS) {
    await one.session.call("viewer.preset", [name]);
    await until(other.state, ({ feed, kill }) => feed === preset.feed && kill === preset.kill);
  }
  const { state } = await one.session.call("viewer.join");
  assertEquals([state.feed, state.kill], Object.values([...PRESETS.values()].at(-1) ?? {}));
});

Deno.test("nonsense is refused with what was expected, and changes nothing", async () => {
  await using listening = await serve(createViewer(), { port: 0 });
  await using session = await connect(listening.webSocketUrl);
  const { state } = await session.call<{ state: State }>("viewer.join");
  const nonsense: [method: string, args: unknown[], message: string][] = [
    ["viewer.set", ["0.04", 0.06], 'feed must be a number from 0 to 0.1: received "0.04"'],
    ["viewer.set", [0.04, NaN], "kill must be a number from 0.03 to 0.08: received null"],
    ["viewer.set", [], "feed must be a number"],
    ["viewer.preset", ["constructor"], "preset must be one of Coral,"],
    ["viewer.pause", ["no"], 'paused must be true or false: received "no"'],
    ["viewer.paint", [0, 0, 1, 1], "radius must be a number"],
    ["viewer.paint", [{}, 0, 1, 1, 0.01], "a place must be a number from 0 to 1: received {}"],
    ["viewer.link", ["fast"], 'rate must be a number from 0 to 1000000000000: received "fast"'],
  ];
  for (const [method, args, message] of nonsense) {
    const error = await assertRejects(() => session.call(method, args), RpcError);
    assertEquals(error.code, -32602);
    assertStringIncludes(error.message, message);
  }
  assertEquals((await session.call<{ state: State }>("viewer.join")).state, state);
});

Deno.test("where a viewer points is what others learn of it, until it leaves", async () => {
  await using listening = await serve(createViewer(), { port: 0 });
  await using one = await watch(listening.webSocketUrl);
  const other = await watch(listening.webSocketUrl);
  const events = one.session.subscribe<PresenceEvent>("wslink.presence");
  await events.ready;
  await other.session.setData({ x: 0.25, y: 1 });
  await other.session.close();
  const seen: [string, string, unknown][] = [];
  for await (const { event, client: { id, data } } of events) {
    seen.push([event, id, data]);
    if (event === "leave") break;
  }
  const id = other.session.clientId, data = { x: 0.25, y: 1 };
  assertEquals(seen, [["update", id, data], ["leave", id, data]]);
});

Deno.test("frames are made while somebody wants them, thinned out for who asks", async () => {
  await using listening = await serve(createViewer(), { port: 0 });
  await using session = await connect<ReturnType<typeof createViewer>>(listening.webSocketUrl);
  await session.call("viewer.join");
  assertEquals((await session.call("viewer.join")).frame, null, "nobody watches");

  const whole = session.subscribe("viewer.frame", { buffer: 1000 });
  const quarter = session.subscribe("viewer.frame", { buffer: 1000, filter: { every: 4 } });
  const wholes = new Map<number, Uint8Array>();
  const [big, small] = await new Promise<[Uint8Array, Uint8Array]>((resolve) => {
    const thin = new Map<number, Uint8Array>();
    const pair = (frame: number) => {
      const [big, small] = [wholes.get(frame), thin.get(frame)];
      if (big && small) resolve([big, small]);
    };
    (async () => {
      for await (const { frame, cells } of whole) wholes.set(frame, cells), pair(frame);
    })();
    (async () => {
      for await (const { frame, size, cells } of quarter) {
        assertEquals(size, 128);
        thin.set(frame, cells);
        pair(frame);
      }
    })();
  });
  assertEquals(small.length, 128 ** 2);
  for (const [x, y] of [[0, 0], [5, 3], [127, 127]] as const) {
    assertEquals(small[y * 128 + x], big[y * 4 * 512 + x * 4], `cell ${x}, ${y}`);
  }
  const nonsense = session.subscribe("viewer.frame", { filter: { every: 3 } });
  await assertRejects(async () => {
    for await (const _ of nonsense);
  }, RpcError);

  await Promise.all([whole.unsubscribe(), quarter.unsubscribe()]);
  // The worker may have one more on its way, and then it makes no step by itself.
  const frameNow = async () => (await session.call("viewer.join")).frame?.frame ?? 0;
  await until(async () => {
    const before = await frameNow();
    await session.call("viewer.step"); // answered by a frame, since nothing runs
    return await until(frameNow, (now) => now > before) - before;
  }, (made) => made === 1);
});

Deno.test("a survey shows its tiles as they are done, and stops when its caller does", async () => {
  await using listening = await serve(createViewer(), { port: 0 });
  await using session = await connect<ReturnType<typeof createViewer>>(listening.webSocketUrl);
  const stop = new AbortController();
  const tiles: Tile[] = [];
  const survey = session.call("viewer.survey", [], {
    signal: stop.signal,
    onProgress(tile) {
      tiles.push(Object(tile));
      if (tiles.length === 3) stop.abort();
    },
  });
  await assertRejects(() => survey, DOMException);
  assertEquals(tiles.map(({ index }) => index), [0, 1, 2]);
  assertEquals(tiles[2]?.cells.length, TILE_SIZE ** 2);
  assertEquals(tiles[2]?.feed, parametersOf(2).feed);
  const calls = session.stats().calls.find(({ method }) => method === "viewer.survey");
  assertEquals([calls?.abandoned, calls?.running], [1, 0]);
});

Deno.test("a film is a stream of images, and who has seen enough ends it", async () => {
  const server = createViewer();
  await using listening = await serve(server, { port: 0 });
  await using session = await connect<typeof server>(listening.webSocketUrl);
  const images: Uint8Array[] = [];
  for await (const image of session.stream("viewer.record", [2])) images.push(image);
  assertEquals(images.length, 2);
  for (const image of images) {
    assertEquals(new TextDecoder().decode(image.subarray(0, 15)), "P5\n512 512\n255\n");
    assertEquals(image.length, 15 + 512 ** 2);
  }
  const events = server.events({ only: ["call"] });
  for await (const _ of session.stream("viewer.record", [600])) break;
  const { value } = await events.next();
  assertEquals(value?.method, "viewer.record");
  await events.return?.();
  await assertRejects(
    async () => {
      for await (const _ of session.stream("viewer.record", [NaN]));
    },
    RpcError,
    "frames must be a number",
  );
});

Deno.test("a slow link drops frames, and neither calls nor other viewers wait for it", async () => {
  const server = createViewer();
  await using listening = await serve(server, { port: 0 });
  await using slow = await watch(listening.webSocketUrl);
  await using live = await watch(listening.webSocketUrl);
  const stats = slow.session.subscribe("viewer.stats");
  await slow.frame();
  await slow.session.call("viewer.link", [500_000]); // two frames a second
  const { rate, dropped } = await until(async () => {
    for await (const stats of slow.session.subscribe("viewer.stats")) return stats;
    throw new Error("viewer.stats has ended");
  }, ({ dropped }) => dropped > 30);
  assertEquals(rate, 500_000);
  const first = await live.frame();
  for (let i = 0; i < 30; i++) await live.frame();
  const client = server.clients.get(slow.session.clientId);
  assert((client?.dropped ?? 0) >= dropped);
  assert((server.clients.get(live.session.clientId)?.dropped ?? Infinity) < dropped);
  assert(first.frame > 0);
  // While a frame is always on its way, a call's answer comes between its pieces.
  const frames: number[] = [];
  const reading = slow.session.subscribe<Frame>("viewer.frame", ({ frame }) => frames.push(frame));
  for (let i = 0; i < 5; i++) await slow.session.ping();
  assert(frames.length < 5, `five calls took as long as ${frames.length} frames`);
  reading.unsubscribe();
  stats.unsubscribe();
  await slow.session.call("viewer.link", [0]);
});

Deno.test("viewers have a name and a colour each, until they leave", async () => {
  await using listening = await serve(createViewer(), { port: 0 });
  await using one = await watch(listening.webSocketUrl);
  const other = await watch(listening.webSocketUrl);
  const { viewers } = await until(one.state, ({ viewers }) => viewers.length === 2);
  assertEquals(viewers.map(({ id }) => id), [one.session.clientId, other.session.clientId]);
  assertEquals(new Set(viewers.map(({ name }) => name)).size, 2);
  assertEquals(new Set(viewers.map(({ colour }) => colour)).size, 2);
  await other.session.close();
  await until(one.state, ({ viewers }) => viewers.length === 1);
});

Deno.test("a viewer that stops reading misses frames, gets the newest, and delays nobody", async () => {
  const server = createViewer();
  await using listening = await serve(server, { port: 0 });
  // One that sets no pace by what it has read: on a busy machine it would skip frames for itself.
  await using live = await watch(listening.webSocketUrl, { extensions: false });
  using socket = await RawSocket.open(listening.webSocketUrl);
  await socket.send(
    1,
    new TextEncoder().encode(
      '{"wslink":"1.0","id":"system:c0:0","method":"wslink.hello","args":[{"secret":"wslink-secret"}]}',
    ),
  );
  await until(live.state, ({ viewers }) => viewers.length === 2);
  const [, stalled] = server.clients.values();
  assert(stalled);

  // The kernel's buffers fill up, a few MB; the server keeps no more than a frame beside them.
  let onTheWay = 0;
  await until(live.frame, () => stalled.dropped > 0 || ++onTheWay > 300);
  assert(stalled.dropped > 0, `the server holds ${onTheWay} frames for who doesn't read them`);
  const before = stalled.dropped;
  const first = await live.frame();
  let last = first;
  for (let i = 0; i < 60; i++) last = await live.frame();
  const skipped = last.frame - first.frame - 60;
  const missed = stalled.dropped - before;
  // One frame waits for it, and no second one: all that came since were dropped.
  assert(missed >= 59, `the stalled viewer missed ${missed} of 60 frames only`);
  assert(skipped < missed / 2, `the other viewer missed ${skipped} frames for it`);

  // Now it reads: what was on the way, and right behind that what is newest.
  let late: Frame | undefined;
  let gap = 0;
  const frames = rawFrames(socket);
  await until(async () => (await frames.next()).value, (frame) => {
    gap = Math.max(gap, frame.frame - (late?.frame ?? frame.frame));
    late = frame;
    return frame.frame >= last.frame;
  });
  assert(gap > missed, `it got more than the newest of the ${missed} frames: a gap of ${gap}`);
});

/** The frames that a socket made by hand gets, in JSON. */
async function* rawFrames(socket: RawSocket): AsyncGenerator<Frame, never> {
  const decoder = new JsonDecoder();
  const text = new TextDecoder();
  while (true) {
    const frame = await socket.next();
    if (frame === undefined) throw new Error("the server hung up");
    const { opcode, payload } = frame;
    const message = decoder.decode(opcode === 1 ? text.decode(payload) : payload);
    if (message?.type !== "publication" || message.topic !== "viewer.frame") continue;
    yield asFrame(message.result);
  }
}

function asFrame(value: unknown): Frame {
  const { frame, step, size, cells } = Object(value);
  assert(cells instanceof Uint8Array);
  return { frame: Number(frame), step: Number(step), size: Number(size), cells };
}

testProcess("examples/viewer/main.ts", async (session, url) => {
  assertEquals(await session.call("viewer.ping"), null);
  const page = await (await fetch(url)).text();
  assertStringIncludes(page, '<script type="module" src="page.js">');
  const script = await fetch(new URL("page.js", url));
  assertStringIncludes(script.headers.get("content-type") ?? "", "javascript");
  assertStringIncludes(await script.text(), "viewer.join");
});
