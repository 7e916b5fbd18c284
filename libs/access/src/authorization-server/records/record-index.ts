import { type JsonObject, type TenantId, tenantId } from '#kernel';
import { DocumentConflictError, type DocumentRef, Documents, OPERATOR } from '#persistence';
import { Injectable } from '@nestjs/common';
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
 * lives, over all tenants. An entry only leads to a record; what is true the record says itself.
 */
@Injectable()
export class RecordIndex {
  constructor(private readonly documents: Documents) {}

  /** Before the record is written. */
  async add(record: IndexedRecord): Promise<void> {
    const { tenantId: tenant, kind, id, grantId, uid } = record;
    const names = { ...(grantId === undefined ? {} : { grantId }), ...(uid === undefined ? {} : { uid }) };
    await Promise.all(this.entriesOf(record).map((entry) => this.put(entry, { tenant, kind, id, ...names })));
  }

  /** After the record is gone. */
  async remove(record: IndexedRecord): Promise<void> {
    await this.drop(this.entriesOf(record));
  }

  /** No two records have an entry in common. */
  entriesOf({ tenantId: tenant, kind, id, grantId, uid, expiresAt }: IndexedRecord): readonly DocumentRef[] {
    const entries: DocumentRef[] = [];
    if (grantId !== undefined) entries.push({ partition: tenant, path: `${grantPath(grantId)}${kind}/${id}` });
    if (uid !== undefined) entries.push({ partition: tenant, path: `${uidPath(kind, uid)}${id}` });
    if (expiresAt) {
      entries.push({ partition: OPERATOR, path: `${expiryPath(expiresAt.getTime())}/${tenant}/${kind}/${id}` });
    }
    return entries;
  }

  async drop(entries: readonly DocumentRef[]): Promise<void> {
    await Promise.all(entries.map((entry) => this.dropOne(entry)));
  }

  ofUid(tenant: TenantId, kind: string, uid: string): AsyncIterable<IndexEntry> {
    return this.walk(tenant, uidPath(kind, uid), () => true);
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

  private async dropOne(entry: DocumentRef): Promise<void> {
    const known = await this.documents.read(entry);
    if (!known) return;
    try {
      await this.documents.remove(entry, known.rev);
    } catch (error) {
      if (!(error instanceof DocumentConflictError)) throw error;
    }
  }
}

function recordIn(body: JsonObject): IndexedRecord {
  const { tenant, kind, id, ...names } = body as Record<string, string>;
  return { tenantId: tenantId(tenant!), kind: kind!, id: id!, ...names };
}

const grantPath = (grantId: string): string => `${pathOf('authorization-grant', grantId)}/`;

const uidPath = (kind: string, uid: string): string => `${pathOf('authorization-uid', `${kind}/${uid}`)}/`;

const expiryPath = (at: number): string => `${EXPIRIES}${`${Math.max(0, at)}`.padStart(DIGITS, '0')}`;
