// Cap'n Web on Node, with the package ws. Bundled. A publication is a call of the callback that the
// client handed over, and its answer isn't asked for.
import { bytes } from "./_bytes.ts";
import { load, ws } from "./_node.ts";

/** A function of the other side's. */
interface Stub {
  (value: unknown): Disposable;
  dup(): Stub;
  onRpcBroken(listener: () => void): void;
}

/** The part of capnweb that is used here. */
interface CapnWeb {
  RpcTarget: new () => object;
  newWebSocketRpcSession(socket: WebSocket, main: object): unknown;
}

const { RpcTarget, newWebSocketRpcSession }: CapnWeb = load("capnweb");
const subscribers = new Set<Stub>();

function publish(receivers: Iterable<Stub>, size: number, count: number): void {
  for (let i = 0; i < count; i++) {
    for (const receiver of receivers) receiver(bytes(size))[Symbol.dispose]();
  }
}

class Bench extends RpcTarget {
  #own: Stub | undefined;

  subscribe(callback: Stub): void {
    const stub = this.#own = callback.dup();
    subscribers.add(stub);
    stub.onRpcBroken(() => subscribers.delete(stub));
  }

  echo(value: unknown): unknown {
    return value;
  }

  down(size: number): unknown {
    return { data: bytes(size) };
  }

  up(data: Uint8Array): number {
    return data.length;
  }

  publish(size: number, count: number): void {
    publish(this.#own ? [this.#own] : [], size, count);
  }

  fanout(size: number, count: number): void {
    publish(subscribers, size, count);
  }
}

const server = new ws.WebSocketServer({ port: 0, host: "127.0.0.1" });
server.on("connection", (socket) => void newWebSocketRpcSession(socket, new Bench()));
server.on("listening", () => console.log(JSON.stringify({ port: server.address().port })));
