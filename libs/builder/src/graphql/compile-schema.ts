import type { Fault } from '#kernel';
import { ToolNames } from '../openapi/tool-names.js';
import { type SkippedField, fieldOperations } from './field-operations.js';
import type { GraphqlOperation } from './graphql-operation.js';
import { InvalidSchemaError } from './graphql.errors.js';
import { readSchema } from './read-schema.js';
import { type StoredOperation, storedOperations } from './stored-operations.js';
import { type TypeText, typeTexts } from './type-texts.js';

export interface SchemaOptions {
  /** Whether every field of the query and mutation types is wanted. */
  readonly fields: boolean;
  readonly operations: readonly StoredOperation[];
  /** Names of tools that are taken. */
  readonly taken: readonly string[];
  /** The source is a file of the host, of which no message may tell a piece. */
  readonly isFile?: boolean;
}

/** Lists of plain JSON: they are stored with the member, and come out of a thread in parts. */
export interface CompiledSchema {
  /** Stored operations first, then queries, then mutations. */
  readonly operations: readonly GraphqlOperation[];
  /** What selections are checked against; empty without operations that take one. */
  readonly types: readonly TypeText[];
  readonly skipped: readonly SkippedField[];
  /** Stored operations that do not fit the schema, or are no GraphQL. */
  readonly faults: readonly Fault[];
}

export const MAX_OPERATIONS = 2_000;
/** Of all definitions of tools together. */
const MAX_BYTES = 20 * 1024 * 1024;

/**
 * What a member offers by its schema and its stored operations. Pure: nothing is fetched. Takes as long as a schema within
 * `SCHEMA_LIMITS` can take, and nothing else runs meanwhile; see `SchemaImporter`.
 *
 * @param source SDL or the JSON of an introspection; empty: there is none, and stored operations are read by their grammar
 * @throws InvalidSchemaError
 */
export function compileSchema(
  source: Uint8Array,
  { fields, operations, taken, isFile }: SchemaOptions,
): CompiledSchema {
  const schema = source.byteLength > 0 ? readSchema(source, isFile) : undefined;
  const names = new ToolNames();
  for (const name of taken) names.take(name);
  const stored = storedOperations(operations, names, schema);
  const byField = schema && fields ? fieldOperations(schema, names) : { operations: [], skipped: [] };
  const all = [...stored.operations, ...byField.operations];
  bound(all);
  const types = schema && byField.operations.some(({ select }) => select) ? typeTexts(schema) : [];
  return { operations: all, types, skipped: byField.skipped, faults: stored.faults };
}

function bound(operations: readonly GraphqlOperation[]): void {
  if (operations.length > MAX_OPERATIONS) {
    throw new InvalidSchemaError(
      `${operations.length} fields would become tools, and ${MAX_OPERATIONS} is the limit: offer stored operations instead`,
    );
  }
  const bytes = operations.reduce((sum, operation) => sum + JSON.stringify(operation).length, 0);
  if (bytes > MAX_BYTES) throw new InvalidSchemaError(`its tools have ${bytes} bytes, and ${MAX_BYTES} is the limit`);
}
