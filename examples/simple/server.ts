/**
 * The procedures of wslink's own "simple" example, with the same arguments and
 * the same answers: its clients can't tell this server from the Python one.
 *
 * @module
 */

import { checkTopic } from "@hawser/hawser/protocol";
import { createServer, procedure, type ServerOptions } from "@hawser/hawser/server";
import { length, type Numeric, product, sum } from "./_python.ts";

/** The options of {@linkcode createSimpleServer}: those of any server, and its own. */
export interface SimpleServerOptions extends Omit<ServerOptions, "procedures"> {
  /**
   * Milliseconds between two pictures of the stream.
   *
   * @default {2000}
   */
  interval?: number;
}

/**
 * Creates the server of the "simple" example.
 *
 * @param options The secret, the stream's pace and whatever else a server takes
 * @returns The server, not listening yet
 */
export function createSimpleServer({ interval = 2_000, ...options }: SimpleServerOptions = {}) {
  const day = Deno.readFileSync(new URL("./day.png", import.meta.url));
  const night = Deno.readFileSync(new URL("./night.png", import.meta.url));

  let topic = "image";
  let subscribers = 0;
  let published = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** Binary needs no wrapping: a Uint8Array may stand anywhere in a result. */
  function picture(alt: boolean) {
    return { blob: alt ? night : day };
  }

  function publishPicture() {
    server.publish(topic, picture(published % 2 === 0));
    published++;
    timer = setTimeout(publishPicture, interval);
  }

  function stopPublishing() {
    clearTimeout(timer);
    timer = undefined;
  }

  /** What is no list counts as 0, for `add` and for `mult`. */
  function calculate(numbers: Numeric[], rule: (numbers: Numeric[]) => Numeric) {
    if (numbers === undefined) throw new TypeError("Expected a list of numbers: received nothing");
    if (Array.isArray(numbers)) return rule(numbers);
    console.log("Unexpected arg", numbers);
    return 0;
  }

  const server = createServer({
    ...options,
    procedures: {
      // The types tell a caller what to send; what arrives is checked where it matters.
      "myprotocol.add": procedure(
        { params: ["listOfNumbers"] },
        (_call, numbers: Numeric[]) => calculate(numbers, sum),
      ),

      "myprotocol.mult": procedure(
        { params: ["listOfNumbers"] },
        (_call, numbers: Numeric[]) => calculate(numbers, product),
      ),

      "myprotocol.image": procedure({ params: ["alt"] }, (_call, alt = false) => picture(alt)),

      "myprotocol.unwrapped.image": procedure(
        { params: ["alt"] },
        (_call, alt = false) => picture(alt).blob,
      ),

      "myprotocol.postbinary": procedure(
        { params: ["data"] },
        (_call, data: Uint8Array) => `received binary data of length ${length(data)}`,
      ),

      "myprotocol.stream": procedure({ params: ["topic"] }, (_call, name: string) => {
        if (typeof name !== "string") throw new TypeError("Expected the name of a topic");
        topic = checkTopic(name);
        subscribers++;
        // The first picture follows the answer.
        timer ??= setTimeout(publishPicture, 0);
        return { subscribed: topic };
      }),

      "myprotocol.stop": procedure({ params: ["topic"] }, (_call, name: string) => {
        if (name !== topic || subscribers === 0) return 0;
        subscribers--;
        if (subscribers === 0) stopPublishing();
        return { unsubscribed: topic };
      }),

      "myprotocol.nested.image": () => ({
        image: picture(false),
        bytesList: [Uint8Array.of(1, 2, 3, 4), Uint8Array.of(5, 6, 7, 8, 9, 10)],
      }),

      "myprotocol.special": () => [Infinity, NaN, -Infinity],
    },
  });

  server.closed.then(stopPublishing);
  return server;
}
