import { randomBytes, randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { MovedClock, type OpenRecording, WatchedDocuments, recordingOn } from '#audit/testing';
import { type PrincipalId, type TenantId, principalId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { DatabaseUnavailableError, Documents, OPERATOR, dataKeysRef, tenantDocument } from '#persistence';
import { MemoryDocuments, StaleDocuments, createTenantDocument } from '#persistence/testing';
import { DEFAULT_TENANT } from '#tenancy';
import { eventOf } from '../testing/access-stores.js';
import { DocumentsAuthorizationRecordStore } from './authorization-server/records/documents.authorization-record.store.js';
import { RecordIndex } from './authorization-server/records/record-index.js';
import { pathOf } from './document-paths.js';
import { DocumentsIssuerStore } from './issuers/documents.issuer.store.js';
import { DocumentsApiKeyStore } from './keys/documents.api-key.store.js';
import { DocumentsPrincipalStore } from './principals/documents.principal.store.js';
import { DocumentsTenantStore } from './tenants/documents.tenant.store.js';
import { TenantRemovals } from './tenants/tenant-removals.js';

const log = Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined);

describe('the stores of access, on documents', () => {
  let documents: MemoryDocuments;
  let clock: MovedClock;
  let recording: OpenRecording;
  let tenant: TenantId;

  beforeEach(async () => {
    documents = new MemoryDocuments();
    clock = new MovedClock();
    recording = await recordingOn(documents, { clock });
    await createTenantDocument(documents, { id: DEFAULT_TENANT });
    tenant = await createTenantDocument(documents);
  });
  const pathsOf = async (partition: TenantId | typeof OPERATOR, prefix = '') =>
    (await documents.range(partition, { prefix })).map(({ path }) => path);

  it('let no key in that outlived its principal, whoever has its name now', async () => {
    const [principals, keys] = [
      new DocumentsPrincipalStore(recording.recorded, clock),
      new DocumentsApiKeyStore(recording.recorded, clock),
    ];
    const bot = principalId('bot');
    const put = (id: PrincipalId) =>
      principals.insert({ tenantId: tenant, id, kind: 'service', name: id, roles: [] }, eventOf('principal.created'));
    await put(bot);
    const draft = { tenantId: tenant, id: 'k1', principalId: bot, name: 'k', hash: randomBytes(32), scopes: [] };
    await keys.insert(draft, eventOf('api_key.created'));
    const left = (await documents.read({ partition: tenant, path: pathOf('api-key', 'k1') }))!;
    await principals.remove(tenant, bot, eventOf('principal.deleted'));
    expect(await pathsOf(tenant, 'api-key/')).toEqual([]);
    await documents.write({ partition: tenant, path: left.path }, left.body);
    expect(await keys.find(tenant, 'k1')).toBeUndefined();
    await put(bot);
    expect(await keys.find(tenant, 'k1')).toBeUndefined();
    expect(await keys.list(tenant)).toEqual([]);
    expect(await keys.revoke(tenant, 'k1', eventOf('api_key.revoked'))).toBe(false);
  });

  it('take ids that look like paths for nothing but names', async () => {
    const principals = new DocumentsPrincipalStore(recording.recorded, clock);
    const ids = ['..', '.', 'a/../b', '/', 'a/b', 'a0', '%2e'];
    for (const id of ids) {
      const draft = { tenantId: tenant, id: principalId(id), kind: 'service', name: id, roles: [] } as const;
      await principals.insert(draft, eventOf('principal.created'));
    }
    const listed = (await principals.list(tenant, { limit: 100 })).map(({ id }) => id as string);
    expect(listed).toEqual([...ids].sort());
    for (const id of ids) expect((await principals.find(tenant, principalId(id)))?.name).toBe(id);
    expect((await principals.list(tenant, { after: 'a/b', limit: 1 })).map(({ id }) => id)).toEqual(['a0']);
  });

  describe('of tenants', () => {
    let removals: TenantRemovals;
    let tenants: DocumentsTenantStore;
    const open = (on: Documents) => {
      removals = new TenantRemovals(on, recording.recorded, recording.changes, clock, log);
      tenants = new DocumentsTenantStore(recording.recorded, removals, clock);
    };
    beforeEach(() => open(documents));
    const made = (slug: string) =>
      tenants.insert({ id: tenantId(randomUUID()), slug, name: slug }, eventOf('tenant.created'));

    it('make the default tenant once, whoever begins', async () => {
      documents = new MemoryDocuments();
      recording = await recordingOn(documents, { clock });
      const others = await recordingOn(documents, { clock });
      open(documents);
      const second = new DocumentsTenantStore(others.recorded, removals, clock);
      await Promise.all([tenants.onModuleInit(), second.onModuleInit()]);
      await tenants.onModuleInit();
      expect((await tenants.list()).map(({ slug }) => slug)).toEqual(['default']);
    });

    it('are gone and leave their slug at once, although what they had cannot be taken away yet', async () => {
      const { id } = await made('acme');
      await documents.write({ partition: id, path: 'thing/1' }, {});
      const away = Object.create(documents, {
        range: { value: () => Promise.reject(new DatabaseUnavailableError('is away')) },
      }) as Documents;
      open(away);
      expect(await tenants.remove(id, eventOf('tenant.deleted'))).toBe(true);
      expect([await tenants.find(id), await tenants.findBySlug('acme')]).toEqual([undefined, undefined]);
      expect(await pathsOf(id)).toEqual(['thing/1']);
      expect((await made('acme')).id).not.toBe(id);
      open(documents);
      await removals.sweep();
      expect(await pathsOf(id)).toEqual([]);
    });

    const away = () => new DatabaseUnavailableError('is away');
    const seals = async (id: TenantId) => {
      await documents.write(dataKeysRef(id), { keys: {} });
      await documents.write({ partition: id, path: 'a-thing/1' }, {});
      await recording.trail.record(id, eventOf('thing.made'));
    };

    it('have lost their keys when they are gone, although nothing else can be taken away yet', async () => {
      const { id } = await made('acme');
      await seals(id);
      open(
        new WatchedDocuments(documents, ({ method, partition }) => {
          if (method === 'range' && partition === id) throw away();
        }),
      );
      await tenants.remove(id, eventOf('tenant.deleted'));
      expect(await pathsOf(id, 'keys/')).toEqual([]);
      expect(await pathsOf(id, 'a-thing/')).toHaveLength(1);
    });

    it('lose first what opens the rest, also where it has come late', async () => {
      const { id } = await made('acme');
      await tenants.remove(id, eventOf('tenant.deleted'));
      await documents.write(dataKeysRef(id), { keys: {} });
      for (const path of ['audit-head/1', 'a-thing/1']) await documents.write({ partition: id, path }, {});
      const removed: string[] = [];
      open(
        new WatchedDocuments(documents, ({ method, partition, path }) => {
          if (method === 'remove' && partition === id) removed.push(path);
        }),
      );
      await removals.sweep();
      expect(removed).toEqual(['keys/data', 'audit-head/1', 'a-thing/1']);
    });

    it('lose what is too large to be looked at together', async () => {
      const { id } = await made('acme');
      await tenants.remove(id, eventOf('tenant.deleted'));
      for (let n = 0; n < 40; n++) await documents.write({ partition: id, path: `thing/${n}` }, { n });
      let refused = 0;
      const small = Object.create(documents, {
        range: {
          value: async (...args: Parameters<Documents['range']>) => {
            const page = await documents.range(...args);
            if (args[0] !== id || page.length < 3) return page;
            refused += 1;
            throw away();
          },
        },
      }) as Documents;
      open(small);
      await removals.sweep();
      expect(await pathsOf(id)).toEqual([]);
      expect(refused).toBeLessThan(3);
    });

    it('are no hindrance to each other', async () => {
      const both = [await made('acme'), await made('globex')].map(({ id }) => id).sort();
      for (const id of both) await tenants.remove(id, eventOf('tenant.deleted'));
      for (const id of both) await documents.write({ partition: id, path: 'thing/1' }, {});
      open(
        new WatchedDocuments(documents, ({ method, partition }) => {
          if (method === 'range' && partition === both[0]) throw away();
        }),
      );
      await removals.sweep();
      expect([(await pathsOf(both[0]!)).length, await pathsOf(both[1]!)]).toEqual([1, []]);
    });

    it('lose what comes late too, and then every trace', async () => {
      const { id } = await made('acme');
      await tenants.remove(id, eventOf('tenant.deleted'));
      await documents.write({ partition: id, path: 'late/1' }, {});
      clock.later += 60_000;
      await removals.sweep();
      expect(await pathsOf(id)).toEqual([]);
      expect(await documents.read(tenantDocument(id))).toBeDefined();
      expect(await pathsOf(OPERATOR, 'tenant-removal/')).toHaveLength(1);
      clock.later += 10 * 60_000;
      await removals.sweep();
      expect(await documents.read(tenantDocument(id))).toBeUndefined();
      expect(await pathsOf(OPERATOR, 'tenant-removal/')).toEqual([]);
      expect(await pathsOf(OPERATOR, 'tenant-slug/')).toEqual([]);
      expect(await pathsOf(OPERATOR, `changes/${id}/`)).toEqual([]);
    });
  });

  it('find no issuer of a tenant that is gone, and forget where it was', async () => {
    const issuers = new DocumentsIssuerStore(recording.recorded, clock);
    const issuer = 'https://idp.example';
    const settings = { issuer, kind: 'jwt', audiences: [], algorithms: [], role_map: {}, default_roles: [] } as const;
    const other = await createTenantDocument(documents);
    for (const tenantOf of [tenant, other]) {
      await issuers.write({ tenantId: tenantOf, id: 'idp', settings, version: 1 }, eventOf('issuer.created'));
    }
    for (const { path, rev } of await documents.range(tenant, { prefix: '' })) {
      await documents.remove({ partition: tenant, path }, rev);
    }
    expect((await issuers.findEverywhere(issuer)).map(({ tenantId: id }) => id)).toEqual([other]);
    expect(await pathsOf(OPERATOR, 'issuer-of/')).toHaveLength(1);
  });

  describe('of authorization records', () => {
    let records: DocumentsAuthorizationRecordStore;
    const record = (id: string) => ({ tenantId: tenant, kind: 'Session', id, payload: id, generation: 1 });
    const soon = () => new Date(clock.now() + 1_000);
    const everything = async () => [
      ...(await pathsOf(tenant, 'authorization')),
      ...(await pathsOf(OPERATOR, 'authorization')),
    ];
    beforeEach(() => {
      records = new DocumentsAuthorizationRecordStore(recording.recorded, new RecordIndex(documents), clock);
    });

    it('find by its second name the record that took the place of another', async () => {
      await records.upsert({ ...record('old'), uid: 'u' });
      await records.upsert({ ...record('new'), uid: 'u' });
      await records.destroy(record('old'));
      expect((await records.findByUid(tenant, 'Session', 'u'))?.id).toBe('new');
    });

    it('find by its second name, and end a grant by its own, what lists do not show yet', async () => {
      const late = new StaleDocuments(documents);
      const { recorded } = await recordingOn(late, { clock });
      records = new DocumentsAuthorizationRecordStore(recorded, new RecordIndex(late), clock);
      await records.upsert({ ...record('s'), uid: 'u' });
      expect((await records.findByUid(tenant, 'Session', 'u'))?.id).toBe('s');
      const grant = { ...record('g'), kind: 'Grant', grantId: 'g' };
      await records.upsert(grant);
      expect(await records.revokeByGrantId(tenant, 'g', eventOf('grant.revoked'))).toBe(1);
      expect(await records.find(grant)).toBeUndefined();
      expect(await records.revokeByGrantId(tenant, 'g', eventOf('grant.revoked'))).toBe(0);
    });

    it.each<[string, () => Promise<unknown>]>([
      ['taken', () => records.take(record('a'))],
      ['destroyed', () => records.destroy(record('a'))],
      ['revoked with its grant', () => records.revokeByGrantId(tenant, 'g')],
      ['swept', () => ((clock.later += 2_000), records.sweep(10))],
    ])('leave nothing behind of a record that was %s', async (_, end) => {
      await records.upsert({ ...record('a'), uid: 'u', grantId: 'g', expiresAt: soon() });
      expect(await everything()).toHaveLength(4);
      await end();
      expect(await everything()).toEqual([]);
    });

    it('sweep the entries of a record that a crash has kept from being written', async () => {
      await new RecordIndex(documents).add({ ...record('a'), uid: 'u', grantId: 'g', expiresAt: soon() });
      expect(await records.sweep(10)).toBe(0);
      expect(await everything()).toHaveLength(3);
      clock.later += 2_000;
      expect(await records.sweep(10)).toBe(0);
      expect(await everything()).toEqual([]);
    });

    it('keep a record whose life was prolonged', async () => {
      await records.upsert({ ...record('a'), expiresAt: soon() });
      await records.extend(record('a'), new Date(clock.now() + 60_000));
      clock.later += 2_000;
      expect(await records.sweep(10)).toBe(0);
      expect((await records.find(record('a')))?.id).toBe('a');
      clock.later += 60_000;
      expect(await records.sweep(10)).toBe(1);
      expect(await everything()).toEqual([]);
    });
  });
});
