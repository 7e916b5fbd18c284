import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { JsonObject } from '#kernel';
import { Log } from '#observability';
import { checkedRef } from '../documents/document-ref.js';
import { type DocumentRange, type DocumentRef, Documents, type StoredDocument } from '../documents/documents.js';
import { CommitUnknownError, DocumentConflictError } from '../persistence.errors.js';
import { deadlineIn, toldFault } from './cloudant-connection.js';
import { CloudantRanges } from './cloudant-ranges.js';
import { CloudantShelf, type ShelvedDocument } from './cloudant-shelf.js';
import { packBody, unpackBody } from './document-body.js';
import { type MadeState, Quorum } from './quorum.js';
import { revisionOf } from './revision.js';
import { RefusedRequest } from './refused-request.js';
import { Successors } from './successors.js';
import { WinnersSeen } from './winners-seen.js';

/** For one change, however often it is tried. */
const CHANGE_MS = 10_000;
/** A node that lags may take a state for a conflict that is none: how often it is asked again, and how long after. */
const REFUSALS = 3;
const REFUSED_MS = 50;

interface Named {
  /** The name of the write. */
  readonly w: string;
}

interface Attempt {
  /** The state that it is made of. */
  readonly rev: string | undefined;
  readonly deadline: number;
}

interface PutOptions extends Attempt {
  /** Whether it may have been written before. */
  readonly isInDoubt?: boolean;
}

/**
 * Documents in IBM Cloudant or CouchDB, by ids that are known beforehand: `<partition>:<path>`. CouchDB's `_rev` is the
 * state. Where two nodes took two changes of one state, CouchDB makes one of them the winner everywhere; the other one
 * is removed by whoever reads it.
 */
@Injectable()
export class CloudantDocuments extends Documents {
  private readonly winners = new WinnersSeen();
  private readonly successors: Successors;

  constructor(
    private readonly ranges: CloudantRanges,
    private readonly shelf: CloudantShelf,
    private readonly quorum: Quorum,
    private readonly log: Log,
  ) {
    super();
    this.successors = new Successors(shelf);
  }

  override async read(ref: DocumentRef): Promise<StoredDocument | undefined> {
    const found = await this.shelf.get(idOf(ref));
    if (found) this.winners.add(found._id, found._rev);
    if (found?._conflicts) await this.settle(found);
    return found && stored(found);
  }

  override async range(partition: DocumentRef['partition'], range: DocumentRange): Promise<readonly StoredDocument[]> {
    return Promise.all((await this.ranges.read(partition, range)).map(stored));
  }

  override async write(ref: DocumentRef, body: JsonObject, rev?: string): Promise<string> {
    const id = idOf(ref);
    const deadline = deadlineIn(CHANGE_MS);
    // By its name a write is known again whose answer was lost.
    const document = { ...(await packBody(body)), w: randomBytes(9).toString('base64url') };
    if (rev !== undefined) await this.refuseLost(id, rev, deadline);
    const made = await this.put(id, document, { rev, deadline });
    if (!made.isDoubtful) return made.rev;
    const again = () => this.put(id, document, { rev, deadline, isInDoubt: true });
    const other = () => this.findOwn(id, document, { rev, deadline });
    return this.quorum.confirm({ id, rev: made.rev, before: rev, document, again, other }, deadline);
  }

  override async remove(ref: DocumentRef, rev: string): Promise<void> {
    const id = idOf(ref);
    const deadline = deadlineIn(CHANGE_MS);
    await this.refuseLost(id, rev, deadline);
    const { answer, left } = await this.tombstone(id, rev, deadline);
    if (!answer) {
      if (left) throw new DocumentConflictError();
      return;
    }
    const tombstone = answer.result.rev ?? rev;
    if (answer.status === 202) await this.quorum.confirmRemoval(id, tombstone, deadline);
    // What had lost against it comes up when it goes.
    else if (left && revisionOf(left._rev).generation <= revisionOf(tombstone).generation) {
      await this.quorum.confirmRemoval(id, tombstone, deadline);
    }
  }

  /**
   * CouchDB takes a change of any state that nothing was made of, of one that has lost, too; and that change may win
   * then. So who comes with a state that he has kept is shown here what has become of it.
   */
  private async refuseLost(id: string, rev: string, deadline: number): Promise<void> {
    if (this.winners.has(id, rev)) return;
    const current = await this.shelf.getState(id, { deadline });
    if (!current || current._rev === rev) return;
    // A node that lags shows what the state was made of.
    if (revisionOf(current._rev).generation >= revisionOf(rev).generation) throw new DocumentConflictError();
  }

  private async put(id: string, document: Named, { rev, deadline, isInDoubt = false }: PutOptions): Promise<MadeState> {
    const state = rev === undefined ? document : { ...document, _rev: rev };
    let wasDone = isInDoubt;
    for (let refusals = 1; ; refusals++) {
      try {
        const { status, result } = await this.shelf.put(id, state, { deadline });
        return { rev: result.rev ?? '', isDoubtful: status === 202 };
      } catch (error) {
        if (!(error instanceof RefusedRequest) || error.fault.status !== 409) throw toldFault(error);
        const current = await this.shelf.getAncestry(id, { deadline });
        wasDone ||= error.isInDoubt;
        if (wasDone && !current && rev !== undefined) throw new CommitUnknownError(error); // removed, with it or before
        const own = wasDone && current ? await this.ownAmong(current, document, { rev, deadline }) : undefined;
        if (own !== undefined) return { rev: own, isDoubtful: true };
        if (current?._rev !== rev || refusals > REFUSALS) throw new DocumentConflictError(error);
      }
      await pause(REFUSED_MS * Math.random());
    }
  }

  /** The state that a write has made, if that has won, or others went on from there. @throws CommitUnknownError */
  private async findOwn(id: string, document: Named, { rev, deadline }: Attempt): Promise<string | undefined> {
    const current = await this.shelf.getAncestry(id, { deadline });
    return current && this.ownAmong(current, document, { rev, deadline });
  }

  private ownAmong(current: ShelvedDocument, { w: own }: Named, { rev, deadline }: Attempt) {
    return this.successors.find(current, rev, { isOwn: ({ w }) => w === own, deadline });
  }

  /** @returns the answer, absent if there is nothing to remove or another state, and what is there after it */
  private async tombstone(id: string, rev: string, deadline: number) {
    for (let refusals = 1; ; refusals++) {
      let isInDoubt = false;
      const answer = await this.shelf.delete(id, rev, { deadline }).catch((error: unknown) => {
        if (!(error instanceof RefusedRequest) || ![404, 409].includes(error.fault.status ?? 0)) throw toldFault(error);
        ({ isInDoubt } = error);
        return undefined;
      });
      const left = await this.shelf.getAncestry(id, { deadline });
      if (!answer && left && isInDoubt && (await this.wasRemoved(left, rev, deadline))) return {};
      if (answer || left?._rev !== rev || refusals > REFUSALS) return { answer, left };
      await pause(REFUSED_MS * Math.random());
    }
  }

  /** Whether a state was removed, whoever did it, and the document made anew. @throws CommitUnknownError */
  private async wasRemoved(left: ShelvedDocument, rev: string, deadline: number): Promise<boolean> {
    const isOwn = ({ _deleted }: ShelvedDocument): boolean => _deleted === true;
    return (await this.successors.find(left, rev, { isOwn, deadline })) !== undefined;
  }

  /** Removes the states that lost. They were never what readers saw, or are not any more. */
  private async settle({ _id: id, _conflicts: losers = [] }: ShelvedDocument): Promise<void> {
    this.log.warn('a document was changed in two places at once; the change that lost is dropped', {
      count: losers.length,
    });
    for (const loser of losers) await this.shelf.delete(id, loser).catch(() => undefined); // or the next reader does
  }
}

function idOf(ref: DocumentRef): string {
  const { partition, path } = checkedRef(ref);
  return `${partition}:${path}`;
}

async function stored(document: ShelvedDocument): Promise<StoredDocument> {
  const path = document._id.slice(document._id.indexOf(':') + 1);
  return { path, rev: document._rev, body: await unpackBody(document) };
}
