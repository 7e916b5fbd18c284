import { randomUUID } from 'node:crypto';
import { Clock, tenantId } from '#kernel';
import type { Documents } from '#persistence';
import { recordedActions, recordingOn, trailOn } from '#audit/testing';
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
import {
  type OpenRecords,
  describeAuthorizationRecordStore,
} from '../../testing/authorization-record-store.contract.js';
import { DocumentsAuthorizationRecordStore } from './records/documents.authorization-record.store.js';
import { MemoryAuthorizationRecordStore } from './records/memory.authorization-record.store.js';
import { PostgresAuthorizationRecordStore } from './records/postgres.authorization-record.store.js';
import { RecordIndex } from './records/record-index.js';

async function onDatabase(open: () => Promise<OpenDatabase>): Promise<OpenRecords> {
  const { database, close } = await open();
  return {
    records: new PostgresAuthorizationRecordStore(database, await trailOn(database)),
    tenants: [await createTenant(database), await createTenant(database)],
    actions: async (tenant) => {
      const rows = await database.inTenant(tenant, (tx) =>
        tx.query<{ action: string }>('SELECT action FROM audit_events ORDER BY seq'),
      );
      return rows.map(({ action }) => action);
    },
    announcements: async (tenant) => {
      const [row] = await database.inTenant(tenant, (tx) =>
        tx.query<{ version: string }>(`SELECT version FROM change_versions WHERE topic = 'access'`),
      );
      return Number(row?.version ?? 0);
    },
    close,
  };
}

async function inMemory(): Promise<OpenRecords> {
  const announced: string[] = [];
  const records = new MemoryAuthorizationRecordStore(new Clock(), (tenant) => announced.push(tenant));
  return {
    records,
    tenants: [tenantId(randomUUID()), tenantId(randomUUID())],
    actions: async () => records.events.map(({ action }) => action),
    announcements: async (tenant) => announced.filter((one) => one === tenant).length,
    close: async () => undefined,
  };
}

async function onCloudant(): Promise<OpenRecords> {
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
): Promise<OpenRecords> {
  const { recorded, changes } = await recordingOn(documents);
  const announced: string[] = [];
  changes.onAnnounced(({ tenantId: changed }) => void announced.push(changed));
  return {
    records: new DocumentsAuthorizationRecordStore(recorded, new RecordIndex(documents), new Clock()),
    tenants: [await createTenantDocument(documents), await createTenantDocument(documents)],
    actions: (tenant) => recordedActions(documents, tenant),
    announcements: async (tenant) => announced.filter((one) => one === tenant).length,
    close,
  };
}

describeAuthorizationRecordStore('memory', inMemory);
describeAuthorizationRecordStore('documents', () => onDocuments());
describeAuthorizationRecordStore('a CouchDB-compatible server', onCloudant);
describeAuthorizationRecordStore('the embedded database', () => onDatabase(() => openEmbeddedDatabase()));
describeAuthorizationRecordStore('Postgres', () => onDatabase(() => openPostgresDatabase()));
