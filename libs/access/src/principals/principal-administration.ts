import { createHash } from 'node:crypto';
import { Clock, type JsonObject, type PrincipalId, type TenantId, principalId } from '#kernel';
import { Injectable } from '@nestjs/common';
import { type PrincipalPatch, isId } from '../access-input.js';
import { type Authority, refuseGrant } from '../authority.js';
import { RoleAdministration } from '../roles/role-administration.js';
import { PrincipalStore, type StoredPrincipal } from './principal.store.js';
import { DuplicatePrincipalError, UnknownPrincipalError } from './principals.errors.js';

export interface ServiceAccount {
  readonly name: string;
  readonly roles: readonly string[];
}

/** People and service accounts of a tenant. */
@Injectable()
export class PrincipalAdministration {
  constructor(
    private readonly principals: PrincipalStore,
    private readonly roles: RoleAdministration,
    private readonly clock: Clock,
  ) {}

  list(tenant: TenantId, page: { after?: string; limit: number }): Promise<readonly StoredPrincipal[]> {
    return this.principals.list(tenant, page);
  }

  /** @throws UnknownPrincipalError */
  async get(tenant: TenantId, id: string): Promise<StoredPrincipal> {
    const found = isId(id) ? await this.principals.find(tenant, principalId(id)) : undefined;
    if (!found) throw new UnknownPrincipalError();
    return found;
  }

  /** @throws DuplicatePrincipalError, ForbiddenGrantError, InvalidInputError */
  async createServiceAccount(by: Authority, { name, roles }: ServiceAccount): Promise<StoredPrincipal> {
    if (await this.serviceAccount(by.tenantId, name)) throw new DuplicatePrincipalError(name);
    await this.refuseRoles(by, roles);
    const id = serviceAccountId(name);
    const draft = { tenantId: by.tenantId, id, kind: 'service', name, roles } as const;
    const after = { kind: 'service', name, roles };
    return this.principals.insert(draft, {
      action: 'principal.created',
      actor: by.actor,
      target: targetOf(id),
      after,
    });
  }

  /** The service account that was made under this name. */
  serviceAccount(tenant: TenantId, name: string): Promise<StoredPrincipal | undefined> {
    return this.principals.find(tenant, serviceAccountId(name));
  }

  /** @throws UnknownPrincipalError, ForbiddenGrantError, InvalidInputError, ConflictError */
  async change(by: Authority, id: string, patch: PrincipalPatch): Promise<StoredPrincipal> {
    const before = await this.getOwn(by, id);
    if (patch.roles) await this.refuseRoles(by, patch.roles);
    const { disabledAt: wasDisabledAt, ...rest } = before;
    const { disabled = wasDisabledAt !== undefined } = patch;
    const after: StoredPrincipal = {
      ...rest,
      name: patch.name ?? before.name,
      roles: patch.roles ?? before.roles,
      ...(disabled ? { disabledAt: wasDisabledAt ?? new Date(this.clock.now()) } : {}),
      version: before.version + 1,
    };
    return this.principals.replace(after, {
      action: 'principal.updated',
      actor: by.actor,
      target: targetOf(before.id),
      before: principalView(before),
      after: principalView(after),
    });
  }

  /** @throws UnknownPrincipalError, ForbiddenGrantError */
  async remove(by: Authority, id: string): Promise<void> {
    const before = await this.getOwn(by, id);
    const event = { action: 'principal.deleted', actor: by.actor, target: targetOf(before.id) };
    const existed = await this.principals.remove(by.tenantId, before.id, { ...event, before: principalView(before) });
    if (!existed) throw new UnknownPrincipalError();
  }

  /** An operator is changed by operators alone: whoever could disable or rename one could work against it. */
  private async getOwn(by: Authority, id: string): Promise<StoredPrincipal> {
    const found = await this.get(by.tenantId, id);
    refuseGrant(by, found.roles);
    return found;
  }

  private async refuseRoles(by: Authority, roles: readonly string[]): Promise<void> {
    refuseGrant(by, roles);
    await this.roles.refuseUnknown(by.tenantId, roles);
  }
}

/** A principal as the API and the trail show it. */
export function principalView(principal: StoredPrincipal): JsonObject {
  const { id, kind, name, roles, identity, disabledAt, validAfter, version, createdAt } = principal;
  return {
    id,
    kind,
    name,
    roles,
    ...(identity ? { identity: { ...identity } } : {}),
    disabled: disabledAt !== undefined,
    ...(disabledAt ? { disabled_at: disabledAt.toISOString() } : {}),
    ...(validAfter ? { valid_after: validAfter.toISOString() } : {}),
    version,
    created_at: createdAt.toISOString(),
  };
}

/** Made of its name, so that one name is one account, whoever makes it and however many do at once. */
function serviceAccountId(name: string): PrincipalId {
  return principalId(`svc-${createHash('sha256').update(name).digest('hex').slice(0, 24)}`);
}

const targetOf = (id: PrincipalId): string => `principal:${id}`;
