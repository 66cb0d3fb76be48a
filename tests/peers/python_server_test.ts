/** Hawser's client, in Deno, with wslink's own Python servers. */

import { connect, ConnectionClosedError } from "../../client.ts";
import { type Cases, equal, fails } from "./_check.ts";
import { hawserClientCases } from "./_hawser_client_cases.ts";
import { PLAIN_SERVER_CASES } from "./_plain_server_cases.ts";
import {
  PYTHON_VERSIONS,
  type PythonVersion,
  startPython,
  startPythonUnderTest,
  wireOf,
} from "./_python.ts";
import { clientRow, prove } from "./_results.ts";

for (const version of PYTHON_VERSIONS) {
  Deno.test(`Hawser's client uses wslink ${version} for Python`, async (t) => {
    await using server = await startPythonUnderTest(version);
    const cases = { ...hawserClientCases(server), ...endings(version) };
    await prove(t, clientRow(server, "Deno"), cases);
  });

  Deno.test(`Hawser's features end as documented with wslink ${version} for Python`, async (t) => {
    await using python = await startPython(version);
    for (const [name, run] of Object.entries(PLAIN_SERVER_CASES)) {
      await t.step(name, async () => {
        await using session = await connect(python.url, {
          wire: wireOf(version),
          reconnect: false,
        });
        await run(session);
      });
    }
  });
}

/** How a connection ends; each case has a server of its own. */
function endings(version: PythonVersion): Cases {
  const wire = wireOf(version);
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
