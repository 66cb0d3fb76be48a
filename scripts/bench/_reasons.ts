// Why a goal is missed, or another library is ahead: what profiles showed (docs/performance.md).
// The report prints a sentence beside what was missed in the run at hand, and nothing beside the rest.

/** By a goal's key. */
export const REASONS: Readonly<Record<string, string>> = {
  "peers-64":
    "a call costs Hawser's client on Deno some 14 µs, three times what it costs the server in " +
    "batches: a promise, a timer for its timeout and their garbage (a quarter of the time). Deno's " +
    "client also sends no more than 1,024 bytes at once without waiting ([runtimes.md](runtimes.md)).",
  "batch-64":
    "more than half of the server's time is msgpack, reading maps and names and writing strings; " +
    "sockets and Deno take a fifth.",
  "server-64":
    "Hawser reads and writes msgpack (a third of the time) where raw sends back what came; Deno's " +
    "WebSocket and the kernel take nearly half.",
  "server-1":
    "raw reads nothing; half of Hawser's time is Deno's WebSocket and the kernel, a third msgpack.",
  "connect":
    "60 % of the time is Deno's upgrade, the kernel and the end of the socket, which raw has as well, " +
    "a fifth is garbage; the rest is a session with its queue, its limits and its hello, which raw " +
    "hasn't.",
  "server-down":
    "Hawser copies what a procedure returns into frames behind their headers (`split`, a quarter to " +
    "a third of the time); raw sends frames that are there already.",
  "server-up":
    "a message in chunks is put together in one buffer (`add` in `_chunks.ts`, half of the time) " +
    "that is made anew for each and collected (a quarter); raw throws the chunks away.",
  "publish": "see where time goes in [performance.md](performance.md): msgpack and Deno's socket.",
  "fanout":
    "the client has 50 connections in one process, and wakes once for each of their frames.",
  "fanout-cpu": "joining frames, and the queue of each connection, are two thirds of the time.",
  "fanout-200":
    "84 % of the time is Deno's `send`, which copies each frame for each client; raw sends in Deno " +
    "cost as much as wslink's, so a third of wslink's is out of reach with `Deno.serve`.",
  "idle":
    "beside Deno's socket a connection has a session, a queue, two codecs and their buffers: some 20 kB.",
  "client": "a third of it is msgpack with its chunks and limits, some 30 % calls, streams and " +
    "subscriptions, a fifth the sockets' life (hello, finding out the wire, coming back), and the " +
    "rest messages, errors and limits. What only Hawser's servers need is loaded behind the hello.",
};

/** By a line's name: why any other library may be ahead on it. */
export const BEHIND: Readonly<Record<string, string>> = {
  "call-1": "the package `ws` on Node answers a small frame faster than Deno's WebSocket.",
  "call-64": REASONS["peers-64"] ?? "",
  "connect":
    "a Hawser client loads no more than the others, but agrees on features and resuming with its " +
    "hello, and closes with a handshake; Cap'n Web, tRPC and NATS have a smaller one or none.",
  "down-1MB":
    "Hawser on Deno copies once into a frame, once in Deno's `send` and once on receipt, and waits for " +
    "acknowledgements, so that a slow link doesn't fill; socket.io hands bytes to the kernel as " +
    "they are, without a bound.",
  "down-16MB": "as with 1 MB, and in chunks that are put together again in another buffer.",
  "up-1MB":
    "chunks are put together, and the pace is the server's, acknowledgement by acknowledgement.",
  "up-16MB": "as with 1 MB; half of the server's time is copying chunks together.",
  "publish-64B":
    "NATS' server, in Go, forwards the bytes that a service encoded, several in a frame, and its " +
    "client hands them on as they are; Hawser encodes and decodes each.",
  "publish-1MB": "as with 1 MB down.",
  "fanout-64B": "as with publications of 64 B to one client.",
  "fanout":
    "Deno's `send` copies each frame for each client (84 % of the time); Node's writes the same " +
    "buffer to each.",
  "idle": "wslink's Python server and `ws` on Node have less beside the socket than Deno has.",
  "client": REASONS.client ?? "",
};
