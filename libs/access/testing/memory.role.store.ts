import type { AuditEvent } from '#audit';
import type { TenantId } from '#kernel';
import { UnknownTenantError } from '#persistence';
import { ConflictError } from '../src/access.errors.js';
import { MAX_ROLES, type RoleDraft, RoleStore, type StoredRole } from '../src/roles/role.store.js';
import { TooManyRolesError } from '../src/roles/roles.errors.js';
import { MemoryTrail } from './memory-trail.js';
import { MemoryTenantStore } from './memory.tenant.store.js';

/** Roles of one process. */
export class MemoryRoleStore extends RoleStore {
  private readonly roles = new Map<string, StoredRole>();

  constructor(
    private readonly tenants: MemoryTenantStore,
    private readonly trail: MemoryTrail,
  ) {
    super();
    tenants.onRemoved((tenant) => {
      for (const { name } of this.of(tenant)) this.roles.delete(`${tenant}/${name}`);
    });
  }

  override async list(tenant: TenantId): Promise<readonly StoredRole[]> {
    return this.of(tenant).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  override async find(tenant: TenantId, name: string): Promise<StoredRole | undefined> {
    return this.roles.get(`${tenant}/${name}`);
  }

  override async write(draft: RoleDraft, event: AuditEvent): Promise<StoredRole> {
    const { tenantId: tenant, name, version } = draft;
    if (!this.tenants.has(tenant)) throw new UnknownTenantError();
    const before = this.roles.get(`${tenant}/${name}`);
    if (version === 1 && !before && this.of(tenant).length >= MAX_ROLES) throw new TooManyRolesError(MAX_ROLES);
    if ((before?.version ?? 0) !== version - 1) throw new ConflictError();
    const role = { ...draft, createdAt: before?.createdAt ?? new Date() };
    this.trail.note(tenant, event, { change: () => this.roles.set(`${tenant}/${name}`, role) });
    return role;
  }

  override async remove(tenant: TenantId, name: string, event: AuditEvent): Promise<boolean> {
    if (!this.roles.has(`${tenant}/${name}`)) return false;
    return this.trail.note(tenant, event, { change: () => this.roles.delete(`${tenant}/${name}`) });
  }

  private of(tenant: TenantId): StoredRole[] {
    return [...this.roles.values()].filter(({ tenantId }) => tenantId === tenant);
  }
}
