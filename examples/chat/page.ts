/**
 * The page of the chat example: shows what is published on the channel, and
 * lets the reader join in.
 *
 * @module
 */

/// <reference lib="dom" />
import { connect } from "@hawser/hawser/client";
import type { createChatServer } from "./server.ts";

const messages = element("messages", HTMLElement);
const form = element("form", HTMLFormElement);
const text = element("text", HTMLInputElement);
const statusLine = element("status", HTMLElement);
const buttons = document.querySelectorAll("button");

const session = await connect<ReturnType<typeof createChatServer>>(
  new URL("ws", location.href.replace(/^http/, "ws")),
  { secret: new URLSearchParams(location.search).get("authKey") ?? "wslink-secret" },
).catch((error) => {
  showStatus("closed", `${error.message}. A secret goes into the address: ?authKey=…`);
  throw error;
});

session.subscribe<string>("wslink.communication.channel", (sentence) => show("", sentence));

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const message = text.value;
  text.value = "";
  show("own", message);
  // The answer needs no showing: it is on the channel, for everyone.
  session.call("wslink.say.hello", [message]).catch(showError);
});

element("start", HTMLElement).addEventListener("click", () => {
  show("note", "You asked the server to talk");
  session.call("wslink.start.talking").catch(showError);
});

element("stop", HTMLElement).addEventListener("click", () => {
  session.call("wslink.stop.talking").then(() => show("note", "The server is silent"), showError);
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

function showError(error: Error) {
  show("note error", error.message);
}

/** Adds a line, and follows the conversation unless the reader has scrolled back. */
function show(kind: string, text: string) {
  const atEnd = messages.scrollHeight - messages.scrollTop - messages.clientHeight < 40;
  const line = document.createElement("li");
  line.className = kind;
  line.textContent = text;
  messages.append(line);
  while (messages.childElementCount > 200) messages.firstElementChild?.remove();
  if (atEnd || kind === "own") messages.scrollTop = messages.scrollHeight;
}

function element<T extends HTMLElement>(id: string, type: { new (): T }): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`The page has no ${type.name} named "${id}"`);
}
