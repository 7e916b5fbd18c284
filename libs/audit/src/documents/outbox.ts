import type { JsonObject, TenantId } from '#kernel';
import {
  DatabaseUnavailableError,
  DocumentConflictError,
  type DocumentRef,
  type Documents,
  OPERATOR,
} from '#persistence';

const MARKS = 'outbox/';
const PAGE = 200;

/** A change that somebody was about to make. */
export interface Mark {
  readonly id: string;
  readonly ref: DocumentRef;
  /** When, in milliseconds since the epoch. */
  readonly at: number;
  readonly announces?: { readonly tenantId: TenantId; readonly topic: string };
}

/** A mark that is written. */
export interface Marked {
  readonly id: string;
  readonly rev: string;
}

/**
 * Where changes are marked before they begin, until nothing of them is left to do: so that whoever comes after a crash
 * finds them all in one place, whatever the tenant and the number of documents.
 */
export class Outbox {
  constructor(private readonly documents: Documents) {}

  async mark({ id, ref, at, announces }: Mark): Promise<Marked> {
    const body: JsonObject = { partition: ref.partition, path: ref.path, at };
    const all = { ...body, ...(announces ? { announces: { ...announces } } : {}) };
    return { id, rev: await this.documents.write(refOf(id), all) };
  }

  /** What cannot be unmarked now is left to the sweep. */
  async unmark({ id, rev }: Marked): Promise<void> {
    try {
      await this.documents.remove(refOf(id), rev);
    } catch (error) {
      const isLeft = error instanceof DocumentConflictError || error instanceof DatabaseUnavailableError;
      if (!isLeft) throw error;
    }
  }

  async *marks(): AsyncGenerator<Mark & Marked> {
    let after = '';
    for (;;) {
      const page = await this.documents.range(OPERATOR, { prefix: MARKS, after, limit: PAGE });
      for (const { path, rev, body } of page) {
        const { partition, path: of, at, announces } = body;
        const ref = { partition, path: of } as DocumentRef;
        const told = announces as Mark['announces'] | undefined;
        yield { id: path.slice(MARKS.length), rev, ref, at: Number(at), ...(told ? { announces: told } : {}) };
      }
      if (page.length < PAGE) return;
      after = page.at(-1)!.path;
    }
  }
}

const refOf = (id: string): DocumentRef => ({ partition: OPERATOR, path: `${MARKS}${id}` });
