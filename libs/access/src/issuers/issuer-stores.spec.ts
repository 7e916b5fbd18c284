import { recordedActions, recordingOn, trailOn } from '#audit/testing';
import { Clock, tenantId } from '#kernel';
import type { Documents } from '#persistence';
import {
  MemoryDocuments,
  type OpenDatabase,
  createTenant,
  createTenantDocument,
  openCloudantDocuments,
  openCloudantServer,
  openEmbeddedDatabase,
  openPostgresDatabase,
} from '#persistence/testing';
import { describe, expect, it } from '@jest/globals';
import { SYSTEM } from '#tenancy';
import { type OpenIssuerStore, describeIssuerStore } from '../../testing/issuer-store.contract.js';
import { MemoryIssuerStore } from '../../testing/memory.issuer.store.js';
import { MemoryTrail } from '../../testing/memory-trail.js';
import { DocumentsIssuerStore } from './documents.issuer.store.js';
import { PostgresIssuerStore } from './postgres.issuer.store.js';

async function onDatabase(open: () => Promise<OpenDatabase>): Promise<OpenIssuerStore> {
  const { database, close } = await open();
  const read = <R>(tenant: ReturnType<typeof tenantId>, sql: string) =>
    database.inTenant(tenant, (tx) => tx.query<R>(sql));
  return {
    store: new PostgresIssuerStore(database, await trailOn(database)),
    tenants: [await createTenant(database), await createTenant(database)],
    recorded: async (tenant) =>
      (await read<{ action: string }>(tenant, 'SELECT action FROM audit_events ORDER BY seq')).map(
        ({ action }) => action,
      ),
    announced: async (tenant) =>
      Number((await read<{ version: string }>(tenant, 'SELECT version FROM change_versions'))[0]?.version ?? 0),
    close,
  };
}

async function inMemory(): Promise<OpenIssuerStore> {
  const trail = new MemoryTrail();
  const announced: string[] = [];
  trail.feed.onChange(({ tenantId: changed }) => void announced.push(changed));
  return {
    store: new MemoryIssuerStore(trail),
    tenants: [tenantId('acme'), tenantId('globex')],
    recorded: async (tenant) => trail.events.filter((one) => one.tenantId === tenant).map(({ event }) => event.action),
    announced: async (tenant) => announced.filter((one) => one === tenant).length,
    close: async () => undefined,
  };
}

async function onCloudant(): Promise<OpenIssuerStore> {
  const server = await openCloudantServer();
  const { documents, close } = await openCloudantDocuments(server.database());
  return onDocuments(documents, async () => {
    await close();
    await server.close();
  });
}

async function onDocuments(
  documents: Documents = new MemoryDocuments(),
  close: () => Promise<void> = async () => undefined,
): Promise<OpenIssuerStore> {
  const { recorded, changes } = await recordingOn(documents);
  const announced: string[] = [];
  changes.onAnnounced(({ tenantId: changed }) => void announced.push(changed));
  return {
    store: new DocumentsIssuerStore(recorded, new Clock()),
    tenants: [await createTenantDocument(documents), await createTenantDocument(documents)],
    recorded: (tenant) => recordedActions(documents, tenant),
    announced: async (tenant) => announced.filter((one) => one === tenant).length,
    close,
  };
}

describeIssuerStore('memory', inMemory);
describeIssuerStore('documents', () => onDocuments());
describeIssuerStore('a CouchDB-compatible server', onCloudant);
describeIssuerStore('the embedded database', () => onDatabase(() => openEmbeddedDatabase()));
describeIssuerStore('Postgres', () => onDatabase(() => openPostgresDatabase()));

describe('the table of issuers', () => {
  it('is read by the operator and written by nobody but its tenant', async () => {
    const { database, close } = await openPostgresDatabase();
    try {
      const [own, foreign] = [await createTenant(database), await createTenant(database)];
      const settings = {
        issuer: 'https://idp.example',
        kind: 'jwt' as const,
        audiences: [],
        algorithms: ['ES256'],
        role_map: {},
        default_roles: [],
      };
      const event = { action: 'issuer.created', actor: SYSTEM };
      const store = new PostgresIssuerStore(database, await trailOn(database));
      await store.write({ tenantId: own, id: 'idp', settings, version: 1 }, event);

      const read = 'SELECT tenant_id FROM issuers';
      expect(await database.inTenant(foreign, (tx) => tx.query(read))).toEqual([]);
      expect(await database.asOperator((tx) => tx.query(read))).toEqual([{ tenant_id: own }]);
      for (const sql of [`UPDATE issuers SET settings = '{}'`, 'DELETE FROM issuers']) {
        expect(await database.inTenant(foreign, (tx) => tx.execute(sql))).toBe(0);
        expect(await database.asOperator((tx) => tx.execute(sql))).toBe(0);
      }
      const insert = `INSERT INTO issuers (tenant_id, id, issuer, settings, version) VALUES ('${own}', 'x', 'x', '{}', 1)`;
      await expect(database.inTenant(foreign, (tx) => tx.execute(insert))).rejects.toMatchObject({ code: '42501' });
      await expect(database.asOperator((tx) => tx.execute(insert))).rejects.toMatchObject({ code: '42501' });
    } finally {
      await close();
    }
  });
});
