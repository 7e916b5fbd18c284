import type { CompileOptions } from './compile-operations.js';
import type { ImportedDocument } from './import-document.js';

/** Makes tools of OpenAPI documents, each within bounds of time and memory of its own. */
export abstract class DocumentImporter {
  /**
   * @param source JSON or YAML in UTF-8; not to be changed before it is over, and not used after it
   * @param sharer whose document it is: everybody gets a fair share of the threads
   * @throws ComposerError with the code of `InvalidDocumentError`, `UnsupportedVersionError`, `InvalidRoutesError` or
   *   `TooManyOperationsError`; `ImportsBusyError` if too many documents wait already
   */
  abstract import(source: Uint8Array, options?: CompileOptions, sharer?: string): Promise<ImportedDocument>;
}
