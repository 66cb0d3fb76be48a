// What an application of wslink's own client writes, on the drop-in's API.
import { SmartConnect } from "@hawser/hawser/compat";

export function add(sessionURL: string): Promise<unknown> {
  const smart = SmartConnect.newInstance({ config: { sessionURL } });
  return new Promise((resolve, reject) => {
    smart.onConnectionReady((connection) => {
      connection.getSession()?.call("math.add", [1, 2]).then(resolve, reject);
    });
    smart.connect();
  });
}
