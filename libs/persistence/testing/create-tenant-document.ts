import { randomUUID } from 'node:crypto';
import { type TenantId, tenantId } from '#kernel';
import type { Documents } from '../src/documents/documents.js';
import { tenantDocument } from '../src/documents/tenant-document.js';

/** A new tenant with nothing in it, in a database of documents. */
export async function createTenantDocument(
  documents: Documents,
  { id = tenantId(randomUUID()), auditMode = 'batched' }: { id?: TenantId; auditMode?: 'batched' | 'strict' } = {},
): Promise<TenantId> {
  const value = {
    slug: `t-${id}`,
    name: 'A tenant',
    limits: {},
    auditMode,
    version: 1,
    createdAt: new Date().toJSON(),
  };
  await documents.write(tenantDocument(id), { value });
  return id;
}
