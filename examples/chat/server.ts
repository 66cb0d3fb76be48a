/**
 * The procedures and the topic of wslink's own chat example: the server talks
 * on its own every few seconds, and repeats to everyone what a client says.
 *
 * @module
 */

import { createServer, procedure, type ServerOptions } from "@hawser/hawser/server";

/** The topic that everything said is published on. */
export const CHANNEL = "wslink.communication.channel";

const SENTENCES = ["Nice to meet you", "What's your name?", "Mine is wslink.py"];

/** The options of {@linkcode createChatServer}: those of any server, and its own. */
export interface ChatServerOptions extends Omit<ServerOptions, "procedures"> {
  /**
   * Milliseconds between two sentences of the server.
   *
   * @default {5000}
   */
  interval?: number;
}

/**
 * Creates the server of the chat example. It talks from the start.
 *
 * @param options The secret, the server's pace and whatever else a server takes
 * @returns The server, not listening yet
 */
export function createChatServer({ interval = 5_000, ...options }: ChatServerOptions = {}) {
  let next = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function talk() {
    next = (next + 1) % SENTENCES.length;
    server.publish(CHANNEL, SENTENCES[next]);
    timer = setTimeout(talk, interval);
  }

  function stopTalking() {
    clearTimeout(timer);
    next = 0;
  }

  const server = createServer({
    ...options,
    procedures: {
      "wslink.say.hello": procedure({ params: ["message"] }, (call, message: string) => {
        if (message === undefined) throw new TypeError("Expected a message: received nothing");
        const answer = `py server: ${message}`; // the words of the Python original
        call.server.publish(CHANNEL, answer);
        return answer;
      }),

      "wslink.start.talking": () => {
        clearTimeout(timer);
        talk();
        return null;
      },

      "wslink.stop.talking": () => {
        stopTalking();
        return null;
      },
    },
  });

  talk();
  server.closed.then(stopTalking);
  return server;
}
