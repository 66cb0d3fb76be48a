// Runs on Node. Arguments: the folder whose node_modules has socket.io.
import { createRequire } from "node:module";
import { obey, startArguments } from "./_obey.ts";

interface SocketIo {
  Server: new (port: number, options: Record<string, unknown>) => {
    emit(event: string, value: unknown): void;
    on(
      event: "connection",
      listener: (socket: {
        on(
          event: string,
          listener: (value: number, reply: (value: number) => void) => void,
        ): void;
      }) => void,
    ): void;
    httpServer: {
      address(): { port: number };
      once(event: "listening", listener: () => void): void;
    };
  };
}

const [folder] = startArguments();
const { Server }: SocketIo = createRequire(`${folder}/package.json`)("socket.io");
const runs = new Map<number, number>();
const io = new Server(0, {
  transports: ["websocket"],
  serveClient: false,
  pingInterval: 500,
  pingTimeout: 500,
  connectionStateRecovery: { maxDisconnectionDuration: 30_000 },
});
io.on("connection", (socket) => {
  socket.on("losses.run", (number, reply) => {
    runs.set(number, (runs.get(number) ?? 0) + 1);
    reply(number);
  });
});
io.httpServer.once("listening", () =>
  obey({ port: io.httpServer.address().port }, {
    publish: async (count: number, perSecond: number) => {
      const start = performance.now();
      for (let number = 1; number <= count; number++) {
        io.emit("losses.number", number);
        const ahead = start + number / perSecond * 1000 - performance.now();
        if (ahead > 0) await new Promise((resolve) => setTimeout(resolve, ahead));
      }
    },
    runs: () => ({ distinct: runs.size, total: [...runs.values()].reduce((a, b) => a + b, 0) }),
  }));
