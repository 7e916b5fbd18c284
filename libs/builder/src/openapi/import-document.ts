import { type CompileOptions, type CompiledOperations, compileOperations } from './compile-operations.js';
import { parseDocument } from './parse-document.js';

export interface ImportedDocument extends CompiledOperations {
  /** `info.title`; empty where the document has none. */
  readonly title: string;
}

/**
 * Makes tools of a document: reads it and compiles its operations. Takes as long as a document within
 * `DOCUMENT_LIMITS` can take, and nothing else runs meanwhile.
 *
 * @throws InvalidDocumentError, UnsupportedVersionError, InvalidRoutesError or TooManyOperationsError
 */
export function importDocument(source: string | Uint8Array | object, options: CompileOptions = {}): ImportedDocument {
  const document = parseDocument(source);
  return { title: document.title, ...compileOperations(document, options) };
}
