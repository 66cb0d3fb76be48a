/**
 * What every client has from the start. The files that are loaded later import it
 * as well, for the sake of bundlers such as esbuild: they put into one file what is
 * needed by the same files. So what is there from the start is one file and not six.
 */
export { open } from "./connection.ts";
export { procedure } from "./procedure.ts";
