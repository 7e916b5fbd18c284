import type { MemberRef, TenantId } from '#kernel';

/** What a member offered when it was last asked. The registry keeps it and does not look inside. */
export interface StoredCatalog {
  readonly fetchedAt: Date;
  /** Plain JSON. */
  readonly content: unknown;
  /** The specification that the content was made from, compressed. */
  readonly document?: Buffer;
}

/** Durable home of the last known catalogues, so that a member that is away still has its tools listed. */
export abstract class CatalogStore {
  /** All catalogues of a tenant by server id, without their documents. */
  abstract list(tenant: TenantId): Promise<ReadonlyMap<string, StoredCatalog>>;
  abstract read(ref: MemberRef): Promise<StoredCatalog | undefined>;
  /** Replaces the catalogue; does nothing if the server is gone. A missing document keeps the stored one. */
  abstract write(ref: MemberRef, catalog: StoredCatalog): Promise<void>;
}
