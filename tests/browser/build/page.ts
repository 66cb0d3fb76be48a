/** Runs the cases of Hawser's client in the page, or asks a worker to. */

/// <reference lib="dom" />
import { type Outcome, runAll } from "../../peers/_check.ts";
import { hawserClientCases, type ServerUnderTest } from "../../peers/_hawser_client_cases.ts";
import { canEval } from "./context.ts";

/** How the cases went, and whether the policy would have let a text become code. */
export interface Answer {
  readonly outcomes: Outcome[];
  readonly canEval: boolean;
}

type Target = Pick<Worker, "postMessage">;

function ask(target: Target, server: ServerUnderTest): Promise<Answer> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
    target.postMessage(server, [port2]);
  });
}

const type = "module";

/** What the test calls: one for each place that a client may run in. */
const places = {
  async page(server: ServerUnderTest): Promise<Answer> {
    return { outcomes: await runAll(hawserClientCases(server)), canEval: canEval() };
  },
  worker(server: ServerUnderTest): Promise<Answer> {
    return ask(new Worker("context.js", { type }), server);
  },
  sharedWorker(server: ServerUnderTest): Promise<Answer> {
    return ask(new SharedWorker("context.js", { type }).port, server);
  },
  async serviceWorker(server: ServerUnderTest): Promise<Answer> {
    await navigator.serviceWorker.register("context.js", { type });
    const { active } = await navigator.serviceWorker.ready;
    if (active === null) throw new Error("The service worker isn't active");
    return await ask(active, server);
  },
};

/** The page's functions, as the test calls them. */
export type Places = typeof places;

Object.assign(globalThis, { places });
