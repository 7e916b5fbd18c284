import type { AuditEvent } from '#audit';
import type { TenantId } from '#kernel';
import { UnknownTenantError } from '#persistence';
import { DEFAULT_TENANT } from '#tenancy';
import { ConflictError } from '../src/access.errors.js';
import { type Tenant, type TenantDraft, TenantStore } from '../src/tenants/tenant.store.js';
import { DuplicateTenantError } from '../src/tenants/tenants.errors.js';
import { MemoryTrail } from './memory-trail.js';

const DEFAULT: Tenant = {
  id: DEFAULT_TENANT,
  slug: 'default',
  name: 'Default',
  limits: {},
  auditMode: 'batched',
  version: 1,
  createdAt: new Date(0),
};

/** Tenants of one process; the default one is there. */
export class MemoryTenantStore extends TenantStore {
  private readonly tenants = new Map<TenantId, Tenant>([[DEFAULT.id, DEFAULT]]);
  private readonly followers = new Set<(id: TenantId) => void>();

  constructor(private readonly trail: MemoryTrail = new MemoryTrail()) {
    super();
  }

  /** `remove` is called with every tenant that goes, to take away what belongs to it. */
  onRemoved(remove: (id: TenantId) => void): void {
    this.followers.add(remove);
  }

  has(id: TenantId): boolean {
    return this.tenants.has(id);
  }

  override async list(): Promise<readonly Tenant[]> {
    return [...this.tenants.values()].sort((a, b) => (a.slug < b.slug ? -1 : 1));
  }

  override async find(id: TenantId): Promise<Tenant | undefined> {
    return this.tenants.get(id);
  }

  override async findBySlug(slug: string): Promise<Tenant | undefined> {
    return [...this.tenants.values()].find((tenant) => tenant.slug === slug);
  }

  override async insert(draft: TenantDraft, event: AuditEvent): Promise<Tenant> {
    if (this.has(draft.id) || (await this.findBySlug(draft.slug))) throw new DuplicateTenantError(draft.slug);
    return this.put({ ...draft, limits: {}, auditMode: 'batched', version: 1, createdAt: new Date() }, event);
  }

  override async replace(tenant: Tenant, event: AuditEvent): Promise<Tenant> {
    const before = this.tenants.get(tenant.id);
    if (!before) throw new UnknownTenantError();
    if (before.version !== tenant.version - 1) throw new ConflictError();
    return this.put({ ...tenant, slug: before.slug, createdAt: before.createdAt }, event);
  }

  override async remove(id: TenantId, event: AuditEvent): Promise<boolean> {
    if (!this.has(id)) return false;
    return this.trail.note(DEFAULT_TENANT, event, {
      changed: id,
      change: () => {
        for (const remove of this.followers) remove(id);
        return this.tenants.delete(id);
      },
    });
  }

  private put(tenant: Tenant, event: AuditEvent): Tenant {
    const change = () => this.tenants.set(tenant.id, tenant);
    this.trail.note(DEFAULT_TENANT, event, { changed: tenant.id, change });
    return tenant;
  }
}
