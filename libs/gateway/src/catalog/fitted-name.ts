import { createHash } from 'node:crypto';

/** What clients and the vendors of models take for a name. */
const MAX_LENGTH = 64;
const DIGEST_LENGTH = 8;

/**
 * A name of 64 characters at most: a longer one is cut, and ends with a digest of all of it, so that two long names
 * which begin alike stay apart. The same name always gives the same one; the way back is the catalogue's.
 */
export function fittedName(name: string): string {
  if (name.length <= MAX_LENGTH) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, DIGEST_LENGTH);
  // Not in the middle of a surrogate pair.
  const kept = name.slice(0, MAX_LENGTH - DIGEST_LENGTH - 1).replace(/[\uD800-\uDBFF]$/, '');
  return `${kept}_${digest}`;
}
