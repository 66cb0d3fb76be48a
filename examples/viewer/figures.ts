/** Live figures, each with its last minute. @module */
/// <reference lib="dom" />
import type { Session } from "@hawser/hawser/client";
import { element, find } from "./dom.ts";
import type { createViewer, Stats } from "./main.ts";

/** How many seconds a chart shows. */
const SPAN = 60;

type Chart = { value: HTMLElement; line: SVGPolylineElement; past: number[] };

/** Counts what comes, and draws once a second how it stands. */
export class Figures {
  readonly #session: Session<ReturnType<typeof createViewer>>;
  readonly #charts = new Map<string, Chart>();
  #frames = 0;
  #bytes = 0;
  #since = performance.now();
  #stats: Stats | undefined;
  #dropped = 0;
  #trip = 0;

  /** @param session Whose figures they are. */
  constructor(session: Session<ReturnType<typeof createViewer>>) {
    this.#session = session;
    session.subscribe("viewer.stats", (stats) => this.#stats = stats);
    setInterval(() => this.#measure(), 1000);
    this.#show();
  }

  /** A frame was shown. */
  frame(bytes: number): void {
    this.#frames++;
    this.#bytes += bytes;
  }

  #measure(): void {
    this.#show();
    if (this.#session.status.state !== "open") return;
    // A call like any other: that it overtakes the frames is what there is to see.
    this.#session.ping().then((trip) => this.#trip = trip, () => {});
  }

  #show(): void {
    const now = performance.now(), seconds = Math.max(now - this.#since, 1) / 1000;
    const { heldBytes = 0, oldestAge = 0 } = this.#stats ?? {};
    // What the server tells of by itself, not a figure that this example sends.
    const dropped = this.#session.stats().dropped.reduce((sum, { count }) => sum + count, 0);
    const missed = Math.max(0, dropped - this.#dropped);
    const trip = this.#trip;
    this.#draw("frames/s", this.#frames / seconds, 0);
    this.#draw("MB/s", this.#bytes / seconds / 1e6, 1);
    this.#draw("ms trip", trip, trip < 10 ? 1 : 0);
    this.#draw("dropped", dropped, 0, missed);
    this.#draw("MB waiting", heldBytes / 1e6, 1);
    this.#draw("s late", oldestAge / 1000, 1);
    this.#frames = this.#bytes = 0;
    this.#since = now;
    this.#dropped = dropped;
  }

  #draw(name: string, value: number, digits: number, drawn = value): void {
    const chart = this.#charts.get(name) ?? this.#add(name);
    chart.value.textContent = value.toFixed(digits);
    chart.past = [...chart.past.slice(1 - SPAN), drawn];
    const top = Math.max(...chart.past) || 1;
    const points = chart.past.map((it, i) =>
      `${SPAN - chart.past.length + i},${20 - 19 * it / top}`
    );
    chart.line.setAttribute("points", points.join(" "));
  }

  #add(name: string): Chart {
    const value = element("dd", ""), box = element("div", "");
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 ${SPAN - 1} 21`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    svg.append(line);
    box.append(element("dt", name), value, svg);
    find("figures", HTMLElement).append(box);
    const chart = { value, line, past: [] };
    this.#charts.set(name, chart);
    return chart;
  }
}
