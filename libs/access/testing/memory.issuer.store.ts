import type { AuditEvent } from '#audit';
import type { TenantId } from '#kernel';
import { ISSUERS_AT_MOST, type IssuerDraft, IssuerStore, type StoredIssuer } from '../src/issuers/issuer.store.js';
import { DuplicateIssuerError, IssuerConflictError, TooManyIssuersError } from '../src/issuers/issuers.errors.js';
import { MemoryTrail } from './memory-trail.js';

/** Issuers of one process. */
export class MemoryIssuerStore extends IssuerStore {
  private readonly issuers = new Map<string, StoredIssuer>();

  constructor(private readonly trail: MemoryTrail = new MemoryTrail()) {
    super();
  }

  override async list(tenant: TenantId): Promise<readonly StoredIssuer[]> {
    return structuredClone(this.of(tenant).sort((a, b) => (a.id < b.id ? -1 : 1)));
  }

  override async find(tenant: TenantId, id: string): Promise<StoredIssuer | undefined> {
    return structuredClone(this.issuers.get(keyOf(tenant, id)));
  }

  override async findEverywhere(issuer: string): Promise<readonly StoredIssuer[]> {
    return structuredClone([...this.issuers.values()].filter(({ settings }) => settings.issuer === issuer));
  }

  override async write(draft: IssuerDraft, event: AuditEvent): Promise<StoredIssuer> {
    const { tenantId: tenant, id, version, settings } = draft;
    const own = this.of(tenant);
    const before = own.find((other) => other.id === id);
    if (before === undefined && version === 1 && own.length >= ISSUERS_AT_MOST) {
      throw new TooManyIssuersError(ISSUERS_AT_MOST);
    }
    if (version === 1 ? before !== undefined : before?.version !== version - 1) throw new IssuerConflictError(id);
    if (own.some((other) => other.id !== id && other.settings.issuer === settings.issuer)) {
      throw new DuplicateIssuerError();
    }
    const issuer = { ...structuredClone(draft), createdAt: before?.createdAt ?? new Date() };
    this.trail.note(tenant, event, { change: () => this.issuers.set(keyOf(tenant, id), issuer) });
    return structuredClone(issuer);
  }

  override async remove(tenant: TenantId, id: string, event: AuditEvent): Promise<boolean> {
    if (!this.issuers.has(keyOf(tenant, id))) return false;
    return this.trail.note(tenant, event, { change: () => this.issuers.delete(keyOf(tenant, id)) });
  }

  private of(tenant: TenantId): StoredIssuer[] {
    return [...this.issuers.values()].filter(({ tenantId }) => tenantId === tenant);
  }
}

const keyOf = (tenant: TenantId, id: string): string => `${tenant}/${id}`;
