import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import { Clock, tenantId } from '#kernel';
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
import { type OpenConsents, describePendingConsentStore } from '../../testing/pending-consent-store.contract.js';
import { DocumentsPendingConsentStore } from '../documents/documents.pending-consent.store.js';
import { MemoryPendingConsentStore } from '../memory/memory.pending-consent.store.js';
import { PostgresPendingConsentStore } from '../postgres/postgres.pending-consent.store.js';

let count = 0;
const anyTenant = async () => tenantId(`tenant-${count++}`);
const nothing = async () => undefined;

async function onDatabase(open: () => Promise<OpenDatabase>): Promise<OpenConsents> {
  const { database, close } = await open();
  return { consents: new PostgresPendingConsentStore(database), tenant: () => createTenant(database), close };
}

async function onCloudant(isBadDay = false): Promise<OpenConsents> {
  const server = await openCloudantServer();
  const { documents, close } = await openCloudantDocuments(server.database());
  const befallen = isBadDay ? injectBadDay(server.front.faults) : undefined;
  return {
    consents: new DocumentsPendingConsentStore(documents, new Clock()),
    tenant: async () => tenantId(randomUUID()),
    async close() {
      if (befallen) expect([...befallen.keys()].sort()).toEqual(['409', '429', '503', 'accepted', 'cut', 'lost']);
      await close();
      await server.close();
    },
  };
}

describePendingConsentStore('memory', async () => ({
  consents: new MemoryPendingConsentStore(new Clock()),
  tenant: anyTenant,
  close: nothing,
}));
describePendingConsentStore('documents', async () => ({
  consents: new DocumentsPendingConsentStore(new MemoryDocuments(), new Clock()),
  tenant: anyTenant,
  close: nothing,
}));
describePendingConsentStore('Cloudant', () => onCloudant());
describePendingConsentStore('Cloudant on a bad day', () => onCloudant(true));
describePendingConsentStore('the embedded database', () => onDatabase(() => openEmbeddedDatabase()));
describePendingConsentStore('Postgres', () => onDatabase(() => openPostgresDatabase()));
