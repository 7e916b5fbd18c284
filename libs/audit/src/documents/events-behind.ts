import type { TenantId } from '#kernel';
import type { Documents, StoredDocument } from '#persistence';
import { EVENTS, entriesOf, eventsPath } from './chain-documents.js';

/** So many are asked for one by one. Where there are more, somebody has gone far, and lists bring many at once. */
const ONE_BY_ONE = 4;
const PAGE = 20;

/**
 * The documents of events behind an event that is the last of its document, in their order. Each is known by its name,
 * which the one before it tells: a list may lack for a moment what was just written, and what is read by its name does
 * not. So lists only save requests here, and where they end is not where the trail ends.
 */
export async function* eventsBehind(
  documents: Documents,
  tenant: TenantId,
  seq: number,
): AsyncGenerator<StoredDocument> {
  const listed = new Map<string, StoredDocument>();
  for (let [last, count] = [seq, 0]; ; count++) {
    const path = eventsPath(last + 1);
    if (listed.size === 0 && count >= ONE_BY_ONE) {
      const page = await documents.range(tenant, { prefix: EVENTS, after: eventsPath(last), limit: PAGE });
      for (const document of page) listed.set(document.path, document);
    }
    const document = listed.get(path) ?? (await documents.read({ partition: tenant, path }));
    if (!document) return;
    listed.delete(path);
    yield document;
    const next = entriesOf(document).at(-1)?.seq ?? 0;
    if (next <= last) return; // it was tampered with
    last = next;
  }
}
