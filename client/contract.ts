/**
 * Whether a server is still the one that a client was built for. Loaded only
 * where `connect()` is given a contract.
 *
 * @module
 */
import { type Contract, DESCRIBE_METHOD } from "../protocol/description.ts";
import { isMap } from "../protocol/messages.ts";
import "./_core.ts";
import type { ContractDifference } from "./options.ts";

/**
 * Compares a server with a contract.
 *
 * @param contract What the client was built with.
 * @param request Makes a request of the protocol's own.
 * @returns The difference; `undefined` if there is none that a client would
 * notice: what is new on the server breaks nothing.
 */
export async function compareContract(
  contract: Contract,
  request: (method: string, args: readonly unknown[]) => Promise<unknown>,
): Promise<ContractDifference | undefined> {
  const answer = await request(DESCRIBE_METHOD, [{ contract: contract.hash }]);
  // The server says nothing if nothing differs.
  if (!isMap(answer) || !isMap(answer.contract)) return undefined;
  const missing: string[] = [];
  const changed: string[] = [];
  const kinds = [
    ["procedure", contract.procedures, answer.contract.procedures],
    ["topic", contract.topics, answer.contract.topics],
  ] as const;
  for (const [kind, own, theirs] of kinds) {
    for (const [name, hash] of Object.entries(own)) {
      const their = isMap(theirs) && Object.hasOwn(theirs, name) ? theirs[name] : undefined;
      if (their === undefined) missing.push(`${kind} ${name}`);
      else if (their !== hash) changed.push(`${kind} ${name}`);
    }
  }
  return missing.length + changed.length === 0 ? undefined : { missing, changed };
}

/**
 * Says a difference in a line.
 *
 * @param difference The difference.
 * @returns The line.
 */
export function describeDifference({ missing, changed }: ContractDifference): string {
  const parts = [
    ...(missing.length > 0 ? [`it has no ${missing.join(", ")}`] : []),
    ...(changed.length > 0 ? [`changed are ${changed.join(", ")}`] : []),
  ];
  return `The server differs from the one that this client was built for: ${parts.join("; ")}`;
}
