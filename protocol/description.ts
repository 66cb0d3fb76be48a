/**
 * What a server says of itself: its procedures and topics, in JSON.
 *
 * @module
 */

/** The request `[{ contract }]`: what the server offers. */
export const DESCRIBE_METHOD = "wslink.describe";

/** A JSON Schema, draft 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** One positional argument. */
export interface ArgumentDescription {
  /** What it is; absent where the validator can't say. */
  readonly schema?: JsonSchema;
  /** Whether it may be left out. */
  readonly optional?: boolean;
}

/** One procedure. */
export interface ProcedureDescription {
  /** What it does, in a sentence. */
  readonly description?: string;
  /** What it takes by position, one by one; absent if it doesn't say, or says it of the whole list. */
  readonly args?: readonly ArgumentDescription[];
  /** What the list of positional arguments is, where one schema says it. */
  readonly list?: JsonSchema;
  /** The names of its parameters, for callers that pass them by name. */
  readonly params?: readonly string[];
  /** What it takes by name. */
  readonly kwargs?: JsonSchema;
  /** What it returns; of a stream, behind the last item. */
  readonly result?: JsonSchema;
  /** Whether its result is a stream of items. */
  readonly stream?: boolean;
  /** What the items are. */
  readonly items?: JsonSchema;
  /** The kinds of error that it declares, with their data where that can be said. */
  readonly errors?: Readonly<Record<string, JsonSchema>>;
}

/** One topic. */
export interface TopicDescription {
  /** What it is about, in a sentence. */
  readonly description?: string;
  /** What is published. */
  readonly payload?: JsonSchema;
  /** What a subscriber may say to get a part of it; absent if it takes no filter, `{}` if any. */
  readonly filter?: JsonSchema;
  /** What happens to its publications at a receiver that is behind, where it says so. */
  readonly policy?: string;
}

/** What tells two versions of a server apart. */
export interface Contract {
  /** The whole of it. */
  readonly hash: string;
  /** Each procedure's part, by name. */
  readonly procedures: Readonly<Record<string, string>>;
  /** Each topic's part, by name. */
  readonly topics: Readonly<Record<string, string>>;
}

/** What a server offers. */
export interface Description {
  /** The version of the extensions that it speaks. */
  readonly version: number;
  /** The extensions that it has. */
  readonly features: readonly string[];
  /** Its procedures by name. */
  readonly procedures: Readonly<Record<string, ProcedureDescription>>;
  /** Its topics by name, or by pattern. */
  readonly topics: Readonly<Record<string, TopicDescription>>;
  /** What it takes of one client: some of `Limits`. */
  readonly limits: Readonly<Record<string, number>>;
  /** What tells it apart from its other versions. */
  readonly contract: Contract;
}
