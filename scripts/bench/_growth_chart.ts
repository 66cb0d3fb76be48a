/** One line of a chart. */
export interface Series {
  name: string;
  /** The colour, as in {@linkcode COLOURS}. */
  side: string;
  points: readonly (readonly [x: number, y: number])[];
}

/** A chart whose scales are both logarithmic. */
export interface Chart {
  title: string;
  /** What is to the right, and what each of its marks is called. */
  across: string;
  marks: readonly (readonly [x: number, name: string])[];
  /** What is upwards. */
  up: string;
  series: readonly Series[];
}

/** On light and on dark pages. */
const COLOURS: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  "raw": ["#57606a", "#9198a1"],
  "hawser-raw": ["#0a7ea4", "#3bb3d9"],
  "hawser-batch": ["#8250df", "#a987f0"],
  "wslink-raw": ["#d9822b", "#e59a4e"],
};

const LEFT = 70;
const RIGHT = 560;
const TOP = 50;
const BOTTOM = 320;

function scale(from: number, to: number, start: number, end: number): (value: number) => number {
  return (value) => start + (end - start) * Math.log(value / from) / Math.log(to / from);
}

function short(value: number): string {
  if (value >= 1e6) return `${value / 1e6} M`;
  return value >= 1e3 ? `${value / 1e3} k` : String(value);
}

/**
 * Draws a chart.
 *
 * @param chart What it shows.
 * @returns The picture, as SVG that reads well on light and on dark pages.
 */
export function lineChart({ title, across, marks, up, series }: Chart): string {
  const values = series.flatMap(({ points }) => points.map(([, y]) => y)).filter((y) => y > 0);
  const low = 10 ** Math.floor(Math.log10(Math.min(...values)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(...values)));
  const x = scale(marks[0]?.[0] ?? 1, marks.at(-1)?.[0] ?? 10, LEFT, RIGHT);
  const y = scale(low, high, BOTTOM, TOP);
  const body = [`<text class="title" x="${LEFT}" y="22">${title}</text>`];
  for (const [at, name] of marks) {
    const left = x(at).toFixed(1);
    body.push(
      `<line class="grid" x1="${left}" y1="${TOP}" x2="${left}" y2="${BOTTOM}"/>`,
      `<text class="tick" x="${left}" y="${BOTTOM + 16}">${name}</text>`,
    );
  }
  for (let tick = low; tick <= high * 1.001; tick *= 10) {
    const top = y(tick).toFixed(1);
    body.push(
      `<line class="grid" x1="${LEFT}" y1="${top}" x2="${RIGHT}" y2="${top}"/>`,
      `<text class="left" x="${LEFT - 6}" y="${Number(top) + 4}">${short(tick)}</text>`,
    );
  }
  body.push(
    `<text class="tick" x="${(LEFT + RIGHT) / 2}" y="${BOTTOM + 36}">${across}</text>`,
    `<text class="note" x="${LEFT}" y="${TOP - 10}">${up}</text>`,
  );
  series.forEach(({ name, side, points }, index) => {
    const shown = points.filter(([, value]) => value > 0);
    const way = shown.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`);
    body.push(`<polyline class="${side}" points="${way.join(" ")}"/>`);
    for (const point of way) {
      const [left, top] = point.split(",");
      body.push(`<circle class="${side}" cx="${left}" cy="${top}" r="3"/>`);
    }
    const top = TOP + 12 + index * 20;
    body.push(
      `<circle class="${side}" cx="${RIGHT + 18}" cy="${top}" r="4"/>`,
      `<text x="${RIGHT + 28}" y="${top + 4}">${name}</text>`,
    );
  });
  const colours = (dark: 0 | 1) =>
    Object.entries(COLOURS).map(([side, pair]) =>
      `polyline.${side} { stroke: ${pair[dark]}; } circle.${side} { fill: ${pair[dark]}; }`
    ).join("\n");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 370" role="img" aria-label="${title}">
<style>
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.title { font-size: 14px; font-weight: 600; }
.tick, .note, .left { font-size: 11px; fill: #57606a; }
.tick { text-anchor: middle; }
.left { text-anchor: end; }
.grid { stroke: #d0d7de; }
polyline { fill: none; stroke-width: 2; }
${colours(0)}
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.tick, .note, .left { fill: #9198a1; }
.grid { stroke: #3d444d; }
${colours(1)}
}
</style>
${body.join("\n")}
</svg>
`;
}
