import { type JsonObject, type TenantId, tenantId } from '#kernel';
import { Documents, OPERATOR, TENANT_DOCUMENTS, tenantDocument, tenantIn } from '#persistence';
import { Injectable } from '@nestjs/common';
import { type AuditMode, type AuditedTenant, AuditedTenants } from '../audited-tenants.js';

const PAGE = 1000;

@Injectable()
export class DocumentsAuditedTenants extends AuditedTenants {
  constructor(private readonly documents: Documents) {
    super();
  }

  override async list(): Promise<readonly AuditedTenant[]> {
    const tenants: AuditedTenant[] = [];
    let after = '';
    for (;;) {
      const page = await this.documents.range(OPERATOR, { prefix: TENANT_DOCUMENTS, after, limit: PAGE });
      for (const { path, body } of page) {
        const tenant = tenantIn(body);
        if (tenant) tenants.push({ id: tenantId(path.slice(TENANT_DOCUMENTS.length)), slug: slugOf(tenant) });
      }
      if (page.length < PAGE) return tenants.sort((a, b) => (a.slug < b.slug ? -1 : 1));
      after = page.at(-1)!.path;
    }
  }

  override async modeOf(tenant: TenantId): Promise<AuditMode> {
    const found = await this.documents.read(tenantDocument(tenant));
    return tenantIn(found?.body)?.['auditMode'] === 'strict' ? 'strict' : 'batched';
  }
}

const slugOf = (tenant: JsonObject): string => tenant['slug'] as string;
