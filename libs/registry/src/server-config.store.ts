import type { AuditEvent } from '#audit';
import type { MemberRef, ServerId, TenantId } from '#kernel';
import type { StoredCatalog } from './catalog.store.js';

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

/** A configuration as it was at some time; its secrets are sealed under its own version. */
export type StoredVersion = Pick<StoredServer, 'ref' | 'config' | 'secrets' | 'version'> & { readonly createdAt: Date };

export type ServerDraft = Pick<StoredServer, 'ref' | 'config' | 'secrets' | 'version'>;

/** How many versions of a server are kept. */
export const VERSIONS_KEPT = 10;

/**
 * Durable home of server configurations. Every method works within one tenant; what was acknowledged survives the end
 * of any process. Implementations are safe across processes.
 *
 * What changes something records `event` in the trail of the tenant together with the change, so that neither is there
 * without the other, and announces the topic `servers`. What throws, or finds nothing to change, records nothing.
 */
export abstract class ServerConfigStore {
  /** Ordered by id. */
  abstract list(tenant: TenantId): Promise<readonly StoredServer[]>;
  /** The ids of all servers, where it can be without reading a configuration. */
  abstract ids(tenant: TenantId): Promise<ReadonlySet<ServerId>>;
  abstract find(ref: MemberRef): Promise<StoredServer | undefined>;
  /** The mark of every server that is not deactivated, without reading a configuration. */
  abstract marks(tenant: TenantId): Promise<ReadonlyMap<ServerId, string>>;
  /** Writes server and catalog together. Throws `DuplicateServerError` if the id is taken. */
  abstract insert(draft: ServerDraft, event: AuditEvent, catalog?: StoredCatalog): Promise<StoredServer>;
  /** Writes only if the stored version is `draft.version - 1`; otherwise throws `ServerConflictError`. */
  abstract replace(draft: ServerDraft, event: AuditEvent, catalog?: StoredCatalog): Promise<StoredServer>;
  /** The last versions of a server, the present one among them, newest first; empty if there is no such server. */
  abstract history(ref: MemberRef): Promise<readonly StoredVersion[]>;
  /**
   * Removes the server with everything that belongs to it, if it still is the given version; otherwise throws
   * `ServerConflictError`. False if there was none.
   */
  abstract remove(server: Pick<StoredServer, 'ref' | 'version'>, event: AuditEvent): Promise<boolean>;
}

/** Names one state of a server: another one after each change, and never the same again, also not for a new server of the id. */
export const markOf = ({ version, createdAt }: Pick<StoredServer, 'version' | 'createdAt'>): string =>
  `${version}@${createdAt.getTime()}`;
