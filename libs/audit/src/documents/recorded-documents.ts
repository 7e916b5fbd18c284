import { randomUUID } from 'node:crypto';
import { Clock, type JsonObject } from '#kernel';
import {
  CommitUnknownError,
  DatabaseUnavailableError,
  DocumentChanges,
  DocumentConflictError,
  type DocumentRange,
  type DocumentRef,
  Documents,
  type StoredDocument,
} from '#persistence';
import { Injectable } from '@nestjs/common';
import type { AuditEvent } from '../audit-event.js';
import { ChangeCompletion } from './change-completion.js';
import { Claims } from './claims.js';
import { DocumentsAuditTrail } from './documents.audit-trail.js';
import { insist } from './insist.js';
import { Outbox } from './outbox.js';
import {
  LEFT_AFTER_MS,
  type PendingChange,
  type RecordedChange,
  type Written,
  bodyOf,
  changingIn,
  refuseLate,
  trailOf,
} from './pending-change.js';

/** Goes before the state of a document that is about to change: nothing can be written on top of it. */
const PENDING = '~';

export type OwnedDocument = StoredDocument & Pick<DocumentRef, 'partition'>;

export interface RecordedWrite {
  readonly body: JsonObject;
  /** The state that the document still must be in; absent for one that must be new. */
  readonly rev?: string | undefined;
}

interface Change {
  readonly ref: DocumentRef;
  readonly rev: string | undefined;
  readonly next: JsonObject | undefined;
  readonly recorded: RecordedChange;
}

type Put = Omit<Change, 'ref' | 'recorded'> & { readonly id: string };

/**
 * Documents whose changes are recorded, each with its events or not at all, although no two documents are changed at
 * once. A change is written into the document beside what it was; then its claims are taken, then its events go to the
 * trail, and then it becomes what the document is. Readers see the document as it was until there. When a method
 * returns, all this is done and announced.
 *
 * Of a process that dies in the middle the sweep finishes everything (`OutboxSweep`).
 */
@Injectable()
export class RecordedDocuments {
  private readonly completion: ChangeCompletion;
  private readonly outbox: Outbox;
  private readonly claims: Claims;

  constructor(
    private readonly documents: Documents,
    private readonly trail: DocumentsAuditTrail,
    private readonly changes: DocumentChanges,
    private readonly clock: Clock,
  ) {
    this.completion = new ChangeCompletion(documents, trail, clock);
    this.outbox = new Outbox(documents);
    this.claims = new Claims(documents);
  }

  async read(ref: DocumentRef): Promise<StoredDocument | undefined> {
    const stored = await this.documents.read(ref);
    return stored && visible(stored);
  }

  /** As `Documents.range`: fewer than `limit` only if there are no more. */
  async range(partition: DocumentRef['partition'], range: DocumentRange): Promise<readonly StoredDocument[]> {
    const { limit = 1000, ...rest } = range;
    const found: StoredDocument[] = [];
    let after = rest.after;
    for (;;) {
      const wanted = limit - found.length;
      const page = await this.documents.range(partition, {
        ...rest,
        ...(after === undefined ? {} : { after }),
        limit: wanted,
      });
      found.push(...page.map(visible).filter((document) => document !== undefined));
      if (page.length < wanted || found.length >= limit) return found;
      after = page.at(-1)!.path;
    }
  }

  /** The document that has a claim. It may have come to be another one since. */
  async readClaimed(claim: DocumentRef): Promise<StoredDocument | undefined> {
    const owner = await this.claims.ownerOf(claim);
    return owner && this.read(owner);
  }

  /** The documents that have the claims whose paths begin with `prefix`. Entries that nobody has any more go. */
  async rangeClaimed(partition: DocumentRef['partition'], prefix: string): Promise<readonly OwnedDocument[]> {
    const found: OwnedDocument[] = [];
    for await (const owner of this.claims.owners(partition, prefix)) {
      const document = await this.read(owner);
      if (document) found.push({ ...document, partition: owner.partition });
    }
    return found;
  }

  /**
   * @returns the new state
   * @throws DocumentConflictError, ClaimTakenError, UnknownTenantError
   * @throws CommitUnknownError when it may be written and recorded yet; after every other error it is neither
   */
  async write(ref: DocumentRef, { body, rev }: RecordedWrite, recorded: RecordedChange): Promise<string> {
    return (await this.change({ ref, rev, next: body, recorded }))!;
  }

  /** Does nothing if there is no such document, as `write` otherwise. */
  async remove(ref: DocumentRef, rev: string, recorded: RecordedChange): Promise<void> {
    await this.change({ ref, rev, next: undefined, recorded });
  }

  private async change(change: Change): Promise<string | undefined> {
    const { ref, rev, next, recorded } = change;
    const id = randomUUID();
    const { topic, of = trailOf(ref) } = recorded;
    if (rev?.startsWith(PENDING)) return this.refuse(ref);
    if (isBare(recorded) && topic === undefined) return this.put(ref, { id, rev, next });
    const before = rev === undefined ? undefined : await this.documents.read(ref);
    if (rev !== undefined && before === undefined && next === undefined) return undefined;
    if (before?.rev !== rev) throw new DocumentConflictError();
    const at = this.clock.now();
    const pending = isBare(recorded) ? undefined : await this.pending(change, { id, at });
    const marked = await this.outbox.mark({
      id,
      ref,
      at,
      ...(topic === undefined ? {} : { announces: { tenantId: of, topic } }),
    });
    let isBegun = false;
    try {
      refuseLate(at, this.clock.now()); // nobody would look for it any more
      isBegun = true;
      const written = pending ? await this.make(ref, pending, before) : await this.put(ref, { id, rev, next });
      if (topic !== undefined) await insist(() => this.changes.announce({ tenantId: of, topic }));
      await this.outbox.unmark(marked);
      return written;
    } catch (error) {
      const isOpen = error instanceof CommitUnknownError || error instanceof DatabaseUnavailableError;
      if (!isBegun || !isOpen) await this.outbox.unmark(marked);
      throw error;
    }
  }

  private async pending(
    { ref, next, recorded }: Change,
    { id, at }: Pick<PendingChange, 'id' | 'at'>,
  ): Promise<PendingChange> {
    const { event = [], claims = [], releases = [], drops = [] } = recorded;
    const events = Array.isArray(event) ? (event as readonly AuditEvent[]) : [event as AuditEvent];
    return {
      id,
      at,
      after: events.length > 0 ? await this.trail.reached(trailOf(ref)) : 0,
      ...(next === undefined ? {} : { next }),
      // Whoever finishes the change records when it was decided.
      events: events.map((one) => ({ at, ...one })),
      claims,
      releases,
      drops,
    };
  }

  private async make(ref: DocumentRef, change: PendingChange, before?: StoredDocument): Promise<string | undefined> {
    const { value, by } = (before?.body ?? {}) as Written;
    const written = { ...(value === undefined ? {} : { value }), ...(by === undefined ? {} : { by }), change };
    const rev = await insist(() => this.begin(ref, written, before?.rev));
    return this.completion.make(ref, { ...written, rev });
  }

  private async begin(ref: DocumentRef, written: Written, rev: string | undefined): Promise<string> {
    try {
      return await this.documents.write(ref, bodyOf(written), rev);
    } catch (error) {
      if (!(error instanceof DocumentConflictError)) throw error;
      // An attempt before this one may have come through although nobody said so.
      const stored = await this.documents.read(ref);
      if (stored && changingIn(stored).change?.id === written.change?.id) return stored.rev;
      return this.refuse(ref);
    }
  }

  private async put(ref: DocumentRef, { id, rev, next }: Put): Promise<string | undefined> {
    if (next) return this.documents.write(ref, bodyOf({ value: next, by: id }), rev);
    if (rev !== undefined) await this.documents.remove(ref, rev);
    return undefined;
  }

  /** What somebody has left in the middle of a change would be in the way of everybody for ever. */
  private async refuse(ref: DocumentRef): Promise<never> {
    const stored = await this.documents.read(ref);
    const change = stored && changingIn(stored).change;
    if (change && this.clock.now() - change.at > LEFT_AFTER_MS) {
      await this.completion.finish(ref, change.id).catch((error: unknown) => {
        if (!(error instanceof CommitUnknownError)) throw error; // it says nothing of what was refused
      });
    }
    throw new DocumentConflictError();
  }
}

function visible({ path, rev, body }: StoredDocument): StoredDocument | undefined {
  const { value, change } = body as Written;
  return value && { path, rev: change ? `${PENDING}${rev}` : rev, body: value };
}

const isBare = ({ event, claims = [], releases = [], drops = [] }: RecordedChange): boolean =>
  (event === undefined || (Array.isArray(event) && event.length === 0)) &&
  [...claims, ...releases, ...drops].length === 0;
