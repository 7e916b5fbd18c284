declare const brand: unique symbol;
type Id<B extends string> = string & { readonly [brand]: B };

/** An organisation. Every stored thing belongs to exactly one. A UUID. */
export type TenantId = Id<'tenant'>;
/** A member server's `id`, unique within its tenant. */
export type ServerId = Id<'server'>;
/** Who calls: a person or a service account, always of one tenant. */
export type PrincipalId = Id<'principal'>;

export const tenantId = (raw: string): TenantId => raw as TenantId;
export const serverId = (raw: string): ServerId => raw as ServerId;
export const principalId = (raw: string): PrincipalId => raw as PrincipalId;

/** Names one member server of one tenant; every store and cache is keyed by both halves. */
export interface MemberRef {
  readonly tenantId: TenantId;
  readonly serverId: ServerId;
}

/** One string per member, for keys of in-process maps. Server ids cannot contain a slash. */
export const memberKey = ({ tenantId, serverId }: MemberRef): string => `${tenantId}/${serverId}`;
