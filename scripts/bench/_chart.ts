import { LINES } from "./_lines.ts";
import { ratio, type Results } from "./_results.ts";

/** A bar's position on a logarithmic scale around the limit, 1. */
const SCALE = { from: 0.005, to: 8, left: 190, right: 640 };

function x(share: number): number {
  const { from, to, left, right } = SCALE;
  const clamped = Math.min(Math.max(share, from), to);
  return left + (right - left) * Math.log(clamped / from) / Math.log(to / from);
}

/**
 * Draws how much of the raw limit each library reaches on each line.
 *
 * @param results What was measured.
 * @returns The picture, as SVG that reads well on light and on dark pages.
 */
export function chart(results: Results): string {
  const { lines } = results;
  const series = [
    { side: "hawser", name: "Hawser", class: "hawser" },
    { side: "wslink", name: "wslink", class: "wslink" },
    { side: "socket.io", name: "socket.io", class: "socketio" },
    { side: "capnweb", name: "Cap’n Web", class: "capnweb" },
    { side: "trpc", name: "tRPC", class: "trpc" },
    { side: "nats", name: "NATS", class: "nats" },
  ];
  interface Bar {
    share: number;
    class: string;
  }
  const groups: { title: string; bars: Bar[] }[] = LINES.filter(({ name }) => name in lines)
    .map(({ name, title }) => ({
      title,
      bars: series.map(({ side, class: name_ }) => ({
        share: ratio(lines[name]?.[side]?.rounds, lines[name]?.raw?.rounds),
        class: name_,
      })),
    }));
  const fanout = lines.fanout;
  const idle = lines.idle;
  const inverse = (title: string, values: (side: string) => number[] | undefined) => {
    groups.push({
      title,
      bars: [["hawser-raw", "hawser"], ["wslink-raw", "wslink"], ["socket.io", "socketio"]]
        .map(([side = "", name = ""]) => ({
          share: ratio(values("raw"), values(side)),
          class: name,
        })),
    });
  };
  if (fanout) inverse("fan-out, CPU *", (side) => fanout[side]?.cpuMicroseconds);
  if (idle) inverse("idle memory *", (side) => idle[side]?.rounds);

  const top = 58;
  const barHeight = 7;
  const step = series.length * (barHeight + 1) + 14;
  const height = top + groups.length * step + 34;
  const body: string[] = [];
  series.forEach(({ name, class: className }, index) => {
    const left = SCALE.left - 90 + index * 88;
    body.push(
      `<rect class="${className}" x="${left}" y="14" width="12" height="12" rx="2"/>`,
      `<text x="${left + 18}" y="24">${name}</text>`,
    );
  });
  for (const tick of [0.01, 0.05, 0.1, 0.5, 1, 2, 5]) {
    const at = x(tick).toFixed(1);
    const className = tick === 1 ? "limit" : "grid";
    body.push(
      `<line class="${className}" x1="${at}" y1="${top - 8}" x2="${at}" y2="${height - 30}"/>`,
      `<text class="tick" x="${at}" y="${top - 13}">${tick === 1 ? "raw" : tick}</text>`,
    );
  }
  groups.forEach(({ title, bars }, group) => {
    const y = top + group * step;
    body.push(`<text class="line" x="${SCALE.left - 10}" y="${y + step / 2 - 4}">${title}</text>`);
    bars.forEach(({ share, class: className }, index) => {
      if (!Number.isFinite(share)) return;
      const barTop = y + index * (barHeight + 1);
      const end = x(share);
      const width = (end - SCALE.left).toFixed(1);
      body.push(
        `<rect class="${className}" x="${SCALE.left}" y="${barTop}" width="${width}" height="${barHeight}" rx="2"/>`,
        `<text class="value" x="${(end + 5).toFixed(1)}" y="${barTop + barHeight}">${
          share.toPrecision(2)
        }</text>`,
      );
    });
  });
  body.push(
    `<text class="note" x="${SCALE.left}" y="${height - 10}">` +
      "Share of what a bare WebSocket does, logarithmic; longer is better. * as raw’s cost / its cost</text>",
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 ${height}" role="img" aria-label="Speed of Hawser and of other libraries as a share of a bare WebSocket">
<style>
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.line { text-anchor: end; }
.tick, .note { font-size: 10px; fill: #57606a; }
.value { font-size: 8px; fill: #57606a; }
.tick { text-anchor: middle; }
.grid { stroke: #d0d7de; stroke-width: 1; }
.limit { stroke: #57606a; stroke-width: 1.5; stroke-dasharray: 4 3; }
.hawser { fill: #0a7ea4; }
.wslink { fill: #d9822b; }
.socketio { fill: #8c959f; }
.capnweb { fill: #8250df; }
.trpc { fill: #2da44e; }
.nats { fill: #bf3989; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .tick, .note, .value { fill: #9198a1; }
  .grid { stroke: #3d444d; }
  .limit { stroke: #9198a1; }
  .hawser { fill: #3bb3d9; }
  .wslink { fill: #e59a4e; }
  .socketio { fill: #768390; }
  .capnweb { fill: #a987f0; }
  .trpc { fill: #57ab5a; }
  .nats { fill: #e275ad; }
}
</style>
${body.join("\n")}
</svg>
`;
}
