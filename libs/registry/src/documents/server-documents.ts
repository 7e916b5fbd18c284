import type { MemberRef, TenantId } from '#kernel';
import type { DocumentRef } from '#persistence';
import type { ServerDraft } from '../server-config.store.js';

/** What every path of a configuration begins with. */
export const SERVERS = 'server/';
export const CATALOGS = 'catalog/';

/** A configuration at rest. */
export interface ServerDocument extends Pick<ServerDraft, 'config' | 'secrets' | 'version'> {
  /** Tells a server from a later one of the same id, and what belongs to it from what was left of another one. */
  readonly life: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** A configuration as it was; which version of which server, its path tells. */
export type VersionDocument = Pick<ServerDocument, 'config' | 'secrets' | 'createdAt'>;

export const serverRef = ({ tenantId, serverId }: MemberRef): DocumentRef => ({
  partition: tenantId,
  path: `${SERVERS}${serverId}`,
});

/** What every path of a version of these servers begins with. */
export const versionsOf = ({ serverId }: MemberRef, life?: string): string =>
  `server-version/${serverId}/${life === undefined ? '' : `${life}/`}`;

export const versionRef = (
  ref: MemberRef,
  { life, version }: Pick<ServerDocument, 'life' | 'version'>,
): DocumentRef => ({
  partition: ref.tenantId,
  path: `${versionsOf(ref, life)}${version}`,
});

export const catalogRef = ({ tenantId, serverId }: MemberRef): DocumentRef => ({
  partition: tenantId,
  path: `${CATALOGS}${serverId}`,
});

/** The specification that the catalogue was made from, apart from it: it may have megabytes, and a list needs it not. */
export const specificationRef = ({ tenantId, serverId }: MemberRef): DocumentRef => ({
  partition: tenantId,
  path: `specification/${serverId}`,
});

/** More than a tenant ever has of anything. */
export const ALL = 100_000;

export const everyServer = (tenant: TenantId) => [tenant, { prefix: SERVERS, limit: ALL }] as const;
