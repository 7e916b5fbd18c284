import type { ThreadTurns } from '../threads/thread-turns.js';
import type { DocumentImporter } from './document-importer.js';
import { InlineDocumentImporter } from './inline.document-importer.js';
import { ThreadDocumentImporter } from './thread.document-importer.js';

/** The importer of this process: in `threads`, but where tests run the TypeScript itself, which no thread can load. */
export function documentImporter(threads: ThreadTurns): DocumentImporter {
  return import.meta.url.endsWith('.ts')
    ? new InlineDocumentImporter()
    : new ThreadDocumentImporter(undefined, threads);
}
