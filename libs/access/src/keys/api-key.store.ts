import type { AuditEvent } from '#audit';
import type { PrincipalId, TenantId } from '#kernel';
import type { Scope } from '#tenancy';

/** How many keys a tenant has at most; those that have ended make room for new ones. */
export const MAX_KEYS = 1_000;

export interface StoredApiKey {
  readonly tenantId: TenantId;
  /** Names the tenant too, so that a key says where it is to be looked up. No secret. */
  readonly id: string;
  readonly principalId: PrincipalId;
  readonly name: string;
  /** Of the secret half. */
  readonly hash: Buffer;
  readonly scopes: readonly Scope[];
  readonly expiresAt?: Date;
  readonly revokedAt?: Date;
  /** To the minute. */
  readonly lastUsedAt?: Date;
  readonly createdAt: Date;
}

export type ApiKeyDraft = Omit<StoredApiKey, 'createdAt' | 'revokedAt' | 'lastUsedAt'>;

/** Durable home of API keys. Changes are recorded in the same transaction, and announce the topic `access`. */
export abstract class ApiKeyStore {
  /** Newest first, revoked and expired ones among them. */
  abstract list(tenant: TenantId): Promise<readonly StoredApiKey[]>;
  abstract find(tenant: TenantId, id: string): Promise<StoredApiKey | undefined>;
  /** @throws UnknownPrincipalError, TooManyKeysError */
  abstract insert(draft: ApiKeyDraft, event: AuditEvent): Promise<StoredApiKey>;
  /** False if there is no such key. A key that was revoked stays so, and keeps its time. */
  abstract revoke(tenant: TenantId, id: string, event: AuditEvent): Promise<boolean>;
  /** Notes when keys were last used, by their ids. Neither recorded nor announced; a later use stays. */
  abstract touch(tenant: TenantId, uses: ReadonlyMap<string, Date>): Promise<void>;
}
