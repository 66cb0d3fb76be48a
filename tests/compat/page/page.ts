/** Runs the script in a browser. */

import { type Place, runScript, type Transcript } from "../_script.ts";
import { dropIn, ORIGINALS, type Wire } from "../_subjects.ts";

/** What the test calls. */
const script = {
  original: (wire: Wire, place: Place): Promise<Transcript> => runScript(ORIGINALS[wire], place),
  dropIn: (wire: Wire | "auto", place: Place): Promise<Transcript> =>
    runScript(dropIn(wire), place),
};

/** The page's functions, as the test calls them. */
export type Script = typeof script;

Object.assign(globalThis, { script });
