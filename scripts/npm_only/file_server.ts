/**
 * Stands in for `@std/http/file-server` where JSR can't be reached: `serveDir` without directory
 * listings, which is what the other runtimes have anyway.
 *
 * @module
 */

export { serveDir, type ServeDirOptions } from "../../adapters/files.ts";
