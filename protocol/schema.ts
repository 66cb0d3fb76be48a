/**
 * What Hawser asks of a validator: the interface that zod, valibot, arktype and
 * others share (Standard Schema, version 1). Types only: no validator is loaded
 * from here.
 *
 * @module
 */

/**
 * A validator of any library that follows Standard Schema.
 *
 * @typeParam Input What it takes.
 * @typeParam Output What it gives: the same, or what it turned it into.
 */
export interface Schema<Input = unknown, Output = Input> {
  /** The interface that libraries share. */
  readonly "~standard": {
    /** The interface's version. */
    readonly version: 1;
    /** The library's name. */
    readonly vendor: string;
    /** Checks a value, at once or later. */
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** Its types; never there at run time. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    /** Describes itself in JSON Schema (Standard JSON Schema), where the library can. */
    readonly jsonSchema?: JsonSchemaSource | undefined;
  };
}

/** What can describe itself in JSON Schema, as it takes values and as it gives them. */
export interface JsonSchemaSource {
  /** What it takes; throws where JSON Schema has no word for it. */
  readonly input: (options: JsonSchemaOptions) => Record<string, unknown>;
  /** What it gives; throws likewise. */
  readonly output: (options: JsonSchemaOptions) => Record<string, unknown>;
}

/** Which JSON Schema is wanted. */
export interface JsonSchemaOptions {
  /** The draft. */
  readonly target: "draft-2020-12" | "draft-07";
}

/** What a check finds: the value, or what is wrong with it. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One thing that is wrong with a value, in a validator's words. */
export interface SchemaIssue {
  /** What is wrong. */
  readonly message: string;
  /** Where, from the outside in. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** One thing that is wrong with a call, as its caller is told: an element of `data.issues`. */
export interface Issue {
  /** Where: begins with `args` and an index, or with `kwargs` and a name. */
  readonly path: readonly (string | number)[];
  /** What is wrong. */
  readonly message: string;
}

/** What a schema takes. */
export type SchemaInput<S> = S extends Schema<infer Input, infer _Output> ? Input : never;

/** What a schema gives. */
export type SchemaOutput<S> = S extends Schema<infer _Input, infer Output> ? Output : never;

/** The schemas of positional arguments: one for each, or one for their list. */
export type ArgsSchema = readonly Schema[] | Schema<readonly unknown[], unknown[]>;

/** What a caller passes by position; what may be undefined may be left out, from the end. */
export type ArgsInput<A> = A extends readonly Schema[]
  ? A extends readonly [...infer Rest, infer Last]
    ? undefined extends SchemaInput<Last> ? [...ArgsInput<Rest>, SchemaInput<Last>?]
    : { -readonly [I in keyof A]: SchemaInput<A[I]> }
  : { -readonly [I in keyof A]: SchemaInput<A[I]> }
  : A extends Schema<infer Input, infer _Output> ? Input extends readonly unknown[] ? Input : never
  : never;

/** What a handler gets by position. */
export type ArgsOutput<A> = A extends readonly Schema[]
  ? Extract<{ -readonly [I in keyof A]: SchemaOutput<A[I]> }, unknown[]>
  : A extends Schema<infer _Input, infer Output> ? Extract<Output, unknown[]>
  : never;
