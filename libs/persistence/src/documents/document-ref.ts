import type { DocumentRef } from './documents.js';

const PARTITION = /^[A-Za-z0-9][A-Za-z0-9-]{0,127}$/;
const PATH = /^[!-~]{1,512}$/;
const TRICKS = /^[/_]|(?:^|\/)\.{1,2}(?:\/|$)/;

/**
 * What is asked for, if it is something that can be: what servers and proxies on the way read as another place is none.
 *
 * @throws TypeError naming no part of it, which may come from a stranger
 */
export function checkedRef<T extends DocumentRef>(ref: T): T {
  checkedPartition(ref.partition);
  if (!PATH.test(ref.path) || TRICKS.test(ref.path)) throw new TypeError('not the path of a document');
  return ref;
}

/** @throws TypeError */
export function checkedPartition(partition: DocumentRef['partition']): DocumentRef['partition'] {
  if (!PARTITION.test(partition)) throw new TypeError('not a partition of documents');
  return partition;
}
