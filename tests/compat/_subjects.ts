/** What is compared: npm's wslink of both generations, and the drop-in on either wire. */

import "../peers/_wslink_globals.ts";
import wslink1 from "wslink1";
import wslink2 from "wslink2";
import {
  CompositeClosureHelper,
  ProcessLauncher,
  SmartConnect,
  type SmartConnectOptions,
  WebsocketConnection,
  type WebsocketConnectionOptions,
} from "../../compat.ts";
import type { Subject } from "./_script.ts";

/** One of the wires. */
export type Wire = "json" | "msgpack";

/** npm's wslink that speaks a wire. */
export const ORIGINALS: Record<Wire, Subject> = { json: wslink1, msgpack: wslink2 };

/** The version of npm's wslink that speaks a wire. */
export const VERSIONS: Record<Wire, "1.12.4" | "2.5.0"> = { json: "1.12.4", msgpack: "2.5.0" };

/**
 * The drop-in.
 *
 * @param wire The wire to use; `auto` finds out, as an application that sets nothing does.
 * @returns Its classes.
 */
export function dropIn(wire: Wire | "auto") {
  return {
    CompositeClosureHelper,
    ProcessLauncher,
    WebsocketConnection: {
      newInstance: (options: WebsocketConnectionOptions) =>
        WebsocketConnection.newInstance({ wire, ...options }),
    },
    SmartConnect: {
      newInstance({ config, ...rest }: SmartConnectOptions) {
        // An application's own object stays its own.
        return SmartConnect.newInstance({ ...rest, config: Object.assign(config ?? {}, { wire }) });
      },
    },
  };
}
