/** Runs the cases of wslink's clients and of Hawser's in a browser. */

import { type Outcome, runAll } from "../../peers/_check.ts";
import { hawserClientCases, type ServerUnderTest } from "../../peers/_hawser_client_cases.ts";
import type { JsVersion } from "../../peers/_wslink.ts";
import { type Addresses, bothWiresCases, wslinkCases } from "../../peers/_wslink_cases.ts";

/** What the test calls. */
const peers = {
  wslink(version: JsVersion, at: Addresses): Promise<Outcome[]> {
    return runAll(wslinkCases(version, at));
  },
  bothWires(at: Addresses): Promise<Outcome[]> {
    return runAll(bothWiresCases(at));
  },
  hawser(server: ServerUnderTest): Promise<Outcome[]> {
    return runAll(hawserClientCases(server));
  },
};

/** The page's functions, as the test calls them. */
export type Peers = typeof peers;

Object.assign(globalThis, { peers });
