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
import { eventsBehind } from './events-behind.js';

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
    for await (const entries of this.onwards(tenant, head.seq)) {
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
    for await (const entries of this.documentsOf(tenant, query)) {
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
    const [latest] = await this.documents.range(tenant, { prefix: EVENTS, order: 'descending', limit: 1 });
    const document = latest ?? (await this.documents.read({ partition: tenant, path: eventsPath(1) }));
    return document ? (entriesOf(document).at(-1)?.seq ?? 1) : 0;
  }

  /** The events of each document that a page may have some of, in the order of the page. */
  private documentsOf(tenant: TenantId, query: RowQuery): AsyncIterable<readonly ChainEntry[]> {
    const { order, cursor, until = Infinity } = query;
    if (order === 'oldest') return this.from(tenant, query);
    const end = Math.min(cursor ?? Infinity, until + 1);
    const after = end === Infinity ? {} : { after: eventsPath(end) };
    return entriesIn(this.walk(tenant, { prefix: EVENTS, order: 'descending', ...after }));
  }

  /** Documents are named after their first event, so the one that a page begins in has a lower number than the page. */
  private async *from(tenant: TenantId, { cursor, until }: RowQuery): AsyncIterable<readonly ChainEntry[]> {
    if (!cursor) {
      yield* this.onwards(tenant, 0, until);
      return;
    }
    const [first] = await this.documents.range(tenant, {
      prefix: EVENTS,
      order: 'descending',
      after: eventsPath(cursor + 1),
      limit: 1,
    });
    yield* this.onwards(tenant, first ? Number(first.path.slice(EVENTS.length)) - 1 : 0, until);
  }

  /**
   * The events of each document behind an event that is the last of its document. A list may lack for a moment what was
   * just written: what is missing in it, or behind it, is asked for by its name, so that nothing is taken for gone that
   * is there.
   */
  private async *onwards(tenant: TenantId, seq: number, until = Infinity): AsyncIterable<readonly ChainEntry[]> {
    let last = seq;
    const behind = seq === 0 ? {} : { after: eventsPath(seq) };
    for await (const document of this.walk(tenant, { prefix: EVENTS, ...behind })) {
      if (document.path > eventsPath(last + 1)) {
        for await (const lacking of eventsBehind(this.documents, tenant, last)) {
          if (lacking.path >= document.path) break;
          yield entriesOf(lacking);
        }
      }
      const entries = entriesOf(document);
      yield entries;
      last = Math.max(last, entries.at(-1)?.seq ?? 0);
    }
    if (last < until) yield* entriesIn(eventsBehind(this.documents, tenant, last));
  }

  /** Documents of events, in either order, a few at a time. */
  private async *walk(tenant: TenantId, range: DocumentRange): AsyncIterable<StoredDocument> {
    let limit = FIRST_READ;
    let { after } = range;
    for (;;) {
      const page = await this.documents.range(tenant, { ...range, ...(after === undefined ? {} : { after }), limit });
      yield* page;
      if (page.length < limit) return;
      after = page.at(-1)!.path;
      const characters = page.reduce((sum, document) => sum + charactersOf(document), 0);
      limit = characters < SHORT_CHARACTERS ? Math.min(limit * 2, MAX_READ) : Math.max(limit >> 2, 1);
    }
  }
}

async function* entriesIn(documents: AsyncIterable<StoredDocument>): AsyncIterable<readonly ChainEntry[]> {
  for await (const document of documents) yield entriesOf(document);
}

const charactersOf = (document: StoredDocument): number =>
  entriesOf(document).reduce((sum, { body }) => sum + body.length, 0);

function within({ order, cursor, until = Infinity }: RowQuery): (entry: ChainEntry) => boolean {
  const [low, high] = order === 'newest' ? [-Infinity, cursor ?? Infinity] : [cursor ?? -Infinity, Infinity];
  return ({ seq }) => seq > low && seq < high && seq <= until;
}

const isPast = (entries: readonly ChainEntry[], { order, until = Infinity }: RowQuery): boolean =>
  order === 'oldest' && (entries.at(-1)?.seq ?? 0) >= until;
