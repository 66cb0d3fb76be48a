/**
 * Prints what a server says of itself, or writes its types.
 *
 * ```sh
 * deno task describe ws://localhost:8080/ws
 * deno task describe ws://localhost:8080/ws --secret open-sesame --json
 * deno task describe ws://localhost:8080/ws --types server.ts
 * ```
 *
 * @module
 */
import {
  connect,
  type Description,
  type ProcedureDescription,
  type TopicDescription,
} from "@hawser/hawser/client";
import { declarationOf, typeOf } from "./_declaration.ts";

const USAGE = "deno task describe URL [--secret SECRET] [--json] [--types FILE]";

/** What the command line says. */
interface Arguments {
  url: string;
  secret?: string;
  json: boolean;
  types?: string;
}

function read(args: readonly string[]): Arguments {
  const found: Arguments = { url: "", json: false };
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--json") found.json = true;
    else if (arg === "--secret" || arg === "--types") {
      const value = rest.shift();
      if (value === undefined) throw new TypeError(`${arg} needs a value`);
      if (arg === "--secret") found.secret = value;
      else found.types = value;
    } else if (arg.startsWith("-") || found.url !== "") {
      throw new TypeError(`What is ${arg}? Usage: ${USAGE}`);
    } else found.url = arg;
  }
  if (found.url === "") throw new TypeError(`Usage: ${USAGE}`);
  return found;
}

/**
 * Lays a description out as a table.
 *
 * @param description What the server says of itself.
 * @returns Lines of text.
 */
export function tableOf({ procedures, topics, features, limits, contract }: Description): string {
  const rows = [
    ...Object.entries(procedures).map(([name, procedure]) => [
      name,
      signatureOf(procedure),
      procedure.description ?? "",
    ]),
    ...Object.entries(topics).map(([name, topic]) => [
      `topic ${name}`,
      contentOf(topic),
      topic.description ?? "",
    ]),
  ];
  const widths = [0, 1].map((i) => Math.max(0, ...rows.map((row) => row[i]?.length ?? 0)));
  const lines = rows.map((row) =>
    row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ").trimEnd()
  );
  return [
    ...lines,
    "",
    `features  ${features.join(", ")}`,
    `limits    ${Object.entries(limits).map(([name, value]) => `${name} ${value}`).join(", ")}`,
    `contract  ${contract.hash}`,
  ].join("\n");
}

function signatureOf({ args, list, kwargs, result, stream, items }: ProcedureDescription): string {
  const taken = args
    ? args.map(({ schema, optional }) =>
      (schema ? typeOf(schema) : "unknown") + (optional ? "?" : "")
    ).join(", ")
    : `...${list ? typeOf(list) : "unknown[]"}`;
  const named = kwargs ? `; ${typeOf(kwargs)}` : "";
  const given = result ? typeOf(result) : "unknown";
  return `(${taken}${named}) => ${
    stream ? `stream of ${items ? typeOf(items) : "unknown"}, then ${given}` : given
  }`;
}

function contentOf({ payload, filter, policy }: TopicDescription): string {
  const filtered = filter ? `; filter ${typeOf(filter)}` : "";
  return (payload ? typeOf(payload) : "unknown") + filtered + (policy ? `; ${policy}` : "");
}

if (import.meta.main) {
  try {
    const { url, secret, json, types } = read(Deno.args);
    await using session = await connect(url, secret === undefined ? {} : { secret });
    const description = await session.describe();
    if (types !== undefined) await Deno.writeTextFile(types, declarationOf(description));
    else console.log(json ? JSON.stringify(description, null, 2) : tableOf(description));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
