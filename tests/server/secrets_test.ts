/** No secret, token, path or stack in anything that a server sends or logs. */
import { assert, assertEquals } from "@std/assert";
import { HELLO_ID, HELLO_METHOD } from "@hawser/hawser/protocol";
import { createServer, type ServerOptions } from "@hawser/hawser/server";
import { clientIdOf, LocalPeer, WIRES } from "../_peer.ts";

const SECRET = "correct horse battery staple";
const NEAR = "correct horse battery stapler";
const ARGUMENT = "an argument that is nobody's business";
const PATH = "/srv/secret/scene.vtp";

/** Whatever would be told of a thing that no peer may know. */
const FORBIDDEN = [SECRET, NEAR, ARGUMENT, PATH, "_test.ts", "file://", "    at ", "node_modules"];

/** Everything that was written to the log, errors of the application's own by their class alone. */
function collect(options: ServerOptions) {
  const log: string[] = [];
  const write = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) => {
    const { err, ...rest } = fields;
    const name = err instanceof Error ? err.name : typeof err;
    log.push(JSON.stringify({ level, message, ...rest, ...(err === undefined ? {} : { name }) }));
  };
  const logger = { info: write("info"), warn: write("warn"), error: write("error") };
  return { log, server: createServer({ ...options, logger }) };
}

for (const wire of WIRES) {
  Deno.test(`nothing that fails tells a peer or the log a secret, an argument, a path or a stack (${wire})`, async () => {
    const { log, server } = collect({
      secret: SECRET,
      limits: { callRate: 5, callBurst: 5, keys: 50, depth: 10 },
      procedures: {
        "fail": () => Deno.readTextFileSync(PATH),
        "reject": async () => await Promise.reject(new Error(`${SECRET} in ${PATH}`)),
        "unsendable": () => ({ [PATH]: () => SECRET }),
        "throw": () => {
          throw PATH;
        },
      },
    });
    const peers: LocalPeer[] = [];
    const join = async (secret: unknown = SECRET) => {
      const peer = new LocalPeer(server, wire);
      peers.push(peer);
      const answer = await peer.hello(secret, { version: 1, features: ["resume", "call"] });
      return { peer, answer };
    };
    const first = await join();
    const ticket = Reflect.get(
      Object(first.answer.type === "result" && first.answer.result),
      "hawser",
    );
    const token: unknown = Reflect.get(Object(ticket), "session");
    assert(typeof token === "string" && token.length > 40);
    const expected = first.peer.socket.frames.length;
    assertEquals(expected > 0, true);

    for (const method of ["fail", "reject", "unsendable", "throw", "fail", "fail"]) {
      assertEquals((await first.peer.call(method, [ARGUMENT])).type, "error");
    }
    for (const secret of [NEAR, SECRET.slice(1), { secret: SECRET }, [SECRET], null]) {
      assertEquals((await join(secret)).answer.type, "error");
    }
    // A ticket of somebody's, nearly right.
    const thief = new LocalPeer(server, wire);
    peers.push(thief);
    thief.request(
      HELLO_METHOD,
      [{ secret: SECRET, hawser: { version: 1, features: ["resume"], session: `${token}x` } }],
      {},
      HELLO_ID,
    );
    assert(clientIdOf(await thief.next()) !== clientIdOf(first.answer));

    // Frames that are wrong, each with something in it that its sender may not read elsewhere.
    const keys = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`${ARGUMENT}${i}`, i]));
    let deep: unknown = ARGUMENT;
    for (let i = 0; i < 20; i++) deep = [deep];
    const values = [
      { id: 7, method: ARGUMENT },
      { id: "rpc:c0:1", method: "fail", args: [keys] },
      { id: "rpc:c0:1", method: "fail", args: [deep] },
      [ARGUMENT],
      ARGUMENT,
    ];
    for (const value of values) {
      const { peer } = await join();
      peer.sendValue(value);
    }
    const { peer: broken } = await join();
    broken.sendFrame(
      wire === "json" ? `{"id": "${ARGUMENT}` : new TextEncoder().encode(ARGUMENT.repeat(2)),
    );
    await broken.closed;
    // Before a hello.
    const stranger = new LocalPeer(server, wire);
    peers.push(stranger);
    for (let i = 0; i < 70; i++) stranger.request("fail", [ARGUMENT]);
    first.peer.leave({ code: 4001, reason: SECRET });
    await server.close({ drain: 0 });

    // What the first one left with is its own.
    const closed = await Promise.all(
      peers.filter((peer) => peer !== first.peer).map((peer) => peer.closed),
    );
    const decoder = new TextDecoder();
    const sent = peers.flatMap(({ socket }) =>
      socket.frames.map((frame) => typeof frame === "string" ? frame : decoder.decode(frame))
    );
    const told = [...sent, ...closed.map(({ reason }) => reason), ...log];
    assert(sent.length > 80 && log.length > 10, `${sent.length} frames, ${log.length} lines`);
    for (const forbidden of FORBIDDEN) {
      const found = told.find((text) => text.includes(forbidden));
      assertEquals(found, undefined, `"${forbidden}" is in ${found}`);
    }
    const withToken = told.filter((text) => text.includes(token));
    assertEquals(withToken.length, 1, "a ticket is in the hello's answer and nowhere else");
  });
}
