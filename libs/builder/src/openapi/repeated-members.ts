import type { OperationNote, SkippedOperation } from './compile-operations.js';
import { plainText } from './plain-text.js';

const MAX_LABEL_BYTES = 256;
const NO_METHOD = ['parameters', 'servers', 'summary', 'description', '$ref'];

/**
 * What is lost of members that stand more than once in their map: a path or an operation is left out, of which each but the
 * last is not read, and of anything else there is a note.
 *
 * @param places keys from the root of the document to each
 */
export function tellRepeated(places: readonly (readonly string[])[]): {
  skipped: SkippedOperation[];
  notes: OperationNote[];
} {
  const skipped: SkippedOperation[] = [];
  const notes: OperationNote[] = [];
  for (const [first, path, method, ...inner] of places) {
    const keys = [first, path, method, ...inner].filter((key) => key !== undefined);
    if (first === 'paths' && path !== undefined && method === undefined) {
      skipped.push({ operation: label('*', path), reason: reasonOf('path') });
    } else if (first === 'paths' && path !== undefined && method !== undefined && !isOfPath(method)) {
      const operation = label(method.toUpperCase(), path);
      if (inner.length === 0) skipped.push({ operation, reason: reasonOf('operation') });
      else notes.push({ operation, note: noteOf(inner) });
    } else notes.push({ operation: '*', note: noteOf(keys) });
  }
  return { skipped, notes };
}

const isOfPath = (key: string): boolean => NO_METHOD.includes(key) || key.startsWith('x-');
const label = (method: string, path: string): string => plainText(`${method} ${path}`, MAX_LABEL_BYTES);
const reasonOf = (what: string): string =>
  `the ${what} stands more than once in the document, and only the last is read`;
const noteOf = (keys: readonly string[]): string =>
  plainText(`"${keys.join('/')}" stands more than once, and only the last is read`, MAX_LABEL_BYTES * 2);
