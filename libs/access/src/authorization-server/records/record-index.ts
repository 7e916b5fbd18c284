import { type JsonObject, type TenantId, tenantId } from '#kernel';
import { DocumentConflictError, type DocumentRef, Documents, OPERATOR } from '#persistence';
import { Injectable } from '@nestjs/common';
import { afterOthers } from '../../after-others.js';
import { pathOf } from '../../document-paths.js';
import type { AuthorizationRecord } from './authorization-record.store.js';

const EXPIRIES = 'authorization-expiry/';
const DIGITS = 15;
const PAGE = 500;

/** By what a record is found. */
export type IndexedRecord = Pick<AuthorizationRecord, 'tenantId' | 'kind' | 'id' | 'grantId' | 'uid' | 'expiresAt'>;

/** An entry, and the record that it leads to, if that is still there and still is what the entry says. */
export interface IndexEntry {
  /** As it was when the entry was written. */
  readonly record: IndexedRecord;
  readonly entry: DocumentRef;
}

/**
 * By what records are found besides their names: the grant and the second name, within the tenant, and the end of their
 * lives, over all tenants. An entry only leads to a record; what is true the record says itself. A second name has one
 * document, which is read by its name; the others are lists, which may lack for a moment what was just written.
 */
@Injectable()
export class RecordIndex {
  constructor(private readonly documents: Documents) {}

  /** Before the record is written. */
  async add(record: IndexedRecord): Promise<void> {
    const { tenantId: tenant, kind, id, grantId, uid } = record;
    const names = { ...(grantId === undefined ? {} : { grantId }), ...(uid === undefined ? {} : { uid }) };
    const entries = this.entriesOf(record).map((entry) => this.put(entry, { tenant, kind, id, ...names }));
    await Promise.all([...entries, this.point(record)]);
  }

  /** After the record is gone. */
  async remove(record: IndexedRecord): Promise<void> {
    await Promise.all([this.drop(this.entriesOf(record)), this.unpoint(record)]);
  }

  /** Takes the second name from a record, unless another one has it by now. */
  async unpoint({ tenantId: tenant, kind, id, uid }: IndexedRecord): Promise<void> {
    if (uid === undefined) return;
    const known = await this.documents.read(uidRef(tenant, kind, uid));
    if (known?.body['id'] === id) await this.dropOne(uidRef(tenant, kind, uid), known.rev);
  }

  /** The entries that no other record can have, unlike the second name. */
  entriesOf({ tenantId: tenant, kind, id, grantId, expiresAt }: IndexedRecord): readonly DocumentRef[] {
    const entries: DocumentRef[] = [];
    if (grantId !== undefined) entries.push({ partition: tenant, path: `${grantPath(grantId)}${kind}/${id}` });
    if (expiresAt) {
      entries.push({ partition: OPERATOR, path: `${expiryPath(expiresAt.getTime())}/${tenant}/${kind}/${id}` });
    }
    return entries;
  }

  async drop(entries: readonly DocumentRef[]): Promise<void> {
    await Promise.all(
      entries.map(async (entry) => {
        const known = await this.documents.read(entry);
        if (known) await this.dropOne(entry, known.rev);
      }),
    );
  }

  /** The record that was given this second name last. */
  async idOf(tenant: TenantId, kind: string, uid: string): Promise<string | undefined> {
    const pointer = await this.documents.read(uidRef(tenant, kind, uid));
    return pointer?.body['id'] as string | undefined;
  }

  ofGrant(tenant: TenantId, grantId: string): AsyncIterable<IndexEntry> {
    return this.walk(tenant, grantPath(grantId), () => true);
  }

  /** Entries of lives that have ended, the longest ago first. */
  expired(now: number): AsyncIterable<IndexEntry> {
    const end = expiryPath(now + 1);
    return this.walk(OPERATOR, EXPIRIES, (path) => path < end);
  }

  private async *walk(
    partition: DocumentRef['partition'],
    prefix: string,
    goesOn: (path: string) => boolean,
  ): AsyncGenerator<IndexEntry> {
    let after = '';
    for (;;) {
      const page = await this.documents.range(partition, { prefix, after, limit: PAGE });
      for (const { path, body } of page) {
        if (!goesOn(path)) return;
        yield { record: recordIn(body), entry: { partition, path } };
      }
      if (page.length < PAGE) return;
      after = page.at(-1)!.path;
    }
  }

  private async put(entry: DocumentRef, body: JsonObject): Promise<void> {
    try {
      await this.documents.write(entry, body);
    } catch (error) {
      if (!(error instanceof DocumentConflictError)) throw error; // it is there, and says the same
    }
  }

  private async point({ tenantId: tenant, kind, id, uid }: IndexedRecord): Promise<void> {
    if (uid === undefined) return;
    await afterOthers(async () => {
      const known = await this.documents.read(uidRef(tenant, kind, uid));
      if (known?.body['id'] !== id) await this.documents.write(uidRef(tenant, kind, uid), { id }, known?.rev);
    });
  }

  private async dropOne(entry: DocumentRef, rev: string): Promise<void> {
    try {
      await this.documents.remove(entry, rev);
    } catch (error) {
      if (!(error instanceof DocumentConflictError)) throw error; // it says something else by now
    }
  }
}

function recordIn(body: JsonObject): IndexedRecord {
  const { tenant, kind, id, ...names } = body as Record<string, string>;
  return { tenantId: tenantId(tenant!), kind: kind!, id: id!, ...names };
}

const grantPath = (grantId: string): string => `${pathOf('authorization-grant', grantId)}/`;

const uidRef = (tenant: TenantId, kind: string, uid: string): DocumentRef => ({
  partition: tenant,
  path: pathOf('authorization-uid', `${kind}/${uid}`),
});

const expiryPath = (at: number): string => `${EXPIRIES}${`${Math.max(0, at)}`.padStart(DIGITS, '0')}`;
