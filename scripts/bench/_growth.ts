// How cost grows: with the clients that one publication goes to, and with the size of a message.
import { deno } from "../_deno.ts";
import { writePart } from "../_parts.ts";
import { Field, measure, type SideRecord } from "./_field.ts";
import { type Chart, lineChart } from "./_growth_chart.ts";
import type { Line } from "./_lines.ts";
import { ROOT } from "./_packages.ts";
import { type Failure, machine, middle } from "./_results.ts";
import type { Side } from "./_sides.ts";
import { digits, table } from "./_stats.ts";

/** Those that are asked by the same load client. */
const SIDES: readonly (readonly [name: string, title: string])[] = [
  ["raw", "raw Deno.serve"],
  ["hawser-raw", "Hawser"],
  ["hawser-batch", "Hawser, in batches"],
  ["wslink-raw", "wslink 2.5 (Python)"],
];

const RECEIVERS = [1, 10, 100, 1000];
const SIZES: readonly (readonly [bytes: number, name: string])[] = [
  [64, "64 B"],
  [1000, "1 kB"],
  [16_000, "16 kB"],
  [256_000, "256 kB"],
  [4_000_000, "4 MB"],
  [64_000_000, "64 MB"],
];

/** What a burst comes to: so many deliveries, so many bytes. */
const DELIVERIES = 2000;
const BURST = 16_000_000;

function receiversLine(receivers: number): Line {
  const count = DELIVERIES / receivers;
  return {
    name: `fanout-${receivers}`,
    title: `fan-out of 64 B to ${receivers}`,
    unit: "deliveries/s",
    work: { kind: "fanout", size: 64, count, receivers },
  };
}

function sizeLine([size, name]: readonly [number, string]): Line {
  const count = Math.min(Math.max(Math.floor(BURST / size), 1), 1000);
  return {
    name: `publish-${size}`,
    title: `publish ${name}`,
    unit: "MB/s",
    scale: size / 1e6,
    work: { kind: "publish", size, count },
  };
}

/**
 * Measures how cost grows, prints it, and writes docs/growth.json, two charts and a part of
 * docs/performance.md.
 *
 * @param all All sides; those with the raw load client take part.
 * @param failures Where those that fail are noted.
 * @param isQuick Whether it is only tried out, and nothing written.
 */
export async function growth(
  all: readonly Side[],
  failures: Failure[],
  isQuick: boolean,
): Promise<void> {
  const effort = isQuick ? { rounds: 1, milliseconds: 100 } : { rounds: 5, milliseconds: 400 };
  const sides = all.filter(({ name }) => SIDES.some(([side]) => side === name));
  const field = new Field(failures);
  const found: Record<string, SideRecord> = {};
  for (const line of [...RECEIVERS.map(receiversLine), ...SIZES.map(sizeLine)]) {
    console.error(`measuring ${line.title} …`);
    found[line.name] = await measure(line, sides, field, effort);
  }
  await field.stop();

  const rate = (line: string, side: string) => middle(found[line]?.[side]?.rounds);
  const cpu = (line: string, side: string) => middle(found[line]?.[side]?.cpuMicroseconds);
  const titles = SIDES.map(([, title]) => title);
  const receivers: Chart = {
    title: "Fan-out of 64 B: deliveries a second",
    across: "clients that each publication goes to",
    up: "deliveries/s",
    marks: RECEIVERS.map((count) => [count, count.toLocaleString("en-US")]),
    series: SIDES.map(([side, name]) => ({
      name,
      side,
      points: RECEIVERS.map((count) => [count, rate(`fanout-${count}`, side)]),
    })),
  };
  const sizes: Chart = {
    title: "Publications to one client: MB a second",
    across: "size of a message",
    up: "MB/s",
    marks: SIZES,
    series: SIDES.map(([side, name]) => ({
      name,
      side,
      points: SIZES.map(([size]) => [size, rate(`publish-${size}`, side)]),
    })),
  };
  const cells = (line: string) => [
    ...SIDES.map(([side]) => digits(rate(line, side))),
    ...SIDES.map(([side]) => digits(cpu(line, side))),
  ];
  const head = [...titles, ...titles.map((title) => `${title}, µs`)];
  const part = [
    "![Deliveries a second by the number of clients](growth-clients.svg)",
    table(
      ["deliveries/s of 64 B to", ...head],
      RECEIVERS.map((count) => [count.toLocaleString("en-US"), ...cells(`fanout-${count}`)]),
    ),
    "![MB a second by the size of a message](growth-sizes.svg)",
    table(
      ["MB/s published to one", ...head],
      SIZES.map(([size, name]) => [name, ...cells(`publish-${size}`)]),
    ),
    `µs are of the server's processor time, for each delivery or message. Medians of ${effort.rounds} ` +
    `rounds, on ${
      Object.entries(machine()).map(([name, value]) => `${name} ${value}`).join(", ")
    }.`,
  ].join("\n\n");
  console.log(part);
  if (isQuick) return;
  const page = `${ROOT}/docs/performance.md`;
  const files = {
    "docs/growth.json": `${
      JSON.stringify({ machine: machine(), effort, lines: found }, null, 2)
    }\n`,
    "docs/growth-clients.svg": lineChart(receivers),
    "docs/growth-sizes.svg": lineChart(sizes),
    "docs/performance.md": writePart(await Deno.readTextFile(page), "growth", part),
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${ROOT}/${name}`, text);
  }
  await deno(["fmt", "--quiet", ...Object.keys(files)], { cwd: ROOT }).output();
  console.error(`written: ${Object.keys(files).join(", ")}`);
}
