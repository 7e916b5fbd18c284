import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import { Clock, type TenantId, tenantId } from '#kernel';
import { DocumentChanges, type Documents } from '#persistence';
import {
  MemoryDocuments,
  type OpenDatabase,
  createTenant,
  injectBadDay,
  openCloudantDocuments,
  openCloudantServer,
  openEmbeddedDatabase,
  openPostgresDatabase,
} from '#persistence/testing';
import { type OpenSessionRecordStore, describeSessionRecordStore } from '../testing/session-record-store.contract.js';
import { DocumentsSessionRecordStore } from './documents/documents.session-record.store.js';
import { MemorySessionRecordStore } from './memory/memory.session-record.store.js';
import { PostgresSessionRecordStore } from './postgres/postgres.session-record.store.js';

const anyTenant = async () => tenantId(randomUUID());
const nothing = async () => undefined;

async function onDatabase(open: () => Promise<OpenDatabase>): Promise<OpenSessionRecordStore> {
  const { database, close } = await open();
  const announced: TenantId[] = [];
  database.onAnnounced((change) => announced.push(change.tenantId));
  return {
    store: new PostgresSessionRecordStore(database),
    tenant: () => createTenant(database),
    announced: () => announced,
    close,
  };
}

function onDocuments(documents: Documents): OpenSessionRecordStore {
  const changes = new DocumentChanges(documents, new Clock());
  const announced: TenantId[] = [];
  changes.onAnnounced((change) => announced.push(change.tenantId));
  return {
    store: new DocumentsSessionRecordStore(documents, changes, new Clock()),
    tenant: anyTenant,
    announced: () => announced,
    close: nothing,
  };
}

async function onCloudant(isBadDay = false): Promise<OpenSessionRecordStore> {
  const server = await openCloudantServer();
  const { documents, close } = await openCloudantDocuments(server.database());
  const befallen = isBadDay ? injectBadDay(server.front.faults) : undefined;
  return {
    ...onDocuments(documents),
    async close() {
      if (befallen) expect(befallen.size).toBeGreaterThan(0);
      await close();
      await server.close();
    },
  };
}

describeSessionRecordStore('memory', async () => {
  const announced: TenantId[] = [];
  const store = new MemorySessionRecordStore(new Clock(), (tenant) => announced.push(tenant));
  return { store, tenant: anyTenant, announced: () => announced, close: nothing };
});
describeSessionRecordStore('documents', async () => onDocuments(new MemoryDocuments()));
describeSessionRecordStore('Cloudant', () => onCloudant());
describeSessionRecordStore('Cloudant on a bad day', () => onCloudant(true));
describeSessionRecordStore('the embedded database', () => onDatabase(() => openEmbeddedDatabase()));
describeSessionRecordStore('Postgres', () => onDatabase(() => openPostgresDatabase()));
