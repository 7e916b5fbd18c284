import type { JsonObject } from '#kernel';
import { DocumentConflictError, type DocumentRef, type Documents } from '#persistence';
import { ClaimTakenError } from '../audit.errors.js';
import type { Claim } from './pending-change.js';

const TRIES = 5;
const PAGE = 200;

/** Entries of unique indexes. An entry names the document that has it; one whose document is gone is free. */
export class Claims {
  constructor(private readonly documents: Documents) {}

  /** The document that has a claim. */
  async ownerOf(ref: DocumentRef): Promise<DocumentRef | undefined> {
    const entry = await this.documents.read(ref);
    return entry && ownerIn(entry.body);
  }

  /** Who has the claims whose paths begin with `prefix`. */
  async *owners(partition: DocumentRef['partition'], prefix: string): AsyncGenerator<DocumentRef> {
    let after = '';
    for (;;) {
      const page = await this.documents.range(partition, { prefix, after, limit: PAGE });
      for (const { path, rev, body } of page) {
        const owner = ownerIn(body);
        if (await this.documents.read(owner)) yield owner;
        else await this.drop({ partition, path }, rev);
      }
      if (page.length < PAGE) return;
      after = page.at(-1)!.path;
    }
  }

  /** @param by the change that needs it @throws ClaimTakenError when another document has it */
  async take({ ref, body = {} }: Claim, owner: DocumentRef, by: string): Promise<void> {
    const wanted = { ...body, by, owner: { partition: owner.partition, path: owner.path } };
    for (let tries = 1; ; tries++) {
      const entry = await this.documents.read(ref);
      const other = entry && ownerIn(entry.body);
      if (other && isSame(other, owner)) return;
      if (other && (await this.documents.read(other))) throw new ClaimTakenError(ref.path);
      try {
        await this.documents.write(ref, wanted, entry?.rev);
        return;
      } catch (error) {
        if (!(error instanceof DocumentConflictError) || tries >= TRIES) throw error;
      }
    }
  }

  /** Does nothing if the document does not have it, or not by the change `by` where that is given. */
  async release(ref: DocumentRef, owner: DocumentRef, by?: string): Promise<void> {
    const entry = await this.documents.read(ref);
    if (!entry || !isSame(ownerIn(entry.body), owner) || (by ?? entry.body['by']) !== entry.body['by']) return;
    await this.drop(ref, entry.rev);
  }

  private async drop(ref: DocumentRef, rev: string): Promise<void> {
    try {
      await this.documents.remove(ref, rev);
    } catch (error) {
      // Who changes an entry beside us releases it too, or has just taken it.
      if (!(error instanceof DocumentConflictError)) throw error;
    }
  }
}

function ownerIn(body: JsonObject): DocumentRef {
  const { partition, path } = body['owner'] as JsonObject;
  return { partition, path } as DocumentRef;
}

const isSame = (a: DocumentRef, b: DocumentRef): boolean => a.partition === b.partition && a.path === b.path;
