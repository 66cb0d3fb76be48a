import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ConnectionClosedError, ErrorCode, RpcError } from "@hawser/hawser/client";
import {
  type Authenticated,
  authentication,
  createServer,
  equalSecrets,
  procedure,
  serve,
} from "@hawser/hawser/server";
import * as node from "@hawser/hawser/node";
import { WebSocket } from "ws";
import { defer } from "../../protocol/deferred.ts";
import { FakeTime } from "../_fake_time.ts";
import { WIRES } from "../_peer.ts";
import { pair } from "./_pair.ts";

interface User {
  readonly name: string;
  readonly admin: boolean;
}

const USERS = new Map<unknown, User>([
  ["token of ada", { name: "ada", admin: true }],
  ["token of bob", { name: "bob", admin: false }],
]);

function makeServer(lifetime?: number) {
  const auth = authentication(async (hello) => {
    const user = await Promise.resolve(USERS.get(hello.secret));
    if (user === undefined) return undefined;
    const found: Authenticated<User> = lifetime === undefined
      ? { identity: user }
      : { identity: user, expires: Date.now() + lifetime };
    return found;
  });
  const server = createServer({
    authenticate: auth.authenticate,
    procedures: {
      "user.name": auth.procedure((call) => call.state.identity.name),
      "user.list": auth.procedure(
        { authorize: async (call) => await Promise.resolve(call.state.identity.admin) },
        () => [...USERS.values()].map(({ name }) => name),
      ),
      "user.raw": procedure((call) => call.client.identity),
    },
  });
  return { server, auth };
}

for (const wire of WIRES) {
  Deno.test(`a client's identity is known to procedures, and decides what it may call (${wire})`, async () => {
    const { server, auth } = makeServer();
    const { session: ada } = await pair(server, { wire, secret: "token of ada" });
    const { session: bob } = await pair(server, {
      wire,
      secret: () => Promise.resolve("token of bob"),
    });
    assertEquals(await ada.call("user.name"), "ada");
    assertEquals(await bob.call("user.name"), "bob");
    assertEquals(await ada.call("user.list"), ["ada", "bob"]);
    const error = await assertRejects(() => bob.call("user.list"), RpcError, "Not allowed");
    assertEquals(error.code, ErrorCode.forbidden);
    assertEquals(await ada.call("user.raw"), { name: "ada", admin: true });
    const client = server.clients.get(ada.clientId);
    assert(client);
    assertEquals(auth.identityOf(client).name, "ada");
    const refused = await assertRejects(() => pair(server, { wire, secret: "guess" }), RpcError);
    assertEquals(refused.code, ErrorCode.authentication);
    await ada.close();
    await bob.close();
    await server.close();
  });

  Deno.test(`an identity expires, unless the client says who it is in time (${wire})`, async () => {
    using time = new FakeTime();
    const { server } = makeServer(1_000);
    const { session } = await pair(server, {
      wire,
      secret: "token of ada",
      reconnect: false,
    });
    await time.advance(900);
    const refreshed = session.authenticate("token of bob");
    await time.settle();
    await refreshed;
    assertEquals(await session.call("user.name"), "bob");
    await time.advance(900);
    assertEquals(session.status.state, "open");
    // One that is refused changes nothing.
    const refused = assertRejects(() => session.authenticate("guess"), RpcError, "Authentication");
    await time.settle();
    await refused;
    await time.advance(200);
    assertEquals(session.status.state, "closed");
    const { error } = session.status.state === "closed" ? session.status : {};
    assert(error instanceof ConnectionClosedError);
    assertEquals([error.closeCode, error.reason], [4010, "The authentication has expired"]);
    await server.close();
    assertEquals(time.pending, 0);
  });

  Deno.test(`a session that has expired comes back with what its function says then (${wire})`, async () => {
    using time = new FakeTime();
    const { server } = makeServer(1_000);
    const tokens = ["token of ada", "token of bob"];
    const { session } = await pair(server, {
      wire,
      secret: () => tokens.shift() ?? "none",
      reconnect: { initialDelay: 1 },
    });
    assertEquals(await session.call("user.name"), "ada");
    await time.advance(1_000);
    await time.advance(1);
    await time.settle();
    assertEquals(session.status.state, "open");
    assertEquals(await session.call("user.name"), "bob");
    await session.close();
    await server.close();
  });

  Deno.test(`failed tries are answered more and more slowly, and then not at all (${wire})`, async () => {
    using time = new FakeTime();
    const { server } = makeServer();
    const { session } = await pair(server, { wire, secret: "token of ada", reconnect: false });
    const { helloAttempts } = server.limits;
    const waits: number[] = [];
    for (let tries = 1; tries < helloAttempts; tries++) {
      let answered = false;
      const wrong = session.authenticate("guess").catch((error: unknown) => {
        answered = true;
        assert(error instanceof RpcError);
      });
      await time.settle();
      let waited = 0;
      for (; !answered; waited += 250) await time.advance(250);
      waits.push(waited);
      await wrong;
      // Everything else goes on meanwhile.
      assertEquals(await session.call("user.name"), "ada");
    }
    assertEquals(waits, [0, 250, 500, 1_000]);
    const last = assertRejects(() => session.authenticate("guess"), Error);
    await time.settle();
    await last;
    assertEquals(session.status.state, "closed");
    await server.close();
    assertEquals(time.pending, 0);
  });
}

for (const wire of WIRES) {
  Deno.test(`a session that outlives its socket is whoever said the last hello (${wire})`, async () => {
    const { server } = makeServer(60_000);
    const tokens = ["token of ada", "token of bob"];
    const { session, cut } = await pair(server, {
      wire,
      secret: () => tokens.shift() ?? "none",
      reconnect: { initialDelay: 1 },
    });
    const { clientId } = session;
    assertEquals(await session.call("user.name"), "ada");
    await session.authenticate("token of bob");
    assertEquals(await session.call("user.name"), "bob");
    await session.authenticate("token of ada");
    cut();
    for await (const status of session.statuses()) {
      if (status.state === "open" && status.resumed) break;
    }
    assertEquals([await session.call("user.name"), session.clientId], ["bob", clientId]);
    // What was numbered before and after the cut is in step.
    await session.authenticate("token of ada");
    assertEquals(await session.call("user.name"), "ada");
    await session.close();
    await server.close();
  });
}

Deno.test("one hello at a time is checked on a live session, and an expired one is refused", async () => {
  const gate = defer<void>();
  let first = true;
  await using server = createServer({
    authenticate: async (hello) => {
      if (!first) await gate.promise;
      first = false;
      return { identity: hello.secret, expires: hello.secret === "old" ? new Date(0) : Infinity };
    },
  });
  await assertRejects(() => pair(server, { secret: "old" }), RpcError, "Authentication failed");
  gate.resolve();
  const { session } = await pair(server, { secret: "new" });
  const both = [session.authenticate("newer"), session.authenticate("newest")];
  const [one, other] = await Promise.allSettled(both);
  assertEquals([one?.status, other?.status], ["fulfilled", "rejected"]);
  assertEquals(server.clients.get(session.clientId)?.identity, "newer");
  await session.close();
});

Deno.test("secret and authenticate exclude each other, and an origin is an origin", () => {
  assertThrows(
    () => createServer({ secret: "a", authenticate: () => ({ identity: 1 }) }),
    TypeError,
    "exclude",
  );
  assertThrows(
    () => createServer({ origins: ["https://example.org/app"] }),
    TypeError,
    "https://example.org/app",
  );
});

Deno.test("secrets are compared whole, whatever they are", () => {
  assert(equalSecrets("secret", "secret"));
  for (const given of ["", "s", "secre", "secrets", "Secret", "secretsecret", undefined, null, 7]) {
    assert(!equalSecrets(given, "secret"), String(given));
  }
  assert(equalSecrets("", ""));
  assert(!equalSecrets("a", ""));
});

/** What becomes of a WebSocket request: its status, or 101. */
function ask(url: string, headers: Record<string, string>): Promise<number> {
  const { promise, resolve, reject } = defer<number>();
  const socket = new WebSocket(url, { headers });
  socket.on("open", () => {
    socket.on("close", () => resolve(101));
    socket.close();
  });
  socket.on("unexpected-response", (_request, response) => {
    response.resume();
    resolve(response.statusCode ?? 0);
  });
  socket.on("error", reject);
  return promise;
}

for (const [runtime, make] of [["Deno", createServer], ["Node", node.createServer]] as const) {
  const listen = runtime === "Deno" ? serve : node.serve;

  Deno.test(`pages of other origins are refused at the upgrade (${runtime})`, async () => {
    const server = make({ origins: ["https://example.org"] });
    await using listening = await listen(server, { port: 0 });
    const { webSocketUrl } = listening;
    assertEquals(await ask(webSocketUrl, { origin: "https://example.org" }), 101);
    assertEquals(await ask(webSocketUrl, { origin: "https://example.com" }), 403);
    assertEquals(await ask(webSocketUrl, { origin: "https://example.org.evil.example" }), 403);
    assertEquals(await ask(webSocketUrl, { origin: "null" }), 403);
    assertEquals(await ask(webSocketUrl, {}), 101);
  });

  Deno.test(`authenticate sees the request's headers and cookies (${runtime})`, async () => {
    const seen = defer<string | null | undefined>();
    const server = make({
      authenticate: (_hello, request) => {
        seen.resolve(request?.headers.get("cookie"));
        return { identity: "someone" };
      },
    });
    await using listening = await listen(server, { port: 0 });
    const socket = new WebSocket(listening.webSocketUrl, { headers: { cookie: "session=s3" } });
    const closed = defer<void>();
    socket.on("close", () => closed.resolve());
    socket.on("open", () => {
      const hello = { wslink: "1.0", id: "system:c0:0", method: "wslink.hello", args: [{}] };
      socket.send(JSON.stringify(hello));
    });
    assertEquals(await seen.promise, "session=s3");
    socket.close();
    await closed.promise;
  });
}
