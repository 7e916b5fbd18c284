import type { JsonObject, TenantId } from '#kernel';

/** What belongs to no tenant: the list of tenants, and what finds a tenant by a name. */
export const OPERATOR = 'operator';

/**
 * Names one document. Every tenant has a partition of its own; no method reaches two of them, so a path that strangers
 * made up stays in the tenant that it was asked in.
 */
export interface DocumentRef {
  readonly partition: TenantId | typeof OPERATOR;
  /** `<kind>/<id>`: visible ASCII, 512 characters at most. Encode what may hold anything else. */
  readonly path: string;
}

export interface StoredDocument {
  readonly path: string;
  /** Names this state of the document; another one after each change. */
  readonly rev: string;
  readonly body: JsonObject;
}

export interface DocumentRange {
  /** Every path that begins with it. */
  readonly prefix: string;
  /** Goes on behind this path. */
  readonly after?: string;
  /** 1000 unless given. */
  readonly limit?: number;
  readonly order?: 'ascending' | 'descending';
}

/**
 * Where everything is kept that a database without transactions holds (IBM Cloudant, CouchDB). One document is changed
 * at once or not at all; two never are. Bodies may have 12 MiB; large ones are split and compressed below.
 *
 * Every method rejects with `DatabaseUnavailableError` when the store is away. A change may then have been carried out
 * or not; so it may after `CommitUnknownError`, which says that others have gone on since and nobody can tell any more.
 */
export abstract class Documents {
  abstract read(ref: DocumentRef): Promise<StoredDocument | undefined>;

  /** In the order of their paths, by code unit. */
  abstract range(partition: DocumentRef['partition'], range: DocumentRange): Promise<readonly StoredDocument[]>;

  /**
   * Writes a document that is new (`rev` absent), or that still is in the state `rev`. When it returns, as many nodes
   * have it as a later reader needs to see it.
   *
   * @returns the new state
   * @throws DocumentConflictError when it is not: somebody else was faster, and nothing was written; read again
   * @throws CommitUnknownError
   */
  abstract write(ref: DocumentRef, body: JsonObject, rev?: string): Promise<string>;

  /** Does nothing if there is no such document. @throws DocumentConflictError, CommitUnknownError */
  abstract remove(ref: DocumentRef, rev: string): Promise<void>;
}
