import type { Transaction } from '../database/transaction.js';
import { KeyDroppedError } from '../persistence.errors.js';

/**
 * Keeps a key of the ring from being dropped until this transaction has ended. Whoever stores a newly wrapped key calls
 * it in the same transaction, before: or the key could be dropped between the count and the commit, and what it wraps
 * be lost with it.
 *
 * @throws KeyDroppedError
 */
export async function holdKey(tx: Transaction, keyId: string): Promise<void> {
  const [row] = await tx.query<{ dropped: boolean }>(
    `SELECT dropped_at IS NOT NULL AS dropped FROM key_checks WHERE kek_id = $1 FOR SHARE`,
    [keyId],
  );
  if (row?.dropped) throw new KeyDroppedError(keyId);
}
