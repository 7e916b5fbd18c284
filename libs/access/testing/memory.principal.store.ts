import type { AuditEvent } from '#audit';
import type { PrincipalId, TenantId } from '#kernel';
import { UnknownTenantError } from '#persistence';
import { ConflictError } from '../src/access.errors.js';
import {
  type ExternalIdentity,
  type PrincipalDraft,
  PrincipalStore,
  type StoredPrincipal,
} from '../src/principals/principal.store.js';
import { UnknownPrincipalError } from '../src/principals/principals.errors.js';
import { MemoryTrail } from './memory-trail.js';
import { MemoryTenantStore } from './memory.tenant.store.js';

/** Principals of one process. */
export class MemoryPrincipalStore extends PrincipalStore {
  private readonly principals = new Map<string, StoredPrincipal>();
  private readonly followers = new Set<(tenant: TenantId, id: PrincipalId) => void>();

  constructor(
    private readonly tenants: MemoryTenantStore,
    private readonly trail: MemoryTrail,
  ) {
    super();
    tenants.onRemoved((tenant) => {
      for (const { id } of this.of(tenant)) this.take(tenant, id);
    });
  }

  /** `remove` is called with every principal that goes, to take away what belongs to it. */
  onRemoved(remove: (tenant: TenantId, id: PrincipalId) => void): void {
    this.followers.add(remove);
  }

  override async list(
    tenant: TenantId,
    { after = '', limit }: { readonly after?: string; readonly limit: number },
  ): Promise<readonly StoredPrincipal[]> {
    const behind = this.of(tenant).filter(({ id }) => id > after);
    return behind.sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, limit);
  }

  override async find(tenant: TenantId, id: PrincipalId): Promise<StoredPrincipal | undefined> {
    return this.principals.get(`${tenant}/${id}`);
  }

  override async findByIdentity(tenant: TenantId, identity: ExternalIdentity): Promise<StoredPrincipal | undefined> {
    return this.withIdentity(tenant, identity);
  }

  override async hasOperatorOf(tenant: TenantId, issuer: string): Promise<boolean> {
    return this.of(tenant).some(({ identity, roles }) => identity?.issuer === issuer && roles.includes('operator'));
  }

  override async insert(draft: PrincipalDraft, event: AuditEvent): Promise<StoredPrincipal> {
    const { tenantId: tenant, id, identity } = draft;
    if (!this.tenants.has(tenant)) throw new UnknownTenantError();
    const known = (identity && this.withIdentity(tenant, identity)) ?? this.principals.get(`${tenant}/${id}`);
    return known ?? this.put({ ...draft, version: 1, createdAt: new Date() }, event);
  }

  override async replace(principal: StoredPrincipal, event: AuditEvent): Promise<StoredPrincipal> {
    const before = this.principals.get(`${principal.tenantId}/${principal.id}`);
    if (!before) throw new UnknownPrincipalError();
    if (before.version !== principal.version - 1) throw new ConflictError();
    const { name, roles, disabledAt, validAfter, version } = principal;
    const { disabledAt: _disabled, validAfter: _valid, ...kept } = before;
    const times = { ...(disabledAt ? { disabledAt } : {}), ...(validAfter ? { validAfter } : {}) };
    return this.put({ ...kept, name, roles, version, ...times }, event);
  }

  override async remove(tenant: TenantId, id: PrincipalId, event: AuditEvent): Promise<boolean> {
    if (!this.principals.has(`${tenant}/${id}`)) return false;
    return this.trail.note(tenant, event, { change: () => this.take(tenant, id) });
  }

  private withIdentity(tenant: TenantId, { issuer, subject }: ExternalIdentity): StoredPrincipal | undefined {
    return this.of(tenant).find(({ identity }) => identity?.issuer === issuer && identity.subject === subject);
  }

  private of(tenant: TenantId): StoredPrincipal[] {
    return [...this.principals.values()].filter(({ tenantId }) => tenantId === tenant);
  }

  private take(tenant: TenantId, id: PrincipalId): boolean {
    for (const remove of this.followers) remove(tenant, id);
    return this.principals.delete(`${tenant}/${id}`);
  }

  private put(principal: StoredPrincipal, event: AuditEvent): StoredPrincipal {
    const { tenantId: tenant, id } = principal;
    const change = () => this.principals.set(`${tenant}/${id}`, principal);
    this.trail.note(tenant, event, { change });
    return principal;
  }
}
