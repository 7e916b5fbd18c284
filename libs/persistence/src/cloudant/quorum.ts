import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { DatabaseUnavailableError, DocumentConflictError } from '../persistence.errors.js';
import { type SendOptions, told } from './cloudant-connection.js';
import { CloudantShelf } from './cloudant-shelf.js';
import { ancestryOf, descendsFrom, revisionOf } from './revision.js';
import { RefusedRequest } from './refused-request.js';

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** A state that was written, but not on enough nodes as far as the answer tells. */
export interface Doubtful {
  readonly id: string;
  readonly rev: string;
  /** The state that it was made of. */
  readonly before: string | undefined;
  /** What is stored, without any state. */
  readonly document: object;
  /** Writes it once more, if `before` still is the state. @throws DocumentConflictError */
  again(): Promise<MadeState>;
  /** The state that another try of the same write has made, if that has won, or others went on from there. */
  other(): Promise<string | undefined>;
}

/** A state that was written, and whether it is doubtful. */
export interface MadeState {
  readonly rev: string;
  readonly isDoubtful: boolean;
}

/**
 * Makes sure of writes that Cloudant answers with 202: "accepted" by fewer nodes than it takes. Such a state may be
 * gone when these nodes are, and another one may have won elsewhere. It counts once it is the winner and a majority has it.
 * What nobody has seen is written again, and not put beside what others may have written meanwhile.
 */
@Injectable()
export class Quorum {
  constructor(private readonly shelf: CloudantShelf) {}

  /**
   * @returns the state, another one if it had to be written again
   * @throws DocumentConflictError when another state has won
   * @throws DatabaseUnavailableError when it is not sure in time
   */
  async confirm(doubtful: Doubtful, deadline: number): Promise<string> {
    const { id, before, document } = doubtful;
    let { rev } = doubtful;
    for (let tries = 0; ; tries++) {
      await rest(tries, deadline);
      const standing = await this.standing(id, rev, { deadline });
      if (standing === 'built upon') return rev;
      if (standing === 'lost') {
        // Nodes that do not know of each other may each have taken a try.
        const other = await doubtful.other();
        if (other === undefined) throw new DocumentConflictError();
        rev = other;
        continue;
      }
      if (standing === 'not seen') {
        const made = await doubtful.again();
        ({ rev } = made);
        if (!made.isDoubtful) return rev;
        continue;
      }
      const state = { ...document, _id: id, _rev: rev };
      if (!(await told(this.shelf.spread(state, ancestryOf(rev, before), { deadline })))) continue;
      if (['winner', 'built upon'].includes(await this.standing(id, rev, { deadline }))) return rev;
    }
  }

  /**
   * Waits until nothing is left of what was removed.
   *
   * @throws DocumentConflictError when it was changed at the same time, and the change has won
   * @throws DatabaseUnavailableError when it is not sure in time
   */
  async confirmRemoval(id: string, rev: string, deadline: number): Promise<void> {
    for (let tries = 0; ; tries++) {
      await rest(tries, deadline);
      const current = await this.shelf.getState(id, { deadline });
      if (!current || newerThan(rev, current._rev)) return;
      const again = await this.shelf.delete(id, current._rev, { deadline }).catch((error: unknown) => {
        if (error instanceof RefusedRequest) return undefined; // it changed meanwhile
        throw error;
      });
      if (again?.status === 200) return;
    }
  }

  private async standing(id: string, rev: string, options: SendOptions): Promise<Standing> {
    const current = await this.shelf.getAncestry(id, options);
    if (!current) return 'not seen';
    if (current._rev === rev) return 'winner';
    if (current._revisions && descendsFrom(current._revisions, rev)) return 'built upon';
    if (current._conflicts?.includes(rev)) {
      await this.shelf.delete(id, rev, options).catch(() => undefined); // whoever reads next tries again
      return 'lost';
    }
    return revisionOf(current._rev).generation < revisionOf(rev).generation ? 'not seen' : 'lost';
  }
}

/** Whether a state was made after a removal. @throws DocumentConflictError for one that was made in its place */
function newerThan(removal: string, rev: string): boolean {
  const [at, generation] = [revisionOf(removal).generation, revisionOf(rev).generation];
  if (generation === at) throw new DocumentConflictError();
  return generation > at;
}

type Standing = 'winner' | 'built upon' | 'not seen' | 'lost';

async function rest(tries: number, deadline: number): Promise<void> {
  const ms = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries) * (0.5 + Math.random() / 2);
  if (performance.now() + ms >= deadline) throw new DatabaseUnavailableError('did not store it on enough of its nodes');
  await pause(ms);
}
