import { type CompiledSchema, type SchemaOptions, compileSchema } from './compile-schema.js';
import type { SchemaImporter } from './schema-importer.js';

/** In the thread of the caller, which does nothing else meanwhile: for tests, where threads cannot load TypeScript. */
export class InlineSchemaImporter implements SchemaImporter {
  // A caller that awaits gets an error of the schema as a rejection here too.
  async import(source: Uint8Array, options: SchemaOptions): Promise<CompiledSchema> {
    return compileSchema(source, options);
  }
}
