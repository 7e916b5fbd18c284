import { type AuditEvent, ClaimTakenError, RecordedDocuments } from '#audit';
import { Clock, type JsonObject, type TenantId, tenantId } from '#kernel';
import {
  DocumentConflictError,
  type DocumentRef,
  OPERATOR,
  type StoredDocument,
  TENANT_DOCUMENTS,
  UnknownTenantError,
  dataKeysRef,
  tenantDocument,
} from '#persistence';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DEFAULT_TENANT } from '#tenancy';
import { ConflictError } from '../access.errors.js';
import { afterOthers } from '../after-others.js';
import { pathOf } from '../document-paths.js';
import { TenantRemovals } from './tenant-removals.js';
import { type Tenant, type TenantDraft, type TenantLimits, TenantStore } from './tenant.store.js';
import { DuplicateTenantError } from './tenants.errors.js';

const PAGE = 1000;

/**
 * Tenants as documents of the operator. A slug is a claim of its tenant. A removal marks the tenant first, recorded, and
 * gives up the slug and drops the data keys: from there on the tenant is gone for everybody. What belonged to it goes after
 * that (`TenantRemovals`).
 */
@Injectable()
export class DocumentsTenantStore extends TenantStore implements OnModuleInit {
  constructor(
    private readonly documents: RecordedDocuments,
    private readonly removals: TenantRemovals,
    private readonly clock: Clock,
  ) {
    super();
  }

  /** The default tenant is there from the beginning. */
  async onModuleInit(): Promise<void> {
    if (await this.find(DEFAULT_TENANT)) return;
    const body = this.made({ id: DEFAULT_TENANT, slug: 'default', name: 'Default' });
    const change = { event: undefined, claims: [{ ref: slugRef('default') }] };
    try {
      await this.documents.write(tenantDocument(DEFAULT_TENANT), { body }, change);
    } catch (error) {
      if (!(error instanceof DocumentConflictError)) throw error; // another process was faster
    }
  }

  override async list(): Promise<readonly Tenant[]> {
    const tenants: Tenant[] = [];
    let after = '';
    for (;;) {
      const page = await this.documents.range(OPERATOR, { prefix: TENANT_DOCUMENTS, after, limit: PAGE });
      tenants.push(...page.map(stored).filter((tenant) => tenant !== undefined));
      if (page.length < PAGE) return tenants.sort((a, b) => (a.slug < b.slug ? -1 : 1));
      after = page.at(-1)!.path;
    }
  }

  override async find(id: TenantId): Promise<Tenant | undefined> {
    return stored(await this.documents.read(tenantDocument(id)));
  }

  override async findBySlug(slug: string): Promise<Tenant | undefined> {
    const tenant = stored(await this.documents.readClaimed(slugRef(slug)));
    return tenant?.slug === slug ? tenant : undefined;
  }

  override async insert(draft: TenantDraft, event: AuditEvent): Promise<Tenant> {
    const body = this.made(draft);
    try {
      const claims = [{ ref: slugRef(draft.slug) }];
      const change = { event, topic: 'access', of: draft.id, claims };
      await this.documents.write(tenantDocument(draft.id), { body }, change);
    } catch (error) {
      const isThere = error instanceof ClaimTakenError || error instanceof DocumentConflictError;
      throw isThere ? new DuplicateTenantError(draft.slug) : error;
    }
    return tenantOf(body);
  }

  override async replace(tenant: Tenant, event: AuditEvent): Promise<Tenant> {
    const ref = tenantDocument(tenant.id);
    const known = await this.documents.read(ref);
    const before = stored(known);
    if (!known || !before) throw new UnknownTenantError();
    if (before.version !== tenant.version - 1) throw new ConflictError();
    const body = bodyOf({ ...tenant, slug: before.slug, createdAt: before.createdAt });
    try {
      await this.documents.write(ref, { body, rev: known.rev }, { event, topic: 'access', of: tenant.id });
    } catch (error) {
      throw error instanceof DocumentConflictError ? new ConflictError() : error;
    }
    return tenantOf(body);
  }

  override async remove(id: TenantId, event: AuditEvent): Promise<boolean> {
    const isGone = await afterOthers(async () => {
      const ref = tenantDocument(id);
      const known = await this.documents.read(ref);
      const tenant = stored(known);
      if (!known || !tenant) return false;
      const body = { ...known.body, removedAt: new Date(this.clock.now()).toISOString() };
      const change = {
        claims: [{ ref: this.removals.refOf(id) }],
        releases: [slugRef(tenant.slug)],
        drops: [dataKeysRef(id)], // what was sealed for it opens nowhere any more, however long it lies there
      };
      await this.documents.write(ref, { body, rev: known.rev }, { event, topic: 'access', of: id, ...change });
      return true;
    });
    if (isGone) await this.removals.begin(id);
    return isGone;
  }

  private made(draft: TenantDraft): JsonObject {
    return bodyOf({ ...draft, limits: {}, auditMode: 'batched', version: 1, createdAt: new Date(this.clock.now()) });
  }
}

const slugRef = (slug: string): DocumentRef => ({ partition: OPERATOR, path: pathOf('tenant-slug', slug) });

function bodyOf({ limits, suspendedAt, createdAt, ...rest }: Tenant): JsonObject {
  return {
    ...rest,
    limits: { ...limits },
    ...(suspendedAt ? { suspendedAt: suspendedAt.toISOString() } : {}),
    createdAt: createdAt.toISOString(),
  };
}

function stored(document: StoredDocument | undefined): Tenant | undefined {
  return document && document.body['removedAt'] === undefined ? tenantOf(document.body) : undefined;
}

function tenantOf(body: JsonObject): Tenant {
  const { id, slug, name, limits, auditMode, suspendedAt, version, createdAt } = body as Record<string, unknown>;
  return {
    id: tenantId(id as string),
    slug: slug as string,
    name: name as string,
    limits: limits as TenantLimits,
    auditMode: auditMode as Tenant['auditMode'],
    ...(suspendedAt === undefined ? {} : { suspendedAt: new Date(suspendedAt as string) }),
    version: version as number,
    createdAt: new Date(createdAt as string),
  };
}
