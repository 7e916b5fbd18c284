import { setTimeout as pause } from 'node:timers/promises';
import { type AuditEvent, RecordedDocuments } from '#audit';
import { Clock, type JsonObject, type ServerId, type TenantId } from '#kernel';
import { DocumentConflictError, type DocumentRef, type StoredDocument } from '#persistence';
import { Injectable } from '@nestjs/common';
import type { Change, CredentialRecord, Look, Sight } from '../credential-record.js';
import { type TokenKey, credentialId } from '../token-key.js';
import { CredentialsBusyError } from '../token-store.errors.js';
import {
  CREDENTIALS,
  TAKEN_MS,
  type StandingsWish,
  TokenStore,
  type Which,
  isAmong,
  isWished,
  markOf,
} from '../token-store.js';

const PREFIX = 'credentials/';
const PAGE = 200;
const TAKEN_AT_ONCE = 200;
/** Somebody has to be faster each time; a claim ends after one change or two. */
const ATTEMPTS = 30;
const PAUSE_MS = 20;

/** `takenAt`: somebody has taken it out of use then, so that it is not there any more. */
interface CredentialDocument extends StoredDocument {
  readonly body: { readonly record: CredentialRecord & JsonObject; readonly takenAt?: number };
}

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
    private readonly documents: RecordedDocuments,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async read(key: TokenKey): Promise<Sight | undefined> {
    const document = await this.find(refOf(key));
    return isThere(document) ? this.sightOf(document) : undefined;
  }

  override async change<T>(key: TokenKey, decide: (look: Look) => Change<T>): Promise<T> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const document = await this.find(refOf(key));
      const change = decide(isThere(document) ? this.sightOf(document) : { record: undefined, now: this.clock.now() });
      if (!change.record || (await this.write(change.record, document?.rev, change))) return change.result;
      await pause(PAUSE_MS * attempt * Math.random());
    }
    throw new CredentialsBusyError();
  }

  override async list(wish: StandingsWish, limit: number): Promise<readonly Sight[]> {
    const { tenantId, serverId } = wish;
    const sights: Sight[] = [];
    for await (const document of this.all({ tenantId, serverId })) {
      if (isThere(document) && isWished(document.body.record, wish)) sights.push(this.sightOf(document));
    }
    return sights.sort((a, b) => b.record.updatedAt - a.record.updatedAt).slice(0, limit);
  }

  override async marks(tenant: TenantId, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const wanted = new Set(ids);
    const marks = new Map<string, string>();
    for await (const document of this.all({ tenantId: tenant })) {
      const id = document.path.slice(document.path.lastIndexOf('/') + 1);
      if (wanted.has(id) && isThere(document)) marks.set(id, markOf(document.body.record));
    }
    return marks;
  }

  override async resting(tenantId: TenantId, restingMs: number): Promise<readonly ServerId[]> {
    const servers = new Set<ServerId>();
    for await (const { body } of this.all({ tenantId, restingMs })) servers.add(body.record.key.serverId);
    return [...servers];
  }

  override async take(which: Which, event: (record: CredentialRecord) => AuditEvent) {
    const taken: CredentialRecord[] = [];
    for await (const document of this.all(which)) {
      if (taken.length === TAKEN_AT_ONCE) break;
      const record = await this.takeOne(document, which, event);
      if (record) taken.push(record);
    }
    return taken;
  }

  override async discard(_: TenantId, taken: readonly TokenKey[]): Promise<void> {
    for (const ref of taken.map(refOf)) {
      const document = await this.find(ref);
      if (document?.body.takenAt !== undefined) await this.remove(ref, document.rev);
    }
  }

  private async find(ref: DocumentRef): Promise<CredentialDocument | undefined> {
    return (await this.documents.read(ref)) as CredentialDocument | undefined;
  }

  /** False if somebody else has changed it. */
  private async write(
    record: CredentialRecord,
    rev: string | undefined,
    { events, isNews }: Pick<Change<unknown>, 'events' | 'isNews'>,
  ): Promise<boolean> {
    const ref = refOf(record.key);
    const recorded = { event: events, ...(isNews ? { topic: CREDENTIALS } : {}) };
    try {
      const body = { record: record as CredentialRecord & JsonObject };
      const written = await this.documents.write(ref, { body, ...(rev === undefined ? {} : { rev }) }, recorded);
      // Of two claims that different nodes have taken, one survives.
      return record.claim === undefined || (await this.documents.read(ref))?.rev === written;
    } catch (error) {
      if (error instanceof DocumentConflictError) return false;
      throw error;
    }
  }

  /** Undefined if somebody else was faster to take it, or it is none of these any more. */
  private async takeOne(
    found: CredentialDocument,
    which: Which,
    event: (record: CredentialRecord) => AuditEvent,
  ): Promise<CredentialRecord | undefined> {
    let document: CredentialDocument | undefined = found;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const now = this.clock.now();
      if (!document || isJustTaken(document, now) || !isAmong(document.body.record, which, now)) return undefined;
      const { record } = document.body;
      if (await this.markTaken(document, event(record))) return record;
      // Who has changed it has not taken it: an answer without it would say that it is not left.
      await pause(PAUSE_MS * attempt * Math.random());
      document = await this.find(refOf(record.key));
    }
    throw new CredentialsBusyError();
  }

  /** False if somebody else has taken or changed it. */
  private async markTaken({ rev, body: { record } }: CredentialDocument, event: AuditEvent): Promise<boolean> {
    try {
      const mark = { body: { record, takenAt: this.clock.now() }, rev };
      await this.documents.write(refOf(record.key), mark, { event, topic: CREDENTIALS });
      return true;
    } catch (error) {
      if (error instanceof DocumentConflictError) return false;
      throw error;
    }
  }

  private async remove(ref: DocumentRef, rev: string): Promise<void> {
    try {
      await this.documents.remove(ref, rev, { event: undefined });
    } catch (error) {
      if (!(error instanceof DocumentConflictError)) throw error; // another one was put there meanwhile
    }
  }

  private async *all(which: Which): AsyncGenerator<CredentialDocument> {
    const prefix = which.serverId === undefined ? PREFIX : folderOf(which.serverId);
    for (let after: string | undefined; ;) {
      const range = { prefix, limit: PAGE, ...(after === undefined ? {} : { after }) };
      const page = (await this.documents.range(which.tenantId, range)) as readonly CredentialDocument[];
      const now = this.clock.now();
      for (const document of page) if (isAmong(document.body.record, which, now)) yield document;
      after = page.at(-1)?.path;
      if (page.length < PAGE) return;
    }
  }

  private sightOf({ body }: CredentialDocument): Sight {
    return { record: body.record, now: this.clock.now(), isOwnerGone: false };
  }
}

const isThere = (document: CredentialDocument | undefined): document is CredentialDocument =>
  document !== undefined && document.body.takenAt === undefined;

const isJustTaken = ({ body: { takenAt = -Infinity } }: CredentialDocument, now: number): boolean =>
  takenAt > now - TAKEN_MS;

const folderOf = (serverId: string): string => `${PREFIX}${encodeURIComponent(serverId)}/`;

const refOf = (key: TokenKey): DocumentRef => ({
  partition: key.tenantId,
  path: folderOf(key.serverId) + credentialId(key),
});
