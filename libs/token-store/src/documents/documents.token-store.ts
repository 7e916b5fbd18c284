import { setTimeout as pause } from 'node:timers/promises';
import { type AuditEvent, AuditTrail } from '#audit';
import { Clock, type JsonObject, type MemberRef, type TenantId } from '#kernel';
import { DocumentChanges, DocumentConflictError, Documents, type DocumentRef, type StoredDocument } from '#persistence';
import { Injectable } from '@nestjs/common';
import type { Change, CredentialRecord, Look, Sight } from '../credential-record.js';
import { type TokenKey, credentialId } from '../token-key.js';
import { CredentialsBusyError } from '../token-store.errors.js';
import { CREDENTIALS, TokenStore, type Which, markOf } from '../token-store.js';

const PREFIX = 'credentials/';
const PAGE = 200;
const TAKEN_AT_ONCE = 200;
/** Somebody has to be faster each time; a claim ends after one change or two. */
const ATTEMPTS = 20;
const PAUSE_MS = 10;

/**
 * Credentials in a database of documents, one each. Its revision is the fence: of two changes of one state the second
 * one finds a conflict, and decides anew. The promise is weaker than that of Postgres: times are those of the clocks of
 * the processes, which must agree within a quarter of a lease; a claim of a process that died holds until its lease is
 * over; and where the database lets two nodes take a change each, both believe to have the claim until the one that
 * loses reads it back.
 */
@Injectable()
export class DocumentsTokenStore extends TokenStore {
  constructor(
    private readonly documents: Documents,
    private readonly changes: DocumentChanges,
    private readonly trail: AuditTrail,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async read(key: TokenKey): Promise<Sight | undefined> {
    const document = await this.documents.read(refOf(key));
    return document && this.sightOf(document);
  }

  override async change<T>(key: TokenKey, decide: (look: Look) => Change<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const document = await this.documents.read(refOf(key));
      const look = document ? this.sightOf(document) : { record: undefined, now: this.clock.now() };
      const { result, record, events = [], isNews } = decide(look);
      if (record && !(await this.write(record, document?.rev))) {
        if (attempt === ATTEMPTS) throw new CredentialsBusyError();
        await pause(PAUSE_MS * attempt * Math.random());
        continue;
      }
      if (events.length > 0) await this.trail.record(key.tenantId, ...events);
      if (isNews) await this.announce(key.tenantId);
      return result;
    }
  }

  override async list({ tenantId, serverId }: MemberRef, limit: number): Promise<readonly Sight[]> {
    const sights: Sight[] = [];
    for await (const document of this.all({ tenantId, serverId })) sights.push(this.sightOf(document));
    return sights.sort((a, b) => b.record.updatedAt - a.record.updatedAt).slice(0, limit);
  }

  override async marks(tenant: TenantId, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const wanted = new Set(ids);
    const marks = new Map<string, string>();
    for await (const document of this.all({ tenantId: tenant })) {
      const id = document.path.slice(document.path.lastIndexOf('/') + 1);
      if (wanted.has(id)) marks.set(id, markOf(recordOf(document)));
    }
    return marks;
  }

  override async take(which: Which, event: (record: CredentialRecord) => AuditEvent) {
    const taken: CredentialRecord[] = [];
    for await (const document of this.all(which)) {
      if (taken.length === TAKEN_AT_ONCE) break;
      if (await this.remove(which.tenantId, document)) taken.push(recordOf(document));
    }
    if (taken.length === 0) return taken;
    await this.trail.record(which.tenantId, ...taken.map(event));
    await this.announce(which.tenantId);
    return taken;
  }

  /** False if somebody else has changed it. */
  private async write(record: CredentialRecord, rev: string | undefined): Promise<boolean> {
    const ref = refOf(record.key);
    try {
      const written = await this.documents.write(ref, record as unknown as JsonObject, rev);
      // Of two claims that different nodes have taken, one survives.
      return record.claim === undefined || (await this.documents.read(ref))?.rev === written;
    } catch (error) {
      if (error instanceof DocumentConflictError) return false;
      throw error;
    }
  }

  /** False if somebody else has removed or changed it. */
  private async remove(tenant: TenantId, { path, rev }: StoredDocument): Promise<boolean> {
    const ref = { partition: tenant, path };
    try {
      // To remove what is gone already is no conflict, so the one who takes it is the one who marks it first.
      const marked = await this.documents.write(ref, { taken: true }, rev);
      await this.documents.remove(ref, marked);
      return true;
    } catch (error) {
      if (error instanceof DocumentConflictError) return false;
      throw error;
    }
  }

  private async *all(which: Which): AsyncGenerator<StoredDocument> {
    const prefix = which.serverId === undefined ? PREFIX : folderOf(which.serverId);
    const parts = Object.entries(which) as [keyof TokenKey, string][];
    for (let after: string | undefined; ;) {
      const range = { prefix, limit: PAGE, ...(after === undefined ? {} : { after }) };
      const page = await this.documents.range(which.tenantId, range);
      for (const document of page) {
        const { key } = recordOf(document);
        if (key && parts.every(([name, value]) => key[name] === value)) yield document;
      }
      after = page.at(-1)?.path;
      if (page.length < PAGE) return;
    }
  }

  private announce(tenantId: TenantId): Promise<void> {
    return this.changes.announce({ tenantId, topic: CREDENTIALS });
  }

  private sightOf(document: StoredDocument): Sight {
    return { record: recordOf(document), now: this.clock.now(), isOwnerGone: false };
  }
}

const folderOf = (serverId: string): string => `${PREFIX}${encodeURIComponent(serverId)}/`;

const refOf = (key: TokenKey): DocumentRef => ({
  partition: key.tenantId,
  path: folderOf(key.serverId) + credentialId(key),
});

const recordOf = ({ body }: StoredDocument): CredentialRecord => body as unknown as CredentialRecord;
