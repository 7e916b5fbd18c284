export { type CompiledSchema, MAX_OPERATIONS, type SchemaOptions, compileSchema } from './compile-schema.js';
export type { SkippedField } from './field-operations.js';
export type { FieldSelection, GraphqlOperation } from './graphql-operation.js';
export { InvalidOperationsError, InvalidSchemaError, SchemaMissingError } from './graphql.errors.js';
export { schemaImporter } from './open-schema-importer.js';
export type { OperationLimits, OperationSize } from './operation-limits.js';
export { SCHEMA_LIMITS } from './read-schema.js';
export type { SchemaImporter } from './schema-importer.js';
export { compileGiven, fingerprintOfSchema, introspects, offeredKinds, schemaOptions } from './schema-settings.js';
