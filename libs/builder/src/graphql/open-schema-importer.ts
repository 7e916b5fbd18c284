import type { ThreadTurns } from '../threads/thread-turns.js';
import { InlineSchemaImporter } from './inline.schema-importer.js';
import type { SchemaImporter } from './schema-importer.js';
import { ThreadSchemaImporter } from './thread.schema-importer.js';

/** The importer of this process: in `threads`, but where tests run the TypeScript itself, which no thread can load. */
export function schemaImporter(threads: ThreadTurns): SchemaImporter {
  return import.meta.url.endsWith('.ts') ? new InlineSchemaImporter() : new ThreadSchemaImporter(undefined, threads);
}
