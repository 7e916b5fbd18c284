import { type AuditEvent, RecordedDocuments } from '#audit';
import { Clock, type TenantId } from '#kernel';
import { DocumentConflictError, type DocumentRef, type StoredDocument } from '#persistence';
import { Injectable } from '@nestjs/common';
import { afterOthers } from '../../after-others.js';
import {
  type AuthorizationRecord,
  type AuthorizationRecordDraft,
  AuthorizationRecordStore,
  type RecordRef,
} from './authorization-record.store.js';
import { type IndexedRecord, RecordIndex } from './record-index.js';
import { recordBody, recordIn, recordKind, recordRef } from './record-document.js';

const TOPIC = 'access';
const PAGE = 1000;
/** The kind of the record without which nothing of a grant is worth anything; its id is that of the grant. */
const GRANT = 'Grant';

/**
 * Records as documents of their tenant, with entries of an index beside them (`RecordIndex`) that are written before the
 * record and removed after it: a crash leaves an entry that leads nowhere, which is harmless and goes with its time.
 * What only one caller may do is one change of the record's own document.
 */
@Injectable()
export class DocumentsAuthorizationRecordStore extends AuthorizationRecordStore {
  constructor(
    private readonly documents: RecordedDocuments,
    private readonly index: RecordIndex,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async upsert(draft: AuthorizationRecordDraft, ...events: readonly AuditEvent[]): Promise<void> {
    await this.index.add(draft);
    await afterOthers(async () => {
      const known = await this.documents.read(recordRef(draft));
      const before = known && recordIn(draft.tenantId, known.body);
      const consumedAt = known?.body['takenAt'] === undefined ? before?.consumedAt : undefined;
      await this.put(known, { ...draft, ...(consumedAt ? { consumedAt } : {}) }, events);
    });
  }

  override async insert(draft: AuthorizationRecordDraft): Promise<AuthorizationRecord> {
    await this.index.add(draft);
    return afterOthers(async () => {
      const known = await this.documents.read(recordRef(draft));
      const living = this.living(draft.tenantId, known);
      if (living) return living;
      await this.put(known, draft);
      return draft;
    });
  }

  override async find(ref: RecordRef): Promise<AuthorizationRecord | undefined> {
    return this.living(ref.tenantId, await this.documents.read(recordRef(ref)));
  }

  override async findByUid(tenant: TenantId, kind: string, uid: string): Promise<AuthorizationRecord | undefined> {
    const id = await this.index.idOf(tenant, kind, uid);
    const found = id === undefined ? undefined : await this.find({ tenantId: tenant, kind, id });
    return found?.uid === uid ? found : undefined;
  }

  override async list(tenant: TenantId, kind: string, limit: number): Promise<readonly AuthorizationRecord[]> {
    const found: StoredDocument[] = [];
    let after = '';
    for (;;) {
      const page = await this.documents.range(tenant, { prefix: recordKind(kind), after, limit: PAGE });
      found.push(...page.filter((document) => this.living(tenant, document)));
      if (page.length < PAGE) break;
      after = page.at(-1)!.path;
    }
    const age = ({ body }: StoredDocument) => body['createdAt'] as number;
    found.sort((a, b) => age(a) - age(b) || (a.path < b.path ? -1 : 1));
    return found.slice(0, limit).map(({ body }) => recordIn(tenant, body));
  }

  override async consume(ref: RecordRef, ...events: readonly AuditEvent[]): Promise<boolean> {
    return afterOthers(async () => {
      const known = await this.documents.read(recordRef(ref));
      const record = this.living(ref.tenantId, known);
      if (!record || record.consumedAt) return false;
      await this.put(known, { ...record, consumedAt: new Date(this.clock.now()) }, events);
      return true;
    });
  }

  override async take(ref: RecordRef): Promise<AuthorizationRecord | undefined> {
    return afterOthers(async () => {
      const known = await this.documents.read(recordRef(ref));
      const record = this.living(ref.tenantId, known);
      if (!known || !record) return undefined;
      // Removals do not tell who was first, so it is marked: only one can do that.
      const body = { ...known.body, takenAt: this.clock.now() };
      const rev = await this.documents.write(recordRef(ref), { body, rev: known.rev }, { event: undefined });
      await this.documents.remove(recordRef(ref), rev, { event: undefined });
      await this.index.remove(record);
      return record;
    });
  }

  override async extend(ref: RecordRef, expiresAt: Date): Promise<void> {
    await afterOthers(async () => {
      const known = await this.documents.read(recordRef(ref));
      const record = this.living(ref.tenantId, known);
      if (!record) return;
      const extended = { ...record, expiresAt };
      await this.index.add(extended);
      await this.put(known, extended);
    });
  }

  override async destroy(ref: RecordRef, ...events: readonly AuditEvent[]): Promise<boolean> {
    return afterOthers(async () => {
      const known = await this.documents.read(recordRef(ref));
      const record = this.living(ref.tenantId, known);
      if (!known || !record) return false;
      const drops = this.index.entriesOf(record);
      await this.documents.remove(recordRef(ref), known.rev, { event: events, topic: TOPIC, drops });
      await this.index.unpoint(record);
      return true;
    });
  }

  /** One of the records goes with the events, and takes all the others with it. */
  override async revokeByGrantId(tenant: TenantId, grantId: string, ...events: readonly AuditEvent[]): Promise<number> {
    return afterOthers(async () => {
      const { records, stale } = await this.ofGrant(tenant, grantId);
      const [first, ...others] = records;
      if (!first) {
        await this.index.drop(stale);
        return 0;
      }
      const drops = [
        ...others.map(({ record }) => recordRef(record)),
        ...records.flatMap(({ record }) => this.index.entriesOf(record)),
        ...stale,
      ];
      await this.documents.remove(recordRef(first.record), first.rev, { event: events, topic: TOPIC, drops });
      for (const { record } of records) await this.index.unpoint(record);
      return records.length;
    });
  }

  override async sweep(limit: number): Promise<number> {
    const counts = new Map<TenantId, number>();
    let gone = 0;
    for await (const { record, entry } of this.index.expired(this.clock.now())) {
      const count = counts.get(record.tenantId) ?? 0;
      if (count >= limit) continue;
      const known = await this.documents.read(recordRef(record));
      if (known && !this.living(record.tenantId, known)) {
        if (!(await this.swept(record, known))) continue;
        counts.set(record.tenantId, count + 1);
        gone += 1;
      }
      // What has no record is what a crash has left of one.
      await (known ? this.index.drop([entry]) : this.forget(record, entry));
    }
    return gone;
  }

  /** The grant itself comes first, by its name: the list of what hangs on it may lack what was just written. */
  private async ofGrant(tenant: TenantId, grantId: string) {
    const own = { tenantId: tenant, kind: GRANT, id: grantId };
    const grant = await this.documents.read(recordRef(own));
    const records: { readonly record: AuthorizationRecord; readonly rev: string }[] = grant
      ? [{ record: recordIn(tenant, grant.body), rev: grant.rev }]
      : [];
    const stale = [];
    for await (const { record: named, entry } of this.index.ofGrant(tenant, grantId)) {
      if (named.kind === GRANT && named.id === grantId && grant) continue;
      const known = await this.documents.read(recordRef(named));
      const record = known && recordIn(tenant, known.body);
      if (known && record?.grantId === grantId) records.push({ record, rev: known.rev });
      else stale.push(entry);
    }
    return { records, stale };
  }

  private async forget(record: IndexedRecord, entry: DocumentRef): Promise<void> {
    await this.index.remove(record);
    await this.index.drop([entry]);
  }

  private async swept(ref: RecordRef, { rev, body }: StoredDocument): Promise<boolean> {
    try {
      await this.documents.remove(recordRef(ref), rev, { event: undefined });
    } catch (error) {
      if (error instanceof DocumentConflictError) return false; // it lives again
      throw error;
    }
    await this.index.remove(recordIn(ref.tenantId, body));
    return true;
  }

  private async put(
    known: StoredDocument | undefined,
    record: AuthorizationRecord,
    events: readonly AuditEvent[] = [],
  ): Promise<void> {
    const createdAt = (known?.body['createdAt'] as number | undefined) ?? this.clock.now();
    const body = recordBody(record, createdAt);
    await this.documents.write(recordRef(record), { body, rev: known?.rev }, { event: events });
  }

  private living(tenant: TenantId, known: StoredDocument | undefined): AuthorizationRecord | undefined {
    if (!known || known.body['takenAt'] !== undefined) return undefined;
    const record = recordIn(tenant, known.body);
    return record.expiresAt && record.expiresAt.getTime() <= this.clock.now() ? undefined : record;
  }
}
