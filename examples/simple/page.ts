/**
 * The page of the simple example: a button for each procedure. The client
 * knows names, arguments and answers from the server's type alone.
 *
 * @module
 */

/// <reference lib="dom" />
import { connect } from "@hawser/hawser/client";
import type { createSimpleServer } from "./server.ts";

const image = element("image", HTMLImageElement);
const caption = element("caption", HTMLElement);
const numbers = element("numbers", HTMLInputElement);
const alt = element("alt", HTMLInputElement);
const statusLine = element("status", HTMLElement);
const entries = element("log", HTMLElement);
const buttons = document.querySelectorAll("button");

const session = await connect<ReturnType<typeof createSimpleServer>>(
  new URL("ws", location.href.replace(/^http/, "ws")),
  { secret: new URLSearchParams(location.search).get("authKey") ?? "wslink-secret" },
).catch((error) => {
  showStatus("closed", `${error.message}. A secret goes into the address: ?authKey=…`);
  throw error;
});

/** What each button does. */
const calls = new Map<string, () => Promise<unknown>>([
  ["add", () => session.call("myprotocol.add", [numbersOf(numbers.value)])],
  ["mult", () => session.call("myprotocol.mult", [numbersOf(numbers.value)])],
  ["image", async () => {
    const answer = await session.call("myprotocol.image", [], { kwargs: { alt: alt.checked } });
    showPicture(answer.blob, "image");
    return answer;
  }],
  ["unwrapped.image", async () => {
    const answer = await session.call("myprotocol.unwrapped.image", [alt.checked]);
    showPicture(answer, "unwrapped.image");
    return answer;
  }],
  ["nested.image", async () => {
    const answer = await session.call("myprotocol.nested.image");
    showPicture(answer.image.blob, "nested.image");
    return answer;
  }],
  ["stream", () => session.call("myprotocol.stream", ["image"])],
  ["stop", () => session.call("myprotocol.stop", ["image"])],
  ["postbinary", () => session.call("myprotocol.postbinary", [Uint8Array.of(1, 2, 3, 4, 5)])],
  ["special", () => session.call("myprotocol.special")],
]);

for (const button of buttons) {
  const name = button.value;
  button.addEventListener("click", async () => {
    try {
      log("answer", name, `→ ${format(await calls.get(name)?.())}`);
    } catch (error) {
      log("error", name, `→ ${error}`);
    }
  });
}

session.subscribe<{ blob: Uint8Array<ArrayBuffer> }>("image", (message) => {
  showPicture(message.blob, "stream");
  log("topic", "image", `published ${format(message)}`);
});

for await (const status of session.statuses()) {
  const open = status.state === "open";
  showStatus(status.state, open ? `connected · ${status.wire} wire` : status.state);
  for (const button of buttons) button.disabled = !open;
}

function showStatus(state: string, text: string) {
  statusLine.dataset["state"] = state;
  statusLine.textContent = text;
}

function showPicture(png: Uint8Array<ArrayBuffer>, source: string) {
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(new Blob([png], { type: "image/png" }));
  caption.textContent = `from ${source}, ${png.length} bytes`;
}

function log(kind: "answer" | "error" | "topic", name: string, text: string) {
  const entry = document.createElement("li");
  const label = document.createElement("b");
  label.textContent = name;
  entry.className = kind;
  entry.append(label, ` ${text}`);
  entries.prepend(entry);
  while (entries.childElementCount > 100) entries.lastElementChild?.remove();
}

/** JSON for the eye: binary by its length, and what JSON can't say by its name. */
function format(value: unknown): string {
  if (value instanceof Uint8Array) return `‹${value.length} bytes›`;
  if (Array.isArray(value)) return `[${value.map(format).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).map(([key, field]) => `${key}: ${format(field)}`);
    return `{ ${fields.join(", ")} }`;
  }
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

function numbersOf(text: string): number[] {
  return text.split(",").filter((part) => part.trim() !== "").map(Number);
}

function element<T extends HTMLElement>(id: string, type: { new (): T }): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`The page has no ${type.name} named "${id}"`);
}
