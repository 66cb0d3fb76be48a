import { connect } from "@hawser/hawser/client";
import { Heard, obeyAsClient } from "./_losses.ts";
import { startArguments } from "./_obey.ts";

const [port, retry] = startArguments();
const heard = new Heard();
const session = await connect(`ws://127.0.0.1:${port}/ws`, {
  wire: "msgpack",
  heartbeat: 500,
  // socket.io's clients keep what is sent without a connection by default.
  outbox: 1000,
  reconnect: { initialDelay: 50, maxDelay: 500 },
});
session.subscribe("losses.number", (value) => heard.take(value));
obeyAsClient({
  call: (number) => session.call("losses.run", [number], retry ? { retry: "safe" } : {}),
}, heard);
