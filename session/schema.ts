/**
 * Checking what came off the wire with the application's validators: arguments
 * of procedures, filters of topics.
 *
 * @module
 */
import { ErrorCode, RpcError } from "../protocol/errors.ts";
import type { ArgsSchema, Issue, Schema, SchemaIssue, SchemaResult } from "../protocol/schema.ts";

/** Where a checked value stood: the beginning of its issues' paths. */
export type Place = readonly (string | number)[];

/** The arguments of a call, as they came and as a handler gets them. */
export interface Arguments {
  /** By position. */
  readonly args: readonly unknown[];
  /** By name. */
  readonly kwargs: Readonly<Record<string, unknown>>;
}

/** What a procedure may ask of its arguments. */
export interface ArgumentSchemas {
  /** Of those by position. */
  readonly args?: ArgsSchema | undefined;
  /** Of those by name. */
  readonly kwargs?: Schema | undefined;
}

/**
 * Checks one value.
 *
 * @param schema What it must be.
 * @param value What came.
 * @param place Where it stood.
 * @returns What the schema made of it, at once if the schema answers at once.
 * @throws {RpcError} -32602 with the issues, or a promise that rejects with it.
 */
export function parse<T>(
  schema: Schema<unknown, T>,
  value: unknown,
  place: Place,
): T | Promise<T> {
  const finish = (result: SchemaResult<T>): T => {
    if (result.issues === undefined) return result.value;
    throw invalid(result.issues.map((issue) => toIssue(issue, place)));
  };
  const result = schema["~standard"].validate(value);
  return result instanceof Promise ? result.then(finish) : finish(result);
}

/**
 * Checks the arguments of a call, all of them before it complains.
 *
 * @param schemas What they must be.
 * @param given What came.
 * @returns What the schemas made of them, at once if all of them answer at once.
 * @throws {RpcError} -32602 with the issues, or a promise that rejects with it.
 */
export function parseArguments(
  { args, kwargs }: ArgumentSchemas,
  given: Arguments,
): Arguments | Promise<Arguments> {
  const surplus: Issue[] = [];
  const places: Place[] = [];
  const results: (SchemaResult<unknown> | Promise<SchemaResult<unknown>>)[] = [];
  const check = (schema: Schema, value: unknown, place: Place) => {
    places.push(place);
    results.push(schema["~standard"].validate(value));
  };
  if (isList(args)) {
    for (const [i, schema] of args.entries()) check(schema, given.args[i], ["args", i]);
    for (let i = args.length; i < given.args.length; i++) {
      surplus.push({ path: ["args", i], message: `Takes ${args.length} arguments at most` });
    }
  } else if (args !== undefined) check(args, given.args, ["args"]);
  if (kwargs !== undefined) check(kwargs, given.kwargs, ["kwargs"]);

  const finish = (results: readonly SchemaResult<unknown>[]): Arguments => {
    const issues = [...surplus];
    const values = results.map((result, i) => {
      if (result.issues === undefined) return result.value;
      issues.push(...result.issues.map((issue) => toIssue(issue, places[i] ?? [])));
      return undefined;
    });
    if (issues.length > 0) throw invalid(issues);
    const named: unknown = kwargs === undefined ? given.kwargs : values.pop();
    const [only] = values;
    return {
      args: args === undefined
        ? given.args
        : isList(args)
        ? values
        : Array.isArray(only)
        ? only
        : [],
      kwargs: isRecord(named) ? named : {},
    };
  };
  return results.every(isSettled) ? finish(results) : Promise.all(results).then(finish);
}

function isList(args: ArgsSchema | undefined): args is readonly Schema[] {
  return Array.isArray(args);
}

function isSettled(
  result: SchemaResult<unknown> | Promise<SchemaResult<unknown>>,
): result is SchemaResult<unknown> {
  return !(result instanceof Promise);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function invalid(issues: readonly Issue[]): RpcError {
  return new RpcError(ErrorCode.invalidArguments, "Invalid arguments", { issues });
}

/** What travels: a path has no symbols and no objects in it, whatever the validator uses. */
function toIssue({ message, path = [] }: SchemaIssue, place: Place): Issue {
  const keys = path.map((step) => {
    const key = typeof step === "object" ? step.key : step;
    return typeof key === "symbol" ? String(key) : key;
  });
  return { path: [...place, ...keys], message };
}
