/**
 * What docs/features.md says becomes of the extensions with a server that knows none of them:
 * cases for wslink's Python servers.
 */

import { RpcError, SerializeError, type Session } from "../../client.ts";
import { equal, fails } from "./_check.ts";

/** The cases by name, each with a session of its own. */
export const PLAIN_SERVER_CASES: Record<string, (session: Session) => Promise<void>> = {
  "arguments that Python doesn't take are refused with -32001": async (session) => {
    await fails(session.call("test.measure"), (error) => refused(error, -32001));
  },
  "a filter is refused with -32602": async (session) => {
    const filtered = session.subscribe("a.topic", { filter: 1 });
    await fails(filtered.ready, (error) => refused(error, -32602));
  },
  "the client matches patterns, ready resolves at once, and last is skipped": async (session) => {
    const heard = session.subscribe<{ number: number }>("a.*", { last: 5 });
    await heard.ready;
    await session.call("test.publish", ["a.topic", 1]);
    for await (const { number } of heard) {
      equal(number, 0);
      break;
    }
    equal(heard.gaps, 0);
  },
  "presence is refused with -32601, and data are kept": async (session) => {
    await fails(session.presence(), (error) => refused(error, -32601));
    await session.setData({ name: "Ada" });
    equal(await session.call("test.echo", [1]), { args: [1], kwargs: {} });
  },
  "describe is refused with -32601": async (session) => {
    await fails(session.describe(), (error) => refused(error, -32601));
  },
  "ping is refused with -32601": async (session) => {
    await fails(session.ping(), (error) => refused(error, -32601));
  },
  "a stream as a result is the result, without items": async (session) => {
    const stream: AsyncIterator<unknown, unknown> = session.stream("test.echo", [1]);
    equal(await stream.next(), { done: true, value: { args: [1], kwargs: {} } });
  },
  "a stream as an argument is a SerializeError": async (session) => {
    async function* items() {
      yield 1;
    }
    await fails(session.call("test.echo", [items()]), (error) => {
      equal(error instanceof SerializeError, true);
    });
  },
  "progress, traceparent, compress and retry are left out": async (session) => {
    const progress: unknown[] = [];
    const echoed = await session.call("test.echo", [1], {
      onProgress: (value) => progress.push(value),
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      compress: true,
      retry: "safe",
      key: "k",
    });
    equal(echoed, { args: [1], kwargs: {} });
    equal(progress, []);
  },
  "authenticate says hello again, and a wrong secret changes nothing": async (session) => {
    await session.authenticate("wslink-secret");
    await fails(session.authenticate("guess"), (error) => refused(error, -32000));
    equal(await session.call("test.echo", [1]), { args: [1], kwargs: {} });
  },
};

function refused(error: unknown, code: number): void {
  equal(error instanceof RpcError && error.code, code);
}
