/** What a timed line asks of every side. */
export type Work =
  | { kind: "echo"; inFlight: number }
  | { kind: "connect"; inFlight: number }
  | { kind: "down"; size: number }
  | { kind: "up"; size: number }
  | { kind: "publish"; size: number; count: number }
  | { kind: "fanout"; size: number; count: number; receivers: number };

/** One timed line of the benchmark. */
export interface Line {
  /** What `--only` calls it. */
  name: string;
  /** What the table calls it. */
  title: string;
  /** What the numbers are of, as in calls/s. */
  unit: string;
  /** How many such units one call or message is. */
  scale?: number;
  /** What is done. */
  work: Work;
}

/** The timed lines, in the table's order. */
export const LINES: readonly Line[] = [
  {
    name: "call-1",
    title: "calls, one at a time",
    unit: "calls/s",
    work: { kind: "echo", inFlight: 1 },
  },
  {
    name: "call-64",
    title: "calls, 64 in flight",
    unit: "calls/s",
    work: { kind: "echo", inFlight: 64 },
  },
  {
    name: "connect",
    title: "connections with hello",
    unit: "connections/s",
    // Several at once, as when viewers come back after a restart; each is closed at once.
    work: { kind: "connect", inFlight: 8 },
  },
  {
    name: "down-1MB",
    title: "1 MB down",
    unit: "MB/s",
    work: { kind: "down", size: 1_000_000 },
  },
  {
    name: "down-16MB",
    title: "16 MB down",
    unit: "MB/s",
    scale: 16,
    work: { kind: "down", size: 16_000_000 },
  },
  { name: "up-1MB", title: "1 MB up", unit: "MB/s", work: { kind: "up", size: 1_000_000 } },
  {
    name: "up-16MB",
    title: "16 MB up",
    unit: "MB/s",
    scale: 16,
    work: { kind: "up", size: 16_000_000 },
  },
  {
    name: "publish-64B",
    title: "publish 64 B",
    unit: "messages/s",
    // Published in bursts: large enough for the question to cost nothing, small enough to queue.
    work: { kind: "publish", size: 64, count: 1000 },
  },
  {
    name: "publish-1MB",
    title: "publish 1 MB",
    unit: "MB/s",
    work: { kind: "publish", size: 1_000_000, count: 8 },
  },
  {
    name: "fanout-64B",
    title: "fan-out, 64 B to 50",
    unit: "deliveries/s",
    work: { kind: "fanout", size: 64, count: 40, receivers: 50 },
  },
  {
    name: "fanout",
    title: "fan-out, 200 kB to 50",
    unit: "deliveries/s",
    work: { kind: "fanout", size: 200_000, count: 4, receivers: 50 },
  },
];

/** The topic that every side publishes on. */
export const TOPIC = "bench.topic";

/** The value of a small call: the camera of a 3D view, say. */
export const SMALL = { position: [1.5, -2.25, 3], view: 1, animate: true, label: "front" };
