import {
  GraphQLError,
  type GraphQLSchema,
  type IntrospectionQuery,
  buildASTSchema,
  buildClientSchema,
  parse,
} from 'graphql';
import { isObject } from '#kernel';
import { isDeeperThan } from '../openapi/bounded-json.js';
import { InvalidSchemaError } from './graphql.errors.js';

/** What a schema may be at most. */
export const SCHEMA_LIMITS = {
  maxBytes: 10 * 1024 * 1024,
  maxSdlBytes: 4 * 1024 * 1024,
  maxDepth: 64,
  maxTokens: 1_000_000,
  maxTypes: 5_000,
  maxFields: 50_000,
};

/**
 * Reads a schema: SDL, or the JSON of an introspection, with or without `data` around it. Faults that do not keep anybody
 * from using it are let pass. Takes as long as a schema within `SCHEMA_LIMITS` can take, and nothing else runs meanwhile.
 *
 * @param isFile it may be any file of the host: what is wrong is told, and nothing of what stands in it
 * @throws InvalidSchemaError
 */
export function readSchema(source: Uint8Array, isFile = false): GraphQLSchema {
  if (source.byteLength > SCHEMA_LIMITS.maxBytes) throw tooLarge(SCHEMA_LIMITS.maxBytes);
  const text = decoded(source);
  try {
    // No document of types starts with a brace.
    const schema = /^\s*\{/.test(text) ? fromJson(text) : fromSdl(text);
    boundTypes(schema);
    return schema;
  } catch (error) {
    if (error instanceof InvalidSchemaError) throw error;
    if (error instanceof RangeError) throw new InvalidSchemaError('it nests too deep', error);
    // The library throws plain errors for schemas that it cannot build.
    const { message } = error as Error;
    const [place] = error instanceof GraphQLError ? (error.locations ?? []) : [];
    const where = place ? ` (line ${place.line}, column ${place.column})` : '';
    // The library's messages and its errors hold pieces of the text.
    if (isFile) throw new InvalidSchemaError(place ? `it is no GraphQL${where}` : 'no schema can be made of its types');
    throw new InvalidSchemaError(message + where, error);
  }
}

function decoded(source: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(source);
  } catch (error) {
    throw new InvalidSchemaError('it is not UTF-8', error);
  }
}

function fromJson(text: string): GraphQLSchema {
  if (isDeeperThan(text, SCHEMA_LIMITS.maxDepth)) throw new InvalidSchemaError('it nests too deep');
  const value = parsed(text);
  const data = isObject(value) && isObject(value['data']) ? value['data'] : value;
  const schema = isObject(data) ? data['__schema'] : undefined;
  if (!isObject(schema) || !Array.isArray(schema['types'])) {
    throw new InvalidSchemaError('it is neither SDL nor the result of an introspection');
  }
  // Before anything is built of them.
  boundCount(schema['types'].length, SCHEMA_LIMITS.maxTypes, 'types');
  return buildClientSchema({ __schema: { directives: [], ...schema } } as unknown as IntrospectionQuery, LENIENT);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A parser's message shows a piece of the text.
    throw new InvalidSchemaError('it starts like JSON and is none');
  }
}

function fromSdl(text: string): GraphQLSchema {
  if (Buffer.byteLength(text) > SCHEMA_LIMITS.maxSdlBytes) throw tooLarge(SCHEMA_LIMITS.maxSdlBytes);
  const document = parse(text, { noLocation: true, maxTokens: SCHEMA_LIMITS.maxTokens });
  boundCount(document.definitions.length, SCHEMA_LIMITS.maxTypes, 'types');
  return buildASTSchema(document, { ...LENIENT, assumeValidSDL: true });
}

/** What is built of a schema with faults is checked operation by operation. */
const LENIENT = { assumeValid: true };

function boundTypes(schema: GraphQLSchema): void {
  let fields = 0;
  const types = Object.values(schema.getTypeMap());
  boundCount(types.length, SCHEMA_LIMITS.maxTypes, 'types');
  for (const type of types) {
    if ('getFields' in type) fields += Object.keys(type.getFields()).length;
    if ('getValues' in type) fields += type.getValues().length;
  }
  boundCount(fields, SCHEMA_LIMITS.maxFields, 'fields');
  if (!schema.getQueryType() && !schema.getMutationType()) {
    throw new InvalidSchemaError('it has no type of queries and none of mutations');
  }
}

function boundCount(count: number, most: number, what: string): void {
  if (count > most) throw new InvalidSchemaError(`it has ${count} ${what}, and ${most} is the limit`);
}

const tooLarge = (bytes: number) => new InvalidSchemaError(`it is larger than ${bytes / 1024 / 1024} MiB`);
