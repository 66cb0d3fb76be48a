import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { ConnectionClosedError, RpcError, TimeoutError } from "@hawser/hawser/client";
import { type Call, createServer, procedure } from "@hawser/hawser/server";
import { defer } from "../../protocol/deferred.ts";
import { FakeTime } from "../_fake_time.ts";
import { join, WIRES } from "../_peer.ts";
import { pair } from "./_pair.ts";

/** A procedure that waits until it is stopped, and says so. */
function stoppable() {
  const started = defer<Call>();
  const stopped = defer<unknown>();
  let running = 0;
  const wait = procedure(async (call, _blob?: Uint8Array) => {
    running++;
    started.resolve(call);
    await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
    running--;
    stopped.resolve(call.signal.reason);
    throw call.signal.reason;
  });
  return { wait, started: started.promise, stopped: stopped.promise, running: () => running };
}

for (const wire of WIRES) {
  Deno.test(`an aborted call stops its procedure (${wire})`, async () => {
    const { wait, started, stopped, running } = stoppable();
    await using server = createServer({ procedures: { "test.wait": wait } });
    const { session } = await pair(server, { wire });
    const controller = new AbortController();
    const call = session.call("test.wait", [], { signal: controller.signal });
    await started;
    assertEquals(running(), 1);
    controller.abort(new Error("changed my mind"));
    await assertRejects(() => call, Error, "changed my mind");
    const reason = await stopped;
    assertInstanceOf(reason, DOMException);
    assertEquals(reason.message, "The caller cancelled the call");
    assertEquals(running(), 0);
    await session.close();
  });

  Deno.test(`a cancel doesn't overtake its own request, however long that is (${wire})`, async () => {
    const { wait, stopped, running } = stoppable();
    await using server = createServer({
      procedures: { "test.wait": wait, "test.size": (blob: Uint8Array) => blob.length },
    });
    const { session, frames } = await pair(server, { wire });
    const blob = new Uint8Array(1_000_000);
    await session.call("test.size", [new Uint8Array(1)]);
    // Acknowledgements set the pace, so what comes behind this one waits in the queue.
    const before = session.call("test.size", [blob]);
    const controller = new AbortController();
    const call = session.call("test.wait", [blob], { signal: controller.signal });
    const sent = frames.reduce((sum, frame) => sum + frame.length, 0);
    controller.abort(new Error("changed my mind"));
    await assertRejects(() => call, Error, "changed my mind");
    assert(sent < 2 * blob.length, `${sent} bytes were on their way already`);
    const reason = await stopped;
    assertInstanceOf(reason, DOMException);
    assertEquals(reason.message, "The caller cancelled the call");
    assertEquals([await before, running()], [blob.length, 0]);
    assertEquals(session.stats().queue?.heldMessages, 0);
    await session.close();
  });

  Deno.test(`a caller's timeout is the procedure's deadline (${wire})`, async () => {
    const { wait, started, stopped } = stoppable();
    await using server = createServer({ procedures: { "test.wait": wait } });
    const { session } = await pair(server, { wire });
    using time = new FakeTime();
    const call = session.call("test.wait", [], { timeout: 500 });
    call.catch(() => {});
    await time.settle();
    await started;
    await time.advance(500);
    await assertRejects(() => call, TimeoutError, "500 ms");
    assertInstanceOf(await stopped, Error);
    // Both sides acknowledge what they have read a little later.
    await time.advance(10);
    assertEquals(time.pending, 0);
    await session.close();
  });

  Deno.test(`a client that vanishes stops what runs for it (${wire})`, async () => {
    const { wait, started, stopped } = stoppable();
    await using server = createServer({ procedures: { "test.wait": wait } });
    const { session, cut } = await pair(server, { wire, reconnect: false });
    const call = session.call("test.wait");
    await started;
    cut();
    await assertRejects(() => call, ConnectionClosedError);
    const reason = await stopped;
    assertInstanceOf(reason, DOMException);
    assertEquals(reason.message, "The peer has gone");
  });

  Deno.test(`progress arrives in order while the call runs, and only where it is read (${wire})`, async () => {
    await using server = createServer({
      procedures: {
        "test.work": procedure(async (call, steps: number) => {
          for (let done = 1; done <= steps; done++) {
            call.progress({ done, part: new Uint8Array(done) });
            await Promise.resolve();
          }
          return steps;
        }),
      },
    });
    const { session } = await pair(server, { wire });
    const seen: unknown[] = [];
    const onProgress = (value: unknown) => void seen.push(value);
    assertEquals(await session.call("test.work", [2], { onProgress }), 2);
    assertEquals(seen, [
      { done: 1, part: new Uint8Array(1) },
      { done: 2, part: new Uint8Array(2) },
    ]);
    assertEquals(await session.call("test.work", [3]), 3);
    assertEquals(seen.length, 2);
    await session.close();
  });

  Deno.test(`what a progress callback throws goes to onError, and the call goes on (${wire})`, async () => {
    await using server = createServer({
      procedures: { "test.work": procedure((call) => (call.progress(1), "done")) },
    });
    const errors: unknown[] = [];
    const { session } = await pair(server, { wire, onError: (error) => errors.push(error) });
    const onProgress = () => {
      throw new Error("listener");
    };
    assertEquals(await session.call("test.work", [], { onProgress }), "done");
    assertEquals(String(errors), "Error: listener");
    await session.close();
  });

  Deno.test(`a traceparent travels with the call (${wire})`, async () => {
    await using server = createServer({
      procedures: { "test.trace": procedure((call) => call.traceparent ?? null) },
    });
    const { session } = await pair(server, { wire });
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assertEquals(await session.call("test.trace", [], { traceparent }), traceparent);
    assertEquals(await session.call("test.trace"), null);
    await session.close();
  });

  Deno.test(`a server calls a client's procedure, with the same errors and the same end (${wire})`, async () => {
    await using server = createServer();
    const { session } = await pair(server, {
      wire,
      procedures: {
        "dialog.ask": (question: string, bytes: Uint8Array) => ({ question, bytes }),
        "dialog.fail": () => {
          throw new RpcError(1001, "No screen", { size: 0 });
        },
        "dialog.wait": procedure((call) =>
          new Promise((_resolve, reject) =>
            call.signal.addEventListener("abort", () => reject(call.signal.reason))
          )
        ),
      },
    });
    const client = server.clients.get(session.clientId);
    assert(client);
    assertEquals(await client.call("dialog.ask", ["Sure?", new Uint8Array([1])]), {
      question: "Sure?",
      bytes: new Uint8Array([1]),
    });
    const error = await assertRejects(() => client.call("dialog.fail"), RpcError, "No screen");
    assertEquals([error.code, error.data], [1001, { size: 0 }]);
    await assertRejects(() => client.call("dialog.none"), RpcError, "Unregistered method called");
    const controller = new AbortController();
    const waiting = client.call("dialog.wait", [], { signal: controller.signal });
    controller.abort(new Error("enough"));
    await assertRejects(() => waiting, Error, "enough");
    const cut = client.call("dialog.wait");
    await session.close();
    await assertRejects(() => cut, ConnectionClosedError);
    await assertRejects(() => client.call("dialog.ask"), ConnectionClosedError, "not sent");
  });

  Deno.test(`a client of wslink's is never called (${wire})`, async () => {
    await using server = createServer();
    const { peer, id } = await join(server, wire);
    const client = server.clients.get(id);
    assert(client);
    assertEquals(client.features.size, 0);
    const error = await assertRejects(() => client.call("dialog.ask"), RpcError, "takes no calls");
    assertEquals(error.code, -32601);
    assertEquals(peer.received, []);
  });

  Deno.test(`without extensions a session is one of wslink's (${wire})`, async () => {
    const { wait, started, stopped } = stoppable();
    await using server = createServer({ procedures: { "test.wait": wait } });
    const { session, frames } = await pair(server, { wire, extensions: false });
    assertEquals(server.clients.get(session.clientId)?.features.size, 0);
    const controller = new AbortController();
    const call = session.call("test.wait", [], { timeout: 9000, signal: controller.signal });
    await started;
    const sent = frames.length;
    controller.abort(new Error("enough"));
    await assertRejects(() => call, Error, "enough");
    assertEquals(frames.length, sent, "nothing but wslink's own messages is sent");
    await session.close();
    await stopped;
  });

  Deno.test(`cancelling buys no more running calls than the limit allows (${wire})`, async () => {
    const gate = defer<string>();
    let running = 0;
    await using server = createServer({
      limits: { callsInFlight: 2 },
      procedures: { "test.deaf": () => (running++, gate.promise) },
    });
    const { session } = await pair(server, { wire });
    for (let i = 0; i < 2; i++) {
      const controller = new AbortController();
      const call = session.call("test.deaf", [], { signal: controller.signal });
      controller.abort(new Error("enough"));
      await assertRejects(() => call, Error, "enough");
    }
    await assertRejects(() => session.call("test.deaf"), RpcError, "Too many calls at once");
    assertEquals(running, 2);
    gate.resolve("late");
    await gate.promise;
    assertEquals(await session.call("test.deaf"), "late");
    await session.close();
  });
}

Deno.test("an id that is in use by a running call is refused", async () => {
  const { wait, started } = stoppable();
  await using server = createServer({ procedures: { "test.wait": wait } });
  const { peer } = await join(server);
  peer.request("test.wait", [], {}, "rpc:c1:7");
  await started;
  peer.request("test.wait", [], {}, "rpc:c1:7");
  const answer = await peer.next();
  assertEquals(answer, {
    type: "error",
    id: "rpc:c1:7",
    error: { code: -32600, message: "Invalid request", data: "a call of this id is running" },
  });
  peer.leave();
});
