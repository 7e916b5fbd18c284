import { describe } from '@jest/globals';
import { Clock, type TenantId } from '#kernel';
import { type Documents, KeyWrapper, tenantDocument } from '#persistence';
import {
  MemoryDocuments,
  type OpenDatabase,
  createTenant,
  createTenantDocument,
  openCloudantDocuments,
  openCloudantServer,
  openEmbeddedDatabase,
  openPostgresDatabase,
  ringProvider,
} from '#persistence/testing';
import { AuditCheck } from '../src/audit-check.js';
import type { AuditStore } from '../src/audit-store.js';
import type { AuditTrail } from '../src/audit-trail.js';
import type { AuditMode, AuditedTenants } from '../src/audited-tenants.js';
import { DocumentsAuditStore } from '../src/documents/documents.audit-store.js';
import { DocumentsAuditedTenants } from '../src/documents/documents.audited-tenants.js';
import { PostgresAuditStore } from '../src/postgres.audit-store.js';
import { PostgresAuditedTenants } from '../src/postgres.audited-tenants.js';
import { documentsTrailOn } from './documents-on.js';
import { trailOn } from './trail-on.js';

/** Trails on one backend. */
export interface OpenTrail {
  readonly trail: AuditTrail;
  readonly store: AuditStore;
  readonly check: AuditCheck;
  readonly tenants: AuditedTenants;
  createTenant(): Promise<TenantId>;
  setMode(tenant: TenantId, mode: AuditMode): Promise<void>;
  close(): Promise<void>;
}

async function onDatabase({ database, close }: OpenDatabase): Promise<OpenTrail> {
  const provider = await ringProvider();
  const store = new PostgresAuditStore(database);
  return {
    trail: await trailOn(database, { provider }),
    store,
    check: new AuditCheck(store, new KeyWrapper(provider)),
    tenants: new PostgresAuditedTenants(database),
    createTenant: () => createTenant(database),
    setMode: async (tenant, mode) => {
      await database.asOperator((tx) => tx.execute(`UPDATE tenants SET audit_mode = $1 WHERE id = $2`, [mode, tenant]));
    },
    close,
  };
}

/** @param close what ends the documents */
export async function openDocumentsTrail(
  documents: Documents = new MemoryDocuments(),
  close: () => Promise<void> = async () => undefined,
): Promise<OpenTrail> {
  const provider = await ringProvider();
  const wrapper = new KeyWrapper(provider);
  const store = new DocumentsAuditStore(documents, wrapper);
  return {
    trail: await documentsTrailOn(documents, { clock: new Clock(), provider }),
    store,
    check: new AuditCheck(store, wrapper),
    tenants: new DocumentsAuditedTenants(documents),
    createTenant: () => createTenantDocument(documents),
    setMode: async (tenant, mode) => {
      const { rev, body } = (await documents.read(tenantDocument(tenant)))!;
      await documents.write(tenantDocument(tenant), { value: { ...(body['value'] as object), auditMode: mode } }, rev);
    },
    close,
  };
}

async function openCloudantTrail(): Promise<OpenTrail> {
  const server = await openCloudantServer();
  const { documents, close } = await openCloudantDocuments(server.database());
  return openDocumentsTrail(documents, async () => {
    await close();
    await server.close();
  });
}

/** Declares the same tests on every backend. `open` gives an empty one at each call. */
export function describeOnEveryTrail(name: string, tests: (open: () => Promise<OpenTrail>) => void): void {
  describe(`${name}, embedded`, () => tests(async () => onDatabase(await openEmbeddedDatabase())));
  describe(`${name}, on Postgres`, () => tests(async () => onDatabase(await openPostgresDatabase())));
  describe(`${name}, on documents`, () => tests(() => openDocumentsTrail()));
  describe(`${name}, on a CouchDB-compatible server`, () => tests(openCloudantTrail));
}
