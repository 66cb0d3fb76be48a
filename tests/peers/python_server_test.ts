/** Hawser's client, in Deno, with wslink's own Python servers. */

import { connect, ConnectionClosedError } from "../../client.ts";
import { type Cases, equal, fails } from "./_check.ts";
import { hawserClientCases } from "./_hawser_client_cases.ts";
import { type PythonVersion, startPython } from "./_python.ts";
import { prove } from "./_results.ts";

/** aiohttp refuses a longer frame, and 1.x has no way to split one. */
const LARGEST_FRAME = 4_194_304;

for (const [version, wire] of [["1.12.4", "json"], ["2.5.7", "msgpack"]] as const) {
  Deno.test(`Hawser's client uses wslink ${version} for Python`, async (t) => {
    await using python = await startPython(version);
    await using small = await startPython(version, { WSLINK_MAX_MSG_SIZE: "1024" });
    const cases = hawserClientCases({
      maker: "wslink",
      wire,
      found: wire,
      simple: python.url,
      chat: python.url,
      probe: python.url,
      // 1.x has no chunks, and its limit would refuse what the cases send.
      small: wire === "json" ? python.url : small.url,
      largestUpload: wire === "json" ? LARGEST_FRAME - 1 : Infinity,
    });
    const row = {
      peer: "wslink Python server",
      version,
      wire,
      direction: "Hawser client → wslink server",
      runtime: "Deno",
    };
    await prove(t, row, { ...cases, ...endings(version, wire) });
  });
}

/** How a connection ends; each case has a server of its own. */
function endings(version: PythonVersion, wire: "json" | "msgpack"): Cases {
  const options = { wire, reconnect: false } as const;
  const cases: Cases = {
    "a server killed in the middle of a call": async () => {
      await using python = await startPython(version);
      await using session = await connect(python.url, options);
      await session.call("test.echo");
      const calls = [1, 2, 3].map(() => session.call("test.sleep", [3600]));
      python.kill();
      await Promise.all(calls.map((call) =>
        fails(call, (error) => {
          equal(error instanceof ConnectionClosedError && error.sent, true);
          equal(error instanceof ConnectionClosedError && error.closeCode, 1006);
        })
      ));
      await session.closed;
    },
    "a server that comes back is found again, and its topics": async () => {
      let python = await startPython(version);
      try {
        await using session = await connect(python.url, {
          wire,
          reconnect: { initialDelay: 1, maxDelay: 50 },
        });
        const heard = session.subscribe<{ number: number }>("a.topic");
        const port = Number(new URL(python.url).port);
        await python[Symbol.asyncDispose]();
        python = await startPython(version, {}, port);
        for await (const status of session.statuses()) {
          if (status.state === "open") break;
        }
        await session.call("test.publish", ["a.topic", 1]);
        for await (const value of heard) {
          equal(value, { number: 0 });
          break;
        }
      } finally {
        await python[Symbol.asyncDispose]();
      }
    },
    "application.exit closes with 1001": async () => {
      await using python = await startPython(version);
      await using session = await connect(python.url, options);
      await session.call("application.exit");
      for await (const status of session.statuses()) {
        if (status.state !== "closed") continue;
        const { error } = status;
        equal(error instanceof ConnectionClosedError && error.closeCode, 1001);
        equal(error instanceof ConnectionClosedError && error.reason, "Server shutdown");
      }
      equal(await python.ended, 0);
    },
    "application.exit.later stops the server": async () => {
      await using python = await startPython(version);
      await using session = await connect(python.url, options);
      await session.call("application.exit.later", [0.01]);
      equal(await python.ended, 0);
    },
    "a secret of its own": async () => {
      await using python = await startPython(version, {}, 0, "a longer secret: ü".repeat(10));
      await using session = await connect(python.url, {
        ...options,
        secret: "a longer secret: ü".repeat(10),
      });
      equal(await session.call("test.echo"), { args: [], kwargs: {} });
    },
  };
  if (wire === "json") {
    cases["an upload past the server's 4 MiB ends the call"] = async () => {
      await using python = await startPython(version);
      await using session = await connect(python.url, options);
      await fails(session.call("test.measure", [new Uint8Array(5_000_000)]), (error) => {
        // aiohttp says 1009, and the reset that follows may overtake it.
        equal(
          error instanceof ConnectionClosedError && [1006, 1009].includes(error.closeCode),
          true,
        );
      });
    };
  }
  return cases;
}
