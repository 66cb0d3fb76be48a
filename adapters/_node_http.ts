/**
 * Between `node:http` and `Request` and `Response`.
 *
 * @module
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { type Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Answer } from "./_listen.ts";

/** A request as the rest of the world knows it; `undefined` if it is none. */
export function toRequest(
  { url = "/", method = "GET", rawHeaders, headers, socket }: IncomingMessage,
): Request | undefined {
  try {
    const origin = `${"encrypted" in socket ? "https" : "http"}://${headers.host ?? "localhost"}`;
    const list = new Headers();
    for (let i = 1; i < rawHeaders.length; i += 2) {
      list.append(rawHeaders[i - 1] ?? "", rawHeaders[i] ?? "");
    }
    return new Request(url.startsWith("/") ? origin + url : url, { method, headers: list });
  } catch {
    return undefined;
  }
}

/** Answers a request of `node:http`. */
export async function respond(
  answer: Answer,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const request = toRequest(incoming);
  const response = request
    ? await answer(request, { address: incoming.socket.remoteAddress })
    : new Response("Bad request", { status: 400 });
  outgoing.statusCode = response.status;
  outgoing.setHeaders(response.headers);
  await pipeline(response.body ? Readable.from(response.body) : [], outgoing);
}

/** Answers a request to upgrade with something else, by hand: `node:http` leaves its socket alone. */
export async function write(tcp: Duplex, response: Response): Promise<void> {
  tcp.on("error", () => {});
  // Nobody reads on, so that the other end's hanging up would go unnoticed.
  tcp.once("finish", () => tcp.destroy());
  const body = await response.text();
  const lines = [
    `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status]}`,
    ...Array.from(response.headers, ([name, value]) => `${name}: ${value}`),
    `content-length: ${body.length}`,
  ];
  tcp.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
}
