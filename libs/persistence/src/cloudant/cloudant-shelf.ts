import type { CloudantV1 } from '@ibm-cloud/cloudant';
import { Injectable } from '@nestjs/common';
import { type Answer, CloudantConnection, type SendOptions, toldFault } from './cloudant-connection.js';
import type { Ancestry } from './revision.js';
import { RefusedRequest } from './refused-request.js';

/** A document as CouchDB keeps it. */
export interface ShelvedDocument extends CloudantV1.Document {
  readonly _id: string;
  readonly _rev: string;
}

/** For a document with attachments. */
const LARGE_MS = 15_000;
const LARGE_BYTES = 1_000_000;

/** CouchDB's own operations on one document, by id and state. Each is sent until it is answered. */
@Injectable()
export class CloudantShelf {
  constructor(private readonly connection: CloudantConnection) {}

  /** With the names of the states that lost against it. */
  get(docId: string, options: SendOptions = {}): Promise<ShelvedDocument | undefined> {
    return this.ask(docId, { attachments: true }, options);
  }

  /** Without attachments. */
  getState(docId: string, options: SendOptions): Promise<ShelvedDocument | undefined> {
    return this.ask(docId, {}, options);
  }

  /** Without attachments, and with the names of the states that it came from, a thousand at most. */
  getAncestry(docId: string, options: SendOptions): Promise<ShelvedDocument | undefined> {
    return this.ask(docId, { revs: true }, options);
  }

  /** A state of it that others were made of, as long as the node still has it. */
  async getFormer(docId: string, rev: string, options: SendOptions): Promise<ShelvedDocument | undefined> {
    try {
      const { result } = await this.connection.send(
        (client, db, signal) => client.getDocument({ db, docId, rev, signal }),
        options,
      );
      return result as ShelvedDocument;
    } catch (error) {
      if (error instanceof RefusedRequest && error.fault.status === 404) return undefined;
      throw toldFault(error);
    }
  }

  /** @throws RefusedRequest */
  put(docId: string, document: object, options: SendOptions): Promise<Answer<CloudantV1.DocumentResult>> {
    const bytes = Buffer.from(JSON.stringify(document)); // the SDK would copy it field by field
    return this.connection.send(
      (client, db, signal) =>
        client.putDocument({ db, docId, document: bytes, contentType: 'application/json', signal }),
      { ...options, ...(bytes.length > LARGE_BYTES ? { attemptMs: LARGE_MS } : {}) },
    );
  }

  /** @throws RefusedRequest */
  delete(docId: string, rev: string, options: SendOptions = {}): Promise<Answer<CloudantV1.DocumentResult>> {
    return this.connection.send((client, db, signal) => client.deleteDocument({ db, docId, rev, signal }), options);
  }

  /**
   * Makes every node that it reaches have a state that was written before, wherever it is already. Makes no new state.
   *
   * @returns whether enough nodes have it
   */
  async spread(document: object, ancestry: Ancestry, options: SendOptions): Promise<boolean> {
    const docs = [{ ...document, _revisions: ancestry }];
    const bytes = Buffer.from(JSON.stringify({ docs, new_edits: false }));
    const { status } = await this.connection.send(
      (client, db, signal) => client.postBulkDocs({ db, bulkDocs: bytes, signal }),
      { ...options, attemptMs: LARGE_MS },
    );
    return status !== 202;
  }

  private async ask(docId: string, more: object, options: SendOptions): Promise<ShelvedDocument | undefined> {
    try {
      const { result } = await this.connection.send(
        (client, db, signal) => client.getDocument({ db, docId, conflicts: true, ...more, signal }),
        { attemptMs: LARGE_MS, ...options },
      );
      return result as ShelvedDocument;
    } catch (error) {
      if (error instanceof RefusedRequest && error.fault.isAbsent) return undefined;
      throw toldFault(error);
    }
  }
}
