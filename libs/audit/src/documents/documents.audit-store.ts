import { type TenantId, tenantId } from '#kernel';
import {
  type DocumentRange,
  Documents,
  KeyWrapper,
  OPERATOR,
  type StoredDocument,
  TENANT_DOCUMENTS,
} from '#persistence';
import { Injectable } from '@nestjs/common';
import type { AuditAnchor } from '../audit-event.js';
import type { AuditRow } from '../audit-row.js';
import { AuditStore, type ChainHead, type ChainStanding, type RowPage, type RowQuery } from '../audit-store.js';
import { ChainKeys } from '../chain-keys.js';
import { EVENTS, type ChainEntry, entriesOf, eventsPath, headOf, headRef, placeBehind } from './chain-documents.js';
import { fits, rowOf } from './entry-row.js';

/** Characters of events that are given at once; a single event may have more. */
const PAGE_CHARACTERS = 4 * 1024 * 1024;
/** Events that are looked at for one page. */
const LOOKED_AT = 20_000;
/** Documents that are read at once: few at first, more as long as they are short. */
const FIRST_READ = 8;
const MAX_READ = 128;
const SHORT_CHARACTERS = 512 * 1024;
const TENANTS = 200;

/** The trails in a database of documents. */
@Injectable()
export class DocumentsAuditStore extends AuditStore {
  private readonly keys: ChainKeys;

  constructor(
    private readonly documents: Documents,
    wrapper: KeyWrapper,
  ) {
    super();
    this.keys = new ChainKeys(wrapper);
  }

  override async standing(tenant: TenantId): Promise<ChainStanding> {
    const document = await this.documents.read(headRef(tenant));
    if (!document) return { last: await this.last(tenant) };
    const head = headOf(document);
    const key = await this.keys.open(tenant, head.key).catch(() => undefined);
    let place: Pick<ChainHead, 'seq' | 'hash'> = head;
    for await (const { entries } of this.walk(tenant, { prefix: EVENTS, after: eventsPath(head.seq) })) {
      const behind = key && placeBehind(entries, { tenantId: tenant, key, place });
      if (!behind) return { head: { ...head, ...place }, last: place.seq + 1 };
      place = behind;
    }
    return { head: { ...head, ...place }, last: place.seq };
  }

  override async page(tenant: TenantId, query: RowQuery): Promise<RowPage> {
    const isWanted = within(query);
    const rows: AuditRow[] = [];
    let [characters, lookedAt, reached] = [0, 0, query.cursor];
    for await (const { entries } of this.walk(tenant, await this.startOf(tenant, query))) {
      for (const entry of query.order === 'newest' ? [...entries].reverse() : entries) {
        if (!isWanted(entry)) continue;
        const row = rowOf(entry);
        if (fits(row, query)) {
          characters += row.body.length;
          const isFull = rows.length === query.limit || (rows.length > 0 && characters > PAGE_CHARACTERS);
          if (isFull) return { rows, next: rows.at(-1)!.seq };
          rows.push(row);
        }
        reached = entry.seq;
        lookedAt += 1;
      }
      if (lookedAt >= LOOKED_AT && reached !== undefined) return { rows, next: reached };
      if (isPast(entries, query)) break;
    }
    return { rows };
  }

  override async *heads(): AsyncIterable<AuditAnchor & { readonly tenant: TenantId }> {
    let after = '';
    for (;;) {
      const page = await this.documents.range(OPERATOR, { prefix: TENANT_DOCUMENTS, after, limit: TENANTS });
      for (const { path } of page) {
        const tenant = tenantId(path.slice(TENANT_DOCUMENTS.length));
        const head = await this.documents.read(headRef(tenant));
        if (!head) continue;
        const { seq, hash } = headOf(head);
        yield { tenant, seq, hash: hash.toString('hex') };
      }
      if (page.length < TENANTS) return;
      after = page.at(-1)!.path;
    }
  }

  private async last(tenant: TenantId): Promise<number> {
    const [document] = await this.documents.range(tenant, { prefix: EVENTS, order: 'descending', limit: 1 });
    return document ? (entriesOf(document).at(-1)?.seq ?? 1) : 0;
  }

  /** Documents of events, in either order, a few at a time. */
  private async *walk(
    tenant: TenantId,
    range: DocumentRange,
  ): AsyncIterable<{ readonly document: StoredDocument; readonly entries: readonly ChainEntry[] }> {
    let limit = FIRST_READ;
    let { after } = range;
    for (;;) {
      const page = await this.documents.range(tenant, { ...range, ...(after === undefined ? {} : { after }), limit });
      let characters = 0;
      for (const document of page) {
        const entries = entriesOf(document);
        characters += entries.reduce((sum, { body }) => sum + body.length, 0);
        yield { document, entries };
      }
      if (page.length < limit) return;
      after = page.at(-1)!.path;
      limit = characters < SHORT_CHARACTERS ? Math.min(limit * 2, MAX_READ) : Math.max(limit >> 2, 1);
    }
  }

  /** Documents are named after their first event, so the one that a page begins in has a lower number than the page. */
  private async startOf(tenant: TenantId, { order, cursor, until }: RowQuery): Promise<DocumentRange> {
    if (order === 'newest') {
      const end = Math.min(cursor ?? Infinity, (until ?? Infinity) + 1);
      return { prefix: EVENTS, order: 'descending', ...(end === Infinity ? {} : { after: eventsPath(end) }) };
    }
    if (!cursor) return { prefix: EVENTS };
    const [first] = await this.documents.range(tenant, {
      prefix: EVENTS,
      order: 'descending',
      after: eventsPath(cursor + 1),
      limit: 1,
    });
    // Read once more as the first of the range: behind the greatest path that is less than its own.
    return { prefix: EVENTS, ...(first ? { after: justBefore(first.path) } : {}) };
  }
}

function within({ order, cursor, until = Infinity }: RowQuery): (entry: ChainEntry) => boolean {
  const [low, high] = order === 'newest' ? [-Infinity, cursor ?? Infinity] : [cursor ?? -Infinity, Infinity];
  return ({ seq }) => seq > low && seq < high && seq <= until;
}

const isPast = (entries: readonly ChainEntry[], { order, until = Infinity }: RowQuery): boolean =>
  order === 'oldest' && (entries.at(-1)?.seq ?? 0) >= until;

function justBefore(path: string): string {
  return eventsPath(Number(path.slice(EVENTS.length)) - 1);
}
