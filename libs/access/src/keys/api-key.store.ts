import type { AuditEvent } from '#audit';
import type { PrincipalId, TenantId } from '#kernel';
import type { Scope } from '#tenancy';

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
  /** Newest first, revoked and expired ones among them; at most 1,000. */
  abstract list(tenant: TenantId): Promise<readonly StoredApiKey[]>;
  abstract find(tenant: TenantId, id: string): Promise<StoredApiKey | undefined>;
  /** @throws UnknownPrincipalError */
  abstract insert(draft: ApiKeyDraft, event: AuditEvent): Promise<StoredApiKey>;
  /** False if there is no such key. A key that was revoked stays so, and keeps its time. */
  abstract revoke(tenant: TenantId, id: string, event: AuditEvent): Promise<boolean>;
  /** Notes that the key was used. Neither recorded nor announced. */
  abstract touch(tenant: TenantId, id: string, at: Date): Promise<void>;
}
