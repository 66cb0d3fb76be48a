/** Runs the cases of Hawser's client in whatever kind of worker loads it. */

import { runAll } from "../../peers/_check.ts";
import { hawserClientCases } from "../../peers/_hawser_client_cases.ts";

/** An event of a service worker, which else ends when it likes to. */
interface Extendable {
  waitUntil?(done: Promise<void>): void;
}

async function answer({ data, ports: [port] }: MessageEvent): Promise<void> {
  port?.postMessage({ outcomes: await runAll(hawserClientCases(data)), canEval: canEval() });
}

/** Whether the policy lets texts become code. */
export function canEval(): boolean {
  try {
    new Function("return 1");
    return true;
  } catch {
    return false;
  }
}

addEventListener("message", (event: MessageEvent & Extendable) => {
  const done = answer(event);
  event.waitUntil?.(done);
});
// A shared worker is given a port for each page.
addEventListener("connect", (event) => {
  const [page] = event instanceof MessageEvent ? event.ports : [];
  if (page) page.onmessage = answer;
});
