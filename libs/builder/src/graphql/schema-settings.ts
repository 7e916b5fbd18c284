import { createHash } from 'node:crypto';
import type { GraphqlServerConfig } from '#registry';
import { readDocument } from '../members/specification-source.js';
import type { CompiledSchema, SchemaOptions } from './compile-schema.js';
import { SCHEMA_LIMITS } from './read-schema.js';
import type { SchemaImporter } from './schema-importer.js';

type Settings = GraphqlServerConfig['graphql'];
type OfferedKind = NonNullable<Settings['tools']>[number];

/** Which tools a configuration offers: unless it says so, what the original had, and operations that are stored. */
export function offeredKinds({ tools, operations }: Settings): ReadonlySet<OfferedKind> {
  return new Set(tools ?? (operations.length > 0 ? ['query', 'operations'] : ['query']));
}

/** Whether the service itself has to be asked for its schema. */
export function introspects(settings: Settings): boolean {
  const { schema, schema_filepath } = settings;
  const isGiven = schema !== undefined || schema_filepath !== undefined;
  return !isGiven && [...offeredKinds(settings)].some((kind) => kind !== 'query');
}

/** What is to be made of the schema, whichever it is. */
export function schemaOptions({ id, graphql }: Pick<GraphqlServerConfig, 'id' | 'graphql'>): SchemaOptions {
  const kinds = offeredKinds(graphql);
  return {
    fields: kinds.has('fields'),
    operations: kinds.has('operations') ? graphql.operations : [],
    taken: kinds.has('query') ? [id] : [],
    isFile: graphql.schema_filepath !== undefined,
  };
}

/**
 * What a configuration offers as far as the configuration alone tells it: the service is not asked. Rejects with
 * `SpecificationError` if a file cannot be read, and as `SchemaImporter` does.
 */
export async function compileGiven(
  config: Pick<GraphqlServerConfig, 'id' | 'graphql'>,
  schemas: SchemaImporter,
  sharer: string,
): Promise<CompiledSchema> {
  const options = schemaOptions(config);
  const isWanted = options.fields || options.operations.length > 0;
  const source = isWanted ? await givenSchema(config.graphql) : undefined;
  if (!source && options.operations.length === 0) return { operations: [], types: [], skipped: [], faults: [] };
  return schemas.import(source ?? Buffer.alloc(0), options, sharer);
}

async function givenSchema({ schema, schema_filepath }: Settings): Promise<Buffer | undefined> {
  if (typeof schema === 'string') return Buffer.from(schema);
  if (schema !== undefined) return Buffer.from(JSON.stringify(schema));
  if (schema_filepath === undefined) return undefined;
  return readDocument(schema_filepath, { path: 'graphql.schema_filepath', maxBytes: SCHEMA_LIMITS.maxBytes });
}

/** Names what a catalogue was compiled from: the same settings give the same fingerprint. */
export function fingerprintOfSchema({ id, graphql }: Pick<GraphqlServerConfig, 'id' | 'graphql'>): string {
  const { schema, schema_filepath, operations } = graphql;
  const settings = [id, [...offeredKinds(graphql)].sort(), operations, schema ?? null, schema_filepath ?? null];
  return createHash('sha256').update(JSON.stringify(settings)).digest('base64url');
}
