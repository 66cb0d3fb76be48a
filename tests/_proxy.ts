/** The slow and broken links of the tests are those that the measurements use. */
export * from "../scripts/bench/_proxy.ts";
