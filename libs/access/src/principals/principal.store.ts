import type { AuditEvent } from '#audit';
import type { PrincipalId, TenantId } from '#kernel';

/** Who a person is at an identity provider: OpenID Connect Core 1.0, 2: issuer and subject together. */
export interface ExternalIdentity {
  readonly issuer: string;
  readonly subject: string;
}

export interface StoredPrincipal {
  readonly tenantId: TenantId;
  readonly id: PrincipalId;
  /** `user`: a person. `service`: a program, with keys or client credentials. */
  readonly kind: 'user' | 'service';
  /** For people; an e-mail address where the identity provider gave one. */
  readonly name: string;
  /** Roles that were given here; an identity provider may add others. */
  readonly roles: readonly string[];
  readonly identity?: ExternalIdentity;
  /** Since when it is not let in; absent if it is. */
  readonly disabledAt?: Date;
  /** Tokens and sessions from before are void; absent if none are. */
  readonly validAfter?: Date;
  readonly version: number;
  readonly createdAt: Date;
}

export type PrincipalDraft = Pick<StoredPrincipal, 'tenantId' | 'id' | 'kind' | 'name' | 'roles' | 'identity'>;

/**
 * Durable home of principals. What changes one is recorded in the same transaction, and announces the topic `access`.
 */
export abstract class PrincipalStore {
  /** Ordered by id; at most `limit` of those behind `after`. */
  abstract list(
    tenant: TenantId,
    page: { readonly after?: string; readonly limit: number },
  ): Promise<readonly StoredPrincipal[]>;
  abstract find(tenant: TenantId, id: PrincipalId): Promise<StoredPrincipal | undefined>;
  abstract findByIdentity(tenant: TenantId, identity: ExternalIdentity): Promise<StoredPrincipal | undefined>;
  /** Whether an operator is known by an identity of this issuer. */
  abstract hasOperatorOf(tenant: TenantId, issuer: string): Promise<boolean>;
  /** If the identity or the id is there already, that principal is returned and nothing is written. */
  abstract insert(draft: PrincipalDraft, event: AuditEvent): Promise<StoredPrincipal>;
  /** Writes only if the stored version is `principal.version - 1`. @throws ConflictError, UnknownPrincipalError */
  abstract replace(principal: StoredPrincipal, event: AuditEvent): Promise<StoredPrincipal>;
  /** Removes the principal with its keys. False if there was none. */
  abstract remove(tenant: TenantId, id: PrincipalId, event: AuditEvent): Promise<boolean>;
}
