import { CommitUnknownError } from '../persistence.errors.js';
import type { SendOptions } from './cloudant-connection.js';
import type { CloudantShelf, ShelvedDocument } from './cloudant-shelf.js';
import { descendsFrom, revisionOf } from './revision.js';

/** How many changes may have followed a new document whose answer was lost, for it to be known again. */
const FORMER = 10;

/** What was made of a state of a document, for whoever has lost the answer to a change of it. */
export class Successors {
  constructor(private readonly shelf: CloudantShelf) {}

  /**
   * Finds the own change among what others have gone on from.
   *
   * @param before the state that it was made for; absent where the document was new
   * @returns the state that it made; undefined if somebody else was faster
   * @throws CommitUnknownError when no node can tell any more
   */
  async find(
    current: ShelvedDocument,
    before: string | undefined,
    options: SendOptions & { readonly isOwn: (document: ShelvedDocument) => boolean },
  ): Promise<string | undefined> {
    const { isOwn, ...send } = options;
    if (isOwn(current)) return current._rev;
    const former = candidates(current, before);
    let isComplete = former.length <= FORMER;
    for (const state of former.slice(0, FORMER)) {
      const document = await this.shelf.getFormer(current._id, state, send);
      if (document && isOwn(document)) return state;
      isComplete &&= document !== undefined;
    }
    if (!isComplete) throw new CommitUnknownError();
    return undefined;
  }
}

/** The states behind the present one that may have been made of `before`, newest first. */
function candidates({ _revisions }: ShelvedDocument, before: string | undefined): readonly string[] {
  const { start, ids } = _revisions ?? { start: 0, ids: [] };
  const former = ids.map((digest, n) => ({ generation: start - n, rev: `${start - n}-${digest}` })).slice(1);
  if (before === undefined) return former.map(({ rev }) => rev);
  if (!descendsFrom({ start, ids }, before)) return [];
  const { generation: oldest } = revisionOf(before);
  return former.filter(({ generation }) => generation === oldest + 1).map(({ rev }) => rev);
}
