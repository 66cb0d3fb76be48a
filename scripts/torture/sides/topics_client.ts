// Subscribers of the numbers, all of one process.
import { connect } from "@hawser/hawser/client";
import { Heard } from "./_losses.ts";
import { obey, startArguments } from "./_obey.ts";

const [port, count] = startArguments();
const all: Heard[] = [];
let open = 0;

for (let i = 0; i < Number(count); i++) {
  const heard = new Heard();
  const session = await connect(`ws://127.0.0.1:${port}/ws`, {
    wire: i % 2 ? "json" : "msgpack",
    heartbeat: 400,
    reconnect: { initialDelay: 20, maxDelay: 400 },
  });
  await session.subscribe("numbers.all", (value) => heard.take(value)).ready;
  all.push(heard);
  (async () => {
    let was = false;
    for await (const { state } of session.statuses()) {
      const is = state === "open";
      if (is !== was) open += is ? 1 : -1;
      was = is;
    }
  })();
}

const sum = (of: (heard: Heard) => number) => all.reduce((total, heard) => total + of(heard), 0);

obey({}, {
  status: () => ({
    open,
    distinct: sum((heard) => heard.distinct),
    twice: sum((heard) => heard.twice),
    disorder: sum((heard) => heard.disorder),
    last: Math.min(...all.map(({ last }) => last)),
  }),
});
