import type { AuditEvent } from '#audit';
import type { TenantId } from '#kernel';

/** How people of the tenant sign in here through this issuer. What is absent is found by discovery (RFC 8414, OIDC Discovery). */
export interface SignInSettings {
  readonly authorization_url?: string;
  readonly token_url?: string;
  /** Scopes to ask the identity provider for, with blanks between them. */
  readonly scope: string;
}

/** An issuer whose tokens the tenant trusts, as the API shows it. */
export interface IssuerSettings {
  /** Exactly as the issuer spells itself (RFC 9207; RFC 8414, 2). */
  readonly issuer: string;
  /** `jwt`: tokens are verified here with the issuer's keys. `introspection`: the issuer is asked (RFC 7662). */
  readonly kind: 'jwt' | 'introspection';
  /** Values of `aud` that mean this composer, besides the URLs of its own MCP endpoints. */
  readonly audiences: readonly string[];
  /** JWS algorithms (RFC 7518, 3.1) that are accepted, asymmetric ones alone. */
  readonly algorithms: readonly string[];
  readonly jwks_url?: string;
  readonly introspection_url?: string;
  /** The composer's own client at the issuer, for introspection and sign-in. */
  readonly client_id?: string;
  /** The claim that names roles or groups; absent: nobody gets a role from a token. */
  readonly roles_claim?: string;
  /** From a value of that claim to a role here. A value that is not listed gives nothing. */
  readonly role_map: Readonly<Record<string, string>>;
  /** Roles of everybody who comes through this issuer. */
  readonly default_roles: readonly string[];
  /** Absent: nobody signs in through it. At most one enabled issuer of a tenant has it. */
  readonly sign_in?: SignInSettings;
}

export interface StoredIssuer {
  readonly tenantId: TenantId;
  readonly id: string;
  readonly settings: IssuerSettings;
  /** The sealed secret of `client_id`; absent if there is none. Bound to this row and version. */
  readonly sealedSecret?: string;
  /** Since when its tokens are refused; absent if they are taken. */
  readonly disabledAt?: Date;
  readonly version: number;
  readonly createdAt: Date;
}

/** How many issuers a tenant may have. */
export const ISSUERS_AT_MOST = 50;

export type IssuerDraft = Omit<StoredIssuer, 'createdAt'>;

/** Durable home of the issuers. Changes are recorded in the same transaction, and announce the topic `access`. */
export abstract class IssuerStore {
  /** Ordered by id; a tenant has at most 50. */
  abstract list(tenant: TenantId): Promise<readonly StoredIssuer[]>;
  abstract find(tenant: TenantId, id: string): Promise<StoredIssuer | undefined>;
  /**
   * Every tenant's entry for this issuer. Serves to find out whose token this may be, before a tenant is known; the only
   * method here that looks at more than one tenant.
   */
  abstract findEverywhere(issuer: string): Promise<readonly StoredIssuer[]>;
  /**
   * Version 1 must be new, any other one must follow the stored one.
   * @throws IssuerConflictError, DuplicateIssuerError, TooManyIssuersError
   */
  abstract write(draft: IssuerDraft, event: AuditEvent): Promise<StoredIssuer>;
  abstract remove(tenant: TenantId, id: string, event: AuditEvent): Promise<boolean>;
}
