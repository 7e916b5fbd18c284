import type { JsonObject, TenantId } from '#kernel';
import { type DocumentRef, type Documents, OPERATOR } from './documents.js';

/** What every path of a tenant's own document begins with, in the partition of the operator. */
export const TENANT_DOCUMENTS = 'tenant/';

/** The document that says that a tenant exists: what the table `tenants` is elsewhere. */
export const tenantDocument = (id: TenantId): DocumentRef => ({
  partition: OPERATOR,
  path: `${TENANT_DOCUMENTS}${id}`,
});

/** What such a document says of a tenant; absent for one that is still being made, and for one that is being removed. */
export function tenantIn(body: JsonObject | undefined): JsonObject | undefined {
  const value = body?.['value'] as JsonObject | undefined;
  return value?.['removedAt'] === undefined ? value : undefined;
}

/** Whether something may be stored for a tenant. */
export async function tenantExists(documents: Documents, id: TenantId): Promise<boolean> {
  return tenantIn((await documents.read(tenantDocument(id)))?.body) !== undefined;
}
