import type { Clock } from '#kernel';
import {
  CommitUnknownError,
  DocumentConflictError,
  type DocumentRef,
  type Documents,
  UnknownTenantError,
} from '#persistence';
import { AuditTrailBrokenError, ClaimTakenError } from '../audit.errors.js';
import type { Once } from './appending.js';
import { Claims } from './claims.js';
import type { DocumentsAuditTrail } from './documents.audit-trail.js';
import { insist } from './insist.js';
import {
  type ChangingDocument,
  type PendingChange,
  type Written,
  bodyOf,
  changingIn,
  refuseLate,
  trailOf,
} from './pending-change.js';

interface Pending extends ChangingDocument {
  readonly change: PendingChange;
}

/**
 * Makes pending changes: takes the claims, records the events, and only then lets the change be seen. The event in the
 * trail is what decides: from there on whoever comes across the change finishes it. Several may finish one at the same
 * time, each step does nothing if it was done. What undoes a change says so in the document first, in the state that it
 * knows; who wants to finish one of somebody else's takes the state from him first. So one of both gets nowhere.
 */
export class ChangeCompletion {
  private readonly claims: Claims;

  constructor(
    private readonly documents: Documents,
    private readonly trail: DocumentsAuditTrail,
    private readonly clock: Clock,
  ) {
    this.claims = new Claims(documents);
  }

  /**
   * @returns the new state; `undefined` for a document that is gone
   * @throws CommitUnknownError when the change may still come; after any other error it is undone, or never was
   */
  async make(ref: DocumentRef, pending: Pending): Promise<string | undefined> {
    const { change } = pending;
    try {
      await this.claim(ref, change);
      refuseLate(change.at, this.clock.now());
      await this.record(ref, change, { isRepeated: false });
    } catch (error) {
      if (!(error instanceof CommitUnknownError)) await this.undo(ref, pending);
      throw error;
    }
    return this.carryOut(ref, pending);
  }

  /**
   * Finishes the change `id` of somebody who may have died. Does nothing if it is finished. Undoes it only where it can
   * never be made: he may have recorded it, so what merely fails is left for another time.
   */
  async finish(ref: DocumentRef, id: string): Promise<void> {
    const pending = await this.pending(ref, id);
    if (!pending) return;
    if (pending.change.isUndone === true) return this.undo(ref, pending);
    const { rev, ...written } = pending;
    const taken = { ...pending, rev: await this.documents.write(ref, bodyOf(written), rev) };
    try {
      await this.claim(ref, taken.change);
      await this.record(ref, taken.change, { isRepeated: true });
    } catch (error) {
      if (!canNeverBe(error)) throw error;
      return this.undo(ref, taken);
    }
    await this.carryOut(ref, taken);
  }

  private async claim(ref: DocumentRef, { id, claims }: PendingChange): Promise<void> {
    for (const claim of claims) await this.claims.take(claim, ref, id);
  }

  private async record(
    ref: DocumentRef,
    { id, after, events }: PendingChange,
    { isRepeated }: Pick<Once, 'isRepeated'>,
  ): Promise<void> {
    if (events.length > 0) await this.trail.append(trailOf(ref), events, { id, after, isRepeated });
  }

  private async carryOut(ref: DocumentRef, pending: Pending): Promise<string | undefined> {
    const { change } = pending;
    try {
      return await insist(async () => {
        for (const claim of change.releases) await this.claims.release(claim, ref);
        for (const dropped of change.drops) await this.drop(dropped);
        return this.clear(ref, pending);
      });
    } catch (error) {
      throw error instanceof CommitUnknownError ? error : new CommitUnknownError(error);
    }
  }

  /** @throws CommitUnknownError when somebody else is about to finish it */
  private async undo(ref: DocumentRef, { rev, ...pending }: Pending): Promise<void> {
    const { value, by, change } = pending;
    try {
      const undone = bodyOf({ ...pending, change: { ...change, isUndone: true } });
      const marked = await this.documents.write(ref, undone, rev);
      for (const claim of change.claims) await this.claims.release(claim.ref, ref, change.id);
      if (value === undefined) await this.documents.remove(ref, marked);
      else await this.documents.write(ref, bodyOf({ value, ...(by === undefined ? {} : { by }) }), marked);
    } catch (error) {
      throw new CommitUnknownError(error);
    }
  }

  private async drop(ref: DocumentRef): Promise<void> {
    for (;;) {
      const stored = await this.documents.read(ref);
      if (!stored) return;
      try {
        return await this.documents.remove(ref, stored.rev);
      } catch (error) {
        if (!(error instanceof DocumentConflictError)) throw error;
      }
    }
  }

  /** @throws CommitUnknownError when somebody has undone it, or nothing tells that nobody has */
  private async clear(ref: DocumentRef, { rev, change }: Pending): Promise<string | undefined> {
    const written: Written | undefined = change.next && { value: change.next, by: change.id };
    try {
      if (written) return await this.documents.write(ref, bodyOf(written), rev);
      await this.documents.remove(ref, rev);
      return undefined;
    } catch (error) {
      if (!(error instanceof DocumentConflictError)) throw error;
      const stored = await this.documents.read(ref);
      const found = stored && changingIn(stored);
      if (found?.change?.id === change.id && !found.change.isUndone) return this.clear(ref, found as Pending);
      if (!found && !written) return undefined;
      if (!found || !written || found.by !== change.id) throw new CommitUnknownError(error);
      // Where somebody is about to go on from there already, the old state is good for a conflict.
      return found.change ? rev : found.rev;
    }
  }

  private async pending(ref: DocumentRef, id: string): Promise<Pending | undefined> {
    const stored = await this.documents.read(ref);
    const document = stored && changingIn(stored);
    return document?.change?.id === id ? (document as Pending) : undefined;
  }
}

/** Whether a change that failed like this was never recorded, and will not be. */
const canNeverBe = (error: unknown): boolean =>
  error instanceof ClaimTakenError || error instanceof UnknownTenantError || error instanceof AuditTrailBrokenError;
