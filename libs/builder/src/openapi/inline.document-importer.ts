import type { CompileOptions } from './compile-operations.js';
import type { DocumentImporter } from './document-importer.js';
import { type ImportedDocument, importDocument } from './import-document.js';

/** In the thread of the caller, which does nothing else meanwhile: for tests, where threads cannot load TypeScript. */
export class InlineDocumentImporter implements DocumentImporter {
  // A caller that awaits gets an error of the document as a rejection here too.
  async import(source: Uint8Array, options: CompileOptions = {}): Promise<ImportedDocument> {
    return importDocument(source, options);
  }
}
