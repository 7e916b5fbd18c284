import { Clock } from '#kernel';
import { openHandleSealer, openMemorySealer } from '#persistence/testing';
import { PendingConsents } from '../src/consents/pending-consents.js';
import { MemoryPendingConsentStore } from '../src/memory/memory.pending-consent.store.js';

/** The real states of consents, in memory. */
export async function openPendingConsents(clock: Pick<Clock, 'now'> = new Clock()): Promise<PendingConsents> {
  return new PendingConsents(new MemoryPendingConsentStore(clock), await openMemorySealer(), await openHandleSealer());
}
