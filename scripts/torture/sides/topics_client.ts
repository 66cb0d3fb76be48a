// Subscribers of the numbers, all of one process.
import { connect } from "@hawser/hawser/client";
import { Reading, sumOf } from "./_history.ts";
import { obey, startArguments } from "./_obey.ts";

const [port, count] = startArguments();
const all: Reading[] = [];
const last: Reading[] = [];
let open = 0;
let resumed = 0;
let anew = 0;

for (let i = 0; i < Number(count); i++) {
  const session = await connect(`ws://127.0.0.1:${port}/ws`, {
    wire: i % 2 ? "json" : "msgpack",
    heartbeat: 400,
    // Some are back before their session is given up, and others are not.
    reconnect: { initialDelay: i < 3 ? 20 : 400, maxDelay: 400 },
  });
  for (const [topic, readings] of [["numbers.all", all], ["numbers.last", last]] as const) {
    const reading = new Reading();
    readings.push(reading);
    await session.subscribe<number>(topic, (value) => reading.take(value), {
      onGap: (gap) => reading.miss(gap),
    }).ready;
  }
  (async () => {
    let was: boolean | undefined;
    for await (const status of session.statuses()) {
      const is = status.state === "open";
      if (is === was) continue;
      if (was !== undefined || is) open += is ? 1 : -1;
      if (was !== undefined && status.state === "open") status.resumed ? resumed++ : anew++;
      was = is;
    }
  })();
}

obey({}, {
  status: () => ({ open, resumed, anew }),
  all: () => sumOf(all),
  last: () => sumOf(last),
});
