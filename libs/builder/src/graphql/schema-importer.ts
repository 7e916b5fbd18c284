import type { CompiledSchema, SchemaOptions } from './compile-schema.js';

/** Makes tools of GraphQL schemas, each within bounds of time and memory of its own. */
export abstract class SchemaImporter {
  /**
   * @param source SDL or the JSON of an introspection in UTF-8; empty: stored operations alone. Not to be changed
   *   before it is over, and not used after it
   * @param sharer whose schema it is: everybody gets a fair share of the threads
   * @throws ComposerError with the code of `InvalidSchemaError`; `SchemasBusyError` if too many schemas wait already
   */
  abstract import(source: Uint8Array, options: SchemaOptions, sharer?: string): Promise<CompiledSchema>;
}
