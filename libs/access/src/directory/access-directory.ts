import { Clock, type PrincipalId, type TenantId } from '#kernel';
import { type Credential, type Permissions, type Principal, ROLES, type Role, type Scope } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { AccessChanges } from './access-changes.js';
import { isTenantSlug } from '../access-input.js';
import { PrincipalStore, type StoredPrincipal } from '../principals/principal.store.js';
import { RoleStore, type StoredRole } from '../roles/role.store.js';
import { FRESH_MS, AccessCache } from './access-cache.js';
import { type Tenant, TenantStore } from '../tenants/tenant.store.js';

const MAX_TENANTS = 2_000;
const MAX_PRINCIPALS = 20_000;
/** How long a slug that nobody has stays one. */
const UNKNOWN_MS = 5_000;

export interface PrincipalOptions {
  readonly scopes: readonly Scope[];
  readonly credential: Credential;
  /** From a token, on top of those that were given here. Never `operator`: only an operator makes one. */
  readonly roles?: readonly string[];
  /** When the credential was issued, where older ones can be made void together. */
  readonly issuedAt?: Date;
}

interface SlugEntry {
  readonly id: TenantId | undefined;
  readonly at: number;
  readonly mark: number;
}

/** Tenants, their roles and their principals as they are now, out of memory where possible. */
@Injectable()
export class AccessDirectory {
  private readonly tenants: AccessCache<Tenant | undefined>;
  private readonly roles: AccessCache<readonly StoredRole[]>;
  private readonly principals: AccessCache<StoredPrincipal | undefined>;
  /** A slug never changes its tenant, but a tenant may go and another one take its slug. */
  private readonly slugs = new Map<string, SlugEntry>();

  constructor(
    private readonly tenantStore: TenantStore,
    private readonly roleStore: RoleStore,
    private readonly principalStore: PrincipalStore,
    private readonly changes: AccessChanges,
    private readonly clock: Clock,
  ) {
    this.tenants = new AccessCache(changes, clock, MAX_TENANTS);
    this.roles = new AccessCache(changes, clock, MAX_TENANTS);
    this.principals = new AccessCache(changes, clock, MAX_PRINCIPALS);
  }

  tenant(id: TenantId): Promise<Tenant | undefined> {
    return this.tenants.get(id, '', () => this.tenantStore.find(id));
  }

  async tenantBySlug(slug: string): Promise<Tenant | undefined> {
    if (!isTenantSlug(slug)) return undefined; // strangers name tenants: what can be none costs no trip
    const known = this.slugs.get(slug);
    if (known && this.isCurrent(known)) {
      if (known.id === undefined) return undefined;
      const tenant = await this.tenant(known.id);
      if (tenant) return tenant;
    }
    const [mark, at] = [this.changes.mark(), this.clock.now()];
    const found = await this.tenantStore.findBySlug(slug);
    this.slugs.delete(slug);
    this.slugs.set(slug, { id: found?.id, at, mark });
    if (this.slugs.size > MAX_TENANTS) this.slugs.delete(this.slugs.keys().next().value!);
    return found;
  }

  /**
   * The principal as it may act now.
   *
   * @returns undefined if it may not: its tenant is suspended or gone, it is disabled or gone, or the credential is
   *   older than what it accepts
   */
  async principalFor(
    tenantId: TenantId,
    id: PrincipalId,
    { scopes, credential, roles = [], issuedAt }: PrincipalOptions,
  ): Promise<Principal | undefined> {
    const [tenant, stored, own] = await Promise.all([
      this.tenant(tenantId),
      this.principals.get(tenantId, id, () => this.principalStore.find(tenantId, id)),
      this.roles.get(tenantId, '', () => this.roleStore.list(tenantId)),
    ]);
    if (!tenant || tenant.suspendedAt || !stored || stored.disabledAt) return undefined;
    if (issuedAt && stored.validAfter && issuedAt < stored.validAfter) return undefined;
    const named = new Set([...stored.roles, ...roles.filter((role) => role !== 'operator')]);
    const held = own.filter(({ name }) => named.has(name));
    const builtIn = ROLES.filter((role: Role) => named.has(role));
    return {
      id,
      tenantId,
      roles: [...builtIn, ...held.map(({ name }) => name)],
      scopes,
      permissions: union(held.map(({ permissions }) => permissions)),
      credential,
    };
  }

  private isCurrent({ id, at, mark }: SlugEntry): boolean {
    if (!this.changes.areKnown()) return false;
    const age = this.clock.now() - at;
    return id === undefined ? age < UNKNOWN_MS && !this.changes.hasAnyChanged(mark) : age < FRESH_MS;
  }
}

function union(all: readonly Permissions[]): Permissions {
  const every = (pick: (one: Permissions) => readonly string[]): string[] => [...new Set(all.flatMap(pick))];
  return {
    tools: every(({ tools }) => tools),
    servers: every(({ servers }) => servers),
    virtualServers: every(({ virtualServers }) => virtualServers),
  };
}
