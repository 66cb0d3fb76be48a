/**
 * What a server says of itself.
 *
 * @module
 */
import type { Handler, ProcedureLike, TopicLike } from "../protocol/api.ts";
import type {
  ArgumentDescription,
  Contract,
  Description,
  JsonSchema,
  ProcedureDescription,
  TopicDescription,
} from "../protocol/description.ts";
import type { Limits } from "../protocol/codec.ts";
import type { Feature } from "../protocol/features.ts";
import type { ArgsSchema, Schema } from "../protocol/schema.ts";

/** What there is to describe. */
export interface Described {
  /** The extensions that are offered. */
  readonly features: readonly Feature[];
  /** The procedures, by name. */
  readonly procedures: ReadonlyMap<string, Handler | ProcedureLike>;
  /** The topics, by name or pattern. */
  readonly topics: ReadonlyMap<string, TopicLike>;
  /** What a client may cost. */
  readonly limits: Limits;
}

/** The version of the extensions. */
const VERSION = 1;

/**
 * Describes a server.
 *
 * @param server What there is to describe.
 * @returns The description.
 */
export async function describe(server: Described): Promise<Description> {
  const { messageSize, frameSize, callsInFlight, depth, values } = server.limits;
  const procedures = mapped(server.procedures, describeProcedure);
  const topics = mapped(server.topics, describeTopic);
  return {
    version: VERSION,
    features: server.features,
    procedures,
    topics,
    limits: { messageSize, frameSize, callsInFlight, depth, values },
    contract: await contractOf(procedures, topics),
  };
}

function mapped<T, D>(map: ReadonlyMap<string, T>, describe: (value: T) => D): Record<string, D> {
  const names = [...map.keys()].sort();
  return Object.fromEntries(names.flatMap((name) => {
    const value = map.get(name);
    return value === undefined ? [] : [[name, describe(value)]];
  }));
}

function describeProcedure(definition: Handler | ProcedureLike): ProcedureDescription {
  if (typeof definition === "function") return isGenerator(definition) ? { stream: true } : {};
  const { description, args, params, kwargs, result, items, errors, handler } = definition;
  const stream = items !== undefined || isGenerator(handler);
  return {
    ...(description === undefined ? {} : { description }),
    ...describeArguments(args),
    ...(params === undefined ? {} : { params }),
    ...field("kwargs", kwargs),
    ...field("result", result),
    ...(stream ? { stream } : {}),
    ...field("items", items),
    ...(errors === undefined ? {} : {
      errors: Object.fromEntries(
        Object.entries(errors).map(([kind, schema]) => [kind, toJson(schema) ?? {}]),
      ),
    }),
  };
}

function describeArguments(
  args: ArgsSchema | undefined,
): Pick<ProcedureDescription, "args" | "list"> {
  if (args === undefined) return {};
  return "~standard" in args ? field("list", args) : { args: args.map(describeArgument) };
}

function describeTopic(definition: TopicLike): TopicDescription {
  const { description, payload, filter, select, policy } = definition;
  return {
    ...(description === undefined ? {} : { description }),
    ...field("payload", payload),
    // One that takes filters of which nothing is known is not one that takes none.
    ...(select === undefined ? {} : { filter: (filter && toJson(filter)) ?? {} }),
    ...(policy === undefined ? {} : { policy }),
  };
}

function describeArgument(schema: Schema): ArgumentDescription {
  const json = toJson(schema);
  return {
    ...(json === undefined ? {} : { schema: json }),
    ...(mayBeAbsent(schema) ? { optional: true } : {}),
  };
}

/** JSON Schema has no word for an element of a list that may be left out. */
function mayBeAbsent(schema: Schema): boolean {
  try {
    const checked = schema["~standard"].validate(undefined);
    if (!(checked instanceof Promise)) return checked.issues === undefined;
    checked.catch(() => {});
    return false;
  } catch {
    return false;
  }
}

function field<K extends string>(
  name: K,
  schema: Schema | undefined,
): { readonly [N in K]?: JsonSchema } {
  const json = schema && toJson(schema);
  const empty: { readonly [N in K]?: JsonSchema } = {};
  return json === undefined ? empty : Object.assign(empty, { [name]: json });
}

/** What a validator says of its values; a library without JSON Schema, and a value without, say nothing. */
function toJson(schema: Schema): JsonSchema | undefined {
  try {
    const json = schema["~standard"].jsonSchema?.input({ target: "draft-2020-12" });
    if (json === undefined) return undefined;
    const { $schema: _, ...rest } = json;
    return rest;
  } catch {
    return undefined;
  }
}

/** A function that returns a stream otherwise says so with `items`. */
function isGenerator(handler: object): boolean {
  return Object.prototype.toString.call(handler) === "[object AsyncGeneratorFunction]";
}

async function contractOf(
  procedures: Readonly<Record<string, ProcedureDescription>>,
  topics: Readonly<Record<string, TopicDescription>>,
): Promise<Contract> {
  const parts = { procedures: await hashes(procedures), topics: await hashes(topics) };
  return { hash: await hash(parts), ...parts };
}

async function hashes(
  descriptions: Readonly<Record<string, ProcedureDescription | TopicDescription>>,
): Promise<Record<string, string>> {
  // A policy says what a slow client misses, and nothing about what a client has to be written for.
  const entries = Object.entries(descriptions).map(async ([name, description]) =>
    [name, await hash({ ...description, description: undefined, policy: undefined })] as const
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** Eight bytes tell versions apart; they are no protection against anybody. */
async function hash(value: unknown): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify(sorted(value)));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return Array.from(digest.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(entries.map(([key, child]) => [key, sorted(child)]));
}
