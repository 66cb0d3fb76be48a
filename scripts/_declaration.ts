/**
 * Writes the types of a server that describes itself, for clients that have no source of it.
 *
 * @module
 */
import type {
  ArgumentDescription,
  Description,
  JsonSchema,
  ProcedureDescription,
  TopicDescription,
} from "@hawser/hawser/client";

/**
 * Writes a TypeScript module.
 *
 * @param description What the server says of itself.
 * @param source Where the types of Hawser come from.
 * @returns The module's text: the interface `Server` for `connect<Server>()`, and `contract` for
 * its options.
 */
export function declarationOf(
  { procedures, topics, contract }: Description,
  source = "@hawser/hawser/client",
): string {
  const members = Object.entries(procedures).map(([name, procedure]) =>
    `${comment(procedure.description, "    ")}    readonly ${JSON.stringify(name)}: ${
      procedureType(procedure)
    };\n`
  );
  const subjects = Object.entries(topics).map(([name, topic]) =>
    `${comment(topic.description, "    ")}    readonly ${JSON.stringify(name)}: ${
      topicType(topic)
    };\n`
  );
  return `// Written by \`deno task describe --types\` from what the server says of itself.
import type { Contract, Schema } from ${JSON.stringify(source)};

/** The server, for \`connect<Server>(url, { contract })\`. */
export interface Server {
  readonly procedures: {
${members.join("")}  };
  readonly topics: {
${subjects.join("")}  };
}

/** What it was when this was written. */
export const contract: Contract = ${JSON.stringify(contract, null, 2)};
`;
}

function procedureType(procedure: ProcedureDescription): string {
  const { args, list, params, kwargs, errors } = procedure;
  const fields = [
    `readonly handler: (call: never, ...args: unknown[]) => ${resultType(procedure)}`,
    ...(args ? [`readonly args: Schema<[${args.map(argument).join(", ")}], unknown[]>`] : []),
    ...(list ? [`readonly args: Schema<${typeOf(list)}, unknown[]>`] : []),
    ...(params ? [`readonly params: readonly string[]`] : []),
    ...(kwargs ? [`readonly kwargs: Schema<${typeOf(kwargs)}>`] : []),
    ...(errors
      ? [`readonly errors: { ${Object.entries(errors).map(errorField).join("; ")} }`]
      : []),
  ];
  return `{ ${fields.join("; ")} }`;
}

function resultType({ stream, items, result }: ProcedureDescription): string {
  const type = result ? typeOf(result) : "unknown";
  return stream ? `AsyncGenerator<${items ? typeOf(items) : "unknown"}, ${type}, void>` : type;
}

/** What a filter selects is made by a function, of which a server can say nothing. */
function topicType({ payload, filter }: TopicDescription): string {
  const [whole, wanted] = [payload, filter].map((schema) => schema ? typeOf(schema) : "unknown");
  const types = [
    `readonly payload: ${whole}`,
    `readonly filter: ${filter ? wanted : "never"}`,
    `readonly part: ${filter ? "unknown" : whole}`,
  ];
  return `{ readonly types?: { ${types.join("; ")} } }`;
}

/** What may be left out can only stand at the end of a list of types. */
function argument(
  { schema, optional }: ArgumentDescription,
  index: number,
  all: readonly ArgumentDescription[],
): string {
  const type = schema ? typeOf(schema) : "unknown";
  if (!optional) return type;
  return all.slice(index).every((argument) => argument.optional)
    ? `(${type})?`
    : `${type} | undefined`;
}

function errorField([kind, schema]: [string, JsonSchema]): string {
  return `readonly ${JSON.stringify(kind)}: Schema<${typeOf(schema)}>`;
}

/**
 * Writes the type of a JSON Schema. What TypeScript has no word for, such as a pattern, is left
 * out; what is unknown here is `unknown`.
 *
 * @param schema The schema.
 * @param root Where its references lead.
 * @param depth How deep it is in references.
 * @returns The type.
 */
export function typeOf(schema: unknown, root: unknown = schema, depth = 0): string {
  if (schema === false) return "never";
  if (!isMap(schema) || depth > 16) return "unknown";
  const inner = (child: unknown) => typeOf(child, root, depth);
  const { $ref, anyOf, oneOf, allOf, type } = schema;
  if (typeof $ref === "string") return typeOf(resolve(root, $ref), root, depth + 1);
  if ("const" in schema) return JSON.stringify(schema.const);
  if (Array.isArray(schema.enum)) return union(schema.enum.map((value) => JSON.stringify(value)));
  const choices = anyOf ?? oneOf;
  if (Array.isArray(choices)) return union(choices.map(inner));
  if (Array.isArray(allOf)) return allOf.map((part) => `(${inner(part)})`).join(" & ");
  if (Array.isArray(type)) {
    return union(type.map((type) => typeOf({ ...schema, type }, root, depth)));
  }
  switch (type) {
    case "string":
    case "boolean":
    case "null":
      return type;
    case "number":
    case "integer":
      return "number";
    case "array":
      return listType(schema, inner);
    case "object":
      return mapType(schema, inner);
    default:
      return "unknown";
  }
}

type Inner = (schema: unknown) => string;

function listType(schema: Record<string, unknown>, inner: Inner): string {
  const { prefixItems, items } = schema;
  const rest = isMap(items) ? inner(items) : undefined;
  if (!Array.isArray(prefixItems)) return `(${rest ?? "unknown"})[]`;
  const parts = prefixItems.map(inner);
  return `[${[...parts, ...(rest ? [`...(${rest})[]`] : [])].join(", ")}]`;
}

function mapType(schema: Record<string, unknown>, inner: Inner): string {
  const { properties = {}, required, additionalProperties } = schema;
  const needed: readonly unknown[] = Array.isArray(required) ? required : [];
  const fields = Object.entries(isMap(properties) ? properties : {}).map(([name, child]) =>
    `${JSON.stringify(name)}${needed.includes(name) ? "" : "?"}: ${inner(child)}`
  );
  if (isMap(additionalProperties) && fields.length === 0) {
    return `Record<string, ${inner(additionalProperties)}>`;
  }
  return fields.length === 0 ? "Record<string, unknown>" : `{ ${fields.join("; ")} }`;
}

function union(types: readonly string[]): string {
  return types.length === 0 ? "never" : [...new Set(types)].map((type) => `(${type})`).join(" | ");
}

function resolve(root: unknown, reference: string): unknown {
  if (!reference.startsWith("#")) return undefined;
  let found = root;
  for (const key of reference.split("/").slice(1)) {
    const name = key.replaceAll("~1", "/").replaceAll("~0", "~");
    found = isMap(found) && Object.hasOwn(found, name) ? found[name] : undefined;
  }
  return found;
}

function comment(text: string | undefined, indent: string): string {
  return text === undefined ? "" : `${indent}/** ${text.replaceAll("*/", "* /")} */\n`;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
