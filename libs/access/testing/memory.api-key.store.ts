import type { AuditEvent } from '#audit';
import type { TenantId } from '#kernel';
import { type ApiKeyDraft, ApiKeyStore, MAX_KEYS, type StoredApiKey } from '../src/keys/api-key.store.js';
import { TooManyKeysError } from '../src/keys/keys.errors.js';
import { UnknownPrincipalError } from '../src/principals/principals.errors.js';
import { MemoryTrail } from './memory-trail.js';
import { MemoryPrincipalStore } from './memory.principal.store.js';

/** Keys of one process, in the order of their making. */
export class MemoryApiKeyStore extends ApiKeyStore {
  private readonly keys = new Map<string, StoredApiKey>();

  constructor(
    private readonly principals: MemoryPrincipalStore,
    private readonly trail: MemoryTrail,
  ) {
    super();
    principals.onRemoved((tenant, principal) => {
      for (const { id, principalId } of this.of(tenant)) {
        if (principalId === principal) this.keys.delete(`${tenant}/${id}`);
      }
    });
  }

  override async list(tenant: TenantId): Promise<readonly StoredApiKey[]> {
    return this.of(tenant).reverse().slice(0, MAX_KEYS);
  }

  override async find(tenant: TenantId, id: string): Promise<StoredApiKey | undefined> {
    return this.keys.get(`${tenant}/${id}`);
  }

  override async insert(draft: ApiKeyDraft, event: AuditEvent): Promise<StoredApiKey> {
    const { tenantId: tenant, id } = draft;
    if (!(await this.principals.find(tenant, draft.principalId))) throw new UnknownPrincipalError();
    const surplus = this.of(tenant).length - MAX_KEYS + 1;
    const ended = this.of(tenant).filter(hasEnded).slice(0, Math.max(surplus, 0));
    if (ended.length < surplus) throw new TooManyKeysError(MAX_KEYS);
    const key = { ...draft, createdAt: new Date() };
    this.trail.note(tenant, event, {
      change: () => {
        for (const { id: old } of ended) this.keys.delete(`${tenant}/${old}`);
        this.keys.set(`${tenant}/${id}`, key);
      },
    });
    return key;
  }

  override async revoke(tenant: TenantId, id: string, event: AuditEvent): Promise<boolean> {
    const key = this.keys.get(`${tenant}/${id}`);
    if (!key || key.revokedAt) return key !== undefined;
    const change = () => this.keys.set(`${tenant}/${id}`, { ...key, revokedAt: new Date() });
    this.trail.note(tenant, event, { change });
    return true;
  }

  override async touch(tenant: TenantId, uses: ReadonlyMap<string, Date>): Promise<void> {
    for (const [id, at] of uses) {
      const key = this.keys.get(`${tenant}/${id}`);
      if (key && (!key.lastUsedAt || key.lastUsedAt < at)) {
        this.keys.set(`${tenant}/${id}`, { ...key, lastUsedAt: at });
      }
    }
  }

  private of(tenant: TenantId): StoredApiKey[] {
    return [...this.keys.values()].filter(({ tenantId }) => tenantId === tenant);
  }
}

const hasEnded = ({ revokedAt, expiresAt }: StoredApiKey): boolean =>
  revokedAt !== undefined || (expiresAt !== undefined && expiresAt <= new Date());
