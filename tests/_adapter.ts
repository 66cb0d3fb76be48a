/** What the cases of the adapters' suite have in common: a server in the runtime under test. */
import type { Session } from "@hawser/hawser/client";
import type { Totals } from "../server/stats.ts";
import type { TestEvent, TestOptions } from "./adapters/_control.ts";

/** One case of the suite. */
export interface Case {
  readonly name: string;
  /** @param patience How long to wait for what may never come, in ms. */
  run(start: Start, patience: number): Promise<void>;
  /** Where it can't pass, and why; there it must fail, so that the table never lags behind. */
  readonly except?: Readonly<Record<string, string>>;
}

/** Something that runtimes do differently: what it says is kept in the table. */
export interface Difference {
  readonly name: string;
  run(start: Start): Promise<string>;
}

/** Makes a server in the runtime under test. */
export type Start = (options?: TestOptions) => Promise<TestServer>;

/** A server in the runtime under test. */
export class TestServer implements AsyncDisposable {
  readonly url: string;
  readonly webSocketUrl: string;
  readonly #control: Session;
  readonly #id: number;
  #stopped: Promise<void> | undefined;

  private constructor(control: Session, id: number, url: string, webSocketUrl: string) {
    this.#control = control;
    this.#id = id;
    this.url = url;
    this.webSocketUrl = webSocketUrl;
  }

  static async start(control: Session, options: TestOptions = {}): Promise<TestServer> {
    const { id, url, webSocketUrl } = await control.call<
      { id: number; url: string; webSocketUrl: string }
    >("control.start", [options]);
    return new TestServer(control, id, url, webSocketUrl);
  }

  publish(topic: string, value: unknown, options = {}): Promise<number> {
    return this.#do("publish", topic, value, options);
  }

  /** Publishes numbered frames in one go. */
  burst(
    topic: string,
    size: number,
    frames: number,
    policy: "drop-oldest" | "latest",
  ): Promise<void> {
    return this.#do("burst", topic, size, frames, policy);
  }

  /** What it has counted. */
  totals(): Promise<Totals> {
    return this.#do("totals");
  }

  /** How many publications a client missed. */
  dropped(client: string): Promise<number> {
    return this.#do("dropped", client);
  }

  clients(): Promise<string[]> {
    return this.#do("clients");
  }

  /** Ends a client's connection. */
  end(client: string, code: number, reason: string): Promise<void> {
    return this.#do("end", client, code, reason);
  }

  /** Lets the calls of `wait` return. */
  release(value: unknown): Promise<void> {
    return this.#do("release", value);
  }

  /** The next event of a type; others before it are passed over. */
  async event<T extends TestEvent["type"]>(type: T): Promise<TestEvent & { type: T }> {
    for (;;) {
      const event = await this.#do<TestEvent>("event");
      if (isEvent(event, type)) return event;
    }
  }

  /** Closes the server; it goes on listening where it is in a handler of one's own. */
  close(): Promise<void> {
    return this.#do("close");
  }

  /** Closes it and stops listening. */
  stop(): Promise<void> {
    return this.#stopped ??= this.#do("stop");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #do<T>(what: string, ...args: unknown[]): Promise<T> {
    return this.#control.call<T>(`control.${what}`, [this.#id, ...args]);
  }
}

function isEvent<T extends TestEvent["type"]>(
  event: TestEvent,
  type: T,
): event is TestEvent & { type: T } {
  return event.type === type;
}

export const MB = 1024 * 1024;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const HELLO = new TextEncoder().encode(JSON.stringify({
  wslink: "1.0",
  id: "system:c0:0",
  method: "wslink.hello",
  args: [{ secret: "wslink-secret" }],
}));

export const UPGRADE =
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/** What a request is answered with, sent byte by byte: fetch() would tidy it up. */
export async function rawGet(
  url: string,
  path: string,
  head = "Connection: close\r\n",
): Promise<string> {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const request = `GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n${head}\r\n`;
  await connection.write(new TextEncoder().encode(request));
  let answer = "";
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(4096);
  while (head.includes("close") || !answer.includes("\r\n\r\n")) {
    const count = await connection.read(chunk);
    if (count === null) break;
    answer += decoder.decode(chunk.subarray(0, count), { stream: true });
  }
  return answer;
}

export function statusOf(answer: string): number {
  return Number(answer.split(" ")[1]);
}

export function codeOf(payload: Uint8Array<ArrayBuffer>): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint16(0);
}

/** Waits for what must come, and gives up if it never does, so that the suite goes on. */
export async function orFail<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const never = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Nothing came within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, never]);
  } finally {
    clearTimeout(timer);
  }
}
