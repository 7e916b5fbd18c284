import type { PrincipalId } from '#kernel';

/** A client that an administrator has registered, as it is kept: sealed, secret and all. */
export interface RegisteredClient {
  readonly client_id: string;
  readonly name: string;
  /** Who it acts as by itself (RFC 6749, 4.4); absent for a client that people sign in with. */
  readonly principalId?: PrincipalId;
  /** As oidc-provider knows it (RFC 7591, 2). */
  readonly metadata: {
    readonly client_id: string;
    readonly client_secret?: string;
    readonly token_endpoint_auth_method: string;
    readonly grant_types: readonly string[];
    readonly redirect_uris: readonly string[];
    readonly scope: string;
    readonly [name: string]: unknown;
  };
  /** RFC 3339. */
  readonly createdAt: string;
}
