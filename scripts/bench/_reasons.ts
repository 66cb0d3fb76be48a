// Why a goal is missed, or another library is ahead: what profiles showed (docs/performance.md).
// The report prints a sentence beside what was missed in the run at hand, and nothing beside the rest.

/** By a goal's key. */
export const REASONS: Readonly<Record<string, string>> = {};

/** By a line's name: why any other library may be ahead on it. */
export const BEHIND: Readonly<Record<string, string>> = {};
