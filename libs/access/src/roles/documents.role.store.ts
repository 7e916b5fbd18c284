import { type AuditEvent, RecordedDocuments } from '#audit';
import { Clock, type JsonObject, type TenantId } from '#kernel';
import { DocumentConflictError, type DocumentRef } from '#persistence';
import type { Permissions } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { ConflictError } from '../access.errors.js';
import { afterOthers } from '../after-others.js';
import { pathOf } from '../document-paths.js';
import { MAX_ROLES, type RoleDraft, RoleStore, type StoredRole } from './role.store.js';
import { TooManyRolesError } from './roles.errors.js';

const KIND = 'role';
const TOPIC = 'access';
/** Roles that are made at the same time may pass the limit together, by so many. */
const BEYOND = 50;

/** Roles as documents of their tenant. */
@Injectable()
export class DocumentsRoleStore extends RoleStore {
  constructor(
    private readonly documents: RecordedDocuments,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async list(tenant: TenantId): Promise<readonly StoredRole[]> {
    const roles = await this.documents.range(tenant, { prefix: `${KIND}/`, limit: MAX_ROLES + BEYOND });
    return roles.map(({ body }) => roleOf(tenant, body));
  }

  override async find(tenant: TenantId, name: string): Promise<StoredRole | undefined> {
    const found = await this.documents.read(refOf(tenant, name));
    return found && roleOf(tenant, found.body);
  }

  override async write(draft: RoleDraft, event: AuditEvent): Promise<StoredRole> {
    const { tenantId: tenant, name, version } = draft;
    const ref = refOf(tenant, name);
    const known = await this.documents.read(ref);
    const before = known && roleOf(tenant, known.body);
    if ((before?.version ?? 0) !== version - 1) throw new ConflictError();
    if (!before && (await this.list(tenant)).length >= MAX_ROLES) throw new TooManyRolesError(MAX_ROLES);
    const body = bodyOf({ ...draft, createdAt: before?.createdAt ?? new Date(this.clock.now()) });
    try {
      await this.documents.write(ref, { body, rev: known?.rev }, { event, topic: TOPIC });
    } catch (error) {
      throw error instanceof DocumentConflictError ? new ConflictError() : error;
    }
    return roleOf(tenant, body);
  }

  override async remove(tenant: TenantId, name: string, event: AuditEvent): Promise<boolean> {
    return afterOthers(async () => {
      const known = await this.documents.read(refOf(tenant, name));
      if (!known) return false;
      await this.documents.remove(refOf(tenant, name), known.rev, { event, topic: TOPIC });
      return true;
    });
  }
}

const refOf = (tenant: TenantId, name: string): DocumentRef => ({ partition: tenant, path: pathOf(KIND, name) });

function bodyOf({ name, description, permissions, version, createdAt }: StoredRole): JsonObject {
  return { name, description, permissions: { ...permissions }, version, createdAt: createdAt.toISOString() };
}

function roleOf(tenantId: TenantId, body: JsonObject): StoredRole {
  const { name, description, permissions, version, createdAt } = body as Record<string, unknown>;
  return {
    tenantId,
    name: name as string,
    description: description as string,
    permissions: permissions as Permissions,
    version: version as number,
    createdAt: new Date(createdAt as string),
  };
}
