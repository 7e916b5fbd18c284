import type { CloudantV1 } from '@ibm-cloud/cloudant';
import { Injectable } from '@nestjs/common';
import { checkedPartition } from '../documents/document-ref.js';
import type { DocumentRange, DocumentRef } from '../documents/documents.js';
import { CloudantConnection, told } from './cloudant-connection.js';
import { CloudantShelf, type ShelvedDocument } from './cloudant-shelf.js';
import { PageSizes } from './page-sizes.js';

/** Unless the range says how many. */
const ROWS = 1_000;
/** For a page; the operation ends sooner. */
const PAGE_MS = 15_000;
/** Sorts behind everything that a path may hold. */
const LAST = '\u007f';

/** Documents of a partition in order, asked for in pages that come in time however large the documents are. */
@Injectable()
export class CloudantRanges {
  private readonly sizes = new PageSizes();

  constructor(
    private readonly connection: CloudantConnection,
    private readonly shelf: CloudantShelf,
  ) {}

  /** With attachments. @throws DatabaseUnavailableError */
  async read(
    partition: DocumentRef['partition'],
    { prefix, after, limit = ROWS, order = 'ascending' }: DocumentRange,
  ): Promise<readonly ShelvedDocument[]> {
    const base = `${checkedPartition(partition)}:`;
    const [first, last] = [`${base}${prefix}`, `${base}${prefix}${LAST}`];
    const found: ShelvedDocument[] = [];
    for (let from = after === undefined ? undefined : `${base}${after}`; found.length < limit;) {
      const wanted = Math.min(this.sizes.rowsOf(prefix), limit - found.length);
      const ends =
        order === 'ascending'
          ? { startKey: from === undefined || from < first ? first : from, endKey: last }
          : { startKey: from === undefined || from > last ? last : from, endKey: first };
      // One more, because the one that it goes on behind comes again.
      const page = await this.page(partition, { ...ends, descending: order === 'descending', limit: wanted + 1 });
      this.sizes.learn(prefix, page);
      found.push(...page.filter(({ _id }) => _id !== from).slice(0, wanted));
      if (page.length <= wanted) break;
      from = found.at(-1)!._id;
    }
    return this.whole(found);
  }

  private async page(partition: string, query: CloudantV1.JsonObject): Promise<readonly ShelvedDocument[]> {
    const asked = { includeDocs: true, ...query };
    const { result } = await told(
      this.connection.send(
        (client, db, signal) =>
          this.connection.isPartitioned
            ? client.postPartitionAllDocs({ db, partitionKey: partition, ...asked, signal })
            : client.postAllDocs({ db, ...asked, signal }),
        { attemptMs: PAGE_MS },
      ),
    );
    return result.rows.flatMap(({ doc }) => (doc ? [doc as ShelvedDocument] : []));
  }

  /** The few with attachments are read one by one: each may have megabytes. */
  private async whole(found: readonly ShelvedDocument[]): Promise<readonly ShelvedDocument[]> {
    const all: ShelvedDocument[] = [];
    for (const document of found) {
      const whole = document._attachments ? await this.shelf.get(document._id) : document;
      if (whole) all.push(whole);
    }
    return all;
  }
}
