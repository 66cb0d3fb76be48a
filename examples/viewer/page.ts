/** The demo's page: shows the frames, and turns what the viewer does into calls. @module */
/// <reference lib="dom" />
import { connect, type PresenceEvent } from "@hawser/hawser/client";
import { button, choice, element, find, press } from "./dom.ts";
import { createPainter, MAPS, mix } from "./draw.ts";
import { Figures } from "./figures.ts";
import type { createViewer, Cursor, State } from "./main.ts";
import { PRESETS } from "./simulation.ts";
import { addFilm, Survey } from "./tools.ts";
import type { Frame } from "./worker.ts";

const canvas = find("picture", HTMLCanvasElement), draw = createPainter(canvas);
const feed = find("feed", HTMLInputElement), kill = find("kill", HTMLInputElement);
const brush = find("brush", HTMLInputElement), notice = find("notice", HTMLElement);
const cursors = new Map<string, HTMLElement>();
let state: State | undefined, shown: Frame | undefined, colours: ImageData;
let retryAt = 0;

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
const figures = new Figures(session), survey = new Survey(session);
addFilm(session);
session.subscribe("viewer.state", showState);
session.subscribe<PresenceEvent>("wslink.presence", showPresence);
followStatus();

/** What of the frames this viewer wants: one link can carry more of it than another. */
let every = 1, topic: "viewer.frame" | "viewer.film" = "viewer.frame", frames = follow();

/** Takes the newest frame whenever the screen is ready for one, or all of them in their order. */
function follow() {
  const buffer = topic === "viewer.frame" ? 1 : 64;
  const frames = every === 1
    ? session.subscribe(topic, { buffer })
    : session.subscribe(topic, { buffer, filter: { every } });
  (async () => {
    for await (const frame of frames) {
      await new Promise(requestAnimationFrame);
      figures.frame(frame.cells.length);
      show(frame);
    }
  })();
  return frames;
}

function followAnew(): void {
  const before = frames;
  frames = follow(); // first, so that there is always somebody who watches
  before.unsubscribe();
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
    press("rates", "No limit"); // a new connection has a link of its own
  }
}

function show(frame = shown) {
  shown = frame;
  if (!frame) return;
  draw(frame.cells, frame.size, colours);
  canvas.ariaLabel = `The simulation, ${frame.size} × ${frame.size} cells`;
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
}

function showValues() {
  for (const slider of [feed, kill, brush]) {
    const digits = (slider.step.split(".")[1] ?? "").length;
    find(`${slider.id}-value`, HTMLElement).textContent = slider.valueAsNumber.toFixed(digits);
  }
}

/** Where others point is what they let be known about themselves. */
function showPresence({ event, client: { id, data } }: PresenceEvent) {
  if (event === "leave") return cursors.get(id)?.remove(), void cursors.delete(id);
  const viewer = state?.viewers.find((viewer) => viewer.id === id);
  if (!viewer || id === session.clientId || !isCursor(data)) return;
  const cursor = cursors.get(id) ?? element("span", viewer.name, viewer.colour);
  cursors.set(id, cursor);
  cursor.style.left = `${data.x * 100}%`;
  cursor.style.top = `${data.y * 100}%`;
  canvas.after(cursor);
}

function isCursor(data: unknown): data is Cursor {
  return typeof data === "object" && data !== null && "x" in data && "y" in data &&
    typeof data.x === "number" && typeof data.y === "number";
}

let pointer: Cursor | undefined;
function point(x: number, y: number): void {
  if (!pointer) requestAnimationFrame(() => (session.setData(pointer), pointer = undefined));
  pointer = { x, y };
}

let stroke: [x: number, y: number] | undefined;
canvas.onpointerdown = canvas.onpointermove = (event) => {
  const x = event.offsetX / canvas.clientWidth, y = event.offsetY / canvas.clientHeight;
  point(x, y);
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
choice("rates", { "No limit": 0, "20 Mbit/s": 20, "4 Mbit/s": 4, "1 Mbit/s": 1 }, (rate) => {
  session.call("viewer.link", [rate * 1e6 / 8]);
});
choice("details", { "512²": 1, "256²": 2, "128²": 4 }, (value) => (every = value, followAnew()));
choice("policies", { "Newest": true, "Every frame": false }, (newest) => {
  topic = newest ? "viewer.frame" : "viewer.film";
  followAnew();
});
for (const [name, map] of MAPS) {
  const choose = () => {
    press("maps", name);
    survey.recolour(colours = mix(map));
    show();
  };
  const swatch = button("maps", name, choose);
  swatch.title = name;
  swatch.style.backgroundImage = `linear-gradient(90deg, ${map})`;
  if (name === "Viridis") choose();
}
setInterval(() => {
  const seconds = Math.max(0, (retryAt - performance.now()) / 1000);
  if (retryAt) notice.textContent = `Back in ${seconds.toFixed(1)} s`;
}, 100);
