import type { MemberRef, TenantId } from '#kernel';

/** A configuration at rest: no secret in clear. */
export interface StoredServer {
  readonly ref: MemberRef;
  /** With markers in the places of secrets. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Sealed values by place, a JSON pointer into `config`. Sealed under this row's version. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Counts the changes of this server, from 1. */
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export type ServerDraft = Pick<StoredServer, 'ref' | 'config' | 'secrets' | 'version'>;

/** What a member offered when it was last asked. The registry keeps it and does not look inside. */
export interface StoredCatalog {
  readonly fetchedAt: Date;
  /** Plain JSON. */
  readonly content: unknown;
  /** The specification that the content was made from, compressed. */
  readonly document?: Buffer;
}

/**
 * Durable home of server configurations. Every method works within one tenant; what was acknowledged survives the end
 * of any process. Implementations are safe across processes.
 */
export abstract class ServerConfigStore {
  /** Ordered by id. */
  abstract list(tenant: TenantId): Promise<readonly StoredServer[]>;
  abstract find(ref: MemberRef): Promise<StoredServer | undefined>;
  /** Writes server and catalog together. Throws `DuplicateServerError` if the id is taken. */
  abstract insert(draft: ServerDraft, catalog?: StoredCatalog): Promise<StoredServer>;
  /** Writes only if the stored version is `draft.version - 1`; otherwise throws `ServerConflictError`. */
  abstract replace(draft: ServerDraft, catalog?: StoredCatalog): Promise<StoredServer>;
  /** Removes the server with everything that belongs to it. False if there was none. */
  abstract remove(ref: MemberRef): Promise<boolean>;
}

/** Durable home of the last known catalogues, so that a member that is away still has its tools listed. */
export abstract class CatalogStore {
  /** All catalogues of a tenant by server id, without their documents. */
  abstract list(tenant: TenantId): Promise<ReadonlyMap<string, StoredCatalog>>;
  abstract read(ref: MemberRef): Promise<StoredCatalog | undefined>;
  /** Replaces the catalogue; does nothing if the server is gone. A missing document keeps the stored one. */
  abstract write(ref: MemberRef, catalog: StoredCatalog): Promise<void>;
}
