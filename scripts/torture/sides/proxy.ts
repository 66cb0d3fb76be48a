// A proxy in a process of its own: one process may not open enough sockets for all.
import { Proxy } from "../_proxy.ts";
import { Random } from "../_random.ts";
import { obey, startArguments } from "./_obey.ts";

const [target, seed] = startArguments();
const proxy = new Proxy(Number(target), new Random(Number(seed)));

obey({ port: proxy.port }, {
  cut: () => {
    const { size } = proxy;
    proxy.strike("cut");
    return { cut: size };
  },
});
