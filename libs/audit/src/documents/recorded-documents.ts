import type { JsonObject, TenantId } from '#kernel';
import {
  Announcer,
  type DocumentRange,
  type DocumentRef,
  Documents,
  OPERATOR,
  type StoredDocument,
} from '#persistence';
import { DEFAULT_TENANT } from '#tenancy';
import { Injectable } from '@nestjs/common';
import type { AuditEvent } from '../audit-event.js';
import { AuditTrail } from '../audit-trail.js';

/** A document that only one owner may have: an entry of an index that is unique. */
export interface Claim {
  readonly ref: DocumentRef;
  /** What the entry says. */
  readonly body: JsonObject;
}

/** What goes with a change of a document. */
export interface RecordedChange {
  /** Recorded in the trail of the document's tenant; in that of the default tenant for what is the operator's. */
  readonly event: AuditEvent | readonly AuditEvent[] | undefined;
  /** Announced once the change is made. */
  readonly topic?: string;
  /** The tenant that has changed, for documents of the operator. */
  readonly of?: TenantId;
}

/**
 * Documents whose changes are recorded: each with its events, or not at all.
 * @todo-free stand-in until the outbox stands: the signatures are final.
 */
@Injectable()
export class RecordedDocuments {
  constructor(
    private readonly documents: Documents,
    private readonly trail: AuditTrail,
    private readonly changes: DocumentChanges,
  ) {}

  async read(ref: DocumentRef): Promise<StoredDocument | undefined> {
    const found = await this.documents.read(ref);
    return found && { ...found, body: found.body['value'] as JsonObject };
  }

  /** As `Documents.range`. */
  async range(partition: DocumentRef['partition'], range: DocumentRange): Promise<readonly StoredDocument[]> {
    const found = await this.documents.range(partition, range);
    return found.map((document) => ({ ...document, body: document.body['value'] as JsonObject }));
  }

  /**
   * @returns the new state
   * @throws DocumentConflictError
   */
  async write(ref: DocumentRef, body: JsonObject, rev: string | undefined, change: RecordedChange): Promise<string> {
    const next = await this.documents.write(ref, { value: body }, rev);
    await this.note(ref, change);
    return next;
  }

  /** Does nothing if there is no such document. @throws DocumentConflictError */
  async remove(ref: DocumentRef, rev: string, change: RecordedChange): Promise<void> {
    await this.documents.remove(ref, rev);
    await this.note(ref, change);
  }

  private async note({ partition }: DocumentRef, { event, topic, of }: RecordedChange): Promise<void> {
    const tenant = partition === OPERATOR ? DEFAULT_TENANT : partition;
    if (event !== undefined) await this.trail.record(tenant, ...(Array.isArray(event) ? event : [event as AuditEvent]));
    if (topic !== undefined) await this.changes.announce({ tenantId: of ?? tenant, topic });
  }
}
