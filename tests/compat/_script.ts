/**
 * One script of calls, subscriptions, errors, cuts and closings, for wslink's
 * JavaScript clients and for the drop-in alike. It writes down what an
 * application sees, so that the transcripts can be compared.
 */

/** wslink's session, as the script uses it. */
export interface SubjectSession {
  call(method: string, args?: unknown[], kwargs?: Record<string, unknown>): Promise<unknown>;
  subscribe(topic: string, callback: (messages: unknown[]) => void): {
    promise: Promise<unknown>;
    unsubscribe(): Promise<void>;
  };
  unsubscribe(info: unknown): Promise<void>;
  addAttachment(payload: unknown): unknown;
  close(): Promise<void>;
}

interface Evented {
  onConnectionReady(callback: (...args: unknown[]) => void): { unsubscribe(): void } | null;
  onConnectionError(callback: (...args: unknown[]) => void): { unsubscribe(): void } | null;
  onConnectionClose(callback: (...args: unknown[]) => void): { unsubscribe(): void } | null;
  destroy(timeout?: number): void;
  isA(name: string): boolean;
}

/** wslink's connection, as the script uses it. */
export interface SubjectConnection extends Evented {
  connect(): SubjectSession | null;
  getSession(): SubjectSession | null;
  getUrl(): string | undefined;
}

/** wslink's smart connection, as the script uses it. */
export interface SubjectSmart extends Evented {
  connect(): void;
  getSession(): SubjectSession | null;
  getConfig(): Record<string, unknown>;
}

/** wslink's launcher, as the script uses it. */
export interface SubjectLauncher {
  start(config: Record<string, unknown>): void;
  fetchConnection(id: string): void;
  stop(connection: { id: string }): void;
  listConnections(): unknown[];
  destroy(): void;
  onProcessReady(callback: (answer: unknown) => void): unknown;
  onProcessStopped(callback: (answer: unknown) => void): unknown;
  onFetch(callback: (answer: unknown) => void): unknown;
  onError(callback: (answer: { status: number; response: unknown }) => void): unknown;
}

/** What is compared: wslink's classes, by whoever made them. */
export interface Subject {
  readonly WebsocketConnection: { newInstance(options: object): SubjectConnection };
  readonly SmartConnect: { newInstance(options: object): SubjectSmart };
  readonly ProcessLauncher: { newInstance(options: object): SubjectLauncher };
  readonly CompositeClosureHelper: {
    chain(...functions: unknown[]): (...args: unknown[]) => void;
    destroy(publicAPI: object, model: object): void;
    event(publicAPI: object, model: object, name: string, asynchronous?: boolean): void;
    get(publicAPI: object, model: object, names: string[]): void;
    isA(publicAPI: object, model: object, name: string): void;
    newInstance(extend: (publicAPI: object, model: object, values?: object) => unknown): (
      values?: object,
    ) => object;
    set(publicAPI: object, model: object, names: string[]): void;
  };
}

/** Where the script goes. */
export interface Place {
  /** A server. */
  readonly url: string;
  /** A port where nobody listens. */
  readonly nobody: string;
  /** Ends a server of its own, as a crash does, and gives its address before. */
  readonly doomed?: { readonly url: string; kill(): void };
  /** A launcher of processes; without one, nothing is launched. */
  readonly launcher?: string;
  /** How long a call lasts, in s, that a close comes before the end of. */
  readonly nap: number;
}

/** What an application saw, by the step's name. */
export type Transcript = Record<string, string>;

/** A class as an application may have one. */
class Point {
  x = 1;
  #secret = 2;
  get sum(): number {
    return this.x + this.#secret;
  }
}

/**
 * Runs the script.
 *
 * @param subject What is compared.
 * @param place Where the servers are.
 * @returns What was seen.
 */
export async function runScript(subject: Subject, place: Place): Promise<Transcript> {
  const transcript: Transcript = {};
  const steps = { ...connectionSteps, ...sessionSteps, ...smartSteps, ...helperSteps };
  const launched = place.launcher === undefined ? {} : launcherSteps;
  for (const [name, step] of Object.entries({ ...steps, ...launched })) {
    transcript[name] = show(await step(subject, place));
  }
  return transcript;
}

type Step = (subject: Subject, place: Place) => Promise<unknown>;

/** Every callback that is due has been called after this many timers. */
async function settle(): Promise<void> {
  for (let round = 0; round < 4; round++) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** Writes down what a connection tells. */
function watch(connection: Evented) {
  const seen: unknown[] = [];
  const waiting: { what: string; resolve: () => void }[] = [];
  function note(what: string, args: unknown[]): void {
    const owners = args.map((arg) => arg === connection ? "itself" : kindOf(arg));
    seen.push([what, ...owners]);
    for (const { what: wanted, resolve } of waiting) if (wanted === what) resolve();
  }
  const event = (what: string) => new Promise<void>((resolve) => waiting.push({ what, resolve }));
  const ready = event("ready");
  const failed = event("error");
  const closed = event("close");
  connection.onConnectionReady((...args) => note("ready", args));
  connection.onConnectionError((...args) => note("error", args));
  connection.onConnectionClose((...args) => note("close", args));
  return { seen, ready, failed, closed };
}

/**
 * Waits until all publications so far have come. wslink 2.x reads each frame
 * from a blob, so that the answer to a call may overtake what it published.
 */
async function published(session: SubjectSession): Promise<void> {
  await new Promise<void>((resolve) => {
    session.subscribe("the.last.topic", () => resolve());
    session.call("test.publish", ["the.last.topic", 1]);
  });
  await settle();
}

/** Follows a promise: how it ended, or that it has not. */
function outcome(promise: Promise<unknown>): () => Promise<unknown> {
  let state: unknown = "pending";
  promise.then((value) => state = { result: value }, (error) => state = { error });
  return async () => {
    await settle();
    return state;
  };
}

/** How a promise ends. */
async function end(make: () => Promise<unknown> | undefined): Promise<unknown> {
  let promise;
  try {
    promise = make();
  } catch (error) {
    return { thrown: kindOf(error) };
  }
  try {
    return { result: await promise };
  } catch (error) {
    return { error };
  }
}

async function open({ WebsocketConnection }: Subject, url: string) {
  const connection = WebsocketConnection.newInstance({ urls: url });
  const events = watch(connection);
  const session = connection.connect();
  if (session === null) throw new Error("there is no session");
  await events.ready;
  return { connection, session, ...events };
}

/** A step that needs an open session. */
function using(work: (session: SubjectSession, place: Place) => Promise<unknown>): Step {
  return async (subject, place) => {
    const { session, closed } = await open(subject, place.url);
    const seen = show(await work(session, place));
    session.close();
    await closed;
    return seen;
  };
}

const connectionSteps: Record<string, Step> = {
  async "a connection's life"({ WebsocketConnection }, { url }) {
    const connection = WebsocketConnection.newInstance({ urls: url });
    const { seen, ready, closed } = watch(connection);
    const before = [connection.getSession(), connection.getUrl()];
    const session = connection.connect();
    seen.push("connect() returned");
    await ready;
    const during = [connection.getSession() === session, connection.getUrl() === url];
    await session?.close();
    seen.push("close() fulfilled");
    await closed;
    await settle();
    return [before, seen, during, connection.getSession() === session, connection.getUrl()];
  },
  async "its methods"({ WebsocketConnection }, { url }) {
    const connection = WebsocketConnection.newInstance({ urls: url });
    const names = Object.keys(connection).sort();
    const isFrozen = Object.isFrozen(connection);
    const isA = [connection.isA("WebsocketConnection"), connection.isA("SmartConnect")];
    return await Promise.resolve([names, isFrozen, isA]);
  },
  async "connect() twice"({ WebsocketConnection }, { url }) {
    const connection = WebsocketConnection.newInstance({ urls: url });
    const { seen, ready, closed } = watch(connection);
    const first = connection.connect();
    const second = connection.connect();
    await ready;
    const third = connection.connect();
    third?.close();
    await closed;
    await settle();
    return [first === second, second === third, seen];
  },
  async "connect() again after a close"({ WebsocketConnection }, { url }) {
    const connection = WebsocketConnection.newInstance({ urls: url });
    const first = connection.connect();
    await watch(connection).ready;
    first?.close();
    await watch(connection).closed;
    await settle();
    const again = watch(connection);
    const second = connection.connect();
    await again.ready;
    const answer = await second?.call("test.echo", [1]);
    second?.close();
    await again.closed;
    return [first === second, answer, again.seen];
  },
  async "no address"({ WebsocketConnection }) {
    const connection = WebsocketConnection.newInstance({});
    const { seen } = watch(connection);
    const session = connection.connect();
    await settle();
    return [session, seen];
  },
  async "an address with another scheme"({ WebsocketConnection }, { url }) {
    const connection = WebsocketConnection.newInstance({ urls: [url, "http://localhost/ws"] });
    const { seen } = watch(connection);
    const session = quietly(() => connection.connect());
    await settle();
    return [session, seen];
  },
  async "a list of addresses"({ WebsocketConnection }, { url, nobody }) {
    const connection = WebsocketConnection.newInstance({ urls: [url, nobody] });
    const { seen, ready, closed } = watch(connection);
    const session = connection.connect();
    await ready;
    session?.close();
    await closed;
    return seen;
  },
  async "nobody listens"({ WebsocketConnection }, { nobody }) {
    const connection = WebsocketConnection.newInstance({ urls: nobody });
    const { seen, closed } = watch(connection);
    const session = connection.connect();
    await closed;
    await settle();
    return [session !== null, seen, await end(() => session?.call("test.echo"))];
  },
  async "a wrong secret"({ WebsocketConnection }, { url }) {
    const connection = WebsocketConnection.newInstance({ urls: url, secret: "wrong" });
    const seen: unknown[] = [];
    connection.onConnectionReady(() => seen.push("ready"));
    connection.onConnectionClose(() => seen.push("close"));
    const failed = new Promise<unknown>((resolve) => {
      connection.onConnectionError((_, error) => resolve(error));
    });
    const session = quietly(() => connection.connect());
    const error = await quietlyAwait(failed);
    await settle();
    const calls = await end(() => session?.call("test.echo"));
    connection.destroy(-1);
    return [error, calls, seen];
  },
  async "an empty secret is the default one"({ WebsocketConnection }, { url }) {
    const connection = WebsocketConnection.newInstance({ urls: url, secret: "" });
    const { seen, ready, closed } = watch(connection);
    const session = connection.connect();
    await ready;
    session?.close();
    await closed;
    return seen;
  },
  async "a call that was under way when the server died"(subject, { doomed }) {
    if (doomed === undefined) return "nothing dies here";
    const { session, closed, seen } = await open(subject, doomed.url);
    const call = outcome(session.call("test.sleep", [3600]));
    doomed.kill();
    await closed;
    const ended = await call();
    // Whether a broken socket fires an error event first is the runtime's affair.
    const last = seen.at(-1);
    return [last, ended, await end(() => session.call("test.echo"))];
  },
  async "destroy() tells nobody"(subject, { url }) {
    const { connection, seen } = await open(subject, url);
    connection.destroy(-1);
    await settle();
    return [seen, connection.getSession() ?? "nothing", connection.getUrl()];
  },
  async "a callback taken off, and one that throws"({ WebsocketConnection }, { url }) {
    const connection = WebsocketConnection.newInstance({ urls: url });
    const seen: unknown[] = [];
    const taken = connection.onConnectionReady(() => seen.push("taken off"));
    connection.onConnectionReady(() => {
      throw new Error("on purpose");
    });
    connection.onConnectionReady(function (this: unknown) {
      seen.push(["called", this === connection]);
    });
    taken?.unsubscribe();
    const { ready, closed } = watch(connection);
    const session = connection.connect();
    await quietlyAwait(ready);
    session?.close();
    await closed;
    return [Object.isFrozen(taken), seen];
  },
};

const sessionSteps: Record<string, Step> = {
  async "before the hello is answered"({ WebsocketConnection }, { url }) {
    const connection = WebsocketConnection.newInstance({ urls: url });
    const { ready, closed } = watch(connection);
    const session = connection.connect();
    const call = await end(() => session?.call("test.echo"));
    const subscription = await end(() => session?.subscribe("a.topic", () => {}).promise);
    const unsubscription = await end(() =>
      session?.unsubscribe({ topic: "a.topic", callback: () => {} })
    );
    await ready;
    session?.close();
    await closed;
    return [call, subscription, unsubscription];
  },
  "arguments": using(async (session) => [
    await session.call("test.echo"),
    await session.call("test.echo", []),
    await session.call("test.echo", [1, "two", [3, null], { four: true }, "é漢😀", -1.5]),
    await session.call("test.echo", [], { name: "n", empty: {}, list: [] }),
    await session.call("test.echo", undefined, { a: 1 }),
  ]),
  "a value that is not there": using((session) =>
    end(() => session.call("test.echo", [undefined, { a: undefined }, [undefined]]))
  ),
  "an instance of a class": using((session) =>
    end(() => session.call("test.echo", [new Point(), new Map([["a", 1]])]))
  ),
  "a date": using((session) => end(() => session.call("test.echo", [{ at: new Date(0) }]))),
  "no number": using((session) => end(() => session.call("test.echo", [NaN, Infinity]))),
  "a function": using((session) => end(() => session.call("test.echo", [{ f: () => 1 }]))),
  "a typed array": using((session) =>
    end(() => session.call("test.echo", [Float32Array.of(1.5), { b: Uint8Array.of(1, 2) }]))
  ),
  "a buffer": using((session) =>
    end(() => session.call("test.echo", [Uint8Array.of(1, 2).buffer]))
  ),
  "a large integer to send": using((session) => end(() => session.call("test.echo", [2n ** 60n]))),
  "a value that contains itself": using((session) => {
    const value: Record<string, unknown> = {};
    value.self = value;
    return end(() => session.call("test.echo", [value]));
  }),
  "large integers that come": using((session) => end(() => session.call("test.integers"))),
  "bytes that come": using((session) => end(() => session.call("test.bytes", [3]))),
  "bytes within a result": using((session) =>
    end(() => session.call("myprotocol.nested.image").then((result) => kinds(result)))
  ),
  "what addAttachment() returns": using((session) => {
    const bytes = Uint8Array.of(1, 2, 3);
    const given = [bytes, bytes.buffer, new DataView(bytes.buffer)].map((payload) => {
      const got = session.addAttachment(payload);
      return got === payload ? "the payload" : got;
    });
    return Promise.resolve(given);
  }),
  "attachments there and back": using(async (session) => {
    const one = session.addAttachment(Uint8Array.of(1, 2, 3));
    const two = session.addAttachment(Uint8Array.of(4).buffer);
    return await end(() => session.call("test.echo", [[one, { two }]], { one: two }));
  }),
  "an attachment in two places": using(async (session) => {
    const one = session.addAttachment(Uint8Array.of(1, 2));
    return await end(() => session.call("test.echo", [one, { one }]));
  }),
  "an attachment in a second call": using(async (session) => {
    const one = session.addAttachment(Uint8Array.of(1, 2));
    await session.call("test.echo", [one]);
    return await end(() => session.call("test.echo", [one]));
  }),
  "a blob as an attachment": using((session) => {
    const blob = session.addAttachment(new Blob([Uint8Array.of(0, 1, 2)]));
    return end(() =>
      session.call("test.measure", [blob]).catch((error) => Promise.reject(Object(error).code))
    );
  }),
  "a method that is not there": using((session) => end(() => session.call("no.such.method", [1]))),
  "an exception": using((session) =>
    end(() =>
      session.call("test.fail", ["on purpose"]).catch((error) => {
        // The exception's name is Python's or JavaScript's, and Python shows its traceback.
        const { code, message, data } = Object(error);
        throw { code, message, method: data.method, isError: error instanceof Error };
      })
    )
  ),
  "a result that cannot be sent": using((session) =>
    end(() => session.call("test.unserializable"))
  ),
  "calls at once": using(async (session) => {
    return await Promise.all([
      session.call("test.echo", [1]),
      session.call("no.such.method").catch((error) => error),
      session.call("test.echo", [3]),
    ]);
  }),
  "a subscription": using(async (session) => {
    const heard: unknown[] = [];
    const info = session.subscribe("a.topic", (messages) => heard.push(messages));
    const given = await info.promise;
    const answer = await session.call("test.publish", ["a.topic", 2]);
    await published(session);
    const unsubscribed = await end(() => info.unsubscribe());
    await session.call("test.publish", ["a.topic", 1]);
    await published(session);
    const again = await end(() => info.unsubscribe());
    return [Object.keys(info).sort(), Object.keys(Object(given)).sort(), answer, heard]
      .concat([unsubscribed, again].map((value) => [value]));
  }),
  "several callbacks of a topic": using(async (session) => {
    const heard: unknown[] = [];
    const shared: unknown[] = [];
    const callback = () => heard.push("twice");
    session.subscribe("a.topic", (messages) => shared.push(messages[0], messages));
    session.subscribe("a.topic", (messages) => shared.push(messages[0], messages));
    session.subscribe("a.topic", callback);
    session.subscribe("a.topic", callback);
    await session.call("test.publish", ["a.topic", 1]);
    await published(session);
    return [heard, shared[0] === shared[2], shared[1] === shared[3]];
  }),
  "a callback that ends its own subscription": using(async (session) => {
    const heard: string[] = [];
    const first = session.subscribe("a.topic", () => {
      heard.push("first");
      first.unsubscribe();
    });
    session.subscribe("a.topic", () => heard.push("second"));
    await session.call("test.publish", ["a.topic", 2]);
    await published(session);
    return heard;
  }),
  "unsubscribe() with what is not subscribed": using(async (session) => {
    const callback = () => {};
    session.subscribe("a.topic", callback);
    return [
      await end(() => session.unsubscribe({ topic: "other.topic", callback })),
      await end(() => session.unsubscribe({ topic: "a.topic", callback: () => {} })),
      await end(() => session.unsubscribe({ topic: "a.topic", callback })),
    ];
  }),
  "publications with bytes": using(async (session) => {
    const heard: unknown[] = [];
    session.subscribe("a.topic", ([message]) => heard.push(kinds(message)));
    await session.call("test.publish.binary", ["a.topic", 2, 4]);
    await published(session);
    return heard;
  }),
  async "after close()"(subject, { url, nap }) {
    const { session, closed, seen } = await open(subject, url);
    const under = outcome(session.call("test.sleep", [nap]));
    session.close();
    const atOnce = await end(() => session.call("test.echo"));
    await closed;
    const later = await end(() => session.call("test.echo"));
    const subscribed = await end(() =>
      session.subscribe("a.topic", () => {}).promise.then(() => "subscribed")
    );
    return [await under(), atOnce, later, subscribed, seen];
  },
};

/** A configuration's keys; the wire is the drop-in's own, and only the test sets it. */
function keysOf(config: Record<string, unknown>): string[] {
  return Object.keys(config).filter((key) => key !== "wire").sort();
}

const smartSteps: Record<string, Step> = {
  async "SmartConnect's life"({ SmartConnect }, { url }) {
    const config: Record<string, unknown> = { sessionURL: url, application: "cone" };
    const smart = SmartConnect.newInstance({ config });
    const { seen, ready, closed } = watch(smart);
    const returned = smart.connect();
    const early = smart.getSession() !== null;
    await ready;
    const session = smart.getSession();
    const answer = await session?.call("test.echo", [1]);
    session?.close();
    await closed;
    const current = smart.getConfig();
    const isA = smart.isA("SmartConnect");
    smart.destroy();
    return [
      ...[returned, early, seen, answer, current === config, keysOf(current)],
      ...[smart.getSession(), isA, Object.keys(smart).sort()],
    ];
  },
  async "SmartConnect with a decorator"({ SmartConnect }, { url }) {
    const seen: unknown[] = [];
    const smart = SmartConnect.newInstance({
      config: { sessionURL: "ws://elsewhere/ws" },
      configDecorator: (config: Record<string, unknown>) => {
        seen.push(config.sessionURL);
        return { ...config, sessionURL: url, more: 1 };
      },
    });
    const events = watch(smart);
    smart.connect();
    await events.ready;
    seen.push(keysOf(smart.getConfig()));
    smart.getSession()?.close();
    await events.closed;
    return [seen, events.seen];
  },
  async "SmartConnect when nobody listens"({ SmartConnect }, { nobody }) {
    const smart = SmartConnect.newInstance({ config: { sessionURL: nobody } });
    const { seen, closed } = watch(smart);
    smart.connect();
    await closed;
    await settle();
    return seen;
  },
  async "SmartConnect destroyed while it connects"({ SmartConnect }, { url }) {
    const smart = SmartConnect.newInstance({ config: { sessionURL: url } });
    const { seen } = watch(smart);
    smart.connect();
    smart.destroy();
    await settle();
    return [seen, smart.getSession()];
  },
};

const helperSteps: Record<string, Step> = {
  async "CompositeClosureHelper"({ CompositeClosureHelper: helper }) {
    const seen: unknown[] = [];
    const models: object[] = [];
    const make = helper.newInstance((publicAPI, model, values) => {
      Object.assign(model, { size: 1 }, values);
      models.push(model);
      Object.assign(publicAPI, { destroy: () => seen.push("first destroy") });
      helper.destroy(publicAPI, model);
      helper.event(publicAPI, model, "change");
      helper.event(publicAPI, model, "Now", false);
      helper.get(publicAPI, model, ["size"]);
      helper.set(publicAPI, model, ["size"]);
      helper.isA(publicAPI, model, "Thing");
      helper.isA(publicAPI, model, "Other");
    });
    const made = make({ size: 2 });
    const call = (name: string, ...args: unknown[]): unknown =>
      Reflect.apply(Reflect.get(made, name), made, args);
    seen.push(Object.keys(made).sort(), Object.isFrozen(made), call("getSize"));
    call("setSize", 3);
    seen.push(call("getSize"), call("isA", "Thing"), call("isA", "Other"), call("isA", "None"));
    call("onChange", (...args: unknown[]) => seen.push(["change", ...args]));
    call("onNow", (...args: unknown[]) => seen.push(["now", ...args]));
    call("fireChange", 1, 2);
    call("fireNow", 3);
    await settle();
    const taken = call("onNow", () => seen.push("taken off"));
    Reflect.apply(Reflect.get(Object(taken), "unsubscribe"), taken, []);
    call("fireNow", 4);
    call("destroy");
    seen.push(Object.keys(models[0] ?? {}), quietly(() => call("onNow", () => {})));
    const both = helper.chain(
      (...args: unknown[]) => seen.push(["a", ...args]),
      undefined,
      (...args: unknown[]) => seen.push(["b", ...args]),
    );
    seen.push(both(1, 2));
    return seen;
  },
};

/** What an `onConnectionError` told that comes from a launcher. */
async function smartError(smart: SubjectSmart): Promise<unknown> {
  const failed = new Promise<unknown>((resolve) => {
    smart.onConnectionError((source, error) => resolve([Object(source).status, error]));
  });
  smart.connect();
  return await failed;
}

/** What a launcher tells of a request, or that the page heard of an error instead. */
async function reported(made: SubjectLauncher, ask: () => void): Promise<unknown> {
  const told = new Promise<unknown>((resolve) => {
    made.onFetch((answer) => resolve(["fetched", answer]));
    made.onProcessStopped((answer) => resolve(["stopped", answer]));
    made.onError(({ status }) => resolve(["error", status]));
    globalThis.addEventListener("error", (event) => {
      event.preventDefault();
      resolve("an uncaught error");
    }, { once: true });
  });
  ask();
  return await told;
}

const launcherSteps: Record<string, Step> = {
  async "an address with the page's host"({ SmartConnect }, { url }) {
    const sessionURL = `ws://USE_HOSTNAME:${new URL(url).port}/ws?of=USE_HOST&name=USE_HOSTNAME`;
    const smart = SmartConnect.newInstance({ config: { sessionURL } });
    const { seen, ready, closed } = watch(smart);
    smart.connect();
    await ready;
    const address = String(smart.getConfig().sessionURL);
    smart.getSession()?.close();
    await closed;
    // Ports are new in each run.
    return [seen, address.replaceAll(/:\d+/g, ":port").replaceAll(location.port, "port")];
  },
  async "no launcher, but a server beside the page"({ SmartConnect }, { launcher }) {
    const smart = SmartConnect.newInstance({ config: { sessionManagerURL: `${launcher}/text` } });
    const { seen, ready, closed } = watch(smart);
    smart.connect();
    await ready;
    const isBeside = String(smart.getConfig().sessionURL) === `ws://${location.host}/ws`;
    smart.getSession()?.close();
    await closed;
    return [seen, isBeside];
  },
  async "a launched process"({ SmartConnect }, { launcher }) {
    const config = { sessionManagerURL: `${launcher}/ok`, application: "cone" };
    const smart = SmartConnect.newInstance({ config });
    const { seen, ready, closed } = watch(smart);
    smart.connect();
    const early = smart.getSession();
    await ready;
    const answer = await smart.getSession()?.call("test.echo", [1]);
    smart.getSession()?.close();
    await closed;
    return [early, seen, answer, keysOf(smart.getConfig())];
  },
  async "a launcher's error"({ SmartConnect }, { launcher }) {
    return await smartError(
      SmartConnect.newInstance({ config: { sessionManagerURL: `${launcher}/error` } }),
    );
  },
  async "a launcher that is busy at first"({ ProcessLauncher }, { launcher }) {
    const made = ProcessLauncher.newInstance({ endPoint: `${launcher}/busy` });
    const ready = new Promise<unknown>((resolve) => {
      made.onProcessReady(() => resolve("ready"));
      made.onError(({ status }) => resolve(status));
    });
    made.start({ application: "cone", launcherRetry: [1, 1, 1] });
    return await ready;
  },
  async "what a launcher is asked with"({ ProcessLauncher }, { launcher }) {
    const made = ProcessLauncher.newInstance({ endPoint: `${launcher}/mirror` });
    const ready = new Promise<unknown>((resolve) => made.onProcessReady(resolve));
    const config: Record<string, unknown> = { application: "cone", headers: { "x-key": "k" } };
    made.start(config);
    return [await ready, Object.keys(config), made.listConnections().length > 0];
  },
  async "fetchConnection()"({ ProcessLauncher }, { launcher }) {
    const made = ProcessLauncher.newInstance({ endPoint: `${launcher}/process` });
    return await reported(made, () => made.fetchConnection("7"));
  },
  async "stop()"({ ProcessLauncher }, { launcher }) {
    const made = ProcessLauncher.newInstance({ endPoint: `${launcher}/process` });
    return await reported(made, () => made.stop({ id: "7" }));
  },
  async "a launcher that answers no JSON"({ ProcessLauncher }, { launcher }) {
    const made = ProcessLauncher.newInstance({ endPoint: `${launcher}/text` });
    const failed = new Promise<unknown>((resolve) => {
      made.onError(({ status, response }) => resolve([status, response]));
    });
    made.start({});
    return await failed;
  },
};

/** Keeps what is said on purpose from the test's output. */
function quietly<T>(work: () => T): T {
  const { log, error } = console;
  console.log = console.error = () => {};
  try {
    return work();
  } finally {
    Object.assign(console, { log, error });
  }
}

async function quietlyAwait<T>(promise: Promise<T>): Promise<T> {
  const { log, error } = console;
  console.log = console.error = () => {};
  try {
    return await promise;
  } finally {
    Object.assign(console, { log, error });
  }
}

/** What an event's argument is. */
function kindOf(value: unknown): unknown {
  if (value instanceof CloseEvent) return `close ${value.code || 1006}`;
  if (value instanceof Event) return `event ${value.type}`;
  if (value instanceof Error) return "an Error";
  if (typeof value !== "object" || value === null) return value;
  if ("getUrl" in value) return "the connection";
  return value;
}

/** A result whose binary is only named. */
function kinds(value: unknown): unknown {
  if (value instanceof Blob || value instanceof Uint8Array) return value.constructor.name;
  if (Array.isArray(value)) return value.map(kinds);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, kinds(child)]));
}

/** A value in words. */
function show(value: unknown): string {
  if (typeof value === "string") return value;
  return JSON.stringify(value, (_, part: unknown) => {
    if (part === undefined) return "undefined";
    if (part instanceof Error) return `${part.name}: ${part.message}`;
    if (part instanceof Blob) return `Blob of ${part.size}`;
    if (part instanceof Uint8Array) return `Uint8Array ${part}`;
    if (part instanceof DataView) return `DataView of ${part.byteLength}`;
    if (part instanceof Date) return `Date ${part.getTime()}`;
    if (typeof part === "bigint") return `${part}n`;
    if (typeof part === "number" && !Number.isFinite(part)) return `${part}`;
    return part;
  });
}
