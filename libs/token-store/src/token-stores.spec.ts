import { describe, expect, it } from '@jest/globals';
import { recordingOn, trailOn } from '#audit/testing';
import { Clock, type TenantId, serverId, tenantId } from '#kernel';
import type { Documents } from '#persistence';
import {
  MemoryDocuments,
  type OpenDatabase,
  createTenant,
  createTenantDocument,
  injectBadDay,
  openCloudantDocuments,
  openCloudantServer,
  openEmbeddedDatabase,
  openPostgresDatabase,
  openPresence,
} from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { type OpenTokenStore, describeTokenStore } from '../testing/token-store.contract.js';
import { accepting, claiming } from './credential-rules.js';
import { DocumentsTokenStore } from './documents/documents.token-store.js';
import { MemoryTokenStore } from './memory/memory.token-store.js';
import { PostgresTokenStore } from './postgres/postgres.token-store.js';

let count = 0;
const anyTenant = async (): Promise<TenantId> => tenantId(`tenant-${count++}`);

class Tally {
  private readonly counts = new Map<TenantId, number>();
  readonly add = (tenant: TenantId): void => void this.counts.set(tenant, this.of(tenant) + 1);
  readonly of = (tenant: TenantId): number => this.counts.get(tenant) ?? 0;
}

class GoneClock extends Clock {
  private ahead = 0;
  override now(): number {
    return super.now() + this.ahead;
  }
  readonly pass = async (_: TenantId, ms: number): Promise<void> => void (this.ahead += ms);
}

async function inMemory(): Promise<OpenTokenStore> {
  const announced = new Tally();
  const clock = new GoneClock();
  const store = new MemoryTokenStore(clock, announced.add);
  const actions = async (tenant: TenantId) =>
    store.events.filter(({ tenantId: of }) => of === tenant).map(({ event }) => event.action);
  return {
    store,
    tenant: anyTenant,
    actions,
    announcements: async (t) => announced.of(t),
    pass: clock.pass,
    close: async () => undefined,
  };
}

async function onDocuments(documents: Documents, close = async () => undefined): Promise<OpenTokenStore> {
  const { recorded, changes } = await recordingOn(documents);
  const announced = new Tally();
  const clock = new GoneClock();
  changes.onAnnounced(({ tenantId: of, topic }) => topic === 'credentials' && announced.add(of));
  return {
    store: new DocumentsTokenStore(recorded, clock),
    tenant: () => createTenantDocument(documents),
    actions: (of) => actionsOn(documents, of),
    announcements: async (tenant) => announced.of(tenant),
    pass: clock.pass,
    close,
  };
}

/** Events lie in documents of their own, one or several in each. */
async function actionsOn(documents: Documents, tenant: TenantId): Promise<readonly string[]> {
  const trail = await documents.range(tenant, { prefix: 'audit/' });
  const events = trail.flatMap(({ body }) => body['events'] as readonly { readonly body: string }[]);
  return events.map(({ body }) => (JSON.parse(body) as { readonly action: string }).action);
}

async function onCloudant(isBadDay = false): Promise<OpenTokenStore> {
  const server = await openCloudantServer();
  const { documents, close } = await openCloudantDocuments(server.database());
  const befallen = isBadDay ? injectBadDay(server.front.faults) : undefined;
  return onDocuments(documents, async () => {
    if (befallen) expect([...befallen.keys()].sort()).toEqual(['409', '429', '503', 'accepted', 'cut', 'lost']);
    await close();
    await server.close();
  });
}

async function onDatabase(open: () => Promise<OpenDatabase>): Promise<OpenTokenStore> {
  const { database, config, close } = await open();
  const announced = new Tally();
  database.onAnnounced(({ tenantId: of, topic }) => topic === 'credentials' && announced.add(of));
  const { presence } = openPresence(config);
  return {
    store: new PostgresTokenStore(database, await trailOn(database), presence),
    tenant: () => createTenant(database),
    announcements: async (tenant) => announced.of(tenant),
    async pass(tenant, ms) {
      const sql = `UPDATE credentials SET taken_at = taken_at - interval '${ms} milliseconds'`;
      await database.inTenant(tenant, (tx) => tx.execute(sql));
    },
    async actions(tenant) {
      const events = await database.inTenant(tenant, (tx) =>
        tx.query<{ action: string }>('SELECT action FROM audit_events ORDER BY seq'),
      );
      return events.map(({ action }) => action);
    },
    close,
  };
}

describeTokenStore('memory', inMemory);
describeTokenStore('documents', () => onDocuments(new MemoryDocuments()));
describeTokenStore('Cloudant', () => onCloudant());
describeTokenStore('Cloudant on a bad day', () => onCloudant(true));
describeTokenStore('the embedded database', () => onDatabase(() => openEmbeddedDatabase()));
describeTokenStore('Postgres', () => onDatabase(() => openPostgresDatabase()));

describe('credentials on documents', () => {
  const openOne = async () => {
    const documents = new MemoryDocuments();
    const { recorded } = await recordingOn(documents);
    const store = new DocumentsTokenStore(recorded, new Clock());
    const tenant = await createTenantDocument(documents);
    const key = { tenantId: tenant, serverId: serverId('crm'), kind: 'token' as const, issuer: 'i', fingerprint: 'f' };
    const record = {
      ...{ key, state: 'live' as const, generation: 1, stamp: 's', acceptedGeneration: 0, forcedAt: [], attempts: 0 },
      updatedAt: 0,
    };
    await store.change(key, () => ({ result: 0, record }));
    return { recorded, store, key };
  };

  it('leave a claim to who has it, although it was changed before he could read it back', async () => {
    const { recorded, store, key } = await openOne();
    const write = recorded.write.bind(recorded);
    recorded.write = async (...args) => {
      recorded.write = write;
      const rev = await write(...args);
      await store.change(key, (look) => accepting(look, 1));
      return rev;
    };
    const wish = { key, id: 'own', stamp: 's', isForced: false, wasAccepted: false };
    const outcome = await store.change(key, (look) => claiming(look, wish));
    expect(outcome).toMatchObject({ claim: { id: 'own' }, record: { acceptedGeneration: 1 } });
  });

  it('are taken although somebody changes one between its reading and its taking', async () => {
    const { recorded, store, key } = await openOne();
    const event = () => ({ action: 'credential.revoked', actor: SYSTEM, target: 'server:crm' });
    const write = recorded.write.bind(recorded);
    recorded.write = async (...args) => {
      recorded.write = write;
      await store.change(key, (look) => accepting(look, 1));
      return write(...args);
    };
    expect(await store.take({ tenantId: key.tenantId }, event)).toMatchObject([{ key, acceptedGeneration: 1 }]);
    expect(await store.take({ tenantId: key.tenantId }, event)).toEqual([]);
  });
});

describe('credentials in Postgres', () => {
  it('tell whether the process that renews them is still there', async () => {
    const opened = await openPostgresDatabase();
    const [own, other] = [openPresence(opened.config), openPresence(opened.config)];
    try {
      const store = new PostgresTokenStore(opened.database, await trailOn(opened.database), own.presence);
      const key = {
        ...{ tenantId: await createTenant(opened.database), serverId: serverId('crm'), kind: 'token' as const },
        ...{ issuer: 'i', fingerprint: 'f' },
      };
      await other.presence.show();
      const record = {
        ...{ key, state: 'live' as const, generation: 1, stamp: 's', acceptedGeneration: 0, forcedAt: [], attempts: 0 },
        ...{ updatedAt: 0, claim: { id: 'c', owner: other.presence.number, leaseUntil: 1 } },
      };
      await store.change(key, () => ({ result: 0, record }));
      expect((await store.read(key))?.isOwnerGone).toBe(false);
      await other.close();
      expect((await store.read(key))?.isOwnerGone).toBe(true);
      const { owner: _, ...claim } = record.claim;
      await store.change(key, () => ({ result: 0, record: { ...record, claim } }));
      expect((await store.read(key))?.isOwnerGone).toBe(false);
    } finally {
      await own.close();
      await other.close();
      await opened.close();
    }
  });

  it('are not kept for a tenant that is not there', async () => {
    const opened = await openPostgresDatabase();
    const { presence } = openPresence(opened.config);
    const store = new PostgresTokenStore(opened.database, await trailOn(opened.database), presence);
    const key = {
      ...{ tenantId: tenantId('00000000-0000-4000-8000-0000000000ff'), serverId: serverId('crm') },
      ...{ kind: 'token' as const, issuer: 'i', fingerprint: 'f' },
    };
    const record = {
      ...{ key, state: 'live' as const, generation: 1, stamp: 's', acceptedGeneration: 0, forcedAt: [], attempts: 0 },
      updatedAt: 0,
    };
    await expect(store.change(key, () => ({ result: 0, record }))).rejects.toMatchObject({
      code: 'COMPOSER_TENANT_UNKNOWN',
    });
    await opened.close();
  });
});
