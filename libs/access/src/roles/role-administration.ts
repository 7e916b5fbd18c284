import type { JsonObject, TenantId } from '#kernel';
import { ROLES, type Role } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { type RoleInput, roleNameSchema } from '../access-input.js';
import { InvalidInputError } from '../access.errors.js';
import type { Authority } from '../authority.js';
import { RoleStore, type StoredRole } from './role.store.js';
import { BuiltInRoleError, UnknownRoleError } from './roles.errors.js';

export const BUILT_IN: Readonly<Record<Role, string>> = {
  operator: 'Runs the whole service, and manages tenants',
  admin: 'Manages the tenant, and calls every tool',
  developer: 'Reads how the tenant is set up, and calls tools',
  caller: 'Calls tools',
};

export interface ImportedPolicy {
  readonly imported: readonly string[];
  readonly refused: readonly { readonly role: string; readonly reason: string }[];
}

/** Roles of a tenant's own, besides the built-in ones, which nobody changes. */
@Injectable()
export class RoleAdministration {
  constructor(private readonly roles: RoleStore) {}

  list(tenant: TenantId): Promise<readonly StoredRole[]> {
    return this.roles.list(tenant);
  }

  /** @throws UnknownRoleError */
  async get(tenant: TenantId, name: string): Promise<StoredRole> {
    const found = await this.find(tenant, name);
    if (!found) throw new UnknownRoleError();
    return found;
  }

  /** Makes the role, or replaces what it was. @throws BuiltInRoleError, InvalidInputError, TooManyRolesError, ConflictError */
  async put(by: Authority, name: string, { description, permissions }: RoleInput): Promise<StoredRole> {
    const reason = refusalOf(name);
    if (isBuiltIn(name)) throw new BuiltInRoleError(name);
    if (reason !== undefined) throw new InvalidInputError([{ path: 'name', message: reason }]);
    const { tools, servers, virtual_servers: virtualServers } = permissions;
    const before = await this.find(by.tenantId, name);
    return this.write(by, before, { name, description, permissions: { tools, servers, virtualServers } });
  }

  /** @throws BuiltInRoleError, UnknownRoleError */
  async remove(by: Authority, name: string): Promise<void> {
    if (isBuiltIn(name)) throw new BuiltInRoleError(name);
    const before = await this.get(by.tenantId, name);
    const event = { action: 'role.deleted', actor: by.actor, target: `role:${name}`, before: roleView(before) };
    if (!(await this.roles.remove(by.tenantId, name, event))) throw new UnknownRoleError();
  }

  /**
   * Takes over a file that says which tools each role opens. A role that is there already keeps its description and
   * whatever else it opens. Roles that cannot be made are told, with the reason; the others are made all the same.
   */
  async importPolicy(by: Authority, policy: Readonly<Record<string, readonly string[]>>): Promise<ImportedPolicy> {
    const imported: string[] = [];
    const refused: { role: string; reason: string }[] = [];
    for (const [name, tools] of Object.entries(policy)) {
      const reason = refusalOf(name);
      if (reason !== undefined) {
        refused.push({ role: name, reason });
        continue;
      }
      const before = await this.find(by.tenantId, name);
      const { description = '', permissions = { servers: [], virtualServers: [] } } = before ?? {};
      await this.write(by, before, { name, description, permissions: { ...permissions, tools } });
      imported.push(name);
    }
    return { imported, refused };
  }

  /** @throws InvalidInputError if one of the names is neither built in nor a role of the tenant */
  async refuseUnknown(tenant: TenantId, names: readonly string[]): Promise<void> {
    const known = new Set<string>([...ROLES, ...(await this.roles.list(tenant)).map(({ name }) => name)]);
    const faults = names.flatMap((name, at) =>
      known.has(name) ? [] : [{ path: `roles.${at}`, message: 'is no role of this tenant; make it first' }],
    );
    if (faults.length > 0) throw new InvalidInputError(faults);
  }

  private async find(tenant: TenantId, name: string): Promise<StoredRole | undefined> {
    return roleNameSchema.safeParse(name).success ? this.roles.find(tenant, name) : undefined;
  }

  private write(
    by: Authority,
    before: StoredRole | undefined,
    role: Pick<StoredRole, 'name' | 'description' | 'permissions'>,
  ): Promise<StoredRole> {
    const draft = { tenantId: by.tenantId, ...role, version: (before?.version ?? 0) + 1 };
    return this.roles.write(draft, {
      action: before ? 'role.updated' : 'role.created',
      actor: by.actor,
      target: `role:${role.name}`,
      ...(before ? { before: roleView(before) } : {}),
      after: roleView(draft),
    });
  }
}

/** A role as the API and the trail show it. */
export function roleView({ name, description, permissions, version }: Omit<StoredRole, 'createdAt'>): JsonObject {
  const { tools, servers, virtualServers } = permissions;
  return { name, description, permissions: { tools, servers, virtual_servers: virtualServers }, version };
}

/** In whatever case: "Admin" beside "admin" would be taken for it. */
const isBuiltIn = (name: string): boolean => ROLES.some((role) => role === name.toLowerCase());

function refusalOf(name: string): string | undefined {
  if (isBuiltIn(name)) return 'is a built-in role, which cannot be changed; choose another name';
  const { success, error } = roleNameSchema.safeParse(name);
  return success ? undefined : error.issues.map(({ message }) => message).join('; ');
}
