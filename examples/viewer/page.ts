/** The demo's page: shows the frames, and turns what the viewer does into calls. @module */
/// <reference lib="dom" />
import { connect } from "@hawser/hawser/client";
import { createPainter, MAPS, mix } from "./draw.ts";
import type { createViewer, Cursor, State } from "./main.ts";
import { PRESETS } from "./simulation.ts";
import type { Frame } from "./worker.ts";

const canvas = find("picture", HTMLCanvasElement), draw = createPainter(canvas);
const feed = find("feed", HTMLInputElement), kill = find("kill", HTMLInputElement);
const brush = find("brush", HTMLInputElement), notice = find("notice", HTMLElement);
const cursors = new Map<string, HTMLElement>();
let state: State | undefined, shown: Frame | undefined, colours: ImageData;
let trips: number[] = [], frames = 0, since = performance.now(), skipped = 0, retryAt = 0;

// Whatever calls reject with is said in one place.
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  notice.textContent = event.reason.message;
});

let socket: WebSocket | undefined; // held for one reason: to cut it
const session = await connect<ReturnType<typeof createViewer>>(
  new URL("ws", location.href.replace(/^http/, "ws")),
  {
    secret: new URLSearchParams(location.search).get("authKey") ?? "wslink-secret",
    reconnect: { initialDelay: 6_000 }, // long enough to be watched
    WebSocket: class extends WebSocket {
      constructor(url: string | URL) {
        super(url);
        socket = this;
      }
    },
  },
);
session.subscribe<State>("viewer.state", showState);
session.subscribe<Cursor>("viewer.cursor", showCursor);
followFrames();
followStatus();

/** Takes the newest frame whenever the screen is ready for one; older ones are dropped. */
async function followFrames() {
  for await (const frame of session.subscribe<Frame>("viewer.frame", { buffer: 1 })) {
    await new Promise(requestAnimationFrame);
    skipped += Math.max(0, frame.frame - (shown?.frame ?? Infinity) - 1);
    frames++;
    show(frame);
  }
}

async function followStatus() {
  for await (const status of session.statuses()) {
    const shown = find("status", HTMLElement);
    shown.className = status.state;
    shown.textContent = status.state === "open" ? "Connected" : "Cut off";
    retryAt = status.state === "waiting" ? performance.now() + status.delay : 0;
    notice.textContent = "";
    if (status.state !== "open") continue;
    const { state, frame } = await session.call("viewer.join");
    showState(state);
    if (frame) show(frame);
  }
}

function show(frame = shown) {
  shown = frame;
  if (frame) draw(frame.cells, frame.size, colours);
}

function showState(next: State) {
  state = next;
  // No slider is pulled out of the hand that holds it.
  if (!feed.matches(":active")) feed.valueAsNumber = next.feed;
  if (!kill.matches(":active")) kill.valueAsNumber = next.kill;
  showValues();
  press("actions", next.paused ? "Pause" : undefined);
  press(
    "presets",
    [...PRESETS].find(([, it]) => it.feed === next.feed && it.kill === next.kill)?.[0],
  );
  find("viewers", HTMLElement).replaceChildren(...next.viewers.map(({ id, name, colour }) => {
    return element("span", id === session.clientId ? `${name} (you)` : name, colour);
  }));
  for (const [id, cursor] of cursors) {
    if (!next.viewers.some((viewer) => viewer.id === id)) cursor.remove(), cursors.delete(id);
  }
}

function showValues() {
  for (const slider of [feed, kill, brush]) {
    const digits = (slider.step.split(".")[1] ?? "").length;
    find(`${slider.id}-value`, HTMLElement).textContent = slider.valueAsNumber.toFixed(digits);
  }
}

function showCursor({ id, x, y }: Cursor) {
  const viewer = state?.viewers.find((viewer) => viewer.id === id);
  if (!viewer) return;
  const cursor = cursors.get(id) ?? element("span", viewer.name, viewer.colour);
  cursors.set(id, cursor);
  cursor.style.left = `${x * 100}%`;
  cursor.style.top = `${y * 100}%`;
  canvas.after(cursor);
}

let stroke: [x: number, y: number] | undefined;
canvas.onpointerdown = canvas.onpointermove = (event) => {
  const x = event.offsetX / canvas.clientWidth, y = event.offsetY / canvas.clientHeight;
  session.call("viewer.cursor", [x, y]);
  if (event.type === "pointerdown") canvas.setPointerCapture(event.pointerId), stroke = [x, y];
  if (event.buttons === 0 || !stroke) return;
  session.call("viewer.paint", [...stroke, x, y, brush.valueAsNumber]);
  stroke = [x, y];
};
feed.oninput = kill.oninput = () => {
  session.call("viewer.set", [feed.valueAsNumber, kill.valueAsNumber]);
};
brush.oninput = showValues;
button("link", "Cut the socket", () => socket?.close(4000, "Cut by hand"));
button("actions", "Pause", () => session.call("viewer.pause", [!state?.paused]));
button("actions", "Step", () => session.call("viewer.step"));
button("actions", "Sprinkle", () => session.call("viewer.sprinkle"));
button("actions", "Reset", () => session.call("viewer.reset"));
for (const name of PRESETS.keys()) {
  button("presets", name, () => session.call("viewer.preset", [name]));
}
for (const [name, map] of MAPS) {
  const choose = () => (press("maps", name), colours = mix(map), show());
  const swatch = button("maps", name, choose);
  swatch.title = name;
  swatch.style.backgroundImage = `linear-gradient(90deg, ${map})`;
  if (name === "Viridis") choose();
}

function measure() {
  const now = performance.now(), rate = frames * 1000 / (now - since);
  const trip = trips.sort((a, b) => a - b)[trips.length >> 1] ?? 0;
  const figures = {
    "frames/s": rate.toFixed(0),
    "MB/s": (rate * (shown?.cells.length ?? 0) / 1e6).toFixed(1),
    "ms trip": trip.toFixed(trip < 10 ? 1 : 0),
    skipped: String(skipped),
    viewers: String(state?.viewers.length ?? 0),
  };
  find("figures", HTMLElement).replaceChildren(
    ...Object.entries(figures).flatMap(([name, it]) => [element("dt", name), element("dd", it)]),
  );
  since = now, frames = 0;
  if (session.status.state !== "open") return;
  session.call("viewer.ping").then(() => trips = [...trips.slice(-4), performance.now() - now]);
}
measure();
setInterval(measure, 1000);
setInterval(() => {
  const seconds = Math.max(0, (retryAt - performance.now()) / 1000);
  if (retryAt) notice.textContent = `Back in ${seconds.toFixed(1)} s`;
}, 100);

function find<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`The page has no ${type.name} named "${id}"`);
}

function element(tag: string, text: string, colour?: string): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  if (colour) made.className = "tag", made.style.setProperty("--colour", colour);
  return made;
}

function button(group: string, text: string, act: () => void): HTMLElement {
  const made = element("button", text);
  made.onclick = act;
  find(group, HTMLElement).append(made);
  return made;
}

function press(group: string, text: string | undefined): void {
  for (const button of find(group, HTMLElement).children) {
    button.ariaPressed = String(button.textContent === text);
  }
}
